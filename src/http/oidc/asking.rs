//! Asks a provider: by the client that everything here asks with, bounded in size, and nothing in plain text over a
//! network.

use std::pin::Pin;

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use url::Url;

use super::is_private;

/// Longest answer that is read of a provider, in bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Our own client, as the openidconnect crate asks for one.
#[derive(Debug)]
pub(super) struct Asking {
    client: reqwest::Client,
    issuer: Url,
}

/// A request to a provider that failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("it does not answer in time")]
    Late,
    #[error("its answer is too long")]
    TooLong,
    #[error("its answer broke off")]
    BrokenOff,
    #[error("it names an address that is not HTTPS")]
    Exposed,
}

impl Asking {
    pub(super) fn new(client: reqwest::Client, issuer: Url) -> Self {
        Self { client, issuer }
    }

    /// Whether the provider may send us or a browser there.
    pub(super) fn may_ask(&self, address: &Url) -> bool {
        may_lead(&self.issuer, address)
    }

    async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, Failed> {
        let (parts, body) = request.into_parts();
        let address = parts.uri.to_string().parse::<Url>().ok().filter(|address| self.may_ask(address));
        let address = address.ok_or(Failed::Exposed)?;
        let asking = self.client.request(parts.method, address).headers(parts.headers).body(body);
        let mut response = asking.send().await.map_err(|error| match error.is_timeout() {
            true => Failed::Late,
            false => Failed::Unreachable(cause(&error.without_url())),
        })?;
        let mut answer = HttpResponse::new(Vec::new());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = response.headers().clone();
        while let Some(piece) = response.chunk().await.map_err(|_| Failed::BrokenOff)? {
            if answer.body().len() + piece.len() > ANSWER_BYTES_MAX {
                return Err(Failed::TooLong);
            }
            answer.body_mut().extend_from_slice(&piece);
        }
        Ok(answer)
    }
}

/// What is at the bottom of an error: a refused connection, or a certificate that nobody here trusts.
fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Whether a provider may name this address: one of HTTPS does not lead back to this machine.
fn may_lead(issuer: &Url, address: &Url) -> bool {
    is_private(address) && (address.scheme() == "https" || issuer.scheme() == "http")
}

impl<'c> AsyncHttpClient<'c> for Asking {
    type Error = Failed;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, Failed>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_leads_nobody_into_plain_text_or_back_here() {
        for (issuer, address, may) in [
            ("https://login.example", "https://login.example/token", true),
            ("https://login.example", "https://keys.other.example/", true),
            ("https://login.example", "http://login.example/token", false),
            ("https://login.example", "http://127.0.0.1:8025/token", false),
            ("https://login.example", "https://ann:secret@login.example/", false),
            ("https://login.example", "javascript:alert(1)", false),
            ("http://127.0.0.1:9", "http://127.0.0.1:9/token", true),
            ("http://localhost:9", "http://[::1]:9/token", true),
            ("http://127.0.0.1:9", "http://127.0.0.1.evil.example/token", false),
        ] {
            let parsed = [issuer, address].map(|text| text.parse::<Url>().expect("an address"));
            assert_eq!(may_lead(&parsed[0], &parsed[1]), may, "{issuer} {address}");
        }
    }
}
