//! All browsers that somebody has subscribed are told at once, past the guard (I37). One whose push service knows it
//! no more is never told again; with none left the notification fails, and the person's next method is due.

use std::sync::Arc;

use rand::RngExt as _;
use tokio::task::JoinSet;

use super::encryption::{Random, Receiver};
use super::{Config, Push, Verdict, judge};
use crate::domain::notification::Outcome;
use crate::engine::Engine;
use crate::engine::push::receiver_keys;
use crate::notify::http::{Guard, Http};
use crate::notify::message::{Kind, Message};
use crate::store::Error;
use crate::store::push::Subscription;

/// Everybody's browsers.
#[derive(Debug)]
pub struct Phones {
    engine: Arc<Engine>,
    http: Http,
    config: Config,
}

impl Phones {
    /// Browsers that are reached with these.
    pub fn new(engine: Arc<Engine>, http: Http, config: Config) -> Self {
        Self { engine, http, config }
    }

    /// Tells a person by all of their browsers. Never fails: what went wrong is an outcome.
    pub async fn say(&self, user: &str, message: &Message<'_>) -> Outcome {
        self.try_all(user, message).await.unwrap_or_else(|error| {
            tracing::error!(%error, "nobody can be told by web push");
            Outcome::Retry("the database does not answer".to_owned())
        })
    }

    async fn try_all(&self, user: &str, message: &Message<'_>) -> Result<Outcome, Error> {
        let store = self.engine.store();
        let mut subscriptions = store.push_subscriptions(user).await?;
        subscriptions.retain(|known| known.gone_at.is_none());
        let told = told(message);
        // Whom an earlier attempt has reached is not woken again.
        let (done, open): (Vec<_>, Vec<_>) = subscriptions.into_iter().partition(|known| known.told == told);
        let (mut taken, mut trouble, mut refused) = (!done.is_empty(), None, None);
        for (subscription, verdict) in self.push_all(open, message).await? {
            match verdict {
                Verdict::Taken => {
                    taken = true;
                    store.note_push_taken(&subscription.id, &told, message.now).await?;
                }
                Verdict::Gone => store.note_push_gone(&subscription, message.now).await?,
                Verdict::Trouble(why) => trouble = Some(why),
                Verdict::Refused(why) => refused = Some(why),
            }
        }
        Ok(match (trouble, refused) {
            (Some(why), _) => Outcome::Retry(why),
            (None, _) if taken => Outcome::Accepted(String::new()),
            (None, Some(why)) => Outcome::Failed(why),
            (None, None) => Outcome::Failed(format!("{user} has no browser that is subscribed to pages")),
        })
    }

    /// All at the same time: a push service that hangs holds up no other.
    async fn push_all(
        &self,
        subscriptions: Vec<Subscription>,
        message: &Message<'_>,
    ) -> Result<Vec<(Subscription, Verdict)>, Error> {
        let mut pushing = JoinSet::new();
        let mut ended = Vec::new();
        if subscriptions.is_empty() {
            return Ok(ended);
        }
        let key = self.engine.push_key().await?;
        for subscription in subscriptions {
            let random = Random { key: rand::rng().random(), salt: rand::rng().random() };
            let push = receiver(&subscription).and_then(|receiver| {
                super::request(&self.config, (&key, &random), (&subscription.endpoint, &receiver), message)
            });
            match push {
                Ok(push) => _ = pushing.spawn(perform(self.http.clone(), push, subscription)),
                Err(why) => ended.push((subscription, Verdict::Refused(why))),
            }
        }
        ended.extend(pushing.join_all().await);
        Ok(ended)
    }
}

async fn perform(http: Http, push: Push, subscription: Subscription) -> (Subscription, Verdict) {
    let verdict = match http.perform_with(&push.request, push.content, Guard::On).await {
        Ok(response) => judge(&response),
        Err(Outcome::Failed(why)) => Verdict::Refused(why),
        // Pushed twice, it is shown once: both have one topic.
        Err(other) => Verdict::Trouble(other.trouble().unwrap_or("the push service did not answer").to_owned()),
    };
    (subscription, verdict)
}

fn receiver(subscription: &Subscription) -> Result<Receiver, String> {
    let (key, auth) = receiver_keys(&subscription.p256dh, &subscription.auth)?;
    Ok(Receiver { key, auth })
}

/// What names a message among all that a browser is told: a page and its follow-ups share an id.
fn told(message: &Message<'_>) -> String {
    let kind = match message.kind {
        Kind::Paged => "paged",
        Kind::Acknowledged { .. } => "acknowledged",
        Kind::Resolved { .. } => "resolved",
        Kind::Test => "test",
        Kind::OnCall { .. } => "on-call",
    };
    format!("{}/{kind}", message.id)
}
