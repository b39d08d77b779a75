//! The rulebook: which service owns an address, and what a mail to it means.
//!
//! The engine asks it twice per mail: at RCPT (`route`, memory only) and after DATA (`read`). Total in
//! behaviour: every mail to a service yields at least one alert, the last resort being the catch-all.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::alert::{self, Action, Alert, Severity};
use super::aside::{self, Aside};
use super::authentication::{Authentication, Wanted};
use super::client::Client;
use super::handling::Handling;
use super::mail::{Envelope, Mail};
use super::pattern::Captures;
use super::recogniser::{self, Reading};
use super::rule::{Match, Rule};
use super::ruleset::{RuleSet, Tried};
use super::sender_policy::{SenderPolicy, Standing};

/// The service of the mails that prove that mail gets through, and who its pages go to.
pub const PROBE: &str = "nightcall-probe";

/// The name in verdicts of what is below all rules.
pub const CATCH_ALL: &str = "catch-all";

/// The name in verdicts of the reader of unknown monitors' mail.
pub const RECOGNISER: &str = "recogniser";

/// The name in traces of what a service says about its senders.
pub const SENDERS: &str = "senders";

/// A named list of rules, in order.
#[derive(Debug, Clone)]
pub struct Pack {
    /// Its file name without `.toml`.
    pub name: String,
    /// First match wins.
    pub rules: Vec<Arc<Rule>>,
}

/// One service: what it listens to, how its mail is read and who is called.
#[derive(Debug, Clone)]
pub struct Service {
    /// Unique name.
    pub name: String,
    /// The addresses it owns.
    pub addresses: Vec<AddressPattern>,
    /// Its own rules and those of its packs; services with the same packs share them.
    pub rules: Arc<RuleSet>,
    /// How its incidents are handled.
    pub handling: Handling,
    /// Whose mail counts; anybody's where it does not say.
    pub senders: Option<SenderPolicy>,
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

/// How a mail came: what its verdicts depend on besides the mail.
#[derive(Debug, Clone, Copy)]
pub struct HandedIn<'a> {
    /// The reverse path; empty is the null sender.
    pub sender: &'a str,
    /// The envelope recipients.
    pub recipients: &'a [String],
    /// Who handed it in.
    pub client: &'a Client,
    /// What DNS says about where it comes from.
    pub authentication: &'a Authentication,
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

    /// Judges a mail for each of its recipients. One that no service owns any more (a reload took it away after its
    /// RCPT) goes to the first service: somebody must see the mail all the same.
    pub fn judge(&self, mail: &Mail, handed_in: &HandedIn<'_>) -> Vec<Verdict> {
        let verdict = |recipient: &String| {
            let envelope = Envelope::from_client(handed_in.sender, recipient, handed_in.client);
            let envelope = Envelope { authentication: handed_in.authentication.clone(), ..envelope };
            self.reader(&envelope.recipient).map(|service| service.judge(mail, &envelope))
        };
        handed_in.recipients.iter().filter_map(verdict).collect()
    }

    /// What must be known of a mail's authentication to judge it for these recipients.
    pub fn wanted(&self, recipients: &[String]) -> Wanted {
        let services = recipients.iter().filter_map(|recipient| self.reader(recipient));
        let policies = services.filter_map(|service| service.senders.as_ref().map(SenderPolicy::wanted));
        policies.fold(Wanted::default(), Wanted::and)
    }

    /// Who reads the mail for a recipient.
    fn reader(&self, recipient: &str) -> Option<Arc<Service>> {
        match self.route(recipient) {
            Route::Service(service) => Some(service),
            Route::UnknownMailbox | Route::ForeignDomain => self.services.first().cloned(),
        }
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

/// A verdict with what was captured on the way, for people who ask why.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The verdict, its trace naming every rule.
    pub verdict: Verdict,
    /// What the rule that matched captured, alert by alert.
    pub captures: Vec<Captures>,
}

impl Service {
    /// Judges a mail for one recipient of this service. Total and deterministic.
    pub fn judge(&self, mail: &Mail, envelope: &Envelope) -> Verdict {
        self.judged(mail, envelope, Tried::Candidates).verdict
    }

    /// Judges a mail and tells of every rule why it did not match. The verdict is that of [`Service::judge`].
    pub fn explain(&self, mail: &Mail, envelope: &Envelope) -> Explanation {
        self.judged(mail, envelope, Tried::All)
    }

    /// The same within bounds, for rules that anybody may have written: where they cost more than two mails may, the
    /// rest of them has no reason but that.
    pub fn try_out(&self, mail: &Mail, envelope: &Envelope) -> Explanation {
        self.judged(mail, envelope, Tried::AllWithin)
    }

    /// Why the mail is no alert. A service's own rules may want answers of machines all the same; packs are about
    /// monitors, and what a machine answers quotes them.
    fn set_aside(&self, mail: &Mail, envelope: &Envelope, found: Option<&Match>) -> Option<Aside> {
        let own = |alert: &Alert| {
            let rest = alert.rule.strip_prefix(self.name.as_str());
            rest.is_some_and(|rest| rest.starts_with("/before/") || rest.starts_with("/after/"))
        };
        let settled = |alert: &Alert| own(alert) || alert.action == Action::Ignore;
        aside::going_round(mail).or_else(|| match found {
            Some(found) if found.alerts.iter().all(settled) => None,
            _ => aside::automatic(mail, envelope),
        })
    }

    /// Rules, below them the recogniser, below it the catch-all. A panic in one of them is a defect of ours that must
    /// not cost an alert (I9): the next one is asked.
    fn judged(&self, mail: &Mail, envelope: &Envelope, tried: Tried) -> Explanation {
        let failed = |what: &str| {
            let why = "it failed inside, so it says nothing about this mail".to_owned();
            TraceLine { rule: what.to_owned(), matched: false, reason: why }
        };
        let by_rules = catch_unwind(AssertUnwindSafe(|| self.rules.judge(mail, envelope, tried)));
        let (found, mut trace) = by_rules.unwrap_or_else(|_| (None, vec![failed(&self.name)]));
        let explanation = |mut alerts: Vec<Alert>, captures, mut trace: Vec<TraceLine>| {
            if mail.is_reply {
                alerts.iter_mut().for_each(a_reply_closes_nothing);
            }
            if let Some(senders) = &self.senders {
                for alert in &mut alerts {
                    match senders.standing(alert, mail, envelope) {
                        Standing::Allowed => {}
                        Standing::Doubtful(reason) => {
                            let line = TraceLine { rule: SENDERS.to_owned(), matched: true, reason };
                            if trace.last() != Some(&line) {
                                trace.push(line);
                            }
                        }
                        Standing::Objected(objection) => alert.objection = Some(objection),
                    }
                }
            }
            let (recipient, service) = (envelope.recipient.clone(), self.name.clone());
            Explanation { verdict: Verdict { recipient, service, alerts, trace }, captures }
        };
        if let Some(aside) = self.set_aside(mail, envelope, found.as_ref()) {
            trace.push(TraceLine { rule: aside.rule.to_owned(), matched: true, reason: aside.reason.clone() });
            return explanation(vec![filed(mail, aside)], Vec::new(), trace);
        }
        if let Some(found) = found {
            return explanation(found.alerts, found.captures, trace);
        }
        let alert = match catch_unwind(AssertUnwindSafe(|| recogniser::recognise(mail))) {
            Ok(Some(reading)) => read_by_recogniser(reading),
            Ok(None) => catch_all(mail),
            Err(_) => {
                trace.push(failed(RECOGNISER));
                catch_all(mail)
            }
        };
        trace.push(TraceLine { rule: alert.rule.clone(), matched: true, reason: alert.reason.clone() });
        explanation(vec![alert], Vec::new(), trace)
    }
}

/// What is stored of a mail that is no alert.
fn filed(mail: &Mail, aside: Aside) -> Alert {
    let (action, severity) = (Action::Ignore, Severity::Info);
    Alert { action, severity, rule: aside.rule.to_owned(), reason: aside.reason, ..catch_all(mail) }
}

/// A person who answers a recovery mail says nothing about what broke since. What is open stays open; a trigger in
/// a reply is taken at its word all the same.
fn a_reply_closes_nothing(alert: &mut Alert) {
    if matches!(alert.action, Action::Resolve | Action::Acknowledge) {
        alert.reason = format!("a reply by a person, so this {} is left out: {}", alert.action, alert.reason);
        alert.action = Action::Ignore;
    }
}

/// Whether no rule knew the mail: it was left to the recogniser or the catch-all.
pub fn is_unmatched(rule: &str) -> bool {
    rule == RECOGNISER || rule == CATCH_ALL
}

fn read_by_recogniser(reading: Reading) -> Alert {
    Alert {
        action: reading.action,
        dedup_key: alert::dedup_key(&reading.dedup_key),
        severity: reading.severity,
        summary: alert::summary(&reading.summary),
        details: BTreeMap::new(),
        links: BTreeMap::new(),
        rule: RECOGNISER.to_owned(),
        reason: reading.reason,
        hold: None,
        downtime: None,
        objection: None,
    }
}

/// The last resort: an incident keyed on the normalised subject, or on the sender and the first words where
/// the subject is empty.
fn catch_all(mail: &Mail) -> Alert {
    let first_line = mail.body().lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("(empty mail)");
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
        details: BTreeMap::new(),
        links: BTreeMap::new(),
        rule: CATCH_ALL.to_owned(),
        reason: "no rule knows this mail, so it opens an incident".to_owned(),
        hold: None,
        downtime: None,
        objection: None,
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
