//! Asks DNS where a mail comes from, when a policy wants to know: SPF, DKIM, DMARC and ARC, by mail-auth.
//!
//! It happens between the final dot and the commit, all checks at a time, and is over after a few seconds whatever the
//! name servers do: devices give up after 20. Names of forged mail lead to servers of the forger, so silence is a
//! result like any other. Never asked for a mail whose services do not want it.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures_util::future::join_all;
use mail_auth::common::headers::Header;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use mail_auth::hickory_resolver::system_conf::read_system_conf;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DkimResult, DmarcOutput, DmarcResult, DnsError, Error, MessageAuthenticator,
    SpfOutput, SpfResult, dkim,
};
use memchr::memmem;
use tokio::sync::Semaphore;

use self::coverage::uncovered;
use crate::domain::authentication::{Authentication, Claim, Found, Wanted};
use crate::engine::intake::Incoming;

mod coverage;
mod sealed;

/// How long all checks of one mail may take when nothing is said.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Mails checked at once; others wait for their turn, within the same patience.
const AT_ONCE: usize = 64;

/// Most signatures of one mail that are checked.
const SIGNATURES_MAX: usize = 8;

/// Longest header section that is checked, in bytes, and most headers of it. No honest mail has more.
const HEADER_BYTES_MAX: usize = 256 * 1024;
const HEADERS_MAX: usize = 1000;

/// Most headers that one signature names. Each is looked for among all of the mail's.
const SIGNED_MAX: usize = 100;

/// Longest domain (RFC 1035 section 2.3.4).
const DOMAIN_CHARS_MAX: usize = 255;

/// Answers of name servers that are remembered.
const ANSWERS_MAX: u64 = 1024;

/// Whom to ask, and how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dns {
    /// The name servers; those of the system where none is given.
    pub servers: Vec<SocketAddr>,
    /// How long all checks of one mail may take.
    pub timeout: Duration,
}

impl Default for Dns {
    fn default() -> Self {
        Self { servers: Vec::new(), timeout: PATIENCE }
    }
}

/// Looks for what DNS says about mails.
pub(crate) struct Authenticator {
    dns: Dns,
    hostname: String,
    turns: Semaphore,
    /// Made when it is first asked for; nothing where the system knows no name server.
    resolver: OnceLock<Option<MessageAuthenticator>>,
}

impl std::fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authenticator").field("dns", &self.dns).finish_non_exhaustive()
    }
}

/// What the SMTP session said about the sender.
struct Session {
    address: Option<IpAddr>,
    helo: String,
    sender: String,
}

impl Session {
    /// The domain that SPF is asked about (RFC 7208 section 2.4).
    fn domain(&self) -> &str {
        self.sender.rsplit_once('@').map_or(&self.helo, |(_, domain)| domain)
    }
}

impl Authenticator {
    pub(crate) fn new(dns: Dns, hostname: &str) -> Self {
        let turns = Semaphore::new(AT_ONCE);
        Self { dns, hostname: hostname.to_owned(), turns, resolver: OnceLock::new() }
    }

    /// The mail with what was found. What could not be found out for want of a turn, of name servers or by our own
    /// fault is left out, which counts as not known.
    pub(crate) async fn examine(self: Arc<Self>, mut incoming: Incoming, wanted: Wanted) -> Incoming {
        let session = Session {
            address: incoming.client.address.parse().ok(),
            helo: incoming.helo.clone(),
            sender: incoming.reverse_path.clone(),
        };
        let raw = Arc::new(std::mem::take(&mut incoming.raw));
        let mail = Arc::clone(&raw);
        // A task of its own: a panic of the library must not cost the mail (I9).
        let examining = tokio::spawn(async move { self.look(&mail, &session, wanted).await });
        incoming.authentication = examining.await.unwrap_or_else(|error| {
            tracing::error!(%error, "checking where a mail comes from failed inside");
            Authentication::default()
        });
        incoming.raw = Arc::try_unwrap(raw).unwrap_or_else(|shared| shared.to_vec());
        incoming
    }

    async fn look(&self, raw: &[u8], session: &Session, wanted: Wanted) -> Authentication {
        // One fifth for a turn, three for what can be done at a time, one for what comes after it.
        let fifth = self.dns.timeout / 5;
        let Ok(Ok(_turn)) = tokio::time::timeout(fifth, self.turns.acquire()).await else {
            tracing::warn!("a mail's origin was not looked for: too many are");
            return Authentication::default();
        };
        let Some(resolver) = self.resolver() else { return Authentication::default() };
        let checks = Checks { resolver, hostname: &self.hostname, session, patience: fifth * 3 };
        let message = if has_long_headers(raw) { None } else { AuthenticatedMessage::parse(raw) };
        let message = message.filter(|message| message.headers.len() <= HEADERS_MAX);
        let (spf, signatures, arc) = tokio::join!(
            async { if wanted.spf || wanted.dmarc { Some(checks.spf().await) } else { None } },
            async {
                match &message {
                    Some(message) if wanted.dkim || wanted.dmarc => Some(checks.dkim(message).await),
                    _ => None,
                }
            },
            async {
                match &message {
                    Some(message) if wanted.arc => Some(checks.arc(message).await),
                    _ => None,
                }
            },
        );
        let dmarc = match (&message, &spf, &signatures) {
            (Some(message), Some(spf), Some(signatures)) if wanted.dmarc => {
                Some(checks.dmarc(message, spf, signatures, fifth).await)
            }
            _ => None,
        };
        let unread =
            || Claim { found: Found::Fail, domain: String::new(), why: "its headers cannot be read".to_owned() };
        let read = message.is_some();
        Authentication {
            spf: spf.as_ref().map(spf_claim),
            dkim: match signatures {
                Some(signatures) => Some(signatures.iter().map(dkim_claim).collect()),
                None => (wanted.dkim && !read).then(|| vec![unread()]),
            },
            dmarc: dmarc.or_else(|| (wanted.dmarc && !read).then(unread)),
            arc: arc.or_else(|| (wanted.arc && !read).then(unread)),
        }
    }

    fn resolver(&self) -> Option<&MessageAuthenticator> {
        let made = self.resolver.get_or_init(|| {
            let made = resolver(&self.dns);
            if let Err(error) = &made {
                tracing::error!("DNS cannot be asked, so nothing is known about where mails come from: {error}");
            }
            made.ok()
        });
        made.as_ref()
    }
}

/// A resolver for the servers given, or for those of the system.
fn resolver(dns: &Dns) -> Result<MessageAuthenticator, String> {
    let (config, mut options) = if dns.servers.is_empty() {
        read_system_conf().map_err(|error| error.to_string())?
    } else {
        let servers = dns.servers.iter().map(|server| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
            NameServerConfig::new(server.ip(), true, connections.into())
        });
        (ResolverConfig::from_name_servers(servers.collect()), ResolverOpts::default())
    };
    // Asked twice within the time there is.
    options.timeout = dns.timeout / 4;
    options.attempts = 1;
    options.cache_size = ANSWERS_MAX;
    MessageAuthenticator::new(config, options).map_err(|error| error.to_string())
}

/// Whether the headers are longer than is looked at.
fn has_long_headers(raw: &[u8]) -> bool {
    let head = &raw[..raw.len().min(HEADER_BYTES_MAX)];
    head.len() < raw.len() && memmem::find(head, b"\n\r\n").or_else(|| memmem::find(head, b"\n\n")).is_none()
}

struct Checks<'a> {
    resolver: &'a MessageAuthenticator,
    hostname: &'a str,
    session: &'a Session,
    patience: Duration,
}

impl Checks<'_> {
    async fn spf(&self) -> SpfOutput {
        let Session { address, helo, sender } = self.session;
        let none = |result| SpfOutput::new(self.session.domain().to_owned()).with_result(result);
        let Some(address) = *address else { return none(SpfResult::None) };
        let parameters = if sender.is_empty() {
            SpfParameters::verify_ehlo(address, helo, self.hostname)
        } else {
            SpfParameters::verify_mail_from(address, helo, self.hostname, sender)
        };
        let checked = tokio::time::timeout(self.patience, self.resolver.verify_spf(parameters)).await;
        checked.unwrap_or_else(|_| none(SpfResult::TempError))
    }

    /// Each signature by itself, so that one whose name server is silent holds up no other.
    async fn dkim<'m>(&self, message: &'m AuthenticatedMessage<'m>) -> Vec<DkimOutput<'m>> {
        let malformed = message.errors.iter().filter(|header| matches!(header.header, Error::Dkim(_)));
        let malformed = malformed.map(|header| DkimOutput::neutral(header.header.clone()));
        let checks = message.dkim_headers.iter().take(SIGNATURES_MAX).map(|header| self.signature(message, header));
        let mut outputs = join_all(checks).await;
        outputs.extend(malformed.take(SIGNATURES_MAX));
        outputs
    }

    async fn signature<'m>(
        &self,
        message: &'m AuthenticatedMessage<'m>,
        header: &'m Header<'m, dkim::Signature>,
    ) -> DkimOutput<'m> {
        let signature = &header.header;
        if signature.h.len() > SIGNED_MAX {
            return DkimOutput::fail(Error::Io(TOO_MANY_SIGNED.to_owned())).with_signature(signature);
        }
        let alone = AuthenticatedMessage {
            dkim_headers: vec![Header::new(header.name, header.value, signature.clone())],
            errors: Vec::new(),
            ..message.clone()
        };
        let checking = tokio::time::timeout(self.patience, self.resolver.verify_dkim(&alone));
        let result = match checking.await {
            Ok(outputs) => outputs.first().map_or(DkimResult::None, |output| output.result().clone()),
            Err(_) => DkimResult::TempError(silent()),
        };
        let output = match result {
            DkimResult::Pass => match uncovered(message, &signature.h) {
                None => DkimOutput::pass(),
                Some(why) => DkimOutput::fail(Error::Io(why)),
            },
            DkimResult::TempError(error) => DkimOutput::temp_err(error),
            DkimResult::PermError(error) => DkimOutput::perm_err(error),
            DkimResult::Neutral(error) | DkimResult::Fail(error) => DkimOutput::fail(error),
            DkimResult::None => DkimOutput::fail(Error::NoHeadersFound),
        };
        output.with_signature(signature)
    }

    async fn dmarc(
        &self,
        message: &AuthenticatedMessage<'_>,
        spf: &SpfOutput,
        signatures: &[DkimOutput<'_>],
        patience: Duration,
    ) -> Claim {
        let author = message.from.first().and_then(|from| from.rsplit_once('@')).map_or("", |(_, domain)| domain);
        let parameters = DmarcParameters {
            message,
            dkim_output: signatures,
            dkim2_output: None,
            rfc5321_mail_from_domain: self.session.domain(),
            spf_output: spf,
        };
        let output: DmarcOutput = match tokio::time::timeout(patience, self.resolver.verify_dmarc(parameters)).await {
            Ok(output) => output,
            Err(_) => DmarcOutput::new(author.to_owned()).with_spf_result(DmarcResult::TempError(silent())),
        };
        let (found, why) = match output.result() {
            DmarcResult::Pass => (Found::Pass, String::new()),
            DmarcResult::Fail(error) | DmarcResult::PermError(error) => (Found::Fail, error.to_string()),
            DmarcResult::TempError(_) => (Found::Unknown, "DNS did not answer".to_owned()),
            DmarcResult::None => (Found::None, String::new()),
        };
        Claim { found, domain: domain(output.domain()), why }
    }

    /// The chain of forwarders, and what the last of them found when it got the mail.
    async fn arc(&self, message: &AuthenticatedMessage<'_>) -> Claim {
        let sealer = message.as_headers.last().map(|seal| domain(&seal.header.d)).unwrap_or_default();
        let claim = |found, why: String| Claim { found, domain: sealer.clone(), why };
        if message.ams_headers.iter().any(|signature| signature.header.h.len() > SIGNED_MAX) {
            return claim(Found::Fail, TOO_MANY_SIGNED.to_owned());
        }
        let checking = tokio::time::timeout(self.patience, self.resolver.verify_arc(message));
        let Ok(output) = checking.await else { return claim(Found::Unknown, "DNS did not answer in time".to_owned()) };
        match (output.result(), output.sets().last()) {
            (DkimResult::Pass, Some(last)) => {
                let author =
                    message.from.first().and_then(|from| from.rsplit_once('@')).map_or("", |(_, domain)| domain);
                if let Some(why) = uncovered(message, &last.signature.header.h) {
                    claim(Found::Fail, why)
                } else if sealed::says_dmarc_passed(&String::from_utf8_lossy(last.results.value), author) {
                    claim(Found::Pass, String::new())
                } else {
                    claim(Found::Fail, "the last forwarder does not say that DMARC passed".to_owned())
                }
            }
            (DkimResult::None, _) | (DkimResult::Pass, None) => claim(Found::None, String::new()),
            (DkimResult::TempError(_), _) => claim(Found::Unknown, "DNS did not answer".to_owned()),
            (DkimResult::Neutral(error) | DkimResult::Fail(error) | DkimResult::PermError(error), _) => {
                claim(Found::Fail, error.to_string())
            }
        }
    }
}

/// Why a signature is not looked at.
const TOO_MANY_SIGNED: &str = "the signature names too many headers";

/// The error of a name server that says nothing.
fn silent() -> Error {
    Error::Dns(DnsError::Resolver("no answer in time".to_owned()))
}

/// A domain as it is kept. Mail may name anything as one.
fn domain(named: &str) -> String {
    named.to_lowercase().chars().filter(|c| !c.is_control()).take(DOMAIN_CHARS_MAX).collect()
}

fn spf_claim(output: &SpfOutput) -> Claim {
    let (found, why) = match output.result() {
        SpfResult::Pass => (Found::Pass, ""),
        SpfResult::Fail => (Found::Fail, ""),
        SpfResult::SoftFail => (Found::Fail, "softly"),
        SpfResult::Neutral => (Found::Fail, "the domain does not say"),
        SpfResult::PermError => (Found::Fail, "the domain's record is broken"),
        SpfResult::TempError => (Found::Unknown, "DNS did not answer"),
        SpfResult::None => (Found::None, ""),
    };
    Claim { found, domain: domain(output.domain()), why: why.to_owned() }
}

fn dkim_claim(output: &DkimOutput<'_>) -> Claim {
    let domain = output.signature().map(|signature| domain(&signature.d)).unwrap_or_default();
    let (found, why) = match output.result() {
        DkimResult::Pass => (Found::Pass, String::new()),
        DkimResult::Fail(Error::Io(why)) => (Found::Fail, why.clone()),
        DkimResult::Neutral(error) | DkimResult::Fail(error) | DkimResult::PermError(error) => {
            (Found::Fail, error.to_string())
        }
        DkimResult::TempError(_) => (Found::Unknown, "DNS did not answer".to_owned()),
        DkimResult::None => (Found::None, String::new()),
    };
    Claim { found, domain, why }
}
