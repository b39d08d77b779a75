//! What must hold after every step, whatever goes wrong meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use nightcall::domain::escalation::Position;
use nightcall::domain::incident::{Effect, Event, Incident, Kind, Status};
use nightcall::domain::notification::Status as Sent;

use super::database::{Database, Happened, Row};
use super::engine::LEASE;

/// A call that starts so long after an acknowledgement is one too many (I31).
const LATE_CALL_MS: i64 = 2_000;

/// What the checks remember.
#[derive(Debug, Default)]
pub(super) struct Checks {
    told: BTreeMap<i64, Told>,
    pages: BTreeSet<(i64, i64)>,
    /// When it stopped to need somebody, in true time.
    left_at: BTreeMap<i64, i64>,
    /// When each lease was taken, in true time.
    leased: BTreeMap<u64, i64>,
    /// Until when somebody wants to hear nothing, unless something new happens.
    snoozes: BTreeMap<i64, Timestamp>,
    /// Origin of the newest trigger of each incident, from the mails.
    newest: BTreeMap<i64, Timestamp>,
}

/// What the timeline says that the incident is (I14).
#[derive(Debug, Default)]
struct Told {
    status: Option<Status>,
    pages: i64,
    alerts: i64,
    exhausted: bool,
    doubtful: bool,
    flapping: bool,
}

/// One broken promise, in words.
pub(super) type Verdict = Result<(), String>;

fn must(holds: bool, promise: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(promise()) }
}

impl Checks {
    /// After a commit.
    pub(super) fn committed(&mut self, database: &Database, happened: &[Happened], true_ms: i64) -> Verdict {
        for what in happened {
            self.of_machine(what)?;
            self.of_people(what)?;
            self.of_mail(what)?;
            self.of_timeline(what)?;
            self.of_pages(what, true_ms)?;
            Self::of_steps(database, what)?;
        }
        let mut open = BTreeSet::new();
        for incident in database.incidents.values().filter(|incident| incident.status != Status::Resolved) {
            let key = (&incident.service, &incident.dedup_key);
            must(open.insert(key), || format!("I10: two open incidents have the key {key:?}"))?;
        }
        Ok(())
    }

    /// I13, I17, I20.
    fn of_machine(&self, what: &Happened) -> Verdict {
        let (after, number) = (&what.change.incident, what.change.incident.number);
        match after.status {
            Status::Triggered => must(after.due_at.is_some(), || format!("I17: #{number} has no timer"))?,
            Status::Acknowledged => {
                let ends = after.due_at.is_some() || after.policy.ack_timeout.is_none();
                must(ends, || format!("I17: the acknowledgement of #{number} never ends"))?;
            }
            Status::Resolved => must(after.next_at().is_none(), || format!("I17: #{number} is over, its timer not"))?,
        }
        if what.event == Event::TimerDue {
            let later = after.next_at().is_none_or(|next| next > what.now);
            must(later, || format!("I20: the timer of #{number} is due again at once"))?;
        }
        let Some(before) = &what.before else { return Ok(()) };
        must(after.severity >= before.severity, || format!("I13: #{number} became less severe"))?;
        if after.severity > before.severity {
            let pages = after.status == Status::Triggered && after.due_at.is_some_and(|due| due <= what.now);
            must(pages, || format!("I13: #{number} got worse and calls nobody"))?;
        }
        let was_over = before.status == Status::Resolved;
        must(!was_over || before == after, || format!("I11: #{number} was over and changed by {:?}", what.event))
    }

    /// I29: only people, and mails of their kind, stop an escalation; I16: a snooze is kept.
    fn of_people(&mut self, what: &Happened) -> Verdict {
        let Some(before) = &what.before else { return Ok(()) };
        let (after, number, actor) = (&what.change.incident, what.change.incident.number, what.cause.actor.name());
        let stops = before.status == Status::Triggered && after.status != Status::Triggered;
        let may = actor.contains(" by ")
            || actor.starts_with("mail")
            || (actor == "timer" && after.status == Status::Resolved && what.event == Event::TimerDue);
        must(!stops || may, || format!("I29: {actor} stopped the escalation of #{number}"))?;
        if let (true, Status::Resolved, "timer") = (stops, after.status, actor) {
            let silenced = before.held.as_ref().is_some_and(|held| !held.starts_with("a recovery within"));
            let seen = before.pages > 0 || silenced || before.watch.calm_at.is_some();
            must(seen, || format!("I18: #{number} is over before anybody was called, because we were away"))?;
        }
        match &what.event {
            Event::Snoozed { until } if !what.change.entries.is_empty() => _ = self.snoozes.insert(number, *until),
            Event::TimerDue | Event::PageFailed { .. } | Event::HoldEnded => {
                let until = self.snoozes.get(&number).filter(|until| **until > what.now);
                must(until.is_none() || !what.pages(), || {
                    format!("I16: #{number} is snoozed until {until:?} and pages")
                })?;
            }
            Event::Noted { .. } | Event::Remarked { .. } | Event::RespondersAdded { .. } => {}
            Event::Triggered(_) if after.severity == before.severity => {}
            _ => _ = self.snoozes.remove(&number),
        }
        Ok(())
    }

    /// I11, I12.
    fn of_mail(&mut self, what: &Happened) -> Verdict {
        let (after, number) = (&what.change.incident, what.change.incident.number);
        let newest = self.newest.entry(number).or_insert(after.triggered_at);
        let closes = after.resolved_at.is_some() && what.before.as_ref().is_some_and(|it| it.resolved_at.is_none());
        match &what.event {
            Event::Triggered(trigger) => {
                let attached = what.before.as_ref().is_none_or(|before| after.alert_count == before.alert_count + 1);
                *newest = trigger.origin_at.max(*newest);
                must(attached, || format!("I11: a trigger did not attach to #{number}"))?;
            }
            Event::Resolved { origin_at } if closes && what.cause.mail_id.is_some() => {
                let fresh = origin_at.is_some_and(|origin_at| origin_at >= *newest);
                must(fresh, || format!("I12: an old recovery closed #{number}"))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// I14: replaying the timeline gives the state.
    fn of_timeline(&mut self, what: &Happened) -> Verdict {
        let (after, number) = (&what.change.incident, what.change.incident.number);
        let told = self.told.entry(number).or_default();
        for entry in &what.change.entries {
            told.hear(entry.kind);
        }
        let is = (Some(after.status), after.pages, after.alert_count, after.position.exhausted);
        let says = (told.status, told.pages, told.alerts, told.exhausted);
        must(is == says, || format!("I14: #{number} is {is:?}, but its timeline says {says:?}"))?;
        let (is, says) = ((after.doubtful, after.flapping), (told.doubtful, told.flapping));
        must(is == says, || format!("I14: #{number} is doubtful, flapping: {is:?}; its timeline says {says:?}"))
    }

    /// I20, I24 and that nothing pages that should not.
    fn of_pages(&mut self, what: &Happened, true_ms: i64) -> Verdict {
        let (after, number) = (&what.change.incident, what.change.incident.number);
        if after.status == Status::Triggered {
            self.left_at.remove(&number);
        } else {
            self.left_at.entry(number).or_insert(true_ms);
        }
        let mut count = 0;
        for effect in &what.change.effects {
            let Effect::Page { page, notifications } = effect else { continue };
            count += 1;
            must(self.pages.insert((number, *page)), || format!("I24: page {page} of #{number} is made twice"))?;
            must(!notifications.is_empty(), || format!("I18: page {page} of #{number} is for nobody"))?;
            let mut ways = BTreeSet::new();
            let twice = notifications.iter().find(|it| !ways.insert((&it.user, it.channel, &it.address)));
            must(twice.is_none(), || format!("I24: page {page} of #{number} has {twice:?} twice"))?;
            let by_itself = matches!(what.event, Event::TimerDue | Event::PageFailed { .. });
            must(!(by_itself && what.hushed), || format!("I16: #{number} is silenced and pages by {:?}", what.event))?;
            let called_in = matches!(what.event, Event::RespondersAdded { .. });
            let wanted = after.status == Status::Triggered || called_in;
            must(wanted, || format!("I31: #{number} is {} and pages", after.status))?;
            let waits = after.held.is_some() && !called_in;
            must(!waits, || format!("I16: #{number} is said to be held and pages by {:?}", what.event))?;
        }
        must(count <= 1, || format!("I21: #{number} pages {count} times at once"))
    }

    /// A step is not left before anybody of it was told (I18): quiet hours put the whole escalation off.
    fn of_steps(database: &Database, what: &Happened) -> Verdict {
        let Some(before) = what.before.as_ref().filter(|before| before.position != Position::default()) else {
            return Ok(());
        };
        let rises = what.change.entries.iter().any(|entry| entry.kind == Kind::UrgencyRaised);
        if what.event != Event::TimerDue || before.status != Status::Triggered || rises || !what.pages() {
            return Ok(());
        }
        let mut of_page =
            database.rows.values().filter(|row| (row.incident, row.page) == (before.number, before.pages));
        let untold = |row: &Row| row.status == Sent::Pending && row.attempts == 0 && row.due_at > what.now;
        let all_untold = of_page.next().is_some_and(untold) && of_page.all(untold);
        must(!all_untold, || format!("I18: #{} leaves a step of which nobody was told yet", before.number))
    }

    /// When a worker is about to call: I25, I26, I31.
    pub(super) fn starts(&self, database: &Database, claimed: &Row, true_ms: i64) -> Verdict {
        let id = claimed.id;
        let Some(row) = database.rows.get(&id) else { return Err(format!("I25: no row for notification {id}")) };
        let left = self.left_at.get(&row.incident).filter(|left| true_ms - **left > LATE_CALL_MS);
        must(left.is_none() || row.called_in, || {
            format!("I31: notification {id} of #{} starts long after it was acknowledged", row.incident)
        })
    }

    /// I28: a notification moves forward only; I26: a lease ends before the next one begins.
    pub(super) fn moves(&mut self, before: Option<&Row>, after: &Row, true_ms: i64, skew_ms: i64) -> Verdict {
        let token = after.lease.map(|(token, _)| token);
        let is_new = token.is_some_and(|token| !self.leased.contains_key(&token));
        self.leased.extend(token.filter(|_| is_new).map(|token| (token, true_ms)));
        let Some(before) = before else { return Ok(()) };
        if let (true, Some((other, _))) = (is_new, before.lease) {
            // A clock that is ahead sees a lease end sooner.
            let apart = i64::try_from(LEASE.as_millis()).unwrap_or_default() - 2 * skew_ms;
            let over = self.leased.get(&other).is_some_and(|since| true_ms - since >= apart);
            must(over, || format!("I26: notification {} is leased twice at once", after.id))?;
        }
        let may = match (before.status, after.status) {
            (Sent::Delivered, to) => to == Sent::Delivered,
            (Sent::Failed | Sent::Cancelled, to) => to == before.status || to == Sent::Delivered,
            (Sent::Sent, to) => to != Sent::Sending,
            (Sent::Pending | Sent::Sending, _) => true,
        };
        let (from, to) = (before.status, after.status);
        must(may, || format!("I28: notification {} went from {from} to {to}", after.id))
    }
}

impl Happened {
    fn pages(&self) -> bool {
        self.change.effects.iter().any(|effect| matches!(effect, Effect::Page { .. }))
    }
}

impl Told {
    fn hear(&mut self, kind: Kind) {
        match kind {
            Kind::Opened => (self.status, self.alerts) = (Some(Status::Triggered), 1),
            Kind::Repeated => (self.alerts, self.doubtful) = (self.alerts + 1, false),
            Kind::Acknowledged | Kind::TakenOver | Kind::Snoozed => self.status = Some(Status::Acknowledged),
            Kind::SeverityRaised
            | Kind::AcknowledgementExpired
            | Kind::SnoozeEnded
            | Kind::Reassigned
            | Kind::UrgencyRaised => (self.status, self.exhausted) = (Some(Status::Triggered), false),
            Kind::Escalated => self.status = Some(Status::Triggered),
            Kind::Resolved => self.status = Some(Status::Resolved),
            Kind::Paged => self.pages += 1,
            Kind::Exhausted => self.exhausted = true,
            Kind::ProbablyOver => self.doubtful = true,
            Kind::Flapping => self.flapping = true,
            Kind::Stale
            | Kind::StepSkipped
            | Kind::Undeliverable
            | Kind::Held
            | Kind::Released
            | Kind::RespondersAdded
            | Kind::Remarked
            | Kind::Calming
            | Kind::Late
            | Kind::Notified => {}
        }
    }
}

/// What an incident is like, in one line of the trace.
pub(super) fn line(incident: &Incident) -> String {
    format!(
        "#{} {} {} pages {} step {}{}{}",
        incident.number,
        incident.service,
        incident.status,
        incident.pages,
        incident.position.step,
        if incident.position.exhausted { " exhausted" } else { "" },
        incident.held.as_ref().map_or(String::new(), |held| format!(" held: {held}")),
    )
}
