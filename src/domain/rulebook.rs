//! The rulebook: which service owns an address, and what a mail to it means.
//!
//! The engine asks it twice per mail: at RCPT (`route`, memory only) and after DATA (`read`). Total in
//! behaviour: every mail to a service yields at least one alert, the last resort being the catch-all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::alert::{self, Action, Alert, Severity};
use super::mail::Mail;
use super::rule::Rule;

/// The name in verdicts of what is below all rules.
pub const CATCH_ALL: &str = "catch-all";

/// A named list of rules, in order.
#[derive(Debug, Clone)]
pub struct Pack {
    /// Its file name without `.toml`.
    pub name: String,
    /// First match wins.
    pub rules: Vec<Rule>,
}

/// One service: what it listens to, how its mail is read and who is called.
#[derive(Debug, Clone)]
pub struct Service {
    /// Unique name.
    pub name: String,
    /// The addresses it owns.
    pub addresses: Vec<AddressPattern>,
    /// Asked in order.
    pub packs: Vec<Arc<Pack>>,
    /// The escalation policy's name in the roster.
    pub policy: String,
}

/// An address a service owns; parts are lower case, `None` means any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressPattern {
    /// The part before the `@`.
    pub mailbox: Option<String>,
    /// The part after it; `None` is any of our own domains.
    pub domain: Option<String>,
}

/// All services and the domains they live in.
#[derive(Debug, Clone, Default)]
pub struct Rulebook {
    /// Domains we take mail for, lower case.
    pub domains: Vec<String>,
    /// In file order.
    pub services: Vec<Arc<Service>>,
}

/// What a recipient address is to us.
#[derive(Debug, Clone)]
pub enum Route {
    /// It belongs to this service.
    Service(Arc<Service>),
    /// Our domain, but nobody's mailbox.
    UnknownMailbox,
    /// Not our domain: we never relay (I34).
    ForeignDomain,
}

/// One line of the decision trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceLine {
    /// `pack/rule`.
    pub rule: String,
    /// Whether it made the verdict or could have.
    pub matched: bool,
    /// Why, or why not.
    pub reason: String,
}

/// What a mail means for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The envelope recipient as given.
    pub recipient: String,
    /// The service it belongs to.
    pub service: String,
    /// Never empty.
    pub alerts: Vec<Alert>,
    /// Every rule tried, in order.
    pub trace: Vec<TraceLine>,
}

impl Rulebook {
    /// Finds the owner of a recipient address. Case and a `+suffix` do not matter; an address without a domain
    /// belongs to our first one. The exact address wins over the one without suffix, and a wildcard comes last.
    pub fn route(&self, recipient: &str) -> Route {
        // ASCII only: other alphabets have letters whose lower case is an ASCII one.
        let address = recipient.to_ascii_lowercase();
        let (mailbox, domain) = match address.rsplit_once('@') {
            Some((mailbox, domain)) => (mailbox, domain),
            None => (address.as_str(), self.domains.first().map_or("", String::as_str)),
        };
        if !self.domains.iter().any(|own| own == domain) {
            return Route::ForeignDomain;
        }
        let mailbox = unquote(mailbox);
        let without_suffix = mailbox.split('+').next().unwrap_or(&mailbox);
        let owner = self
            .owner(Some(&mailbox), domain)
            .or_else(|| self.owner(Some(without_suffix), domain))
            .or_else(|| self.owner(None, domain));
        owner.map_or(Route::UnknownMailbox, |service| Route::Service(Arc::clone(service)))
    }

    /// The service of that name.
    pub fn service(&self, name: &str) -> Option<&Arc<Service>> {
        self.services.iter().find(|service| service.name == name)
    }

    /// An address with a domain beats the same one in any domain.
    fn owner(&self, mailbox: Option<&str>, domain: &str) -> Option<&Arc<Service>> {
        let owning = |domain: Option<&str>| {
            self.services.iter().find(|service| {
                let owns = |own: &AddressPattern| own.mailbox.as_deref() == mailbox && own.domain.as_deref() == domain;
                service.addresses.iter().any(owns)
            })
        };
        owning(Some(domain)).or_else(|| owning(None))
    }
}

impl Service {
    /// Judges a mail for one recipient of this service. Total and deterministic.
    pub fn judge(&self, mail: &Mail, recipient: &str) -> Verdict {
        let judged = catch_unwind(AssertUnwindSafe(|| self.judge_by_rules(mail, recipient)));
        let (alert, trace) = judged.unwrap_or_else(|_| {
            let why = "judging failed, so nothing is known about this mail".to_owned();
            (None, vec![TraceLine { rule: self.name.clone(), matched: false, reason: why }])
        });
        Verdict {
            recipient: recipient.to_owned(),
            service: self.name.clone(),
            alerts: vec![alert.unwrap_or_else(|| catch_all(mail))],
            trace,
        }
    }

    /// First match wins, except that a later trigger beats a resolve: closing needs certainty, opening does not.
    fn judge_by_rules(&self, mail: &Mail, recipient: &str) -> (Option<Alert>, Vec<TraceLine>) {
        let mut trace = Vec::new();
        let mut chosen: Option<Alert> = None;
        for rule in self.packs.iter().flat_map(|pack| &pack.rules) {
            let (matched, reason) = match (rule.judge(mail, recipient), &chosen) {
                (Err(why), _) => (false, why),
                (Ok(alert), None) => {
                    let reason = alert.reason.clone();
                    chosen = Some(alert);
                    (true, reason)
                }
                (Ok(alert), Some(earlier)) if alert.action == Action::Trigger => {
                    let reason = format!("a trigger beats the resolve of {}", earlier.rule);
                    chosen = Some(Alert { reason: reason.clone(), ..alert });
                    (true, reason)
                }
                (Ok(alert), Some(earlier)) => {
                    (false, format!("would say {}, but {} comes first", alert.action, earlier.rule))
                }
            };
            trace.push(TraceLine { rule: rule.name.clone(), matched, reason });
            if chosen.as_ref().is_some_and(|alert| alert.action != Action::Resolve) {
                break;
            }
        }
        (chosen, trace)
    }
}

/// The last resort: an incident keyed on the normalised subject, or on the sender and the first words where
/// the subject is empty.
fn catch_all(mail: &Mail) -> Alert {
    let first_line = mail.body.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("(empty mail)");
    let (key, words) = if mail.subject.is_empty() {
        (format!("mail/{}/{}", mail.from, first_line.to_lowercase()), first_line)
    } else {
        (format!("subject/{}", mail.subject.to_lowercase()), mail.subject.as_str())
    };
    Alert {
        action: Action::Trigger,
        dedup_key: alert::dedup_key(&key),
        severity: Severity::Error,
        summary: alert::summary(words),
        rule: CATCH_ALL.to_owned(),
        reason: "no rule knows this mail, so it opens an incident".to_owned(),
    }
}

/// RFC 5321 section 4.1.2: `"db-core"@example.com` is the same mailbox as `db-core@example.com`.
fn unquote(mailbox: &str) -> String {
    match mailbox.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => inner.replace('\\', ""),
        None => mailbox.to_owned(),
    }
}

#[cfg(test)]
mod tests;
