//! What the store says about itself when it is busy: how long it wants to be left alone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpRequest, HttpResponse, HttpService, ReqwestConnector,
};

/// When the store wants to be asked again; shared by everybody who asks it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Busy(Arc<Mutex<Option<Instant>>>);

impl Busy {
    /// How long the store wants to be left alone from now on; `None` when it has not said so, or the time is over.
    pub(crate) fn wait(&self) -> Option<Duration> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Reads `Retry-After` from a refusal. Stores give seconds; the other form, a date, is not read.
    fn listen(&self, response: &HttpResponse) {
        let status = response.status().as_u16();
        if !matches!(status, 429 | 503) {
            return;
        }
        let header = response.headers().get("retry-after");
        let seconds = header.and_then(|value| value.to_str().ok()?.trim().parse::<u32>().ok());
        if let Some(seconds) = seconds {
            let until = Instant::now() + Duration::from_secs(seconds.into());
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
        }
    }
}

/// The ordinary client, which listens to what it is answered.
#[derive(Debug)]
pub(crate) struct Listening {
    pub(crate) busy: Busy,
}

impl HttpConnector for Listening {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        let busy = self.busy.clone();
        Ok(HttpClient::new(ListeningClient { client, busy }))
    }
}

#[derive(Debug)]
struct ListeningClient {
    client: HttpClient,
    busy: Busy,
}

#[async_trait]
impl HttpService for ListeningClient {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let response = self.client.execute(request).await?;
        self.busy.listen(&response);
        Ok(response)
    }
}
