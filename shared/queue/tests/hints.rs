//! What every queue of hints must do, run over memory and over a real Redis.
#![allow(clippy::unwrap_used)]

mod support;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{QueueName, TaskId};
use queue::{MemoryHints, Popped, Pushed, RedisHints, SharedHints};

use support::{AT_MOST, ids};

const QUEUE: QueueName = QueueName::Documents;
const NO_WAIT: Duration = Duration::ZERO;
const MANY: u64 = u64::MAX >> 12;

/// One queue, seen from two processes.
struct Fixture {
    here: SharedHints,
    there: SharedHints,
}

fn memory() -> Fixture {
    let here: SharedHints = Arc::new(MemoryHints::default());
    let there = Arc::clone(&here);
    Fixture { here, there }
}

fn redis() -> Fixture {
    let settings = support::redis_settings();
    Fixture {
        here: Arc::new(RedisHints::connect(&settings).unwrap()),
        there: Arc::new(RedisHints::connect(&settings).unwrap()),
    }
}

macro_rules! on_every_backend {
    ($($test:ident),+ $(,)?) => {
        mod in_memory { $(#[tokio::test] async fn $test() { super::$test(super::memory()).await; })+ }
        mod over_redis { $(#[tokio::test] async fn $test() { super::$test(super::redis()).await; })+ }
    };
}

on_every_backend! {
    ids_come_out_in_the_order_in_which_they_went_in,
    a_full_queue_takes_all_of_a_push_or_nothing,
    pushing_nothing_changes_nothing,
    a_waiting_pop_wakes_at_a_push_from_elsewhere,
    a_wait_for_nothing_ends_empty_handed,
    two_consumers_never_get_the_same_entry,
    ten_thousand_ids_fit_into_one_push,
    an_id_may_wait_twice,
    the_oldest_is_the_next_to_come_and_stays,
    a_cleared_queue_is_empty,
    a_pop_that_is_given_up_loses_nothing,
    a_queue_that_is_there_answers,
}

async fn pop_all(hints: &SharedHints) -> Vec<TaskId> {
    hints.pop(QUEUE, 100_000, NO_WAIT).await.unwrap().ids
}

async fn ids_come_out_in_the_order_in_which_they_went_in(Fixture { here, there }: Fixture) {
    let ids = ids(5);
    here.push(QUEUE, &ids[..2], MANY).await.unwrap();
    there.push(QUEUE, &ids[2..], MANY).await.unwrap();
    assert_eq!(here.pop(QUEUE, 3, NO_WAIT).await.unwrap().ids, ids[..3]);
    assert_eq!(there.length(QUEUE).await.unwrap(), 2);
    assert_eq!(there.pop(QUEUE, 3, NO_WAIT).await.unwrap().ids, ids[3..]);
    assert_eq!(here.pop(QUEUE, 3, NO_WAIT).await.unwrap(), Popped::default());
}

async fn a_full_queue_takes_all_of_a_push_or_nothing(Fixture { here, .. }: Fixture) {
    let push = async |count| here.push(QUEUE, &ids(count), 10).await.unwrap();
    assert_eq!(push(9).await, Pushed::Accepted { length: 9 });
    assert_eq!(push(5).await, Pushed::Accepted { length: 14 });
    assert_eq!(push(1).await, Pushed::Full { length: 14 });
    assert_eq!(here.pop(QUEUE, 4, NO_WAIT).await.unwrap().ids.len(), 4);
    assert_eq!(push(1).await, Pushed::Full { length: 10 });
    assert_eq!(here.pop(QUEUE, 1, NO_WAIT).await.unwrap().ids.len(), 1);
    assert_eq!(push(1).await, Pushed::Accepted { length: 10 });
    assert_eq!(pop_all(&here).await.len(), 10);
}

async fn pushing_nothing_changes_nothing(Fixture { here, .. }: Fixture) {
    assert_eq!(
        here.push(QUEUE, &[], 1).await.unwrap(),
        Pushed::Accepted { length: 0 }
    );
    assert_eq!(
        here.push(QUEUE, &[], 0).await.unwrap(),
        Pushed::Full { length: 0 }
    );
    assert_eq!(here.pop(QUEUE, 0, AT_MOST).await.unwrap(), Popped::default());
}

async fn a_waiting_pop_wakes_at_a_push_from_elsewhere(Fixture { here, there }: Fixture) {
    for _ in 0..20 {
        let id = TaskId::new();
        let begin = Instant::now();
        let push = async {
            tokio::task::yield_now().await;
            there.push(QUEUE, &[id], MANY).await
        };
        let (popped, pushed) = tokio::join!(here.pop(QUEUE, 10, AT_MOST), push);
        assert_eq!(
            (popped.unwrap().ids, pushed.unwrap()),
            (vec![id], Pushed::Accepted { length: 1 })
        );
        assert!(begin.elapsed() < AT_MOST / 5, "{:?}", begin.elapsed());
    }
}

async fn a_wait_for_nothing_ends_empty_handed(Fixture { here, .. }: Fixture) {
    let wait = Duration::from_millis(50);
    let begin = Instant::now();
    assert_eq!(here.pop(QUEUE, 10, wait).await.unwrap(), Popped::default());
    assert!(begin.elapsed() >= wait, "{:?}", begin.elapsed());
    assert!(begin.elapsed() < AT_MOST);
    let tiny = here.pop(QUEUE, 10, Duration::from_nanos(1)).await.unwrap();
    assert_eq!(tiny, Popped::default());
}

async fn two_consumers_never_get_the_same_entry(Fixture { here, there }: Fixture) {
    let pushed = ids(1_000);
    let consume = |hints: SharedHints| async move {
        let mut taken = Vec::new();
        loop {
            let ids = hints.pop(QUEUE, 7, Duration::from_millis(200)).await.unwrap().ids;
            if ids.is_empty() {
                return taken;
            }
            taken.extend(ids);
        }
    };
    let first = tokio::spawn(consume(Arc::clone(&here)));
    let second = tokio::spawn(consume(there));
    for some in pushed.chunks(50) {
        here.push(QUEUE, some, MANY).await.unwrap();
    }
    let mut taken = first.await.unwrap();
    taken.extend(second.await.unwrap());
    taken.sort_unstable();
    assert_eq!(taken, pushed);
}

async fn ten_thousand_ids_fit_into_one_push(Fixture { here, .. }: Fixture) {
    let ids = ids(10_000);
    let pushed = here.push(QUEUE, &ids, MANY).await.unwrap();
    assert_eq!(pushed, Pushed::Accepted { length: 10_000 });
    assert_eq!(pop_all(&here).await, ids);
}

async fn an_id_may_wait_twice(Fixture { here, .. }: Fixture) {
    let id = TaskId::new();
    here.push(QUEUE, &[id, id], MANY).await.unwrap();
    here.push(QUEUE, &[id], MANY).await.unwrap();
    assert_eq!(pop_all(&here).await, [id, id, id]);
}

async fn the_oldest_is_the_next_to_come_and_stays(Fixture { here, there }: Fixture) {
    assert_eq!(here.oldest(QUEUE).await.unwrap(), None);
    let ids = ids(2);
    here.push(QUEUE, &ids, MANY).await.unwrap();
    assert_eq!(there.oldest(QUEUE).await.unwrap(), Some(ids[0]));
    assert_eq!(there.oldest(QUEUE).await.unwrap(), Some(ids[0]));
    assert_eq!(pop_all(&there).await, ids);
}

async fn a_cleared_queue_is_empty(Fixture { here, there }: Fixture) {
    here.push(QUEUE, &ids(3), MANY).await.unwrap();
    there.clear(QUEUE).await.unwrap();
    there.clear(QUEUE).await.unwrap();
    assert_eq!(here.length(QUEUE).await.unwrap(), 0);
}

async fn a_pop_that_is_given_up_loses_nothing(Fixture { here, there }: Fixture) {
    let pushed = ids(100);
    let mut taken = HashSet::new();
    for (moment, id) in (0..).zip(&pushed) {
        // Given up a little later each time: before it was sent, while it waits, and after it was answered.
        let pop = tokio::time::timeout(Duration::from_micros(moment * 30), here.pop(QUEUE, 10, AT_MOST));
        let (popped, _) = tokio::join!(pop, there.push(QUEUE, std::slice::from_ref(id), MANY));
        taken.extend(popped.into_iter().flat_map(|popped| popped.unwrap().ids));
    }
    while taken.len() < pushed.len() {
        let popped = there.pop(QUEUE, 100, AT_MOST).await.unwrap();
        assert!(
            !popped.ids.is_empty(),
            "{} of {} were lost",
            pushed.len() - taken.len(),
            pushed.len()
        );
        taken.extend(popped.ids);
    }
    assert_eq!(there.length(QUEUE).await.unwrap(), 0);
}

async fn a_queue_that_is_there_answers(Fixture { here, .. }: Fixture) {
    here.ping().await.unwrap();
}
