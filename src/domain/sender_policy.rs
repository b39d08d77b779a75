//! Who may open a service's incidents by mail, and who may end them.
//!
//! A forged trigger costs a call; a forged recovery ends one that is needed. So the two are asked about apart, and what
//! anybody can know, a secret part of an address, never ends anything (I12). What is not allowed is not lost: it is
//! refused while its sender still has it, or kept aside, seen and counted.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::alert::{Action, Alert, UnknownWord};
use super::authentication::{Demands, Truth, Wanted};
use super::mail::{Envelope, Mail};
use super::network::Network;
use super::pattern::{Budget, Pattern};

/// What becomes of mail that is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Its sender is told so, and keeps it.
    Enforce,
    /// It is kept aside and does nothing until somebody lets it act.
    #[default]
    Quarantine,
    /// It acts; what would have become of it is noted.
    Shadow,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Enforce, Self::Quarantine, Self::Shadow];

    /// The word used in definition files, the database and the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Quarantine => "quarantine",
            Self::Shadow => "shadow",
        }
    }
}

impl FromStr for Mode {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|mode| mode.word() == word);
        found.ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Whose mail counts for one service.
#[derive(Debug, Clone)]
pub struct SenderPolicy {
    /// What becomes of other mail.
    pub mode: Mode,
    /// Who may trigger: any of these; anybody if empty.
    pub trigger: Vec<Proof>,
    /// Who may acknowledge, resolve and announce downtimes.
    pub resolve: Vec<Proof>,
}

/// What shows that mail comes from whom it should. All that is given must hold; nothing given holds for nobody.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// The client's address is in one of these.
    pub networks: Vec<Network>,
    /// It knew the password of one of these.
    pub users: Vec<String>,
    /// It showed a certificate that one of these names, or that has this fingerprint.
    pub certificates: Vec<String>,
    /// The reverse path matches.
    pub envelope: Option<Pattern>,
    /// The address in `From` matches.
    pub from: Option<Pattern>,
    /// SPF, DKIM, DMARC or ARC passes.
    pub authenticated: Demands,
    /// This stands behind the `+` of the recipient's mailbox.
    pub suffix: Option<String>,
}

/// How an alert of some sender stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is allowed.
    Allowed,
    /// It is let through although its sender could not be proved now; why, in words.
    Doubtful(String),
    /// It is not allowed.
    Objected(Objection),
}

/// What an alert is not allowed, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// What becomes of it.
    pub mode: Mode,
    /// Why, in words.
    pub why: String,
}

impl SenderPolicy {
    /// What must be known of a mail's authentication to tell.
    pub fn wanted(&self) -> Wanted {
        let proofs = self.trigger.iter().chain(&self.resolve);
        proofs.fold(Wanted::default(), |wanted, proof| wanted.and(proof.authenticated.wanted()))
    }

    /// How an alert of this mail stands. While DNS is in trouble a trigger acts, since a page must not wait for a
    /// name server, and what ends one is kept aside, whatever the mode, since its sender would not send it again.
    pub fn standing(&self, alert: &Alert, mail: &Mail, envelope: &Envelope) -> Standing {
        let ends = alert.downtime.is_some() || matches!(alert.action, Action::Resolve | Action::Acknowledge);
        let (proofs, what) = match alert.action {
            _ if ends => (&self.resolve, "resolve"),
            Action::Ignore => return Standing::Allowed,
            _ => (&self.trigger, "trigger"),
        };
        let nobody = if ends { Truth::No } else { Truth::Yes };
        let truth = proofs.iter().map(|proof| proof.holds(mail, envelope)).max().unwrap_or(nobody);
        let found = envelope.authentication.to_string();
        let found = if found.is_empty() { "nothing could be found out" } else { &found };
        let mode = match truth {
            Truth::Yes => return Standing::Allowed,
            Truth::Unknown if !ends => {
                return Standing::Doubtful(format!(
                    "its sender cannot be told now, so it is taken at its word: {found}"
                ));
            }
            Truth::Unknown if self.mode == Mode::Enforce => Mode::Quarantine,
            Truth::Unknown | Truth::No => self.mode,
        };
        let client = &envelope.client;
        let known = match (&client.user, &client.certificate) {
            (Some(user), _) => format!("user {user} at {}", client.address),
            (None, Some(certificate)) => format!("certificate {} at {}", certificate.subject, client.address),
            (None, None) => client.address.clone(),
        };
        let found = if self.wanted().is_anything() { format!("; {found}") } else { String::new() };
        let why = format!("{known} may not {what} here (From {:?}{found})", mail.from);
        Standing::Objected(Objection { mode, why })
    }
}

impl Proof {
    /// Whether it says nothing but what anybody who has ever seen the address knows.
    pub fn is_suffix_only(&self) -> bool {
        let certain = !self.networks.is_empty() || !self.users.is_empty() || !self.certificates.is_empty();
        !certain && self.envelope.is_none() && self.from.is_none() && self.authenticated.is_empty()
    }

    fn holds(&self, mail: &Mail, envelope: &Envelope) -> Truth {
        let client = &envelope.client;
        let address = client.address.parse::<IpAddr>().ok();
        let in_network = || address.is_some_and(|address| self.networks.iter().any(|net| net.contains(address)));
        let user = || client.user.as_ref().is_some_and(|user| self.users.contains(user));
        let certificate = || {
            client.certificate.as_ref().is_some_and(|shown| {
                let is = |wanted: &String| {
                    shown.fingerprint.eq_ignore_ascii_case(wanted)
                        || shown.names.iter().any(|name| name.eq_ignore_ascii_case(wanted))
                };
                self.certificates.iter().any(is)
            })
        };
        // A pattern that costs too much proves nothing.
        let matches = |pattern: &Option<Pattern>, text: &str| {
            pattern.as_ref().is_none_or(|pattern| pattern.is_match(text, &mut Budget::default()).unwrap_or(false))
        };
        let says_something = !self.is_suffix_only() || self.suffix.is_some();
        let seen = says_something
            && (self.networks.is_empty() || in_network())
            && (self.users.is_empty() || user())
            && (self.certificates.is_empty() || certificate())
            && matches(&self.envelope, &envelope.sender)
            && matches(&self.from, &mail.from)
            && self.suffix.as_ref().is_none_or(|suffix| suffix.eq_ignore_ascii_case(envelope.suffix()));
        if seen { self.authenticated.met(&envelope.authentication, &mail.from) } else { Truth::No }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::{Downtime, Severity};
    use crate::domain::authentication::{Claim, Found};
    use crate::domain::client::{Certificate, Client};

    fn alert(action: Action) -> Alert {
        Alert {
            action,
            dedup_key: "k".to_owned(),
            severity: Severity::Error,
            summary: String::new(),
            details: Default::default(),
            links: Default::default(),
            rule: "r".to_owned(),
            reason: String::new(),
            hold: None,
            downtime: None,
            objection: None,
        }
    }

    fn pattern(text: &str) -> Option<Pattern> {
        Some(Pattern::new(text).expect("a regex"))
    }

    #[test]
    fn proofs() {
        let certificate = Certificate {
            names: vec!["Mon01.example".to_owned()],
            fingerprint: "ab".to_owned(),
            ..Certificate::default()
        };
        let client = Client { user: Some("ups".to_owned()), certificate: Some(certificate), ..Client::at("10.1.2.3") };
        let envelope = Envelope::from_client("root@mon.example", "db+key@x.example", &client);
        let mail = Mail::parse(b"From: Nagios <nagios@mon.example>\r\n\r\nx");
        let list = |word: &str| vec![word.to_owned()];
        let networks = |text: &str| vec![text.parse().expect("a network")];
        let none = Proof::default;
        for (proof, holds) in [
            (none(), false),
            (Proof { networks: networks("10.0.0.0/8"), ..none() }, true),
            (Proof { networks: networks("11.0.0.0/8"), ..none() }, false),
            (Proof { users: list("ups"), ..none() }, true),
            (Proof { users: list("other"), networks: networks("10.0.0.0/8"), ..none() }, false),
            (Proof { certificates: list("mon01.example"), ..none() }, true),
            (Proof { certificates: list("AB"), ..none() }, true),
            (Proof { certificates: list("mon02.example"), ..none() }, false),
            (Proof { from: pattern("@mon\\.example$"), envelope: pattern("^root@"), ..none() }, true),
            (Proof { from: pattern("@other\\.example$"), ..none() }, false),
            (Proof { suffix: Some("KEY".to_owned()), ..none() }, true),
            (Proof { suffix: Some("no".to_owned()), networks: networks("10.0.0.0/8"), ..none() }, false),
        ] {
            assert_eq!(proof.holds(&mail, &envelope) == Truth::Yes, holds, "{proof:?}");
        }
    }

    #[test]
    fn ending_is_asked_about_apart() {
        let inside = Proof { networks: vec!["10.0.0.0/8".parse().expect("a network")], ..Proof::default() };
        let policy = SenderPolicy { mode: Mode::Quarantine, trigger: Vec::new(), resolve: vec![inside] };
        let mail = Mail::parse(b"From: a@b.example\r\n\r\nx");
        let objects = |action, downtime, address: &str| {
            let alert = Alert { downtime, ..alert(action) };
            policy.standing(&alert, &mail, &Envelope::new("", "db@x.example", address)) != Standing::Allowed
        };
        let outside = "192.0.2.1";
        assert!(!objects(Action::Trigger, None, outside), "anybody may trigger");
        assert!(!objects(Action::Heartbeat, None, outside));
        assert!(!objects(Action::Ignore, None, outside), "what does nothing needs no right");
        assert!(objects(Action::Resolve, None, outside));
        assert!(objects(Action::Acknowledge, None, outside));
        assert!(objects(Action::Ignore, Some(Downtime::Start), outside), "a downtime silences");
        assert!(!objects(Action::Resolve, None, "10.1.1.1"));
        assert!(objects(Action::Resolve, None, "not an address"));
        let nobody = SenderPolicy { resolve: Vec::new(), ..policy };
        let envelope = Envelope::new("", "db@x.example", "10.1.1.1");
        let standing = nobody.standing(&alert(Action::Resolve), &mail, &envelope);
        let why = "10.1.1.1 may not resolve here (From \"a@b.example\")".to_owned();
        assert_eq!(standing, Standing::Objected(Objection { mode: Mode::Quarantine, why }));
    }

    #[test]
    fn dns_trouble_pages_and_ends_nothing() {
        let signed = Demands { dkim: Some(vec!["mon.example".to_owned()]), ..Demands::default() };
        let signed = vec![Proof { authenticated: signed, ..Proof::default() }];
        let mail = Mail::parse(b"From: a@b.example\r\n\r\nx");
        let judged = |mode, action, found: Option<Found>| {
            let policy = SenderPolicy { mode, trigger: signed.clone(), resolve: signed.clone() };
            let mut envelope = Envelope::new("", "db@x.example", "192.0.2.1");
            let claim = |found| vec![Claim { found, domain: "mon.example".to_owned(), why: String::new() }];
            envelope.authentication.dkim = found.map(claim);
            policy.standing(&alert(action), &mail, &envelope)
        };
        let objected = |mode, action, found| match judged(mode, action, found) {
            Standing::Objected(objection) => Some(objection.mode),
            Standing::Allowed | Standing::Doubtful(_) => None,
        };
        for mode in Mode::ALL {
            for action in [Action::Trigger, Action::Resolve] {
                assert_eq!(judged(mode, action, Some(Found::Pass)), Standing::Allowed);
                assert_eq!(objected(mode, action, Some(Found::Fail)), Some(mode));
                assert_eq!(objected(mode, action, Some(Found::None)), Some(mode));
            }
            let kept = if mode == Mode::Shadow { mode } else { Mode::Quarantine };
            for unknown in [None, Some(Found::Unknown)] {
                assert!(matches!(judged(mode, Action::Trigger, unknown), Standing::Doubtful(_)));
                assert_eq!(objected(mode, Action::Resolve, unknown), Some(kept), "its sender would not send it again");
            }
        }
    }
}
