//! P13: every slot of every schedule is done once, while schedulers are killed, stand still and have wrong clocks; what the dead
//! had in their hands goes on.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::chaos::journal::Journal;
use crate::chaos::skew::clock_off_by;
use crate::chaos::{Dice, Promise, Scale, Scratch, Verdict, say};
use crate::waiting::eventually;
use crate::{Client, Settings, Treatment};

const WITNESS: &str = include_str!("../../../sql/runs.sql");

/// Seconds.
const CLOCKS_OFF_BY: [i64; 3] = [-300, 0, 300];
/// From the death of a scheduler to the next beginning of what it had.
const TAKEOVER_MAX: Duration = Duration::from_secs(15);
/// Between two faults.
const BETWEEN: std::ops::Range<Duration> = Duration::from_secs(2)..Duration::from_secs(5);
/// How long a scheduler is away, or stands still: both less and more than the silence that costs it its runs.
const AWAY: std::ops::Range<Duration> = Duration::from_secs(3)..Duration::from_secs(14);
/// Schedules with slots every five seconds of which each run takes two: mostly somebody is in the middle of one.
const SLOW: usize = 3;
const SLOW_EVERY: u32 = 5;
const SLOW_TAKES: Duration = Duration::from_secs(2);
/// After the last fault everything that has come is done by then.
const CAUGHT_UP: Duration = Duration::from_secs(120);

const PATH: &str = "/api/v1/admin/schedules";
/// Slots of the schedules of this scenario that have their run done.
const DONE: &str = "SELECT count(*) FROM schedule_runs r JOIN schedules s ON s.id = r.schedule_id \
    WHERE NOT s.built_in AND r.state = 'done'";

pub(in crate::chaos) async fn scenario(scale: Scale, mut dice: Dice) -> Verdict {
    let mut verdict = Verdict::default();
    let mut scratch = Scratch::start(&Settings::new()).await;
    let mut journal = Journal::open(&scratch).await;
    journal.change(WITNESS).await;
    scratch.fleet.schedulers.clear();
    for seconds in CLOCKS_OFF_BY {
        let clock = clock_off_by(seconds).await;
        scratch.fleet.add_scheduler(&clock).await;
    }
    let slow = scratch
        .objects
        .treat("GET", "list-type", Treatment::Delay(SLOW_TAKES));
    let operator = scratch.user().await;
    let promote = format!(
        "UPDATE users SET role = 'operator' WHERE id = '{}'",
        operator.user_id()
    );
    journal.change(&promote).await;
    let names = plan(&operator, (scale.slots / 30).clamp(10, 50)).await;

    let begun = Instant::now();
    let mut faults = 0;
    while journal.number(DONE).await < i64::try_from(scale.slots).unwrap() || faults < 6 {
        tokio::time::sleep(dice.time(BETWEEN)).await;
        fault(&mut scratch, &mut journal, &mut dice).await;
        faults += 1;
    }
    let took = begun.elapsed();
    // What came in the last moments is fired too, before nothing more comes.
    tokio::time::sleep(BETWEEN.end).await;
    for name in &names {
        let _ = operator
            .post(&format!("{PATH}/{name}/pause"), &json!({}))
            .await
            .status(200);
    }
    eventually("every run has ended", CAUGHT_UP, async || {
        let open = "SELECT count(*) FROM schedule_runs WHERE state IN ('waiting', 'running')";
        journal.number(open).await == 0
    })
    .await;
    drop(slow);

    verdict.figure(format!(
        "{} schedules, {faults} faults in {} s",
        names.len(),
        took.as_secs()
    ));
    judge(&mut journal, &scale, &mut verdict).await;
    verdict
}

/// Schedules that are due every second and take no time, and a few whose runs take long.
async fn plan(operator: &Client, quick: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut add = async |name: String, work: &str, every: u32| {
        let new = json!({
            "name": name, "work": work, "every_seconds": every, "missed": "run_all", "overlap": "queue", "retries": 3,
        });
        let _ = operator.post(PATH, &new).await.status(201);
        names.push(name);
    };
    for number in 0..quick {
        add(format!("quick-{number}"), "clean_up", 1).await;
    }
    for number in 0..SLOW {
        add(format!("slow-{number}"), "delete_leftover_objects", SLOW_EVERY).await;
    }
    names
}

/// One scheduler is killed, and comes back at once or later; or it stands still. Mostly it is one that has a run in its hands.
async fn fault(scratch: &mut Scratch, journal: &mut Journal, dice: &mut Dice) {
    let anyone = dice.below(CLOCKS_OFF_BY.len());
    let kind = dice.below(6);
    let busy = if kind < 4 {
        at_work(scratch, journal).await
    } else {
        None
    };
    let number = busy.unwrap_or(anyone);
    let scheduler = &mut scratch.fleet.schedulers[number];
    let middle = if busy.is_some() {
        ", in the middle of a run"
    } else {
        ""
    };
    if kind == 0 {
        say(Promise::P13, &format!("scheduler {number} stands still{middle}"));
        scheduler.process.freeze();
        tokio::time::sleep(dice.time(AWAY)).await;
        scheduler.process.thaw();
        return;
    }
    say(Promise::P13, &format!("scheduler {number} is killed{middle}"));
    let note = format!(
        "INSERT INTO journal.kills (process) VALUES ('{}')",
        scheduler.process.pid()
    );
    journal.change(&note).await;
    scheduler.process.kill();
    if kind == 1 {
        tokio::time::sleep(dice.time(AWAY)).await;
    }
    scheduler.restart(&Settings::new()).await;
}

/// The place of a scheduler that has one of the slow runs, as soon as there is one.
async fn at_work(scratch: &Scratch, journal: &mut Journal) -> Option<usize> {
    let owners = format!(
        "SELECT r.owner FROM schedule_runs r JOIN schedules s ON s.id = r.schedule_id \
         WHERE r.state = 'running' AND s.every_seconds = {SLOW_EVERY} ORDER BY r.started_at DESC"
    );
    let mut place = None;
    eventually("a slow run is under way", CAUGHT_UP, async || {
        let owners = journal.texts(&owners).await;
        place = owners.iter().find_map(|owner| {
            let process: u32 = owner.rsplit_once('-')?.1.parse().ok()?;
            let mut living = scratch.fleet.schedulers.iter();
            living.position(|scheduler| scheduler.process.pid() == process)
        });
        place.is_some()
    })
    .await;
    place
}

async fn judge(journal: &mut Journal, scale: &Scale, verdict: &mut Verdict) {
    let done = journal.number(DONE).await;
    verdict.at_least("slots done", i64::try_from(scale.slots).unwrap(), done);
    // From the first slot, the one after the schedule was made, to the newest one.
    let missed = "SELECT COALESCE(sum(expected - found), 0)::bigint FROM (SELECT (extract(epoch FROM max(r.slot)) \
         - floor(extract(epoch FROM s.created_at) / s.every_seconds) * s.every_seconds) / s.every_seconds AS expected, \
         count(*) AS found FROM schedules s JOIN schedule_runs r ON r.schedule_id = s.id AND r.cause = 'slot' \
         WHERE NOT s.built_in GROUP BY s.id) AS counted";
    verdict.exactly("missed", 0, journal.number(missed).await);
    let behind = "SELECT COALESCE(max(extract(epoch FROM paused_at - newest) - every_seconds) * 1000, 0)::bigint FROM \
         (SELECT s.paused_at, s.every_seconds, max(r.slot) AS newest FROM schedules s JOIN schedule_runs r \
         ON r.schedule_id = s.id WHERE NOT s.built_in GROUP BY s.id) AS latest";
    let behind = Duration::from_millis(journal.number(behind).await.unsigned_abs());
    verdict.within("the last slot was seen after", TAKEOVER_MAX, behind);
    let twice = "SELECT count(*) FROM (SELECT run_id FROM journal.runs WHERE became = 'done' GROUP BY run_id \
         HAVING count(*) > 1) AS again";
    let rows = "SELECT count(*) FROM (SELECT schedule_id, slot FROM schedule_runs GROUP BY schedule_id, slot \
         HAVING count(*) > 1) AS again";
    let doubles = journal.number(twice).await + journal.number(rows).await;
    verdict.exactly("done twice", 0, doubles);
    let not_done = "SELECT count(*) FROM schedule_runs r JOIN schedules s ON s.id = r.schedule_id \
         WHERE NOT s.built_in AND r.state <> 'done'";
    verdict.exactly("not done", 0, journal.number(not_done).await);
    takeovers(journal, verdict).await;
}

/// What was under way when its scheduler was killed, and when it began again.
async fn takeovers(journal: &mut Journal, verdict: &mut Verdict) {
    let begun_again = "FROM journal.kills k JOIN journal.runs r ON r.owner LIKE '%-' || k.process AND r.became = 'running' \
         AND r.at <= k.at AND NOT EXISTS (SELECT 1 FROM journal.runs x WHERE x.run_id = r.run_id AND x.number > r.number \
         AND x.at <= k.at) CROSS JOIN LATERAL (SELECT min(y.at) AS at FROM journal.runs y WHERE y.run_id = r.run_id \
         AND y.number > r.number AND y.became = 'running') AS next WHERE next.at IS NOT NULL";
    let count = journal.number(&format!("SELECT count(*) {begun_again}")).await;
    verdict.at_least("taken over from the killed", 1, count);
    let slowest =
        format!("SELECT COALESCE(max(extract(epoch FROM next.at - k.at) * 1000), 0)::bigint {begun_again}");
    let slowest = Duration::from_millis(journal.number(&slowest).await.unsigned_abs());
    verdict.within("the slowest takeover took", TAKEOVER_MAX, slowest);
}
