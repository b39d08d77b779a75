//! Performs what channels ask for: bounded in time and size, without redirects, and past the guard (I37) where an
//! address was written by whoever writes definitions.

use std::error::Error as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::egress::{self, Refused};
use super::exchange::{Method, Outcome, Request, Response};
use super::{PROVIDER_TIMEOUT, builder, judge_error};

/// Most of an answer that is read, in bytes; no provider says more that matters.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Whether the guard looks at where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// The address is a server's of the settings, which may well be next door.
    Off,
    /// The address is a hook's: it leads to the public Internet or to where settings allow.
    On,
}

/// Makes requests; clones share what is open.
#[derive(Debug, Clone)]
pub struct Http {
    open: reqwest::Client,
    guarded: reqwest::Client,
    allowed: Arc<[IpNet]>,
}

impl Http {
    /// Makes requests; the guarded ones reach inside these networks only.
    ///
    /// # Errors
    /// When the system's certificates cannot be used.
    pub fn new(open: reqwest::Client, allowed: &[IpNet]) -> Result<Self, reqwest::Error> {
        let allowed: Arc<[IpNet]> = allowed.into();
        let resolver = Resolver { allowed: Arc::clone(&allowed) };
        // A proxy would look names up by itself, past the guard.
        let guarded = builder().no_proxy().dns_resolver(Arc::new(resolver)).build()?;
        Ok(Self { open, guarded, allowed })
    }

    /// Makes a request.
    ///
    /// # Errors
    /// What it means when there is no answer. The text never holds the URL, which may be secret.
    pub async fn perform(&self, request: &Request, guard: Guard) -> Result<Response, Outcome> {
        self.perform_within(request, guard, PROVIDER_TIMEOUT).await
    }

    /// Makes a request that may take so long.
    ///
    /// # Errors
    /// As [`Http::perform`].
    pub async fn perform_within(
        &self,
        request: &Request,
        guard: Guard,
        timeout: Duration,
    ) -> Result<Response, Outcome> {
        self.make(request, request.body.clone().into_bytes(), guard, timeout).await
    }

    /// Makes a request whose body is no text, in place of the request's.
    ///
    /// # Errors
    /// As [`Http::perform`].
    pub async fn perform_with(&self, request: &Request, body: Vec<u8>, guard: Guard) -> Result<Response, Outcome> {
        self.make(request, body, guard, PROVIDER_TIMEOUT).await
    }

    async fn make(
        &self,
        request: &Request,
        body: Vec<u8>,
        guard: Guard,
        timeout: Duration,
    ) -> Result<Response, Outcome> {
        let client = match guard {
            Guard::Off => &self.open,
            Guard::On => {
                judge_url(&request.url, &self.allowed).map_err(|refused| Outcome::Failed(refused.to_string()))?;
                &self.guarded
            }
        };
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut asked = client.request(method, request.url.clone()).timeout(timeout);
        for (name, value) in &request.headers {
            asked = asked.header(name, value);
        }
        let mut answer = asked.body(body).send().await.map_err(judge)?;
        let mut response = Response { status: answer.status().as_u16(), ..Response::default() };
        for (name, value) in answer.headers() {
            response.headers.extend(value.to_str().ok().map(|value| (name.as_str().to_owned(), value.to_owned())));
        }
        while let Some(piece) = answer.chunk().await.map_err(judge)? {
            let room = ANSWER_BYTES_MAX - response.body.len();
            response.body.extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.len() >= room {
                break;
            }
        }
        Ok(response)
    }
}

/// Judges what a URL tells by itself, before its name is looked up. A host in numbers never is.
///
/// # Errors
/// Why it may not be called.
pub fn judge_url(url: &Url, allowed: &[IpNet]) -> Result<(), Refused> {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        // Public, so that only the rest is judged here; the resolver judges what the name leads to.
        _ => IpAddr::from([1, 1, 1, 1]),
    };
    egress::judge(url, &[address], allowed).map(|_| ())
}

fn judge(error: reqwest::Error) -> Outcome {
    let mut cause = error.source();
    while let Some(found) = cause {
        if let Some(refused) = found.downcast_ref::<Refused>() {
            return Outcome::Failed(refused.to_string());
        }
        cause = found.source();
    }
    judge_error(error)
}

/// Looks names up and judges every address, so that what is judged is what is connected to.
#[derive(Debug)]
struct Resolver {
    allowed: Arc<[IpNet]>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = Arc::clone(&self.allowed);
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if found.is_empty() {
                return Err(Refused::Unresolved.into());
            }
            for address in &found {
                egress::judge_address(address.ip(), &allowed)?;
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::http_client;

    async fn refusal(url: &str, allowed: &str) -> String {
        let allowed: Vec<IpNet> = allowed.parse().into_iter().collect();
        let http = Http::new(http_client().unwrap(), &allowed).unwrap();
        let request = Request::new(Method::Get, url, String::new()).unwrap();
        match http.perform(&request, Guard::On).await {
            Err(outcome) => outcome.trouble().unwrap_or_default().to_owned(),
            other => panic!("{url}: {other:?}"),
        }
    }

    #[tokio::test]
    async fn names_and_numbers_that_lead_inside_are_refused() {
        for url in ["http://127.0.0.1:9/", "http://localhost:9/", "http://[::1]:9/", "http://2130706433:9/"] {
            let why = refusal(url, "10.0.0.0/8").await;
            assert!(why.contains("loopback"), "{url}: {why}");
        }
        let user = refusal("http://ann:secret@192.0.2.1/", "0.0.0.0/0").await;
        assert_eq!(user, "the target names a user or a password");
        assert!(refusal("http://169.254.169.254/latest", "169.254.0.0/16").await.contains("tells its secrets"));
        // Allowed, and nobody listens there.
        assert_eq!(refusal("http://127.0.0.1:9/", "127.0.0.0/8").await, "the provider cannot be reached");
    }
}
