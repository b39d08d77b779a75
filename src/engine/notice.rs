//! Notices: tests of contact methods, and telling people that they come on call.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;
use serde_json::json;

use super::committer::Work;
use super::door::random_id;
use super::{Engine, Error, audit};
use crate::domain::Definitions;
use crate::domain::actor::Actor;
use crate::domain::alert::Alert;
use crate::domain::channel::Channel;
use crate::domain::notice::{self, Notice, Proof};
use crate::domain::notification::{Outcome, Status, retry_delay};
use crate::domain::roster::{ContactMethod, User};
use crate::domain::schedule::{Override, Schedule};
use crate::domain::situation::overrides_of;
use crate::store::notice::{News, StoredNotice};
use crate::store::trail::Act;
use crate::store::{self, Store, WriteTx};

/// How often it is looked whether other people are on call.
const HANDOFF_EVERY: SignedDuration = SignedDuration::from_secs(20);

/// How far ahead the end of somebody's turn is looked for.
const TURN_MAX: SignedDuration = SignedDuration::from_hours(35 * 24);

/// How long a worker owns what it claimed.
pub(super) const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// Longest time for one of these changes.
pub(super) const TIMEOUT: Duration = Duration::from_secs(10);

impl Engine {
    /// Has a test sent to one of a person's contact methods; the notice, or `None` when there is no such method.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn test_contact(&self, user: &str, method: &str, by: &Actor) -> Result<Option<StoredNotice>, Error> {
        let (now, definitions) = (self.clock.now(), self.definitions());
        let Some(method) = method_of(&definitions, user, method) else { return Ok(None) };
        let code = notice::code(rand::rng().random());
        let id = random_id();
        let test = new(&id, &format!("test/{id}"), Notice::Test { code }, user, method, now, now);
        in_time(async {
            let mut tx = self.store.begin().await?;
            tx.insert_notice(&test).await?;
            tx.tell(Act::new(by, "contact_tested", format!("{} of {user}", method.name)), now);
            tx.commit().await
        })
        .await?;
        self.wakes.worker.notify_one();
        Ok(Some(test))
    }

    /// Checks the code that a test brought; `None` when there is no such method.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn verify_contact(
        &self,
        user: &str,
        method: &str,
        code: &str,
        by: &Actor,
    ) -> Result<Option<Proof>, Error> {
        let (now, definitions) = (self.clock.now(), self.definitions());
        let Some(method) = method_of(&definitions, user, method) else { return Ok(None) };
        let proving = async {
            let mut tx = self.store.begin().await?;
            let proof = tx.prove(method.channel, &method.address, code, now).await?;
            let act = Act::new(by, "contact_verified", format!("{} of {user}", method.name));
            tx.tell(act.became(json!({ "proof": proof.to_string() })), now);
            tx.commit().await?;
            Ok(proof)
        };
        in_time(proving).await.map(Some)
    }

    /// Somebody answered a test by a key on the phone.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn test_answered(&self, test: &StoredNotice) -> Result<(), Error> {
        in_time(async {
            let mut tx = self.store.begin().await?;
            let now = self.clock.now();
            tx.note_contact(test.channel, &test.address, News::Answered, now).await?;
            let by = Actor::answering(&test.user, test.channel, "");
            tx.tell(Act::new(&by, "contact_verified", format!("{} of {}", test.channel, test.user)), now);
            tx.commit().await
        })
        .await
    }

    /// Tells people who have come on call since it was last looked. What is found the first time is not news.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tell_handoffs(&self) -> Result<(), Error> {
        let (now, definitions) = (self.clock.now(), self.definitions());
        {
            let mut looked_at = self.handoffs_looked_at.lock().unwrap_or_else(PoisonError::into_inner);
            // A clock that was put back must not silence it.
            if looked_at.is_some_and(|at| now >= at && now.duration_since(at) < HANDOFF_EVERY) {
                return Ok(());
            }
            *looked_at = Some(now);
        }
        in_time(tell_handoffs(&self.store, &definitions, now)).await
    }

    /// Leases notices that are due.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn claim_notices(&self, limit: usize) -> Result<Vec<StoredNotice>, store::Error> {
        let now = self.clock.now();
        if limit == 0 || !self.store.notice_is_due(now).await? {
            return Ok(Vec::new());
        }
        let claiming = async {
            let mut tx = self.store.begin().await?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let claimed = tx.claim_notices(now, now + LEASE, &random_id(), limit).await?;
            tx.commit().await?;
            Ok(claimed)
        };
        tokio::time::timeout(TIMEOUT, claiming).await.unwrap_or(Err(store::Error::TimedOut))
    }

    /// Tells what came of a notice.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn report_notice(&self, told: &StoredNotice, outcome: &Outcome) -> Result<(), Error> {
        let now = self.clock.now();
        let retry_at = now + retry_delay(told.attempts, rand::rng().random());
        in_time(async {
            let mut tx = self.store.begin().await?;
            let (to, error) = moved_by(outcome);
            if tx.move_notice(told, to, (retry_at, now), error).await? {
                match outcome {
                    Outcome::Accepted(_) => {
                        tx.note_contact(told.channel, &told.address, News::Accepted, now).await?;
                    }
                    Outcome::Failed(why) => {
                        tx.note_contact(told.channel, &told.address, News::Failed(why), now).await?;
                    }
                    Outcome::Retry(_) | Outcome::Unknown(_) | Outcome::Later { .. } => {}
                }
            }
            tx.commit().await
        })
        .await
    }

    /// Somebody has switched off a way to reach them: an incident tells it, for a page by it would reach nobody.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn contact_stopped(&self, channel: Channel, address: &str, user: &str) -> Result<(), Error> {
        let now = self.clock.now();
        in_time(async {
            let mut tx = self.store.begin().await?;
            tx.note_contact(channel, address, News::Failed("STOP was replied"), now).await?;
            let by = Actor::answering(user, channel, address);
            tx.tell(Act::new(&by, "contact_stopped", format!("{channel} of {user}")), now);
            tx.commit().await
        })
        .await?;
        self.alarm(audit::stopped(channel, user, true)).await
    }

    /// It is on again.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn contact_started(&self, channel: Channel, user: &str) -> Result<(), Error> {
        let act = Act::new(&Actor::answering(user, channel, ""), "contact_started", format!("{channel} of {user}"));
        in_time(self.store.tell(act, self.clock.now())).await?;
        self.alarm(audit::stopped(channel, user, false)).await
    }

    /// Tells everybody that somebody is admin by the way for emergencies.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn glass_broken(&self, origin: &str) -> Result<(), Error> {
        self.alarm(audit::glass_broken(origin, self.clock.now())).await
    }

    async fn alarm(&self, alert: Alert) -> Result<(), Error> {
        let (now, definitions) = (self.clock.now(), self.definitions());
        self.committer.submit(Work::Alarm { alert: Box::new(alert), now, definitions }).await.map(|_| ())
    }
}

/// Where an attempt moves what was told, and what went wrong.
pub(super) fn moved_by(outcome: &Outcome) -> (Status, Option<&str>) {
    match outcome {
        Outcome::Accepted(_) => (Status::Sent, None),
        Outcome::Retry(why) | Outcome::Unknown(why) | Outcome::Later { why, .. } => (Status::Pending, Some(why)),
        Outcome::Failed(why) => (Status::Failed, Some(why)),
    }
}

/// Makes a change, or gives it up when the database is too slow.
pub(super) async fn in_time<T>(change: impl Future<Output = Result<T, store::Error>>) -> Result<T, Error> {
    let changed = tokio::time::timeout(TIMEOUT, change).await.map_err(|_| Error::TimedOut)?;
    changed.map_err(|error| Error::NotCommitted(Arc::new(error)))
}

fn method_of<'d>(definitions: &'d Definitions, user: &str, method: &str) -> Option<&'d ContactMethod> {
    definitions.roster.users.get(user)?.methods.iter().find(|known| known.name == method)
}

fn new(
    id: &str,
    occasion: &str,
    notice: Notice,
    user: &str,
    method: &ContactMethod,
    now: Timestamp,
    due_at: Timestamp,
) -> StoredNotice {
    StoredNotice {
        id: id.to_owned(),
        nonce: random_id(),
        occasion: occasion.to_owned(),
        notice,
        user: user.to_owned(),
        channel: method.channel,
        address: method.address.clone(),
        status: Status::Pending,
        attempts: 0,
        error: None,
        created_at: now,
        due_at,
        lease_token: None,
    }
}

async fn tell_handoffs(store: &Store, definitions: &Definitions, now: Timestamp) -> Result<(), store::Error> {
    let roster = &definitions.roster;
    if roster.schedules.is_empty() {
        return Ok(());
    }
    let mut tx = store.begin().await?;
    let arranged = tx.arranged(now).await?;
    let known = tx.last_on_call().await?;
    for schedule in roster.schedules.values() {
        let overrides = overrides_of(&arranged.overrides, &schedule.name);
        let on_call = schedule.on_call(&overrides, now);
        let before = known.get(&schedule.name);
        if before.is_none() {
            tx.comes_on_call(&schedule.name, "", now).await?;
        }
        for gone in before.into_iter().flatten().filter(|user| !on_call.iter().any(|now| now.user == **user)) {
            tx.goes_off_call(&schedule.name, gone).await?;
        }
        let news = on_call.iter().filter(|now| !before.is_some_and(|before| before.contains(&now.user)));
        for on_call in news {
            // Another node may have told them.
            let first = tx.comes_on_call(&schedule.name, &on_call.user, now).await?;
            let user = roster.users.get(&on_call.user).filter(|_| first && before.is_some());
            if let Some(user) = user {
                tell(&mut tx, schedule, &overrides, user, now).await?;
            }
        }
    }
    for gone in known.iter().filter(|(name, _)| !roster.schedules.contains_key(*name)) {
        forget(&mut tx, gone).await?;
    }
    tx.commit().await
}

async fn forget(tx: &mut WriteTx, (schedule, people): (&String, &Vec<String>)) -> Result<(), store::Error> {
    for user in people.iter().map(String::as_str).chain([""]) {
        tx.goes_off_call(schedule, user).await?;
    }
    Ok(())
}

async fn tell(
    tx: &mut WriteTx,
    schedule: &Schedule,
    overrides: &[Override],
    user: &User,
    now: Timestamp,
) -> Result<(), store::Error> {
    let notice = Notice::OnCall { schedule: schedule.name.clone(), until: turn_ends(schedule, overrides, user, now) };
    let due_at = user.quiet_until(now).unwrap_or(now);
    for method in user.on_call_notice.iter().filter_map(|at| user.methods.get(*at)) {
        let occasion = format!("on-call/{}/{}/{}/{}", schedule.name, user.name, method.name, now.as_millisecond());
        tx.insert_notice(&new(&random_id(), &occasion, notice.clone(), &user.name, method, now, due_at)).await?;
    }
    Ok(())
}

/// When somebody's turn ends, whatever put them on call in the course of it.
fn turn_ends(schedule: &Schedule, overrides: &[Override], user: &User, now: Timestamp) -> Option<Timestamp> {
    let horizon = now.checked_add(TURN_MAX).unwrap_or(Timestamp::MAX);
    let shifts = schedule.shifts(overrides, now, horizon);
    let mut ends: BTreeMap<Timestamp, Timestamp> = BTreeMap::new();
    for shift in shifts.iter().filter(|shift| shift.user == user.name) {
        let end = ends.entry(shift.starts_at).or_insert(shift.ends_at);
        *end = shift.ends_at.max(*end);
    }
    let turn = ends.into_iter().fold(now, |end, (starts, ends)| if starts <= end { end.max(ends) } else { end });
    (turn > now && turn < horizon).then_some(turn)
}
