//! A process under test: started, listened to, signalled, and never left behind.

use std::ffi::OsStr;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use crate::folder::Folder;
use crate::waiting::{PATIENCE, until};
use crate::{Settings, program};

/// Lines of a log that are shown when a test fails.
const LINES_SHOWN: usize = 40;

/// A running program with its log. Dropped, it is killed.
pub struct Process {
    name: String,
    child: Mutex<Child>,
    pid: Pid,
    log: PathBuf,
    _folder: Folder,
}

impl Process {
    /// Starts one of docmill's programs. Both its outputs go into the log.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn start(name: &str, arguments: &[&str], settings: &Settings) -> Self {
        let mut command = with_us(program(name));
        command.args(arguments).env_clear().envs(settings.environment());
        Self::spawn(name, command)
    }

    /// Starts a command that [`with_us`] has made. `name` is for the messages.
    pub(crate) fn spawn(name: &str, mut command: Command) -> Self {
        let folder = Folder::new();
        let log = folder.path().join("log");
        let output = File::create(&log).unwrap();
        command
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        let child = spawn_on_lasting_thread(command).expect("setpriv (of util-linux) starts programs");
        let pid = Pid::from_child(&child);
        Self {
            name: name.to_owned(),
            child: Mutex::new(child),
            pid,
            log,
            _folder: folder,
        }
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Everything it has said.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// The first line that has `words` in it, as soon as it is said.
    ///
    /// # Panics
    /// When the process ends or time is up without it.
    pub async fn line(&self, words: &str) -> String {
        let what = format!("{} says {words:?}", self.name);
        let mut ended = false;
        until(&what, PATIENCE, async || {
            let found = self
                .log()
                .lines()
                .find(|line| line.contains(words))
                .map(str::to_owned);
            // Only what was said before the last look counts: the end may come between a look and the question.
            assert!(
                found.is_some() || !ended,
                "{} ended before it said {words:?}:\n{}",
                self.name,
                self.tail()
            );
            ended = self.status().is_some();
            found
        })
        .await
    }

    /// What it ended with; `None` while it runs.
    #[must_use]
    pub fn status(&self) -> Option<ExitStatus> {
        self.child.lock().unwrap().try_wait().unwrap()
    }

    /// Asks it to stop, as an orchestrator does.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Kills it, as a power cut does, and waits until it is gone.
    pub fn kill(&self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Stops it where it is, as a machine that hangs does: its connections stand and nothing answers.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on after [`Process::freeze`].
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Ends it at once and in order, as Postgres understands this signal.
    pub(crate) fn quit(&self) {
        self.signal(Signal::QUIT);
    }

    /// The processes that it has started and that still run.
    ///
    /// # Panics
    /// When the processes of this machine cannot be listed.
    #[must_use]
    pub fn children(&self) -> Vec<Pid> {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let parent = self.pid().to_string();
        let is_child = |process: &i32| {
            let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            let field = |name: &str| {
                status
                    .lines()
                    .find_map(|line| line.strip_prefix(name))
                    .map(str::trim)
            };
            // What has ended and was not yet waited for has no life left to take.
            field("PPid:") == Some(&parent) && !field("State:").is_some_and(|state| state.starts_with('Z'))
        };
        numbers.filter(is_child).filter_map(Pid::from_raw).collect()
    }

    /// What it ends with.
    ///
    /// # Panics
    /// When it has not ended within that time.
    pub async fn ended(&self, within: Duration) -> ExitStatus {
        until(&format!("{} ends", self.name), within, async || self.status()).await
    }

    /// Asks it to stop and waits for it.
    ///
    /// # Panics
    /// When it does not stop, or not with exit code 0.
    pub async fn stop(&self) {
        self.terminate();
        let status = self.ended(PATIENCE).await;
        assert_eq!(
            status.code(),
            Some(0),
            "{} ended with {status}:\n{}",
            self.name,
            self.tail()
        );
    }

    /// Forgets the highest memory use so far, so that [`Process::memory_peak`] begins anew.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn reset_memory_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.pid()), "5").unwrap();
    }

    /// The highest resident memory since it was reset, in bytes.
    ///
    /// # Panics
    /// When the process has ended.
    #[must_use]
    pub fn memory_peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .expect("a running process has memory");
        1024 * line.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    }

    /// The last lines of its log, for whoever has to find out what went wrong.
    #[must_use]
    pub fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let last = &lines[lines.len().saturating_sub(LINES_SHOWN)..];
        format!("--- {} (process {})\n{}", self.name, self.pid(), last.join("\n"))
    }

    fn signal(&self, signal: Signal) {
        // A process that has ended already needs no signal; its number is not given away before it is waited for.
        let _ = rustix::process::kill_process(self.pid, signal);
    }
}

/// A command that the kernel kills when the thread that started it ends, which is when this program does.
pub(crate) fn with_us(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Sends a signal to a process that may be gone.
pub fn signal(process: Pid, signal: Signal) {
    let _ = rustix::process::kill_process(process, signal);
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{}", self.tail());
        }
    }
}

type Order = (Command, Sender<std::io::Result<Child>>);

/// Test threads come and go, and the kernel counts a thread's end as the parent's: so one thread starts everything.
fn spawn_on_lasting_thread(command: Command) -> std::io::Result<Child> {
    static ORDERS: LazyLock<Mutex<Sender<Order>>> = LazyLock::new(|| {
        let (orders, waiting) = channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, reply) in waiting {
                let _ = reply.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });
    let (reply, child) = channel();
    ORDERS.lock().unwrap().send((command, reply)).unwrap();
    child.recv().unwrap()
}
