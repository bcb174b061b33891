//! The promises, one file each.

mod attempts;
mod cancelled;
mod dead_worker;
mod deadlines;
mod fair;
mod never_lost;
mod once;
mod overload;
mod poison;
mod postgres_away;
mod redis_away;
mod redis_forgets;
mod schedules;
mod slow_worker;

use std::fmt;
use std::str::FromStr;

use futures::FutureExt;
use futures::future::LocalBoxFuture;

use super::{Dice, Scale, Verdict};

macro_rules! promises {
    ($($id:ident = $number:literal $title:literal $scenario:ident;)+) => {
        /// A promise that docmill makes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Promise {
            $(#[doc = $title] $id,)+
        }

        impl Promise {
            /// All that are tried here.
            pub const ALL: &[Self] = &[$(Self::$id),+];

            /// Its number.
            #[must_use]
            pub const fn number(self) -> u64 {
                match self { $(Self::$id => $number),+ }
            }

            /// The promise in a few words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$id => $title),+ }
            }

            /// Does what may break it, and looks whether it did.
            pub(super) fn scenario(self, scale: Scale, dice: Dice) -> LocalBoxFuture<'static, Verdict> {
                match self { $(Self::$id => $scenario::scenario(scale, dice).boxed_local()),+ }
            }
        }
    };
}

promises! {
    P1 = 1 "an accepted job is never lost" never_lost;
    P2 = 2 "effects happen once" once;
    P3 = 3 "Redis may lose everything" redis_forgets;
    P4 = 4 "Redis may be away" redis_away;
    P5 = 5 "Postgres may be away" postgres_away;
    P6 = 6 "a dead worker's job moves on" dead_worker;
    P7 = 7 "a slow worker is not a dead worker" slow_worker;
    P8 = 8 "a poison document stops at 3" poison;
    P9 = 9 "attempts are exact" attempts;
    P10 = 10 "every job ends by its deadline" deadlines;
    P11 = 11 "cancel is prompt" cancelled;
    P12 = 12 "no tenant starves another" fair;
    P13 = 13 "schedules fire once" schedules;
    P15 = 15 "overload is refused, not suffered" overload;
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("P{}", self.number()))
    }
}

impl FromStr for Promise {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL
            .iter()
            .find(|it| it.to_string().eq_ignore_ascii_case(text));
        let names = || {
            Self::ALL
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        };
        found
            .copied()
            .ok_or_else(|| format!("{text:?} is none of {}", names()))
    }
}
