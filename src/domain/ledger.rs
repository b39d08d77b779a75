//! What alerts do to incidents, without a database: for asking how things would have gone with other rules.
//!
//! People's acts are not part of it: nobody acknowledges here, and timers do not run. What is counted is what mail
//! alone decides: which incidents open, and how often somebody is called first.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::actor::Actor;
use super::alert::{Action, Alert};
use super::handling::Handling;
use super::incident::{Cause, Change, Event, Incident, Kind, Opening, Status, Trigger};
use super::roster::Roster;
use super::situation::Situation;

/// Incidents made by alerts alone.
#[derive(Debug, Default)]
pub struct Ledger {
    open: BTreeMap<(String, String), Incident>,
    /// Incidents opened.
    pub incidents: u64,
    /// First calls: one for each incident opened, one each time it got worse.
    pub pages: u64,
}

impl Ledger {
    /// Lets an alert act.
    pub fn raise(&mut self, service: &str, alert: &Alert, origin_at: Timestamp, now: Timestamp) {
        let key = (service.to_owned(), alert.dedup_key.clone());
        let event = match alert.action {
            Action::Ignore | Action::Heartbeat => return,
            Action::Trigger => Event::Triggered(trigger(alert, origin_at)),
            Action::Acknowledge => Event::Acknowledged { origin_at: Some(origin_at) },
            Action::Resolve => Event::Resolved { origin_at: Some(origin_at) },
        };
        let (roster, handling) = (Roster::default(), Handling::default());
        let situation = Situation::quiet(&roster, &handling, now);
        let change = match (self.open.get(&key), event) {
            (Some(incident), event) => {
                let cause = Cause { actor: Actor::ourselves("mail"), mail_id: None };
                incident.apply(&event, &cause, &situation)
            }
            (None, Event::Triggered(trigger)) => {
                self.incidents += 1;
                let opening = Opening {
                    number: 0,
                    service,
                    dedup_key: &alert.dedup_key,
                    sender: "",
                    client: "",
                    opened_before: 0,
                };
                Incident::open(&opening, &trigger, &situation)
            }
            (None, _) => return,
        };
        self.note(key, change);
    }

    fn note(&mut self, key: (String, String), change: Change) {
        let called = |kind: Kind| matches!(kind, Kind::Opened | Kind::SeverityRaised);
        self.pages += change.entries.iter().filter(|entry| called(entry.kind)).count() as u64;
        if change.incident.status == Status::Resolved {
            self.open.remove(&key);
        } else {
            self.open.insert(key, change.incident);
        }
    }
}

/// What an alert brings to its incident.
pub fn trigger(alert: &Alert, origin_at: Timestamp) -> Trigger {
    Trigger {
        severity: alert.severity,
        summary: alert.summary.clone(),
        details: alert.details.clone(),
        links: alert.links.clone(),
        origin_at,
        hold: alert.hold,
        over_after: None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::alert::Severity;
    use super::*;

    #[test]
    fn only_what_mail_decides_is_counted() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).expect("in range");
        let mut ledger = Ledger::default();
        let mut raise = |action: Action, key: &str, severity: Severity, minute: i64| {
            let alert = Alert {
                action,
                dedup_key: key.to_owned(),
                severity,
                summary: String::new(),
                details: BTreeMap::new(),
                links: BTreeMap::new(),
                rule: String::new(),
                reason: String::new(),
                hold: None,
                downtime: None,
                objection: None,
            };
            ledger.raise("s", &alert, at(minute), at(minute));
            (ledger.incidents, ledger.pages)
        };
        use Severity::{Critical, Warning};
        assert_eq!(raise(Action::Resolve, "a", Warning, 0), (0, 0), "nothing is open");
        assert_eq!(raise(Action::Trigger, "a", Warning, 1), (1, 1));
        assert_eq!(raise(Action::Trigger, "a", Warning, 2), (1, 1), "a repeat");
        assert_eq!(raise(Action::Trigger, "a", Critical, 3), (1, 2), "it got worse");
        assert_eq!(raise(Action::Resolve, "a", Warning, 2), (1, 2), "made before the newest alert");
        assert_eq!(raise(Action::Trigger, "b", Warning, 4), (2, 3));
        assert_eq!(raise(Action::Resolve, "a", Warning, 5), (2, 3));
        assert_eq!(raise(Action::Trigger, "a", Warning, 6), (3, 4), "opened anew");
        assert_eq!(raise(Action::Ignore, "a", Warning, 7), (3, 4));
    }
}
