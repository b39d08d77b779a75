//! Certificates for tests, made anew for each run: an authority, a server, and clients that TLS is spoken with.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tempfile::TempDir;

/// The server of every test, with its authority.
pub(crate) static SERVER: LazyLock<Server> = LazyLock::new(Server::new);

/// Some authority.
pub(crate) struct Authority {
    pub(crate) pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, PEM.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

pub(crate) struct Server {
    pub(crate) authority: Authority,
    folder: TempDir,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).expect("no names");
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("signed").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate for this name, good for the years from 2020 on, up to the beginning of `until`.
    pub(crate) fn sign(&self, name: &str, until: i32) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, name);
        params.subject_alt_names.push(SanType::Rfc822Name(format!("root@{name}").try_into().expect("ASCII")));
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed").pem();
        Identity { certificate, key: key.serialize_pem() }
    }
}

impl Identity {
    pub(crate) fn write(&self, folder: &Path) {
        std::fs::write(folder.join("cert.pem"), &self.certificate).expect("written");
        std::fs::write(folder.join("key.pem"), &self.key).expect("written");
    }

    fn parts(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a certificate");
        (vec![certificate], PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key"))
    }
}

impl Server {
    fn new() -> Self {
        let server =
            Self { authority: Authority::new("test authority"), folder: tempfile::tempdir().expect("a folder") };
        server.authority.sign("mx.test", 2090).write(server.folder.path());
        std::fs::write(server.path("ca.pem"), &server.authority.pem).expect("written");
        server
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `[smtp.tls]` for a configuration.
    pub(crate) fn section(&self) -> String {
        format!(
            "[smtp.tls]\ncertificate = {:?}\nkey = {:?}\nclient_ca = {:?}\n",
            self.path("cert.pem"),
            self.path("key.pem"),
            self.path("ca.pem")
        )
    }

    /// A client that trusts the server, and shows a certificate if it has one.
    pub(crate) fn client(&self, identity: Option<&Identity>) -> Arc<ClientConfig> {
        self.client_of(rustls::DEFAULT_VERSIONS, identity)
    }

    /// The same with these versions of TLS only.
    pub(crate) fn client_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        identity: Option<&Identity>,
    ) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(self.authority.pem.as_bytes()).expect("a certificate");
        roots.add(authority).expect("an authority");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions);
        let builder = builder.expect("versions").with_root_certificates(roots);
        Arc::new(match identity {
            Some(identity) => {
                let (chain, key) = identity.parts();
                builder.with_client_auth_cert(chain, key).expect("a client certificate")
            }
            None => builder.with_no_client_auth(),
        })
    }
}
