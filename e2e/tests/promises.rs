//! The promises of docs/reliability.md, each tried for a minute or so on a fleet and servers of its own. `docmill chaos` does
//! the same for as long as one likes, with any seed.

#![allow(clippy::print_stdout)] // figures are for whoever reads the run

use e2e::chaos::{Promise, Scale, try_promise};
use futures::future::join_all;
use tokio::sync::RwLock;

/// The same every time: a test that fails fails again.
const SEED: u64 = 20;

/// Held alone by those who measure how fast the machine is.
static MACHINE: RwLock<()> = RwLock::const_new(());

/// Tries promises side by side, which mostly wait. Prints what came of each, with its figures.
#[allow(clippy::print_stdout)]
async fn assert_kept(promises: &[Promise]) {
    let scale = Scale::short();
    let tries = promises.iter().map(|promise| try_promise(*promise, &scale, SEED));
    let outcomes = join_all(tries).await;
    for outcome in &outcomes {
        println!("{outcome}");
    }
    let broken: Vec<String> = outcomes
        .iter()
        .filter(|outcome| !outcome.is_kept())
        .map(ToString::to_string)
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_job_is_never_lost_and_every_attempt_is_counted() {
    let _with_others = MACHINE.read().await;
    assert_kept(&[Promise::P1, Promise::P9]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_twice_has_one_effect_and_what_is_cancelled_none() {
    let _with_others = MACHINE.read().await;
    assert_kept(&[Promise::P2, Promise::P11]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_may_lose_everything_and_may_be_away() {
    let _with_others = MACHINE.read().await;
    assert_kept(&[Promise::P3, Promise::P4]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_job_ends_by_its_deadline_though_nobody_works() {
    let _with_others = MACHINE.read().await;
    assert_kept(&[Promise::P10]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_or_is_slow_holds_up_nobody() {
    let _with_others = MACHINE.read().await;
    assert_kept(&[Promise::P6, Promise::P7]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn schedules_fire_once_whatever_becomes_of_the_schedulers() {
    let _with_others = MACHINE.read().await;
    assert_kept(&[Promise::P13]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_postgres_is_away_everybody_is_told_so_at_once() {
    let _alone = MACHINE.write().await;
    assert_kept(&[Promise::P5]).await;
}

/// Compares how long the others wait before and after.
#[tokio::test(flavor = "multi_thread")]
async fn a_poisonous_document_holds_up_nobody() {
    let _alone = MACHINE.write().await;
    assert_kept(&[Promise::P8]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tenant_starves_another() {
    let _alone = MACHINE.write().await;
    assert_kept(&[Promise::P12]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn overload_is_refused_and_not_suffered() {
    let _alone = MACHINE.write().await;
    assert_kept(&[Promise::P15]).await;
}
