//! People as JSON: how they are reached, and how well that works.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::instant_or_null;
use crate::domain::roster::{Channel, ContactMethod, User};
use crate::store::notice::Contact;
use crate::store::push::Subscription;

/// A person.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UserView {
    /// Unique name.
    pub name: String,
    /// IANA name of their zone.
    pub zone: String,
    /// en, ja or zh.
    pub locale: &'static str,
    /// viewer, responder or admin: what they may do on pages where their team has no say.
    pub role: &'static str,
    /// What they may do there for these services instead.
    pub service_roles: BTreeMap<String, &'static str>,
    /// The schedules by which they are on call now.
    pub on_call: Vec<String>,
    /// In the order of the definitions.
    pub contacts: Vec<ContactView>,
}

/// A contact method, and how well it works.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ContactView {
    /// What its person calls it.
    pub name: String,
    /// voice, webhook, console …
    pub channel: &'static str,
    /// Where it goes. Of a URL only the host is told: its path may be secret.
    pub address: String,
    /// Whether its person proved that it reaches them. What is not proven is used, but not relied on.
    pub verified: bool,
    /// RFC 3339: when that was proven first.
    #[serde(serialize_with = "instant_or_null")]
    pub verified_at: Option<Timestamp>,
    /// RFC 3339: when its provider last took something; of a phone, also when a call was in vain.
    #[serde(serialize_with = "instant_or_null")]
    pub accepted_at: Option<Timestamp>,
    /// RFC 3339: when a human last answered over it.
    #[serde(serialize_with = "instant_or_null")]
    pub answered_at: Option<Timestamp>,
    /// RFC 3339: when it last failed for good.
    #[serde(serialize_with = "instant_or_null")]
    pub failed_at: Option<Timestamp>,
    /// Why.
    pub failed_why: Option<String>,
}

impl ContactView {
    /// What happened at [`ContactView::accepted_at`], in a word.
    pub fn accepted_word(&self) -> &'static str {
        if self.channel == Channel::Voice.word() { "called" } else { "delivered" }
    }
}

impl UserView {
    /// A person, with what is known of every contact method.
    pub fn of(user: &User, contacts: &HashMap<(Channel, String), Contact>) -> Self {
        let view = |method: &ContactMethod| {
            let known = contacts.get(&(method.channel, method.address.clone())).cloned().unwrap_or_default();
            ContactView {
                name: method.name.clone(),
                channel: method.channel.word(),
                address: shown(&method.address),
                verified: known.verified_at.is_some(),
                verified_at: known.verified_at,
                accepted_at: known.accepted_at,
                answered_at: known.answered_at,
                failed_at: known.failed_at,
                failed_why: known.failed_why,
            }
        };
        Self {
            name: user.name.clone(),
            zone: user.zone.iana_name().unwrap_or("UTC").to_owned(),
            locale: user.locale.word(),
            role: user.role.word(),
            service_roles: user.rights().services.into_iter().map(|(name, role)| (name, role.word())).collect(),
            on_call: Vec::new(),
            contacts: user.methods.iter().map(view).collect(),
        }
    }
}

/// A browser that somebody has subscribed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SubscriptionView {
    /// What it is removed by.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// Whose push service it uses: the rest of the address is secret.
    pub service: String,
    /// RFC 3339.
    #[serde(serialize_with = "super::instant")]
    pub created_at: Timestamp,
    /// RFC 3339: when its push service last took something.
    #[serde(serialize_with = "instant_or_null")]
    pub last_ok_at: Option<Timestamp>,
    /// RFC 3339: since when its push service knows it no more.
    #[serde(serialize_with = "instant_or_null")]
    pub gone_at: Option<Timestamp>,
}

impl SubscriptionView {
    /// A subscription, without what is secret in it.
    pub fn of(subscription: &Subscription) -> Self {
        Self {
            id: subscription.id.clone(),
            name: subscription.name.clone(),
            service: shown(&subscription.endpoint),
            created_at: subscription.created_at,
            last_ok_at: subscription.last_ok_at,
            gone_at: subscription.gone_at,
        }
    }
}

/// An address without what may be secret in it.
fn shown(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return address.to_owned() };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn secrets_of_urls_are_not_shown() {
        let shown = ["+4915112345678", "https://me:pw@hooks.example/T0/B0/secret", "https://a.example?token=x", ""];
        assert_eq!(shown.map(super::shown), ["+4915112345678", "https://hooks.example", "https://a.example", ""]);
    }
}
