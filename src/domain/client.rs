//! Who handed a mail in, as far as the connection proves it. Nothing in the mail itself can change this.

use serde::{Deserialize, Serialize};

/// Who handed a mail in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// The address it came from: the connection's, or the one that a listed proxy told.
    #[serde(skip)]
    pub address: String,
    /// Protocol and cipher of the encryption, as in `TLSv1.3 TLS13_AES_256_GCM_SHA384`; nothing for plaintext.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
    /// The name whose password it knew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The certificate it showed; only one that a configured authority has signed and that was valid then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
}

/// A verified certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// The subject's name (RFC 4514).
    pub subject: String,
    /// The alternative names: domains, mail addresses, URIs and IP addresses.
    pub names: Vec<String>,
    /// SHA-256 over the whole certificate, in hex.
    pub fingerprint: String,
}

impl Client {
    /// A client of which nothing but the address is known.
    pub fn at(address: impl Into<String>) -> Self {
        Self { address: address.into(), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_takes_no_room() {
        let plain = Client::at("192.0.2.7");
        assert_eq!(serde_json::to_string(&plain).expect("JSON"), "{}");
        let known = Client { tls: Some("TLSv1.3".to_owned()), user: Some("ups".to_owned()), ..plain };
        let json = serde_json::to_string(&known).expect("JSON");
        assert_eq!(json, r#"{"tls":"TLSv1.3","user":"ups"}"#);
        let read: Client = serde_json::from_str(&json).expect("read");
        assert_eq!(read, Client { address: String::new(), ..known }, "the address has a column of its own");
    }
}
