//! Signals of the operating system, turned into one token that every loop looks at.

use std::future::poll_fn;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// What a shell reports of a process that was interrupted.
const EXIT_CODE_INTERRUPTED: i32 = 130;

static INSTALLED: Mutex<Option<CancellationToken>> = Mutex::new(None);

/// A token that is cancelled by the first SIGTERM or SIGINT. The second one ends the process at once, with code 130:
/// whoever asks twice does not want to wait.
///
/// Call it inside the runtime that lives as long as the process. Later calls give the same token.
///
/// # Errors
/// When the operating system refuses the handlers.
pub fn listen() -> io::Result<CancellationToken> {
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(token) = &*installed {
        return Ok(token.clone());
    }
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let poll_signal = move |context: &mut Context<'_>| {
        // Both are polled, for only a polled signal wakes this task.
        let terminated = terminate.poll_recv(context).is_ready();
        let interrupted = interrupt.poll_recv(context).is_ready();
        if terminated || interrupted {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    };
    tokio::spawn(obey(poll_signal, token.clone(), || {
        std::process::exit(EXIT_CODE_INTERRUPTED)
    }));
    *installed = Some(token.clone());
    Ok(token)
}

async fn obey<E>(
    mut poll_signal: impl FnMut(&mut Context<'_>) -> Poll<()>,
    token: CancellationToken,
    exit: impl FnOnce() -> E,
) -> E {
    poll_fn(&mut poll_signal).await;
    info!("stopping: no new work is taken, running work is finished or handed back");
    token.cancel();
    poll_fn(&mut poll_signal).await;
    warn!("stopping at once, as asked a second time");
    exit()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn the_first_signal_stops_and_the_second_one_ends() {
        let (send, mut signals) = mpsc::unbounded_channel::<()>();
        let token = CancellationToken::new();
        let poll_signal = move |context: &mut Context<'_>| signals.poll_recv(context).map(|_| ());
        let obeying = tokio::spawn(obey(poll_signal, token.clone(), || "exited"));

        assert!(!token.is_cancelled());
        send.send(()).unwrap();
        token.cancelled().await;
        assert!(!obeying.is_finished());
        send.send(()).unwrap();
        assert_eq!(obeying.await.unwrap(), "exited");
    }

    #[tokio::test]
    async fn sigterm_cancels_the_one_token() {
        let token = listen().unwrap();
        let again = listen().unwrap();
        let process = std::process::id().to_string();
        let status = tokio::process::Command::new("kill")
            .args(["-TERM", &process])
            .status()
            .await
            .unwrap();
        assert!(status.success());
        again.cancelled().await;
        assert!(token.is_cancelled());
    }
}
