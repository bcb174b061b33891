//! What should become of jobs, documents and tasks: the rules of `docs/architecture.md` told once more, without a database.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::{
    AttemptEnd, DocumentId, DocumentStatus, JobId, JobStatus, ReasonCode, TaskId, TaskState, WorkerId, limits,
};

pub(super) const SILENCE: Duration = Duration::from_secs(30);
const ON_ITS_WAY: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) attempt: i16,
    pub(super) fence: i64,
    pub(super) worker: String,
    pub(super) began_at: DateTime<Utc>,
    pub(super) ended_at: Option<DateTime<Utc>>,
    pub(super) end: Option<AttemptEnd>,
    pub(super) code: Option<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Task {
    pub(super) job: JobId,
    pub(super) document: DocumentId,
    pub(super) state: TaskState,
    pub(super) attempt: i16,
    pub(super) attempts_max: i16,
    pub(super) fence: i64,
    pub(super) owner: Option<WorkerId>,
    pub(super) run_at: DateTime<Utc>,
    pub(super) deadline_at: DateTime<Utc>,
    pub(super) dispatched_at: Option<DateTime<Utc>>,
    pub(super) started_at: Option<DateTime<Utc>>,
    pub(super) finished_at: Option<DateTime<Utc>>,
    pub(super) error: Option<ReasonCode>,
    pub(super) history: Vec<Attempt>,
}

#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) job: JobId,
    pub(super) status: DocumentStatus,
    pub(super) text_fence: Option<i64>,
    pub(super) error: Option<ReasonCode>,
}

#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) status: JobStatus,
    pub(super) total: i32,
    pub(super) completed: i32,
    pub(super) failed: i32,
    pub(super) cancelled: i32,
    pub(super) started_at: Option<DateTime<Utc>>,
    pub(super) finished_at: Option<DateTime<Utc>>,
    pub(super) deadline_at: DateTime<Utc>,
}

#[derive(Debug, Clone)]
pub(super) struct Worker {
    pub(super) name: String,
    pub(super) heard_of_at: DateTime<Utc>,
    pub(super) stopped: bool,
}

/// How a run is closed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Close {
    Complete,
    Reject,
    Retry { wait: Duration },
    WriteOff,
}

/// The whole world.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) now: DateTime<Utc>,
    pub(super) jobs: BTreeMap<JobId, Job>,
    pub(super) documents: BTreeMap<DocumentId, Document>,
    pub(super) tasks: BTreeMap<TaskId, Task>,
    pub(super) workers: BTreeMap<WorkerId, Worker>,
    /// Documents whose objects have to go, with the fence of their text.
    pub(super) discarded: BTreeMap<DocumentId, Option<i64>>,
}

impl Model {
    pub(super) fn submit(
        &mut self,
        job: JobId,
        documents: &[DocumentId],
        tasks: &[TaskId],
        dispatched: bool,
        time: Duration,
    ) {
        let deadline_at = self.now + time;
        self.jobs.insert(
            job,
            Job {
                status: JobStatus::Pending,
                total: i32::try_from(documents.len()).unwrap(),
                completed: 0,
                failed: 0,
                cancelled: 0,
                started_at: None,
                finished_at: None,
                deadline_at,
            },
        );
        for (document, task) in documents.iter().zip(tasks) {
            let pending = Document {
                job,
                status: DocumentStatus::Pending,
                text_fence: None,
                error: None,
            };
            self.documents.insert(*document, pending);
            self.tasks.insert(
                *task,
                Task {
                    job,
                    document: *document,
                    state: TaskState::Queued,
                    attempt: 0,
                    attempts_max: limits::ATTEMPTS_MAX,
                    fence: 0,
                    owner: None,
                    run_at: self.now,
                    deadline_at,
                    dispatched_at: dispatched.then_some(self.now),
                    started_at: None,
                    finished_at: None,
                    error: None,
                    history: Vec::new(),
                },
            );
        }
    }

    /// Which of these the worker gets.
    pub(super) fn claim(&mut self, worker: WorkerId, ids: &[TaskId]) -> BTreeSet<TaskId> {
        let mut claimed = BTreeSet::new();
        for id in ids {
            let now = self.now;
            let Some(task) = self.tasks.get_mut(id) else {
                continue;
            };
            if task.state == TaskState::Queued && task.run_at <= now && task.deadline_at > now {
                task.state = TaskState::Running;
                task.attempt += 1;
                task.fence += 1;
                task.owner = Some(worker);
                task.started_at = Some(now);
                claimed.insert(*id);
            }
        }
        claimed
    }

    /// Whether a run still owns its task.
    pub(super) fn stands(&self, id: TaskId, fence: i64) -> bool {
        self.tasks
            .get(&id)
            .is_some_and(|task| task.state == TaskState::Running && task.fence == fence)
    }

    /// Where the task stands afterwards; `None` when the run had lost it.
    pub(super) fn close(&mut self, id: TaskId, fence: i64, how: Close) -> Option<TaskState> {
        if !self.stands(id, fence) {
            return None;
        }
        let now = self.now;
        match how {
            Close::Complete => {
                let task = self.tasks.get_mut(&id).unwrap();
                task.state = TaskState::Done;
                task.finished_at = Some(now);
                task.error = None;
                let (job, document, started_at) = (task.job, task.document, task.started_at);
                let document = self.documents.get_mut(&document).unwrap();
                document.status = DocumentStatus::Completed;
                document.text_fence = Some(fence);
                document.error = None;
                self.count(job, [0, 1, 0, 0], JobStatus::Failed, started_at);
            }
            Close::Reject => {
                self.end_attempt(id, AttemptEnd::Failed, ReasonCode::Unreadable);
                let began = self.earliest(&[id]);
                self.give_up(
                    id,
                    TaskState::Failed,
                    ReasonCode::Unreadable,
                    JobStatus::Failed,
                    &began,
                );
            }
            Close::Retry { wait } => {
                let code = ReasonCode::StorageUnavailable;
                if self.tasks[&id].attempt < self.tasks[&id].attempts_max {
                    self.end_attempt(id, AttemptEnd::Retried, code);
                    self.wait_again(id, now + wait, Some(code));
                } else {
                    self.end_attempt(id, AttemptEnd::Dead, code);
                    let began = self.earliest(&[id]);
                    self.give_up(id, TaskState::Dead, code, JobStatus::Failed, &began);
                }
            }
            Close::WriteOff => self.lose(&[id]),
        }
        Some(self.tasks[&id].state)
    }

    /// Returns how many.
    pub(super) fn give_back(&mut self, worker: WorkerId) -> u64 {
        let owned: Vec<TaskId> = self.owned(worker).into_iter().map(|(id, _)| id).collect();
        for id in &owned {
            self.give_back_one(*id);
        }
        owned.len() as u64
    }

    pub(super) fn give_back_one(&mut self, id: TaskId) {
        self.end_attempt(id, AttemptEnd::Returned, ReasonCode::WorkerStopped);
        let task = self.tasks.get_mut(&id).unwrap();
        task.attempt -= 1;
        task.fence += 1;
        task.state = TaskState::Queued;
        task.dispatched_at = None;
    }

    pub(super) fn owned(&self, worker: WorkerId) -> BTreeSet<(TaskId, i64)> {
        self.tasks
            .iter()
            .filter(|(_, task)| task.state == TaskState::Running && task.owner == Some(worker))
            .map(|(id, task)| (*id, task.fence))
            .collect()
    }

    fn is_dead(&self, worker: Option<WorkerId>) -> bool {
        let worker = &self.workers[&worker.expect("a running task has an owner")];
        worker.stopped || worker.heard_of_at < self.now - SILENCE
    }

    /// Running tasks whose owner is dead.
    pub(super) fn orphans(&self) -> Vec<TaskId> {
        self.tasks
            .iter()
            .filter(|(_, task)| task.state == TaskState::Running && self.is_dead(task.owner))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Returns how many wait again and how many were given up.
    pub(super) fn recover(&mut self, limit: usize) -> (u64, u64) {
        let mut orphans = self.orphans();
        orphans.truncate(limit);
        self.lose(&orphans);
        let dead = orphans
            .iter()
            .filter(|id| self.tasks[*id].state == TaskState::Dead)
            .count() as u64;
        (orphans.len() as u64 - dead, dead)
    }

    fn lose(&mut self, ids: &[TaskId]) {
        let hopeless: Vec<TaskId> = ids
            .iter()
            .copied()
            .filter(|id| self.tasks[id].attempt >= self.tasks[id].attempts_max)
            .collect();
        let began = self.earliest(&hopeless);
        let mut suspects = 0;
        for id in ids {
            let (attempt, attempts_max) = (self.tasks[id].attempt, self.tasks[id].attempts_max);
            self.end_attempt(*id, AttemptEnd::Lost, ReasonCode::WorkerLost);
            if attempt >= attempts_max {
                self.give_up(
                    *id,
                    TaskState::Dead,
                    ReasonCode::CrashedWorker,
                    JobStatus::Failed,
                    &began,
                );
                continue;
            }
            let mut run_at = self.now;
            if attempt >= 2 {
                run_at += suspects * database::tasks::SUSPECTS_APART;
                suspects += 1;
            }
            self.wait_again(*id, run_at, Some(ReasonCode::WorkerLost));
        }
    }

    /// Returns how many.
    pub(super) fn expire(&mut self) -> u64 {
        let due: Vec<TaskId> = self
            .tasks
            .iter()
            .filter(|(_, task)| {
                let job = &self.jobs[&task.job];
                !task.state.is_terminal() && job.finished_at.is_none() && job.deadline_at <= self.now
            })
            .map(|(id, _)| *id)
            .collect();
        let began = self.earliest(&due);
        for id in &due {
            if self.tasks[id].state == TaskState::Running {
                self.end_attempt(*id, AttemptEnd::Expired, ReasonCode::Deadline);
            }
            self.give_up(
                *id,
                TaskState::Expired,
                ReasonCode::Deadline,
                JobStatus::Expired,
                &began,
            );
        }
        due.len() as u64
    }

    /// How many documents were cancelled; `None` when nothing was left to be cancelled.
    pub(super) fn cancel(&mut self, id: JobId) -> Option<usize> {
        let open: Vec<TaskId> = self
            .tasks
            .iter()
            .filter(|(_, task)| task.job == id && !task.state.is_terminal())
            .map(|(id, _)| *id)
            .collect();
        if open.is_empty() {
            return None;
        }
        let mut started_at = None;
        for id in &open {
            if self.tasks[id].state == TaskState::Running {
                self.end_attempt(*id, AttemptEnd::Cancelled, ReasonCode::Cancelled);
            }
            let task = self.tasks.get_mut(id).unwrap();
            task.state = TaskState::Cancelled;
            task.finished_at = Some(self.now);
            task.error = Some(ReasonCode::Cancelled);
            started_at = [started_at, task.started_at].into_iter().flatten().min();
            self.documents.get_mut(&task.document).unwrap().status = DocumentStatus::Cancelled;
            let fence = (task.fence > 0).then_some(task.fence);
            self.discarded.insert(task.document, fence);
        }
        let job = self.jobs.get_mut(&id).unwrap();
        job.cancelled += i32::try_from(open.len()).unwrap();
        job.status = JobStatus::Cancelled;
        job.finished_at = Some(self.now);
        job.started_at = job.started_at.or(started_at);
        Some(open.len())
    }

    /// Whether an operator may put it back in line.
    pub(super) fn is_given_up(&self, id: TaskId) -> bool {
        self.tasks.get(&id).is_some_and(|task| {
            matches!(task.state, TaskState::Failed | TaskState::Dead)
                && self.jobs[&task.job].status != JobStatus::Cancelled
        })
    }

    pub(super) fn requeue(&mut self, ids: &[TaskId]) {
        for id in ids {
            let now = self.now;
            let task = self.tasks.get_mut(id).unwrap();
            task.state = TaskState::Queued;
            task.attempts_max = task.attempt + limits::ATTEMPTS_MAX;
            task.run_at = now;
            task.dispatched_at = None;
            task.started_at = None;
            task.finished_at = None;
            task.error = None;
            let id = task.job;
            let document = self.documents.get_mut(&task.document).unwrap();
            document.status = DocumentStatus::Pending;
            document.error = None;
            let job = self.jobs.get_mut(&id).unwrap();
            job.failed -= 1;
            job.status = JobStatus::Pending;
            job.started_at = None;
            job.finished_at = None;
            job.deadline_at = job.deadline_at.max(now + limits::DEADLINE_DEFAULT);
            let deadline_at = job.deadline_at;
            let open = self.tasks.values_mut();
            for task in open.filter(|task| task.job == id && !task.state.is_terminal()) {
                task.deadline_at = deadline_at;
            }
        }
    }

    pub(super) fn delete_document(&mut self, id: DocumentId) {
        let document = self.documents.remove(&id).unwrap();
        self.tasks.retain(|_, task| task.document != id);
        self.discard(id, document.text_fence);
        let change = match document.status {
            DocumentStatus::Completed => [-1, -1, 0, 0],
            DocumentStatus::Failed => [-1, 0, -1, 0],
            DocumentStatus::Cancelled => [-1, 0, 0, -1],
            DocumentStatus::Pending | DocumentStatus::Processing => [-1, 0, 0, 0],
        };
        self.count(document.job, change, JobStatus::Failed, None);
    }

    pub(super) fn delete_job(&mut self, id: JobId) {
        self.jobs.remove(&id);
        self.tasks.retain(|_, task| task.job != id);
        let gone: Vec<(DocumentId, Document)> = self.documents.extract_if(.., |_, it| it.job == id).collect();
        for (id, document) in gone {
            self.discard(id, document.text_fence);
        }
    }

    fn discard(&mut self, id: DocumentId, text_fence: Option<i64>) {
        let noted = self.discarded.get(&id).copied().flatten();
        self.discarded.insert(id, text_fence.or(noted));
    }

    /// Which tasks the dispatcher hands out.
    pub(super) fn take_due(&mut self) -> BTreeSet<TaskId> {
        let now = self.now;
        let due = self.tasks.iter_mut().filter(|(_, task)| {
            task.state == TaskState::Queued && task.dispatched_at.is_none() && task.run_at <= now
        });
        due.map(|(id, task)| {
            task.dispatched_at = Some(now);
            *id
        })
        .collect()
    }

    /// How many hints are lost with an empty queue.
    pub(super) fn forget_lost(&mut self) -> u64 {
        let before = self.now - ON_ITS_WAY;
        let lost = self.tasks.values_mut().filter(|task| {
            task.state == TaskState::Queued && task.dispatched_at.is_some_and(|at| at < before)
        });
        lost.map(|task| task.dispatched_at = None).count() as u64
    }

    /// Every attempt as an operator sees it.
    pub(super) fn attempts(&self, task: &Task) -> Vec<Attempt> {
        let mut attempts = task.history.clone();
        if let (Some(owner), Some(began_at)) = (task.owner, task.started_at) {
            attempts.push(Attempt {
                attempt: task.attempt,
                fence: task.fence,
                worker: self.workers[&owner].name.clone(),
                began_at,
                ended_at: task.finished_at,
                end: (task.state == TaskState::Done).then_some(AttemptEnd::Done),
                code: None,
            });
        }
        attempts
    }

    /// What is shown of a document: it has begun with its first attempt.
    pub(super) fn shown_document(&self, id: DocumentId) -> DocumentStatus {
        let document = &self.documents[&id];
        let mut tasks = self.tasks.values();
        let begun = tasks.any(|task| task.document == id && task.started_at.is_some());
        match document.status {
            DocumentStatus::Pending if begun => DocumentStatus::Processing,
            status => status,
        }
    }

    /// What is shown of a job: when it began, and where it stands.
    pub(super) fn shown_job(&self, id: JobId) -> (JobStatus, Option<DateTime<Utc>>) {
        let job = &self.jobs[&id];
        let tasks = self.tasks.values().filter(|task| task.job == id);
        let started_at = job
            .started_at
            .or_else(|| tasks.filter_map(|task| task.started_at).min());
        match job.status {
            JobStatus::Pending if started_at.is_some() => (JobStatus::Processing, started_at),
            status => (status, started_at),
        }
    }

    fn end_attempt(&mut self, id: TaskId, end: AttemptEnd, code: ReasonCode) {
        let task = self.tasks.get_mut(&id).unwrap();
        let owner = task.owner.take().expect("a running task has an owner");
        task.history.push(Attempt {
            attempt: task.attempt,
            fence: task.fence,
            worker: self.workers[&owner].name.clone(),
            began_at: task.started_at.expect("a running task has begun"),
            ended_at: Some(self.now),
            end: Some(end),
            code: Some(code.to_string()),
        });
    }

    fn wait_again(&mut self, id: TaskId, run_at: DateTime<Utc>, error: Option<ReasonCode>) {
        let task = self.tasks.get_mut(&id).unwrap();
        task.state = TaskState::Queued;
        task.dispatched_at = None;
        task.run_at = run_at;
        task.error = error;
    }

    /// When the first of these tasks began, for each of their jobs.
    fn earliest(&self, ids: &[TaskId]) -> BTreeMap<JobId, DateTime<Utc>> {
        let mut earliest = BTreeMap::new();
        for task in ids.iter().map(|id| &self.tasks[id]) {
            if let Some(at) = task.started_at {
                let first = earliest.entry(task.job).or_insert(at);
                *first = at.min(*first);
            }
        }
        earliest
    }

    fn give_up(
        &mut self,
        id: TaskId,
        state: TaskState,
        code: ReasonCode,
        none_completed: JobStatus,
        began: &BTreeMap<JobId, DateTime<Utc>>,
    ) {
        let task = self.tasks.get_mut(&id).unwrap();
        task.state = state;
        task.finished_at = Some(self.now);
        task.error = Some(code);
        let (job, document) = (task.job, task.document);
        let document = self.documents.get_mut(&document).unwrap();
        document.status = DocumentStatus::Failed;
        document.error = Some(code);
        self.count(job, [0, 0, 1, 0], none_completed, began.get(&job).copied());
    }

    /// `change` is of total, completed, failed, cancelled.
    fn count(
        &mut self,
        id: JobId,
        change: [i32; 4],
        none_completed: JobStatus,
        started_at: Option<DateTime<Utc>>,
    ) {
        let job = self.jobs.get_mut(&id).unwrap();
        job.total += change[0];
        job.completed += change[1];
        job.failed += change[2];
        job.cancelled += change[3];
        job.started_at = job.started_at.or(started_at);
        let ended = job.completed + job.failed + job.cancelled == job.total;
        if job.finished_at.is_none() && ended {
            job.finished_at = Some(self.now);
            job.status = match (job.completed, job.total) {
                (completed, total) if completed == total && total > 0 => JobStatus::Completed,
                (completed, _) if completed > 0 => JobStatus::Partial,
                _ if job.cancelled == job.total => JobStatus::Cancelled,
                _ => none_completed,
            };
        }
    }
}
