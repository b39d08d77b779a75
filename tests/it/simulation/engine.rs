//! What the engine does around the core inside a transaction, as thin as it can be: `door`, `delivery`, `arrange`,
//! `intake` and `world` of `src/engine`, and the conditions of the statements in `src/store`.

use jiff::{SignedDuration, Timestamp};
use nightcall::domain::actor::Actor;
use nightcall::domain::alert::Action;
use nightcall::domain::incident::{Cause, Change, Effect, Event, Incident, Opening, Status as IncidentStatus, Trigger};
use nightcall::domain::notification::{ATTEMPTS_MAX, Outcome, Status, retry_delay};
use nightcall::domain::silence::Silence;
use nightcall::domain::situation::{Parent, Situation, Swap};

use super::database::{Happened, Killed, MailOutcome, Row, StoredMail, Tx};
use super::options::Bug;
use super::setup::Definitions;

/// As in `src/engine/delivery.rs`.
pub(super) const LEASE: SignedDuration = SignedDuration::from_secs(30);
const RING_AGAIN: SignedDuration = SignedDuration::from_secs(60);
const RINGS_MAX: i64 = 2;
const PATIENCE: i64 = 3;

/// A mail as the rules read it.
#[derive(Debug, Clone)]
pub(super) struct Mail {
    pub(super) id: usize,
    pub(super) service: &'static str,
    pub(super) key: String,
    pub(super) action: Action,
    pub(super) trigger: Trigger,
    /// Without a Message-ID a repeated mail is a repeated event.
    pub(super) has_message_id: bool,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallEnd {
    Completed,
    Busy,
    NoAnswer,
    Failed,
}

/// News of a notification.
#[derive(Debug, Clone)]
pub(super) enum News {
    /// The worker with this lease has tried.
    Tried(Outcome),
    /// The provider tells how the call of this attempt went.
    CallEnded(CallEnd, i64, String),
}

/// What a person arranges.
#[derive(Debug, Clone)]
pub(super) enum Arrangement {
    Override(Swap),
    WithdrawOverrides,
    Silence(Box<Silence>),
    EndSilences,
}

/// One node's view while it makes a change.
pub(super) struct Engine<'a, 'b> {
    pub(super) tx: &'b mut Tx<'a>,
    pub(super) definitions: &'b Definitions,
    pub(super) now: Timestamp,
    pub(super) bug: Option<Bug>,
}

impl Engine<'_, '_> {
    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// `engine::intake::store` for a mail with one recipient and one alert.
    pub(super) fn receive(&mut self, mail: &Mail) -> Result<(), Killed> {
        let known = self.tx.was_delivered(mail.id, self.now)?;
        let repeated = mail.has_message_id && known && !self.has(Bug::RepeatedMailActs);
        let outcome = if repeated { MailOutcome::Repeated } else { self.raise(mail)? };
        self.tx.insert_mail(StoredMail { mail: mail.id, received_at: self.now, outcome })
    }

    /// `engine::door::raise`.
    fn raise(&mut self, mail: &Mail) -> Result<MailOutcome, Killed> {
        let origin_at = Some(mail.trigger.origin_at);
        let event = match mail.action {
            Action::Trigger => Event::Triggered(mail.trigger.clone()),
            Action::Acknowledge => Event::Acknowledged { origin_at },
            Action::Resolve if self.has(Bug::OldRecoveryCloses) => Event::Resolved { origin_at: None },
            Action::Resolve => Event::Resolved { origin_at },
            Action::Heartbeat | Action::Ignore => return Ok(MailOutcome::NothingOpen),
        };
        let cause = Cause { actor: Actor::ourselves("mail (rule)"), mail_id: Some(mail.id.to_string()) };
        if let Some(incident) = self.tx.open_incident(mail.service, &mail.key)? {
            self.change(&incident, &event, &cause)?;
            return Ok(MailOutcome::Touched(incident.number, mail.action));
        }
        if mail.action != Action::Trigger {
            return Ok(MailOutcome::NothingOpen);
        }
        let number = self.tx.next_number()?;
        let handling = self.definitions.handling(mail.service);
        let opened_before = match handling.flapping {
            Some(flapping) => self.tx.opened_since(mail.service, &mail.key, self.now - flapping.within)?,
            None => 0,
        };
        let situation = Situation::quiet(&self.definitions.roster, &handling, self.now);
        let opening =
            Opening { number, service: mail.service, dedup_key: &mail.key, sender: "", client: "", opened_before };
        let change = Incident::open(&opening, &mail.trigger, &situation);
        self.tx.store_incident(&change.incident)?;
        self.save(None, &event, &cause, change, false)?;
        Ok(MailOutcome::Opened(number))
    }

    /// `engine::door::handle`.
    pub(super) fn handle(&mut self, number: i64, event: &Event, cause: &Cause) -> Result<Option<Incident>, Killed> {
        let Some(incident) = self.tx.incident(number)? else { return Ok(None) };
        self.change(&incident, event, cause).map(Some)
    }

    /// `engine::door::change` with `engine::world::World::around`.
    fn change(&mut self, incident: &Incident, event: &Event, cause: &Cause) -> Result<Incident, Killed> {
        let handling = self.definitions.handling(&incident.service);
        let roster = &self.definitions.roster;
        let (mut overrides, mut silences, mut parents) = (Vec::new(), Vec::new(), Vec::new());
        if matches!(
            event,
            Event::TimerDue | Event::EscalationAsked | Event::PageFailed { .. } | Event::RespondersAdded { .. }
        ) {
            (overrides, silences) = self.tx.arranged(self.now)?;
            parents = self.parents(incident)?;
        }
        let situation = Situation {
            roster,
            handling: &handling,
            overrides: &overrides,
            silences: &silences,
            parents: &parents,
            now: self.now,
        };
        let hushed = silences.iter().any(|silence| silence.covers(incident, self.now))
            || roster.maintenance.iter().any(|window| window.covers(incident, self.now).is_some());
        let change = self.spoilt(event, incident.apply(event, cause, &situation));
        if change.incident != *incident {
            self.tx.store_incident(&change.incident)?;
        } else if change.entries.is_empty() && incident.next_at().is_none_or(|next| next > self.now) {
            return Ok(change.incident);
        }
        let after = change.incident.clone();
        self.save(Some(incident.clone()), event, cause, change, hushed)?;
        Ok(after)
    }

    pub(super) fn parents(&mut self, incident: &Incident) -> Result<Vec<Parent>, Killed> {
        let wanted = self.definitions.roster.dependencies.iter().filter_map(|below| below.parent_of(incident));
        let mut parents = Vec::new();
        for wanted in wanted {
            parents.extend(self.tx.open_parent(&wanted.service, wanted.key.as_deref())?);
        }
        Ok(parents)
    }

    /// The bugs that would be in the core.
    fn spoilt(&self, event: &Event, mut change: Change) -> Change {
        match (self.bug, event) {
            (Some(Bug::SnoozePages), Event::Snoozed { .. }) => change.incident.due_at = Some(self.now),
            (Some(Bug::FailedPageForgetsTheTimer), Event::PageFailed { .. }) if !change.entries.is_empty() => {
                change.incident.due_at = None;
            }
            (Some(Bug::HoldNeverEnds), Event::TimerDue) if change.incident.held.is_some() => {
                change.incident.due_at = Some(self.now + SignedDuration::from_hours(10_000));
            }
            _ => {}
        }
        change
    }

    /// `engine::door::save`.
    fn save(
        &mut self,
        before: Option<Incident>,
        event: &Event,
        cause: &Cause,
        change: Change,
        hushed: bool,
    ) -> Result<(), Killed> {
        let number = change.incident.number;
        for effect in &change.effects {
            match effect {
                Effect::Page { .. } if self.has(Bug::PageIsNotInserted) => {}
                Effect::Page { page, notifications } => {
                    let called_in = change.incident.status != IncidentStatus::Triggered;
                    for planned in notifications {
                        self.tx.insert_row((number, *page), planned, called_in, self.now)?;
                    }
                }
                Effect::CancelPages => {
                    for row in self.tx.rows_of(number)? {
                        if matches!(row.status, Status::Pending | Status::Sending) {
                            self.tx.store_row(Row { status: Status::Cancelled, lease: None, ..row })?;
                        }
                    }
                }
            }
        }
        let (event, cause, now) = (event.clone(), cause.clone(), self.now);
        self.tx.staged.happened.push(Happened { before, event, cause, change, now, hushed });
        Ok(())
    }

    /// `engine::delivery::claim` with the statement's conditions.
    pub(super) fn claim(&mut self, limit: usize) -> Result<Vec<(Row, u64)>, Killed> {
        let (now, no_leases) = (self.now, self.has(Bug::LeaseIsNotLookedAt));
        let mut claimed = Vec::new();
        let due = self.tx.due_rows(|row| {
            let is_free = match row.status {
                Status::Pending => true,
                Status::Sending => no_leases || row.lease.is_some_and(|(_, until)| until <= now),
                Status::Sent | Status::Delivered | Status::Failed | Status::Cancelled => false,
            };
            is_free && row.due_at <= now
        })?;
        for row in due {
            let Some(incident) = self.tx.incident(row.incident)? else { continue };
            if row.is_wanted(incident.status) && claimed.len() < limit {
                let token = self.tx.lease_token();
                let row = Row {
                    status: Status::Sending,
                    attempts: row.attempts + 1,
                    lease: Some((token, now + LEASE)),
                    ..row
                };
                self.tx.store_row(row.clone())?;
                claimed.push((row, token));
            }
        }
        Ok(claimed)
    }

    /// `engine::delivery::note` with `move_leased` and `move_sent` of the store.
    pub(super) fn note(&mut self, known: &Row, lease: u64, news: &News, jitter: f64) -> Result<(), Killed> {
        let Some(row) = self.tx.row(known.id)? else { return Ok(()) };
        let moves = match news {
            News::Tried(_) if self.has(Bug::ResultIsNotFenced) => true,
            News::Tried(_) => row.status == Status::Sending && row.lease.is_some_and(|(token, _)| token == lease),
            News::CallEnded(_, attempt, reference) => {
                matches!(row.status, Status::Sending | Status::Sent)
                    && row.attempts == *attempt
                    && row.provider_ref.as_ref().is_none_or(|known| known == reference)
            }
        };
        if !moves {
            return Ok(());
        }
        let moved = match news {
            News::Tried(outcome) => self.tried(known, outcome, jitter),
            News::CallEnded(end, ..) => {
                let status = self.tx.incident(row.incident)?.map(|incident| incident.status);
                self.ended(known, *end, status.is_some_and(|status| row.is_wanted(status)))
            }
        };
        let (incident, page, status) = (row.incident, row.page, moved.status);
        let cause = Cause { actor: Actor::ourselves(row.planned.channel.word()), mail_id: None };
        self.tx.store_row(Row { lease: None, attempts: row.attempts, ..moved })?;
        self.handle(incident, &Event::Noted { detail: "told".to_owned() }, &cause)?;
        if self.has(Bug::CompletedAcknowledges) && matches!(news, News::CallEnded(CallEnd::Completed, ..)) {
            self.handle(incident, &Event::Acknowledged { origin_at: None }, &cause)?;
        }
        let again = matches!(news, News::Tried(Outcome::Retry(_) | Outcome::Unknown(_)));
        if status == Status::Failed || (again && row.attempts >= PATIENCE) {
            self.hasten(known)?;
        }
        if status == Status::Failed {
            let of_page: Vec<Row> = self.tx.rows_of(incident)?.into_iter().filter(|row| row.page == page).collect();
            if of_page.iter().all(|row| row.status == Status::Failed) {
                self.handle(incident, &Event::PageFailed { page }, &cause)?;
            }
        }
        Ok(())
    }

    /// The person's next method of this page is due now (I30).
    fn hasten(&mut self, failed: &Row) -> Result<(), Killed> {
        let waits = |row: &Row| {
            row.page == failed.page
                && row.planned.user == failed.planned.user
                && row.status == Status::Pending
                && row.attempts == 0
        };
        let next = self.tx.rows_of(failed.incident)?.into_iter().filter(waits).min_by_key(|row| (row.due_at, row.id));
        match next.filter(|row| row.due_at > self.now) {
            Some(row) => self.tx.store_row(Row { due_at: self.now, ..row }),
            None => Ok(()),
        }
    }

    fn tried(&self, row: &Row, outcome: &Outcome, jitter: f64) -> Row {
        match outcome {
            Outcome::Accepted(reference) => {
                let provider_ref = Some(reference.clone()).filter(|reference| !reference.is_empty());
                Row { status: Status::Sent, due_at: self.now, provider_ref, ..row.clone() }
            }
            Outcome::Retry(_) | Outcome::Unknown(_) | Outcome::Later { .. } if row.attempts < ATTEMPTS_MAX => {
                let due_at = self.now + retry_delay(row.attempts, jitter);
                Row { status: Status::Pending, due_at, provider_ref: None, ..row.clone() }
            }
            Outcome::Retry(_) | Outcome::Unknown(_) | Outcome::Later { .. } | Outcome::Failed(_) => {
                Row { status: Status::Failed, ..row.clone() }
            }
        }
    }

    fn ended(&self, row: &Row, end: CallEnd, wanted: bool) -> Row {
        let rings = row.rings + 1;
        if wanted && matches!(end, CallEnd::Busy | CallEnd::NoAnswer) && rings < RINGS_MAX {
            let due_at = self.now + RING_AGAIN;
            return Row { status: Status::Pending, due_at, provider_ref: None, rings, ..row.clone() };
        }
        Row { status: Status::Failed, rings, ..row.clone() }
    }

    /// `Work::Answer`: a human answered a notification with an event; once.
    pub(super) fn answer(&mut self, id: u64, event: &Event, cause: &Cause) -> Result<bool, Killed> {
        let Some(row) = self.tx.row(id)?.filter(|row| row.status != Status::Delivered) else { return Ok(false) };
        let number = row.incident;
        self.tx.store_row(Row { status: Status::Delivered, lease: None, ..row })?;
        self.handle(number, event, cause)?;
        Ok(true)
    }

    /// `engine::arrange::make`.
    pub(super) fn arrange(&mut self, arrangement: &Arrangement, actor: &str) -> Result<(), Killed> {
        let now = self.now;
        match arrangement {
            Arrangement::Override(swap) => self.tx.overrides()?.push(swap.clone()),
            Arrangement::WithdrawOverrides => self.tx.overrides()?.clear(),
            Arrangement::Silence(silence) => self.tx.silences()?.push((**silence).clone()),
            Arrangement::EndSilences => {
                for silence in self.tx.silences()?.iter_mut().filter(|silence| silence.ends_at > now) {
                    silence.ends_at = now;
                }
                let cause = Cause { actor: Actor::ourselves(actor), mail_id: None };
                for number in self.tx.held_incidents()? {
                    self.handle(number, &Event::HoldEnded, &cause)?;
                }
            }
        }
        Ok(())
    }
}
