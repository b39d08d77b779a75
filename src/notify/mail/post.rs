//! Sends mail through the first of several servers that takes it.

use std::path::PathBuf;
use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};

use super::{Config, address, build, hint};
use crate::notify::exchange::{Outcome, Secret};
use crate::notify::message::Message;
use crate::notify::ways::Ways;

/// How long a server may take over each command; the next one still gets its turn within a lease.
const TIMEOUT: Duration = Duration::from_secs(6);

/// Answers by which a server refuses us, not the mail (RFC 4954 section 6, RFC 5321 section 4.2.3).
const REFUSALS: [u16; 5] = [421, 530, 534, 535, 538];

/// How a connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// From the first byte (RFC 8314 section 3.3).
    Implicit,
    /// By STARTTLS, which must be offered (RFC 3207).
    StartTls,
    /// Not at all: for a server on the same machine.
    None,
}

impl Security {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Implicit, Self::StartTls, Self::None];

    /// The word in settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Implicit => "implicit",
            Self::StartTls => "starttls",
            Self::None => "none",
        }
    }

    /// The kind of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// A server that takes our mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smarthost {
    /// Its name, which its certificate must have.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub security: Security,
    /// User and password.
    pub login: Option<(String, Secret)>,
    /// A file with a certificate (PEM) that is trusted besides those of the system.
    pub authority: Option<PathBuf>,
}

/// What settings say about mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The sender.
    pub from: Mailbox,
    /// Where answers come to: a domain we take mail for.
    pub domain: String,
    /// In the order in which they are tried; at least one.
    pub hosts: Vec<Smarthost>,
}

/// Sends mail.
#[derive(Debug)]
pub struct Post {
    config: Config,
    hosts: Vec<AsyncSmtpTransport<Tokio1Executor>>,
    /// As troubles name them.
    ways: Vec<String>,
}

impl Post {
    /// Sends mail as settings say; `secret` signs addresses for answers.
    ///
    /// # Errors
    /// When a certificate cannot be used; the text says which.
    pub fn open(settings: &Settings, secret: Secret) -> Result<Self, String> {
        let hosts = settings.hosts.iter().map(|host| transport(host, &settings.domain));
        let way = |(place, host): (usize, &Smarthost)| {
            if place == 0 { "mail".to_owned() } else { format!("mail (fallback {})", host.host) }
        };
        Ok(Self {
            config: Config { from: settings.from.clone(), domain: settings.domain.clone(), secret },
            hosts: hosts.collect::<Result<_, _>>()?,
            ways: settings.hosts.iter().enumerate().map(way).collect(),
        })
    }

    /// Who sends and where answers go.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Sends the mail about a message. Bounces come back to its address for answers, which tells what did not arrive.
    pub async fn send(&self, ways: &Ways, to: &str, message: &Message<'_>) -> Outcome {
        let built = build(&self.config, to, message);
        let sender = address::reply(&self.config.secret, message.id, &self.config.domain);
        match built.and_then(|mail| Ok((envelope(&sender?, to)?, mail))) {
            Ok((envelope, mail)) => self.hand_over(ways, &envelope, &mail.formatted(), message.id).await,
            Err(why) => Outcome::Failed(why),
        }
    }

    /// Tells somebody that their answer to this message was not understood. Nothing comes of it if that fails.
    pub async fn tell_unclear(&self, ways: &Ways, to: &str, id: &str, why: &str, now: jiff::Timestamp) {
        let sent = match hint::build(&self.config, to, id, why, now).and_then(|mail| Ok((envelope("", to)?, mail))) {
            Ok((envelope, mail)) => self.hand_over(ways, &envelope, &mail.formatted(), id).await,
            Err(why) => Outcome::Failed(why),
        };
        if let Some(why) = sent.trouble() {
            tracing::debug!("an unclear answer could not be answered: {why}");
        }
    }

    async fn hand_over(&self, ways: &Ways, envelope: &Envelope, mail: &[u8], reference: &str) -> Outcome {
        let mut last = Outcome::Failed("no mail server is set up".to_owned());
        for place in ways.order(&self.ways) {
            let Some(host) = self.hosts.get(place) else { continue };
            let (outcome, refused) = match host.send_raw(envelope, mail).await {
                Ok(_) => (Outcome::Accepted(reference.to_owned()), false),
                Err(error) => judge(&error),
            };
            ways.note(&self.ways[place], &outcome, refused);
            match outcome {
                Outcome::Accepted(_) => return outcome,
                // One that may take it later is better news than one that never will.
                Outcome::Failed(_) if matches!(last, Outcome::Retry(_)) => {}
                other => last = other,
            }
        }
        last
    }
}

fn envelope(sender: &str, to: &str) -> Result<Envelope, String> {
    let to = to.parse().map_err(|_| "the address is no mail address".to_owned())?;
    let sender = Some(sender).filter(|sender| !sender.is_empty()).map(str::parse).transpose();
    let sender = sender.map_err(|_| "the domain for replies is none".to_owned())?;
    Envelope::new(sender, vec![to]).map_err(|error| error.to_string())
}

fn transport(host: &Smarthost, domain: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    // Two providers may be compiled in by dependencies; the choice is made here. A second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let unusable = |why: String| format!("mail server {}: {why}", host.host);
    let parameters = || {
        let mut builder = TlsParameters::builder(host.host.clone());
        if let Some(path) = &host.authority {
            let pem = std::fs::read(path).map_err(|error| unusable(format!("cannot read its ca: {error}")))?;
            let certificate = Certificate::from_pem(&pem).map_err(|error| unusable(format!("its ca: {error}")))?;
            builder = builder.add_root_certificate(certificate);
        }
        builder.build_rustls().map_err(|error| unusable(error.to_string()))
    };
    let tls = match host.security {
        Security::Implicit => Tls::Wrapper(parameters()?),
        Security::StartTls => Tls::Required(parameters()?),
        Security::None => Tls::None,
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&host.host)
        .port(host.port)
        .tls(tls)
        .hello_name(ClientId::Domain(domain.to_owned()))
        .timeout(Some(TIMEOUT));
    if let Some((user, password)) = &host.login {
        builder = builder.credentials(Credentials::new(user.clone(), password.expose().to_owned()));
    }
    Ok(builder.build())
}

/// What a failure means, and whether it is us whom the server refuses. The mail has one Message-ID however often it is
/// sent, so what may have arrived is sent again.
fn judge(error: &lettre::transport::smtp::Error) -> (Outcome, bool) {
    let code = error.status().map(u16::from);
    let why = match code {
        Some(code) => format!("the mail server answered {code}"),
        None if error.is_timeout() => "the mail server timed out".to_owned(),
        None => "the mail server cannot be used".to_owned(),
    };
    tracing::debug!(%error, "mail was not taken");
    let refused = code.is_some_and(|code| REFUSALS.contains(&code));
    if error.is_permanent() && !refused { (Outcome::Failed(why), false) } else { (Outcome::Retry(why), refused) }
}
