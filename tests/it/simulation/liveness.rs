//! What must have come about once all has been well for a while.

use jiff::SignedDuration;
use nightcall::domain::alert::Action;
use nightcall::domain::hold::hold;
use nightcall::domain::incident::{Incident, Status};
use nightcall::domain::notification::Status as Sent;
use nightcall::domain::situation::Situation;

use super::database::{MailOutcome, Tx};
use super::engine::Engine;
use super::safety::Verdict;
use super::world::World;

/// Longest that anything due may wait while all is well.
const EPSILON: SignedDuration = SignedDuration::from_secs(5);

/// Every step here is followed by the next, and the fallback contact is paged again, in this time.
const CYCLE_MS: i64 = 45 * 60_000;

impl World {
    /// I2, I17, I18, I19, I21, and that nothing is pending for ever.
    pub(super) fn has_settled(&self) -> Verdict {
        self.every_mail_has_acted()?;
        for incident in self.database.incidents.values() {
            self.is_looked_after(incident)?;
        }
        let now = self.at(self.true_ms);
        for row in self.database.rows.values() {
            let overdue = now.duration_since(row.due_at) > EPSILON;
            let waits = row.status == Sent::Pending && overdue;
            let stuck = row.status == Sent::Sending && row.lease.is_none_or(|(_, until)| until < now);
            let incident = self.database.incidents.get(&row.incident).map(|incident| incident.status);
            if waits || stuck {
                return Err(format!(
                    "I27: notification {} (page {}) is {} for ever; its incident #{} is {incident:?}",
                    row.id, row.page, row.status, row.incident
                ));
            }
        }
        Ok(())
    }

    fn every_mail_has_acted(&self) -> Verdict {
        for (mail, accepted) in self.mails.iter().zip(&self.accepted) {
            if !accepted {
                return Err(format!("I3: mail {} was never taken", mail.id));
            }
            let stored: Vec<_> = self.database.mails.iter().filter(|stored| stored.mail == mail.id).collect();
            let first = stored.first().ok_or_else(|| format!("I2: mail {} was taken and is not stored", mail.id))?;
            let acted = match &first.outcome {
                MailOutcome::Opened(number) => {
                    mail.action == Action::Trigger && self.database.incidents.contains_key(number)
                }
                MailOutcome::Touched(number, action) => {
                    *action == mail.action && self.database.incidents.contains_key(number)
                }
                MailOutcome::NothingOpen => mail.action != Action::Trigger,
                MailOutcome::Repeated => false,
            };
            if !acted {
                return Err(format!("I2: mail {} came to nothing: {:?}", mail.id, first.outcome));
            }
            let effects = stored.iter().filter(|stored| stored.outcome != MailOutcome::Repeated).count();
            if mail.has_message_id && effects > 1 {
                return Err(format!("I6: mail {} acted {effects} times", mail.id));
            }
        }
        Ok(())
    }

    fn is_looked_after(&self, incident: &Incident) -> Verdict {
        let (now, number) = (self.at(self.true_ms), incident.number);
        if incident.next_at().is_some_and(|next| now.duration_since(next) > EPSILON) {
            return Err(format!("I18: the timer of #{number} is overdue"));
        }
        if incident.status != Status::Triggered {
            return Ok(());
        }
        let due_at = incident.due_at.ok_or_else(|| format!("I17: #{number} has no timer"))?;
        if let Some(reason) = &incident.held {
            // It may be looked at again a little later than the reason ends.
            let holds = self.is_held(incident) || due_at.duration_since(now) < SignedDuration::from_secs(31);
            return if holds { Ok(()) } else { Err(format!("I16: #{number} is held: {reason}; nothing holds it")) };
        }
        // Quiet hours: everybody wants to hear of it later.
        let will_be_told = |status, due_at| status == Sent::Pending && due_at > now;
        let told_later =
            self.database.rows.values().any(|row| row.incident == number && will_be_told(row.status, row.due_at));
        let since_ms = self.true_ms - CYCLE_MS;
        if !told_later && !self.rung.iter().any(|(at, about)| *about == number && *at >= since_ms) {
            return Err(format!("I18: #{number} needs somebody, and nobody was called for {} min", CYCLE_MS / 60_000));
        }
        let hours = SignedDuration::from_hours(24);
        if !incident.position.exhausted && due_at.duration_since(now) > hours {
            return Err(format!("I19: #{number} waits until {due_at}"));
        }
        Ok(())
    }

    fn is_held(&self, incident: &Incident) -> bool {
        let (now, definitions) = (self.at(self.true_ms), &self.definitions[0]);
        let handling = definitions.handling(&incident.service);
        let mut tx = Tx::begin(&self.database, None);
        let parents = Engine { tx: &mut tx, definitions, now, bug: None }.parents(incident).unwrap_or_default();
        let situation = Situation {
            silences: &self.database.silences,
            parents: &parents,
            ..Situation::quiet(&definitions.roster, &handling, now)
        };
        hold(incident, &situation).is_some()
    }
}
