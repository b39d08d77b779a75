//! TLS for the SMTP door (RFC 3207, RFC 8314): the certificate, reading it again without a restart, and what a
//! handshake proves about a client.
//!
//! rustls speaks TLS 1.2 and 1.3. Devices that know only 1.0 or 1.1 must stay in plaintext.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ServerConnection, WebPkiClientVerifier};
use rustls::{ProtocolVersion, RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};
use x509_cert::der::Decode as _;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use self::lenient::Lenient;
use super::listener::ClientCertificates;
use crate::domain::client::Certificate;
use crate::domain::hex::hex;

mod lenient;

/// Where the certificate and what belongs to it is kept, all PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// Ours, with those between it and its authority behind it.
    pub certificate: PathBuf,
    /// Its private key (PKCS #8, PKCS #1 or SEC 1).
    pub key: PathBuf,
    /// The authorities whose client certificates count.
    pub client_ca: Option<PathBuf>,
}

/// Why files are of no use.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("cannot read {path}: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is something else.
    #[error("{path} holds no {what} in PEM form")]
    Missing {
        /// The file.
        path: PathBuf,
        /// What should be there.
        what: &'static str,
    },
    /// Certificate and key do not fit together, or one of them is broken.
    #[error("the certificate {path} cannot be used: {error}")]
    Unusable {
        /// The certificate's file.
        path: PathBuf,
        /// Why.
        error: rustls::Error,
    },
    /// The authorities for clients cannot be used.
    #[error("the authorities in {path} cannot be used: {reason}")]
    Authorities {
        /// Their file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// One consistent set of what the files held.
#[derive(Debug)]
pub struct Loaded {
    anonymous: Arc<ServerConfig>,
    /// With the configurations that ask for a certificate, and that demand one.
    clients: Option<Clients>,
    expires_at: Option<Timestamp>,
}

#[derive(Debug)]
struct Clients {
    verifier: Arc<dyn ClientCertVerifier>,
    asking: Arc<ServerConfig>,
    demanding: Arc<ServerConfig>,
}

impl Files {
    /// The paths, for watching them.
    pub fn paths(&self) -> Vec<PathBuf> {
        [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()].into_iter().flatten().cloned().collect()
    }

    /// Reads them all.
    ///
    /// # Errors
    /// When one cannot be read, or they do not fit together. An expired certificate is no error: most mail clients
    /// do not look, and encryption with it is better than none.
    pub fn load(&self) -> Result<Loaded, Error> {
        let chain = certificates(&self.certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&read(&self.key)?)
            .map_err(|_| Error::Missing { path: self.key.clone(), what: "private key" })?;
        let unusable = |error| Error::Unusable { path: self.certificate.clone(), error };
        let config = |verifier: Option<Arc<dyn ClientCertVerifier>>| {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
            let builder = match verifier {
                Some(verifier) => builder.with_client_cert_verifier(verifier),
                None => builder.with_no_client_auth(),
            };
            let mut config = builder.with_single_cert(chain.clone(), key.clone_key())?;
            // Ours are in order of strength, those of devices in any.
            config.ignore_client_order = true;
            // Tickets come unasked, right behind the handshake. A client that takes them for an answer to what it has not
            // said yet waits for ever (libESMTP does); what they would save, a handshake of a few a minute, is nothing.
            config.send_tls13_tickets = 0;
            Ok(Arc::new(config))
        };
        let clients = match &self.client_ca {
            None => None,
            Some(path) => {
                let verifier = verifier(path)?;
                let asking = config(Some(Arc::new(Lenient(Arc::clone(&verifier))))).map_err(unusable)?;
                let demanding = config(Some(Arc::clone(&verifier))).map_err(unusable)?;
                Some(Clients { verifier, asking, demanding })
            }
        };
        let expires_at = chain.iter().filter_map(expires_at).min();
        Ok(Loaded { anonymous: config(None).map_err(unusable)?, clients, expires_at })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|error| Error::Unreadable { path: path.to_owned(), error })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let missing = || Error::Missing { path: path.to_owned(), what: "certificate" };
    let found = CertificateDer::pem_slice_iter(&read(path)?).collect::<Result<Vec<_>, _>>().map_err(|_| missing())?;
    if found.is_empty() { Err(missing()) } else { Ok(found) }
}

fn verifier(path: &Path) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let unusable = |reason: String| Error::Authorities { path: path.to_owned(), reason };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    builder.build().map_err(|error| unusable(error.to_string()))
}

fn expires_at(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let parsed = x509_cert::Certificate::from_der(certificate).ok()?;
    let until = parsed.tbs_certificate().validity().not_after.to_unix_duration();
    Timestamp::from_second(i64::try_from(until.as_secs()).ok()?).ok()
}

impl Loaded {
    /// When the first of the certificates ends; nothing when it cannot be read.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    /// The configuration for a listener. Without authorities there is nothing to ask clients for.
    pub(super) fn config(&self, asked: ClientCertificates) -> Arc<ServerConfig> {
        Arc::clone(match (&self.clients, asked) {
            (None, _) | (_, ClientCertificates::None) => &self.anonymous,
            (Some(clients), ClientCertificates::Optional) => &clients.asking,
            (Some(clients), ClientCertificates::Required) => &clients.demanding,
        })
    }

    /// The certificate a client has shown, with its private key's proof, if it holds now.
    ///
    /// # Errors
    /// With the reason when it does not.
    pub(super) fn client(
        &self,
        connection: &ServerConnection,
        now: Timestamp,
    ) -> Result<Option<Certificate>, rustls::Error> {
        let Some((end_entity, between)) = connection.peer_certificates().and_then(<[_]>::split_first) else {
            return Ok(None);
        };
        let Some(clients) = &self.clients else { return Ok(None) };
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let now = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let _: ClientCertVerified = clients.verifier.verify_client_cert(end_entity, between, now)?;
        Ok(Some(describe(end_entity)))
    }
}

/// Protocol and cipher, as the standards write them.
pub(super) fn words(connection: &ServerConnection) -> String {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLS",
    };
    let suite = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    suite.map_or_else(|| version.to_owned(), |suite| format!("{version} {suite}"))
}

/// The names in a certificate. One we cannot read is still known by its fingerprint.
fn describe(certificate: &CertificateDer<'_>) -> Certificate {
    let fingerprint = hex(&Sha256::digest(certificate));
    let Ok(parsed) = x509_cert::Certificate::from_der(certificate) else {
        return Certificate { fingerprint, ..Certificate::default() };
    };
    let printable = |text: &str| text.replace(|c: char| c.is_control(), "\u{fffd}");
    let names = match parsed.tbs_certificate().get_extension::<SubjectAltName>() {
        Ok(Some((_, SubjectAltName(names)))) => {
            names.iter().filter_map(alternative).map(|name| printable(&name)).collect()
        }
        Ok(None) | Err(_) => Vec::new(),
    };
    Certificate { subject: printable(&parsed.tbs_certificate().subject().to_string()), names, fingerprint }
}

fn alternative(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::Rfc822Name(text) | GeneralName::DnsName(text) | GeneralName::UniformResourceIdentifier(text) => {
            Some(text.as_str().to_owned())
        }
        GeneralName::IpAddress(bytes) => match bytes.as_bytes() {
            four if four.len() == 4 => {
                <[u8; 4]>::try_from(four).ok().map(|four| std::net::IpAddr::from(four).to_string())
            }
            more => <[u8; 16]>::try_from(more).ok().map(|more| std::net::IpAddr::from(more).to_string()),
        },
        _ => None,
    }
}

/// The certificate in use, and how reading it again went.
#[derive(Debug)]
pub struct Tls {
    files: Files,
    current: RwLock<Arc<Loaded>>,
    problem: Mutex<Option<String>>,
}

impl Tls {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// As [`Files::load`].
    pub fn open(files: Files) -> Result<Self, Error> {
        let current = RwLock::new(Arc::new(files.load()?));
        Ok(Self { files, current, problem: Mutex::default() })
    }

    /// Reads the files again; connections from now on use what is in them.
    ///
    /// # Errors
    /// As [`Files::load`]; the set in use stays.
    pub fn reload(&self) -> Result<(), Error> {
        let loaded = self.files.load();
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = loaded.as_ref().err().map(ToString::to_string);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(loaded?);
        Ok(())
    }

    /// The set in use.
    pub fn current(&self) -> Arc<Loaded> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// What is wrong with the newest files, while an older set is in use.
    pub fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
