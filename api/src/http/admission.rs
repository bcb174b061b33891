//! How many are served at the same time. Who comes beyond that is told so at once, before the body is read: a request that
//! waits in line costs memory, and its answer would come when nobody listens any more.
//!
//! Each kind has a bound of its own, so that one cannot keep the others out. Probes, metrics and documentation have none.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::UserId;
use poem::Request;
use poem::http::Method;
use telemetry::metrics::{self, PlaceKind};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::problem::{Code, Problem};
use crate::routes::{PREFIX, UPLOAD_PATH};
use crate::settings::HttpSettings;

/// What a request is to whoever has to make room for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Takes a body of any size, and holds up to 16 MiB of it while it is stored.
    Upload,
    /// Sends a body of any size.
    Download,
    /// Anything else of the API: small and short.
    Other,
}

impl Kind {
    /// The kind of a request; `None` when it is none of the API's.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let path = request.uri().path().trim_end_matches('/');
        let rest = path.strip_prefix(PREFIX)?;
        let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
        let is_upload = path == UPLOAD_PATH || (path.starts_with(UPLOAD_PATH) && path.ends_with("/versions"));
        Some(if *request.method() == Method::POST && is_upload {
            Self::Upload
        } else if is_get && (rest.ends_with("/text") || rest.ends_with("/original")) {
            Self::Download
        } else {
            Self::Other
        })
    }
}

/// Room for so many.
pub(crate) struct Room {
    kind: PlaceKind,
    places: Arc<Semaphore>,
}

/// One place in a room, until it is dropped.
pub(crate) struct RoomPlace {
    kind: PlaceKind,
    _permit: OwnedSemaphorePermit,
}

impl Room {
    pub(crate) fn new(kind: PlaceKind, places: usize) -> Self {
        Self {
            kind,
            places: Arc::new(Semaphore::new(places)),
        }
    }

    /// A place, unless all are taken. Both is counted.
    pub(crate) fn enter(&self) -> Option<RoomPlace> {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(permit) => {
                metrics::http_place_taken(self.kind);
                Some(RoomPlace {
                    kind: self.kind,
                    _permit: permit,
                })
            }
            Err(_) => {
                metrics::http_request_refused(self.kind);
                None
            }
        }
    }
}

impl Drop for RoomPlace {
    fn drop(&mut self) {
        metrics::http_place_left(self.kind);
    }
}

/// The bounds, and who is inside them.
pub(crate) struct Admission {
    uploads: Room,
    downloads: Room,
    others: Room,
    waits: Room,
    waits_by_account: Arc<Mutex<HashMap<UserId, usize>>>,
    waits_per_account_max: usize,
}

/// A place among those who are served, until it is left or dropped. Clones are the same place.
#[derive(Clone)]
pub(crate) struct Place(Arc<Mutex<Option<RoomPlace>>>);

impl Place {
    /// Makes room for somebody else: this request only waits from here on.
    pub(crate) fn leave(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// A place among those who wait, until it is dropped.
pub(crate) struct WaitingPlace {
    user: UserId,
    by_account: Arc<Mutex<HashMap<UserId, usize>>>,
    _place: RoomPlace,
}

/// Why somebody cannot wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooManyWaits {
    #[error("{0} requests of this account are waiting already")]
    OfAccount(usize),
    #[error("too many requests are waiting already")]
    Altogether,
}

impl Admission {
    pub(crate) fn new(settings: &HttpSettings) -> Self {
        Self {
            uploads: Room::new(PlaceKind::Upload, settings.uploads_max),
            downloads: Room::new(PlaceKind::Download, settings.downloads_max),
            others: Room::new(PlaceKind::Request, settings.requests_max),
            waits: Room::new(PlaceKind::Wait, settings.waits_max),
            waits_by_account: Arc::default(),
            waits_per_account_max: settings.waits_per_account_max,
        }
    }

    /// A place for a request of the kind.
    ///
    /// # Errors
    /// With the problem to answer with, when there is none.
    pub(crate) fn enter(&self, kind: Kind) -> Result<Place, Problem> {
        let room = match kind {
            Kind::Upload => &self.uploads,
            Kind::Download => &self.downloads,
            Kind::Other => &self.others,
        };
        let place = room.enter().ok_or_else(|| {
            Problem::new(Code::Overloaded).detail("as many requests are being served as can be; try again")
        })?;
        Ok(Place(Arc::new(Mutex::new(Some(place)))))
    }

    /// A place to wait for somebody.
    ///
    /// # Errors
    /// When too many wait already, of this account or altogether.
    pub(crate) fn wait(&self, user: UserId) -> Result<WaitingPlace, TooManyWaits> {
        let mut accounts = self
            .waits_by_account
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let own = accounts.get(&user).copied().unwrap_or(0);
        if own >= self.waits_per_account_max {
            metrics::http_request_refused(PlaceKind::Wait);
            return Err(TooManyWaits::OfAccount(own));
        }
        let place = self.waits.enter().ok_or(TooManyWaits::Altogether)?;
        accounts.insert(user, own + 1);
        Ok(WaitingPlace {
            user,
            by_account: Arc::clone(&self.waits_by_account),
            _place: place,
        })
    }
}

impl Drop for WaitingPlace {
    fn drop(&mut self) {
        let mut accounts = self.by_account.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = accounts.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                accounts.remove(&self.user);
            }
        }
    }
}

impl From<TooManyWaits> for Problem {
    fn from(reason: TooManyWaits) -> Self {
        Self::new(Code::TooManyWaits).detail(format!("{reason}; ask without waiting"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn kind(method: Method, path: &str) -> Option<Kind> {
        Kind::of(
            &Request::builder()
                .method(method)
                .uri(path.parse().unwrap())
                .finish(),
        )
    }

    #[test]
    fn only_the_api_has_bounds() {
        for path in [
            "/livez",
            "/readyz",
            "/metrics",
            "/docs",
            "/openapi.json",
            "/problems",
            "/",
        ] {
            assert_eq!(kind(Method::GET, path), None, "{path}");
        }
        assert_eq!(kind(Method::POST, "/api/v1/documents"), Some(Kind::Upload));
        assert_eq!(
            kind(Method::POST, "/api/v1/documents/?max_tags=1"),
            Some(Kind::Upload)
        );
        assert_eq!(
            kind(Method::POST, "/api/v1/documents/x/versions"),
            Some(Kind::Upload)
        );
        assert_eq!(
            kind(Method::GET, "/api/v1/documents/x/versions"),
            Some(Kind::Other)
        );
        assert_eq!(kind(Method::GET, "/api/v1/documents"), Some(Kind::Other));
        assert_eq!(
            kind(Method::GET, "/api/v1/documents/x/original"),
            Some(Kind::Download)
        );
        assert_eq!(
            kind(Method::HEAD, "/api/v1/documents/x/text"),
            Some(Kind::Download)
        );
        assert_eq!(kind(Method::DELETE, "/api/v1/documents/x"), Some(Kind::Other));
        assert_eq!(kind(Method::POST, "/api/v1/auth/login"), Some(Kind::Other));
    }

    fn narrow() -> Admission {
        Admission::new(&HttpSettings {
            uploads_max: 1,
            downloads_max: 1,
            requests_max: 2,
            waits_max: 3,
            waits_per_account_max: 2,
            ..HttpSettings::default()
        })
    }

    #[test]
    fn a_place_is_free_again_when_it_is_left_or_dropped() {
        let admission = narrow();
        let upload = admission.enter(Kind::Upload).unwrap();
        assert!(admission.enter(Kind::Upload).is_err());
        // One kind does not keep the others out.
        let first = admission.enter(Kind::Other).unwrap();
        let second = admission.enter(Kind::Other).unwrap();
        assert!(admission.enter(Kind::Other).is_err());
        assert!(admission.enter(Kind::Download).is_ok());

        upload.leave();
        upload.clone().leave();
        assert!(admission.enter(Kind::Upload).is_ok());
        drop(first.clone());
        assert!(admission.enter(Kind::Other).is_err(), "a clone is the same place");
        drop((first, second));
        assert!(admission.enter(Kind::Other).is_ok());
    }

    #[test]
    fn an_account_waits_only_so_often_and_all_together_too() {
        let admission = narrow();
        let (ada, eve) = (UserId::new(), UserId::new());
        let first = admission.wait(ada).unwrap();
        let _second = admission.wait(ada).unwrap();
        assert_eq!(admission.wait(ada).err(), Some(TooManyWaits::OfAccount(2)));
        let _theirs = admission.wait(eve).unwrap();
        assert_eq!(admission.wait(eve).err(), Some(TooManyWaits::Altogether));
        drop(first);
        let last = admission.wait(eve).unwrap();
        drop(last);
        assert!(admission.wait(ada).is_ok());
    }

    #[test]
    fn nobody_is_remembered_who_does_not_wait() {
        let admission = narrow();
        drop(admission.wait(UserId::new()).unwrap());
        assert!(admission.waits_by_account.lock().unwrap().is_empty());
    }
}
