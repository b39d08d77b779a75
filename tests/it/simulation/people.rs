//! Monitors that send mails, providers that call, people who answer or do not.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use nightcall::domain::actor::Actor;
use nightcall::domain::alert::{Action, Severity};
use nightcall::domain::incident::{Cause, Event, Status, Trigger};
use nightcall::domain::matcher::{Matcher, Wanted};
use nightcall::domain::notification::Outcome;
use nightcall::domain::roster::Channel;
use nightcall::domain::schedule::Override;
use nightcall::domain::silence::Silence;
use nightcall::domain::situation::Swap;
use nightcall::domain::target::Target;

use super::engine::{Arrangement, CallEnd, Mail, News};
use super::setup::{PEOPLE, SERVICES};
use super::world::{Claim, Lost, Todo, World};

/// Longest a worker waits for a provider.
const SEND_TIMEOUT_MS: i64 = 12_000;

/// How often a provider repeats news that nobody took.
const CALLBACK_TRIES: u32 = 4;

/// Something that a person does by themselves.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// To this incident.
    Event(i64, Event, String),
    Arrange(Arrangement, String),
    /// To be chosen when it is time.
    Something,
}

impl World {
    /// Draws everything that will happen by itself.
    pub(super) fn draw(&mut self) {
        let trouble_ms = self.options.trouble_minutes * 60_000;
        for _ in 0..self.options.alarms {
            let first_ms = self.chance.between(0, trouble_ms);
            self.draw_alarm(first_ms);
        }
        let (acts, kills, outages, reloads) =
            (self.options.acts, self.options.kills, self.options.outages, self.options.reloads);
        let often = |count: usize, world: &mut Self, todo: &dyn Fn(&mut Self) -> Todo| {
            for _ in 0..count {
                let at = world.chance.between(0, trouble_ms);
                let todo = todo(world);
                world.plan(at, todo);
            }
        };
        often(acts, self, &|_| Todo::Act { act: Act::Something, tries: 0 });
        often(kills, self, &|world| Todo::Kill(world.chance.below(3)));
        often(outages, self, &|world| Todo::Outage { seconds: world.chance.between(1, 120) });
        often(reloads, self, &|world| Todo::Reload(world.chance.below(3)));
        if self.options.skew_ms > 0 {
            often(6, self, &|world| Todo::Skew(world.chance.below(3)));
        }
        let minutes = self.options.blackout_minutes;
        if minutes > 0 {
            // Something has just begun when all go down, and its monitor does not repeat itself.
            let at_ms = self.chance.between(120_000, trouble_ms);
            let before_ms = self.chance.between(1_000, 120_000);
            self.send("net", "last words", Action::Trigger, at_ms - before_ms);
            self.plan(at_ms, Todo::Blackout { minutes });
        }
    }

    /// What a monitor has to say about one thing: it is wrong, still wrong, worse, known, over; now and then again.
    fn draw_alarm(&mut self, first_ms: i64) {
        let service = *self.chance.pick(&SERVICES);
        let key = format!("k{}", self.chance.below(2));
        let mut at_ms = first_ms;
        for nth in 0..=self.chance.below(5) {
            let action = match self.chance.below(10) {
                _ if nth == 0 => Action::Trigger,
                0..=4 => Action::Trigger,
                5..=8 => Action::Resolve,
                _ => Action::Acknowledge,
            };
            self.send(service, &key, action, at_ms);
            at_ms += self.chance.between(10_000, 1_500_000);
        }
    }

    /// A monitor sends a mail, which takes its time.
    pub(super) fn send(&mut self, service: &'static str, key: &str, action: Action, at_ms: i64) {
        let id = self.mails.len();
        let trigger = Trigger {
            severity: *self.chance.pick(&Severity::ALL),
            summary: "something is wrong".to_owned(),
            details: BTreeMap::new(),
            links: BTreeMap::new(),
            origin_at: self.at(at_ms),
            hold: None,
            over_after: None,
        };
        let has_message_id = self.chance.per_mille(800);
        self.mails.push(Mail { id, service, key: key.to_owned(), action, trigger, has_message_id });
        self.accepted.push(false);
        let on_its_way = if self.chance.per_mille(200) { 900_000 } else { 5_000 };
        let delay = self.chance.between(0, on_its_way);
        self.plan(at_ms + delay, Todo::Deliver(id));
    }

    /// A worker asks the provider; whatever becomes of it.
    pub(super) fn call(&mut self, claim: Claim) {
        let options = self.options.clone();
        let trouble = |world: &mut Self, often: i64| !world.healed && world.chance.per_mille(often);
        let answer_ms = self.chance.between(50, 4_000);
        if trouble(self, options.provider_refuses) {
            return self.plan(answer_ms, Todo::Report(claim, Outcome::Retry("503".to_owned())));
        }
        if trouble(self, options.provider_rejects) {
            return self.plan(answer_ms, Todo::Report(claim, Outcome::Failed("no such number".to_owned())));
        }
        let times_out = trouble(self, options.provider_times_out);
        if times_out {
            self.plan(SEND_TIMEOUT_MS, Todo::Report(claim.clone(), Outcome::Retry("timed out".to_owned())));
            if self.chance.per_mille(500) {
                return;
            }
        }
        let row = claim.row.clone();
        self.rung.push((self.true_ms, row.incident));
        let reference = if row.planned.channel == Channel::Voice {
            format!("call-{}-{}", row.id, claim.lease)
        } else {
            String::new()
        };
        self.tell(&format!(
            "{} rings {} about #{}, attempt {}",
            row.planned.channel, row.planned.user, row.incident, row.attempts
        ));
        if !times_out {
            self.plan(answer_ms, Todo::Report(claim, Outcome::Accepted(reference.clone())));
        }
        if trouble(self, options.provider_is_silent) {
            return;
        }
        let early = trouble(self, options.provider_is_early);
        let goes_on_ms =
            if early { self.chance.between(0, answer_ms) } else { answer_ms + self.chance.between(1_000, 30_000) };
        let repeats = trouble(self, options.provider_repeats);
        if row.planned.channel == Channel::Voice {
            let is_vain = trouble(self, options.call_is_vain);
            let vain = *self.chance.pick(&[CallEnd::Busy, CallEnd::NoAnswer, CallEnd::Failed]);
            let end = if is_vain { vain } else { CallEnd::Completed };
            if !is_vain && trouble(self, options.person_answers) {
                self.answers(&row.planned.user, row.id, goes_on_ms, "voice");
            }
            let news = News::CallEnded(end, row.attempts, reference);
            let ended_ms = goes_on_ms + self.chance.between(0, 25_000);
            for again in 0..=i64::from(repeats) {
                let later = again * self.chance.between(0, 90_000);
                self.plan(ended_ms + later, Todo::Callback { row: row.id, news: news.clone(), tries: 0 });
            }
        } else if trouble(self, options.person_answers_late) {
            let late_ms = self.chance.between(10_000, 5_400_000);
            self.answers(&row.planned.user, row.id, late_ms, "webhook");
        }
    }

    /// A person who was called presses a key, perhaps twice.
    fn answers(&mut self, user: &str, row: u64, in_ms: i64, channel: &str) {
        let event = match self.chance.below(10) {
            0..=5 => Event::Acknowledged { origin_at: None },
            6..=7 => Event::Resolved { origin_at: None },
            _ => Event::EscalationAsked,
        };
        let actor = format!("{user} by {channel}");
        let twice = self.chance.per_mille(self.options.person_answers_twice);
        for again in 0..=i64::from(twice) {
            let later = again * self.chance.between(0, 5_000);
            let (event, actor) = (event.clone(), actor.clone());
            self.plan(in_ms + later, Todo::Answer { row, event, actor, tries: 0 });
        }
    }

    pub(super) fn callback(&mut self, row: u64, news: News, tries: u32) {
        let known = self.database.rows.get(&row).cloned();
        let (Some(node), Some(known)) = (self.some_node(), known) else {
            return self.repeat(tries, |tries| Todo::Callback { row, news, tries });
        };
        self.tell(&format!("the provider tells node {node} about {row}: {news:?}"));
        let noted = self.transact(node, |engine| engine.note(&known, 0, &news, 0.0));
        if noted.is_err() {
            self.repeat(tries, |tries| Todo::Callback { row, news, tries });
        }
    }

    pub(super) fn answer(&mut self, row: u64, event: Event, actor: String, tries: u32) {
        let incident = self.database.rows.get(&row).and_then(|row| self.database.incidents.get(&row.incident));
        let needs_nobody = incident.is_none_or(|incident| incident.status != Status::Triggered);
        // Who comes late by phone hears who has it, whatever key is pressed.
        if needs_nobody && !matches!(event, Event::Resolved { .. }) {
            return;
        }
        let Some(node) = self.some_node() else {
            return self.repeat(tries, |tries| Todo::Answer { row, event, actor, tries });
        };
        self.tell(&format!("{actor} answers {row} with {event:?}"));
        let cause = Cause { actor: Actor::ourselves(actor.clone()), mail_id: None };
        let answered = self.transact(node, |engine| engine.answer(row, &event, &cause));
        if answered.is_err() {
            self.repeat(tries, |tries| Todo::Answer { row, event, actor, tries });
        }
    }

    fn repeat(&mut self, tries: u32, todo: impl FnOnce(u32) -> Todo) {
        if tries < CALLBACK_TRIES {
            let delay = self.chance.between(1_000, 15_000);
            self.plan(delay, todo(tries + 1));
        }
    }

    pub(super) fn act(&mut self, act: Act, tries: u32) {
        let act = match act {
            Act::Something => match self.something() {
                Some(act) => act,
                None => return,
            },
            chosen => chosen,
        };
        let Some(node) = self.some_node() else { return };
        self.tell(&format!("somebody does {act:?}"));
        let done = match &act {
            Act::Event(number, event, actor) => {
                let cause = Cause { actor: Actor::ourselves(actor.clone()), mail_id: None };
                self.transact(node, |engine| engine.handle(*number, event, &cause).map(|_| ()))
            }
            Act::Arrange(arrangement, actor) => self.transact(node, |engine| engine.arrange(arrangement, actor)),
            Act::Something => Ok(()),
        };
        if matches!(done, Err(Lost::NotCommitted | Lost::Unknown)) && tries < 2 {
            self.plan(3_000, Todo::Act { act, tries: tries + 1 });
        }
    }

    /// What people do, mostly to open incidents.
    fn something(&mut self) -> Option<Act> {
        let actor = format!("{} by api", self.chance.pick(&PEOPLE));
        let now_ms = self.true_ms;
        let in_minutes =
            |world: &mut Self, most: i64| world.at(now_ms) + SignedDuration::from_mins(world.chance.between(0, most));
        let open = self.database.incidents.values().filter(|it| it.status != Status::Resolved).map(|it| it.number);
        let open: Vec<i64> = open.collect();
        let targets = [*self.chance.pick(&["bob", "gone", "nemo", "schedule:primary"]), *self.chance.pick(&PEOPLE)];
        let targets: Vec<Target> = targets.map(|name| Target::from(name.to_owned())).to_vec();
        let choice = self.chance.below(14);
        if choice >= 9 {
            let arrangement = match choice {
                9 | 10 => Arrangement::Silence(Box::new(self.silence())),
                11 => Arrangement::EndSilences,
                12 => {
                    let shift = Override {
                        id: format!("o{now_ms}"),
                        user: (*self.chance.pick(&["dee", "gone", "boss"])).to_owned(),
                        replaces: None,
                        starts_at: self.at(now_ms),
                        ends_at: in_minutes(self, 45),
                    };
                    Arrangement::Override(Swap { schedule: "primary".to_owned(), shift })
                }
                _ => Arrangement::WithdrawOverrides,
            };
            return Some(Act::Arrange(arrangement, actor));
        }
        if open.is_empty() {
            return None;
        }
        let number = *self.chance.pick(&open);
        let event = match choice {
            0 => Event::Acknowledged { origin_at: None },
            1 => Event::Resolved { origin_at: None },
            2 => Event::TakenOver,
            3 | 4 => Event::Snoozed { until: in_minutes(self, 45) },
            5 => Event::Reassigned { targets },
            6 => Event::RespondersAdded { targets },
            7 => Event::EscalationAsked,
            _ => Event::Remarked { text: "hm".to_owned() },
        };
        Some(Act::Event(number, event, actor))
    }

    fn silence(&mut self) -> Silence {
        let service = *self.chance.pick(&SERVICES);
        let wanted = Wanted { service: Some(service.to_owned()), ..Wanted::default() };
        let starts_at = self.at(self.true_ms);
        Silence {
            id: format!("s{}", self.true_ms),
            matcher: Matcher::new(wanted).expect("no pattern"),
            starts_at,
            ends_at: starts_at + SignedDuration::from_mins(self.chance.between(1, 45)),
            reason: "known".to_owned(),
            author: "ann".to_owned(),
        }
    }
}
