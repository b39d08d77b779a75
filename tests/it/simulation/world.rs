//! The simulated world: true time, nodes with their own clocks, a database that fails, and what is still to happen.
//!
//! One thread, one heap of things to come, one source of chance: a seed is a whole history.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use nightcall::domain::actor::Actor;
use nightcall::domain::incident::{Cause, Event};
use nightcall::domain::notification::Outcome;

use super::chance::Chance;
use super::database::{Database, Killed, Row, Tx};
use super::engine::{Engine, Mail, News};
use super::options::{Bug, Options};
use super::people::Act;
use super::safety::{self, Checks};
use super::setup::{self, Definitions};

/// How often a node asks the database, about.
const POLL_MS: i64 = 500;

/// Notifications a worker takes at once.
const CLAIM_MAX: usize = 8;

/// Steps of the trace that are kept.
const TRACE_MAX: usize = 40;

/// More steps than that are a loop without an end.
const STEPS_MAX: usize = 100_000;

/// One gateway.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) alive: bool,
    /// Counts restarts: what an earlier life began is gone.
    pub(super) life: u32,
    pub(super) skew_ms: i64,
    /// Which version of the definitions it has read.
    pub(super) version: usize,
    timer_from_ms: i64,
    worker_from_ms: i64,
}

/// A notification in a worker's hands.
#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) node: usize,
    pub(super) life: u32,
    pub(super) row: Row,
    pub(super) lease: u64,
}

/// Something to come.
#[derive(Debug, Clone)]
pub(super) enum Todo {
    /// A sender tries to hand its mail in.
    Deliver(usize),
    /// A node's timer has found this incident due.
    Fire {
        node: usize,
        life: u32,
        number: i64,
    },
    /// A worker asks the provider.
    Call(Claim),
    /// It tells what came of it.
    Report(Claim, Outcome),
    /// The provider tells how a call went.
    Callback {
        row: u64,
        news: News,
        tries: u32,
    },
    /// Somebody who was called answers.
    Answer {
        row: u64,
        event: Event,
        actor: String,
        tries: u32,
    },
    /// Somebody does something by themselves.
    Act {
        act: Act,
        tries: u32,
    },
    Kill(usize),
    Restart(usize),
    Outage {
        seconds: i64,
    },
    Skew(usize),
    Reload(usize),
    Blackout {
        minutes: i64,
    },
}

/// A change was not made, or nobody knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// The node that made it was killed, before or after the commit.
    Killed,
    /// Nothing was done.
    NotCommitted,
    /// The commit broke off.
    Unknown,
}

pub(super) struct World {
    pub(super) options: Options,
    pub(super) chance: Chance,
    /// Since the start.
    pub(super) true_ms: i64,
    pub(super) database: Database,
    pub(super) nodes: [Node; 3],
    pub(super) definitions: [Definitions; 2],
    pub(super) mails: Vec<Mail>,
    /// Which of them were answered with 250.
    pub(super) accepted: Vec<bool>,
    /// Calls and messages that really went out: when and about which incident.
    pub(super) rung: Vec<(i64, i64)>,
    pub(super) healed: bool,
    /// Whether the trace is kept: it takes time, so a history that breaks something is run again with it.
    pub(super) traced: bool,
    pub(super) trace: VecDeque<String>,
    pub(super) broken: Option<String>,
    outage_until_ms: i64,
    todo: BTreeMap<Reverse<(i64, u64)>, Todo>,
    planned: u64,
    checks: Checks,
    steps: usize,
}

impl World {
    pub(super) fn new(options: Options) -> Self {
        let mut chance = Chance::new(options.seed.wrapping_add(1 << 40));
        let node = Node { alive: true, life: 0, skew_ms: 0, version: 0, timer_from_ms: 0, worker_from_ms: 0 };
        Self {
            definitions: setup::definitions(&mut chance),
            options,
            chance,
            true_ms: 0,
            database: Database::default(),
            nodes: [node.clone(), node.clone(), node],
            mails: Vec::new(),
            accepted: Vec::new(),
            rung: Vec::new(),
            healed: false,
            traced: false,
            trace: VecDeque::new(),
            broken: None,
            outage_until_ms: 0,
            todo: BTreeMap::new(),
            planned: 0,
            checks: Checks::default(),
            steps: 0,
        }
    }

    /// An instant in true time.
    pub(super) fn at(&self, ms: i64) -> Timestamp {
        self.options.start + SignedDuration::from_millis(ms)
    }

    /// What a node takes for now.
    pub(super) fn now(&self, node: usize) -> Timestamp {
        self.at(self.true_ms + self.nodes[node].skew_ms)
    }

    pub(super) fn plan(&mut self, in_ms: i64, todo: Todo) {
        self.planned += 1;
        self.todo.insert(Reverse((self.true_ms + in_ms, self.planned)), todo);
    }

    pub(super) fn tell(&mut self, line: &str) {
        if !self.traced {
            return;
        }
        if self.trace.len() == TRACE_MAX {
            self.trace.pop_front();
        }
        self.trace.push_back(format!("{:>10.3} s  {line}", self.true_ms as f64 / 1000.0));
    }

    fn keep(&mut self, verdict: safety::Verdict) {
        if let Err(broken) = verdict {
            self.broken.get_or_insert(broken);
        }
    }

    /// A node that is alive, if one is.
    pub(super) fn some_node(&mut self) -> Option<usize> {
        let alive: Vec<usize> = (0..self.nodes.len()).filter(|node| self.nodes[*node].alive).collect();
        (!alive.is_empty()).then(|| *self.chance.pick(&alive))
    }

    /// Lives on until then, or until a promise is broken.
    pub(super) fn run_until(&mut self, end_ms: i64) {
        while self.broken.is_none() {
            self.steps += 1;
            if self.steps > STEPS_MAX {
                self.broken = Some("the run does not come to rest".to_owned());
            }
            let planned = self.todo.last_key_value().map(|(Reverse((at, _)), _)| *at);
            let polled = self.next_poll();
            let next = planned.into_iter().chain(polled.map(|(at, ..)| at)).min().filter(|at| *at <= end_ms);
            let Some(next) = next else { break };
            self.true_ms = next.max(self.true_ms);
            if planned.is_some_and(|planned| planned <= next) {
                let (_, todo) = self.todo.pop_last().expect("it was seen a moment ago");
                self.perform(todo);
            } else if let Some((_, node, is_timer)) = polled {
                if is_timer { self.poll_timer(node) } else { self.poll_worker(node) }
            }
        }
        self.true_ms = end_ms.max(self.true_ms);
    }

    /// The next question to the database that has an answer. Those in between find nothing, so they are left out.
    fn next_poll(&self) -> Option<(i64, usize, bool)> {
        let (timer, worker) = (self.database.next_timer, self.database.next_row);
        let since_start =
            |at: Timestamp| i64::try_from(at.duration_since(self.options.start).as_millis()).unwrap_or(i64::MAX / 2);
        let mut polls = Vec::new();
        for (number, node) in self.nodes.iter().enumerate().filter(|(_, node)| node.alive) {
            let from = |ready: i64| ready.max(self.outage_until_ms);
            polls
                .extend(timer.map(|at| ((since_start(at) - node.skew_ms).max(from(node.timer_from_ms)), number, true)));
            polls.extend(
                worker.map(|at| ((since_start(at) - node.skew_ms).max(from(node.worker_from_ms)), number, false)),
            );
        }
        polls.into_iter().min()
    }

    fn poll_timer(&mut self, node: usize) {
        self.nodes[node].timer_from_ms = self.true_ms + POLL_MS + self.chance.between(0, 500);
        let life = self.nodes[node].life;
        for number in self.database.due_incidents(self.now(node)) {
            let delay = self.chance.between(0, 300);
            self.plan(delay, Todo::Fire { node, life, number });
        }
    }

    fn poll_worker(&mut self, node: usize) {
        self.nodes[node].worker_from_ms = self.true_ms + POLL_MS + self.chance.between(0, 500);
        let life = self.nodes[node].life;
        let Ok(claimed) = self.transact(node, |engine| engine.claim(CLAIM_MAX)) else { return };
        for (row, lease) in claimed {
            let delay = self.chance.between(0, 1500);
            self.plan(delay, Todo::Call(Claim { node, life, row, lease }));
        }
    }

    fn perform(&mut self, todo: Todo) {
        match todo {
            Todo::Deliver(mail) => self.deliver(mail),
            Todo::Fire { node, life, number } if self.lives(node, life) => {
                let cause = Cause { actor: Actor::ourselves("timer"), mail_id: None };
                let _ = self.transact(node, |engine| engine.handle(number, &Event::TimerDue, &cause));
            }
            Todo::Call(claim) if self.lives(claim.node, claim.life) => {
                let verdict = self.checks.starts(&self.database, &claim.row, self.true_ms);
                self.keep(verdict);
                self.call(claim);
            }
            Todo::Report(claim, outcome) if self.lives(claim.node, claim.life) => {
                let jitter = self.chance.between(0, 100) as f64 / 100.0;
                if self.traced {
                    self.tell(&format!("worker {} reports {outcome:?} of {}", claim.node, claim.row.id));
                }
                let news = News::Tried(outcome);
                let _ = self.transact(claim.node, |engine| engine.note(&claim.row, claim.lease, &news, jitter));
            }
            Todo::Fire { .. } | Todo::Call(_) | Todo::Report(..) => {}
            Todo::Callback { row, news, tries } => self.callback(row, news, tries),
            Todo::Answer { row, event, actor, tries } => self.answer(row, event, actor, tries),
            Todo::Act { act, tries } => self.act(act, tries),
            Todo::Kill(node) => self.kill(node),
            Todo::Restart(node) => self.restart(node),
            Todo::Outage { seconds } => {
                self.tell(&format!("the database is away for {seconds} s"));
                self.outage_until_ms = self.true_ms + seconds * 1000;
            }
            Todo::Skew(node) => {
                let most = self.options.skew_ms;
                self.nodes[node].skew_ms = self.chance.between(-most, most);
                self.tell(&format!("the clock of node {node} is off by {} ms", self.nodes[node].skew_ms));
            }
            Todo::Reload(node) => {
                self.nodes[node].version ^= 1;
                self.tell(&format!("node {node} reads version {} of the definitions", self.nodes[node].version));
            }
            Todo::Blackout { minutes } => {
                self.tell(&format!("all nodes are down for {minutes} min"));
                for node in 0..self.nodes.len() {
                    self.nodes[node].alive = false;
                    self.nodes[node].life += 1;
                    self.plan(minutes * 60_000, Todo::Restart(node));
                }
            }
        }
    }

    fn lives(&self, node: usize, life: u32) -> bool {
        self.nodes[node].alive && self.nodes[node].life == life
    }

    fn kill(&mut self, node: usize) {
        if self.nodes[node].alive {
            self.tell(&format!("node {node} is killed"));
            self.nodes[node].alive = false;
            self.nodes[node].life += 1;
            let down = self.chance.between(1_000, 60_000);
            self.plan(down, Todo::Restart(node));
        }
    }

    fn restart(&mut self, node: usize) {
        if !self.nodes[node].alive {
            self.tell(&format!("node {node} starts"));
            self.nodes[node].alive = true;
        }
    }

    /// Nothing goes wrong from now on.
    pub(super) fn heal(&mut self) {
        self.tell("all is well from now on");
        self.healed = true;
        self.outage_until_ms = 0;
        for node in 0..self.nodes.len() {
            self.nodes[node].skew_ms = 0;
            self.nodes[node].version = 0;
            self.restart(node);
        }
        let trouble = |todo: &Todo| {
            matches!(
                todo,
                Todo::Kill(_)
                    | Todo::Skew(_)
                    | Todo::Reload(_)
                    | Todo::Outage { .. }
                    | Todo::Blackout { .. }
                    | Todo::Act { .. }
            )
        };
        self.todo.retain(|_, todo| !trouble(todo));
    }

    /// Makes a change on a node, in one transaction, with whatever may go wrong.
    pub(super) fn transact<T>(
        &mut self,
        node: usize,
        work: impl FnOnce(&mut Engine<'_, '_>) -> Result<T, Killed>,
    ) -> Result<T, Lost> {
        let dice = |chance: &mut Chance, healed: bool, often: i64| !healed && chance.per_mille(often);
        if self.true_ms < self.outage_until_ms {
            return Err(Lost::NotCommitted);
        }
        let fuse = dice(&mut self.chance, self.healed, self.options.killed_in_transaction)
            .then(|| u32::try_from(self.chance.between(0, 12)).unwrap_or_default());
        let (now, bug) = (self.now(node), self.options.bug);
        let mut tx = Tx::begin(&self.database, fuse);
        let definitions = &self.definitions[self.nodes[node].version];
        let done = work(&mut Engine { tx: &mut tx, definitions, now, bug });
        let staged = tx.staged;
        let Ok(done) = done else {
            self.kill(node);
            return Err(Lost::Killed);
        };
        if dice(&mut self.chance, self.healed, self.options.fails_before_commit) {
            return Err(Lost::NotCommitted);
        }
        if self.traced {
            for what in &staged.happened {
                let kinds: Vec<&str> = what.change.entries.iter().map(|entry| entry.kind.word()).collect();
                let after = safety::line(&what.change.incident);
                self.tell(&format!("node {node}, {}: {} → {after}", what.cause.actor, kinds.join(" ")));
            }
        }
        for (id, row) in &staged.rows {
            let verdict = self.checks.moves(self.database.rows.get(id), row, self.true_ms, self.options.skew_ms);
            self.keep(verdict);
        }
        self.database.commit(&staged);
        let verdict = self.checks.committed(&self.database, &staged.happened, self.true_ms);
        self.keep(verdict);
        if fuse.is_some() {
            self.kill(node);
            return Err(Lost::Killed);
        }
        if dice(&mut self.chance, self.healed, self.options.fails_after_commit) {
            self.tell(&format!("node {node} does not know whether that was committed"));
            return Err(Lost::Unknown);
        }
        Ok(done)
    }

    /// One attempt of a sender: it keeps the mail until it has read a 250.
    fn deliver(&mut self, id: usize) {
        let mail = self.mails[id].clone();
        let answered = match self.some_node() {
            None => false,
            Some(node) => {
                self.tell(&format!("mail {id} ({} {} {}) reaches node {node}", mail.action, mail.service, mail.key));
                let received = self.transact(node, |engine| engine.receive(&mail));
                match received {
                    Ok(()) => self.healed || !self.chance.per_mille(self.options.reply_lost),
                    Err(Lost::Killed) => false,
                    Err(Lost::NotCommitted | Lost::Unknown) => {
                        self.options.bug == Some(Bug::UnknownCommitIsTakenForDone)
                    }
                }
            }
        };
        if answered {
            self.accepted[id] = true;
        } else {
            let patience = self.chance.between(30_000, 600_000);
            self.plan(patience, Todo::Deliver(id));
        }
    }
}
