//! Planned work that a monitor announces by mail: a silence of its own, where the service allows it.
//!
//! Monitors send DOWNTIMESTART and DOWNTIMEEND as they send everything else, and mail may come late, twice or not at
//! all. So such a silence has an end of its own, and a start that is older than the newest end starts nothing.

use jiff::Timestamp;

use super::arrange::{self, Arrangement, arrangement_id};
use crate::domain::Definitions;
use crate::domain::actor::Actor;
use crate::domain::alert::{Alert, Downtime};
use crate::domain::matcher::{Matcher, Wanted};
use crate::domain::silence::Silence;
use crate::store::{Error, WriteTx};

/// Who makes these silences.
const AUTHOR: &str = "mail";

/// Lets an announcement act, in the caller's transaction. What became of it, in words; `None` when it announces nothing
/// or the service does not listen to it.
pub(crate) async fn announced(
    tx: &mut WriteTx,
    service: &str,
    alert: &Alert,
    (origin_at, now): (Timestamp, Timestamp),
    definitions: &Definitions,
) -> Result<Option<String>, Error> {
    let allowed = definitions.rulebook.service(service).and_then(|service| service.handling.downtime);
    let (Some(downtime), Some(longest)) = (alert.downtime, allowed) else { return Ok(None) };
    let wanted = Wanted {
        service: Some(service.to_owned()),
        key: Some(format!("^{}$", regex::escape(&alert.dedup_key))),
        ..Wanted::default()
    };
    let key = &alert.dedup_key;
    let Ok(matcher) = Matcher::new(wanted) else {
        return Ok(Some(format!("downtime {downtime}: {key} is too long a key to be silenced")));
    };
    let arranged = tx.arranged(now).await?;
    let known = |silence: &&Silence| silence.author == AUTHOR && silence.matcher.wanted() == matcher.wanted();
    let lasting: Vec<Silence> = arranged.silences.iter().filter(known).cloned().collect();
    let silence = |starts_at, ends_at| Silence {
        id: arrangement_id(),
        matcher: matcher.clone(),
        starts_at,
        ends_at,
        reason: format!("downtime announced by mail ({})", alert.rule),
        author: AUTHOR.to_owned(),
    };
    match downtime {
        Downtime::Start if !lasting.is_empty() => Ok(Some(format!("downtime start: {key} is silenced already"))),
        Downtime::Start
            if tx.silence_ended(matcher.wanted(), AUTHOR, now).await?.is_some_and(|end| end >= origin_at) =>
        {
            Ok(Some(format!("downtime start: older than the end that came before, so {key} is not silenced")))
        }
        Downtime::Start => {
            let ends_at = now.checked_add(longest).unwrap_or(Timestamp::MAX);
            let made = Arrangement::Silence(Box::new(silence(now, ends_at)));
            arrange::make(tx, &made, &Actor::ourselves(AUTHOR), definitions, now).await?;
            Ok(Some(format!(
                "downtime start: {key} is silenced until the end is announced, {longest:#} at the longest"
            )))
        }
        Downtime::End => {
            let by = Actor::ourselves(AUTHOR);
            for silence in &lasting {
                arrange::make(tx, &Arrangement::EndSilence(silence.id.clone()), &by, definitions, now).await?;
            }
            if lasting.is_empty() {
                // Remembered, so that a start that comes late is known to be over.
                let over = Arrangement::Silence(Box::new(silence(origin_at, origin_at)));
                arrange::make(tx, &over, &by, definitions, now).await?;
            }
            Ok(Some(format!("downtime end: {key} is not silenced any more")))
        }
    }
}
