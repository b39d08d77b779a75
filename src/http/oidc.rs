//! Signing in by an OpenID provider: the code flow with PKCE (OpenID Connect Core 1.0, RFC 7636, RFC 9700).
//!
//! The openidconnect crate does the protocol. Whom a provider means is ours, and the definitions' ([`claims`]). What the
//! provider says of itself is asked for when somebody signs in, never at the start: one that is away stops nobody else.

mod asking;
mod claims;
mod trouble;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdToken, CoreIdTokenVerifier, CoreJwsSigningAlgorithm,
};
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, EndSessionUrl,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, LogoutRequest, Nonce, PkceCodeChallenge,
    PkceCodeVerifier, PostLogoutRedirectUrl, ProviderMetadataWithLogout, RedirectUrl, RequestTokenError, Scope,
    TokenResponse as _,
};
use tokio::sync::Mutex;
use url::{Host, Url};

use self::asking::{Asking, Failed};
use self::trouble::{is_about_keys, undiscovered, wrong_with};

/// How long what a provider says of itself, its keys above all, is believed.
const DISCOVERED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// How soon it is asked once more when a token is signed by a key that is not known.
const ASKED_AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(1);

/// Signatures that count: of keys that the provider publishes. `none` and those by the shared secret do not.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// A provider, as the settings have it.
#[derive(Clone)]
pub struct Config {
    /// What people know it by.
    pub name: String,
    /// Its address, without the part that is known to all (`/.well-known/…`).
    pub issuer: IssuerUrl,
    /// What we are called there.
    pub client_id: String,
    /// What proves that we are it; none for a public client.
    pub client_secret: Option<ClientSecret>,
    /// The claim that says who it is; the verified address of mail where none is named.
    pub claim: Option<String>,
    /// The claim that lists groups.
    pub groups_claim: String,
    /// Only who is in one of these may sign in; everybody where there is none.
    pub groups: Vec<String>,
    /// What else is asked for.
    pub scopes: Vec<String>,
    /// How long one step of a sign-in waits for the provider.
    pub timeout: Duration,
    /// Where it leads people back to.
    pub redirect: RedirectUrl,
    /// Where people are once they have signed out there.
    pub signed_out: PostLogoutRedirectUrl,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("name", &self.name).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Why nobody was signed in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The provider does not answer as it should. Trying again may help.
    #[error("the provider does not answer as it should: {0}")]
    Unavailable(String),
    /// What came back proves nothing.
    #[error("{0}")]
    Unproven(String),
    /// It is somebody who may not come in.
    #[error("{why}")]
    Unknown {
        /// What the provider calls them.
        who: String,
        /// Why not, with what would mend it.
        why: String,
    },
}

/// A sign-in that has begun.
pub struct Begun {
    /// Where the browser goes.
    pub address: String,
    /// What the answer must repeat.
    pub state: String,
    /// What the token must repeat.
    pub nonce: String,
    /// What proves to the provider that who asks for the token is who began.
    pub verifier: String,
}

type OpenId =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// A provider and what it has said of itself.
#[derive(Debug)]
pub struct Provider {
    config: Config,
    asking: Asking,
    discovered: Mutex<Option<Discovered>>,
}

#[derive(Debug, Clone)]
struct Discovered {
    at: Timestamp,
    /// When it was asked once more because of a token, last.
    again_at: Option<Timestamp>,
    metadata: Arc<ProviderMetadataWithLogout>,
}

/// Whether what is said to this address stays between us and a provider: HTTPS, or this machine.
pub fn is_private(address: &Url) -> bool {
    let is_here = match address.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let is_bare = address.username().is_empty() && address.password().is_none();
    is_bare && (address.scheme() == "https" || (address.scheme() == "http" && is_here))
}

impl Provider {
    /// A provider that is asked with this client, which must follow no redirect.
    pub fn new(config: Config, client: reqwest::Client) -> Self {
        let asking = Asking::new(client, config.issuer.url().clone());
        Self { config, asking, discovered: Mutex::default() }
    }

    /// What people know it by.
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// What it calls itself.
    pub fn issuer(&self) -> &str {
        self.config.issuer.as_str()
    }

    /// Whether an identity in the definitions is this one. Subjects tell capitals apart (OpenID Connect Core 1.0 section
    /// 2), addresses and names of people do not.
    pub fn means(&self, identity: &str, named: &str) -> bool {
        let is_subject = self.config.claim.as_deref() == Some("sub");
        identity == named || (!is_subject && identity.eq_ignore_ascii_case(named))
    }

    /// Begins a sign-in.
    ///
    /// # Errors
    /// When the provider does not say where.
    pub async fn begin(&self, now: Timestamp) -> Result<Begun, Refusal> {
        let client = self.client(&*self.in_time(self.metadata(now)).await?);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let mut request = client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random);
        for scope in ["email", "profile"].into_iter().chain(self.config.scopes.iter().map(String::as_str)) {
            request = request.add_scope(Scope::new(scope.to_owned()));
        }
        let (address, state, nonce) = request.set_pkce_challenge(challenge).url();
        Ok(Begun {
            address: address.into(),
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
        })
    }

    /// Ends a sign-in: what the provider calls whoever has signed in there.
    ///
    /// # Errors
    /// When that is not proven, or not somebody who may come in.
    pub async fn finish(
        &self,
        code: String,
        nonce: String,
        verifier: String,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        self.in_time(self.prove(code, Nonce::new(nonce), PkceCodeVerifier::new(verifier), now)).await
    }

    /// Where a browser goes to sign out at the provider too, where it says.
    pub async fn sign_out(&self, now: Timestamp) -> Option<String> {
        let metadata = self.in_time(self.metadata(now)).await.ok()?;
        let end = metadata.additional_metadata().end_session_endpoint.clone()?;
        let request = LogoutRequest::from(end).set_client_id(ClientId::new(self.config.client_id.clone()));
        Some(request.set_post_logout_redirect_uri(self.config.signed_out.clone()).http_get_url().into())
    }

    async fn prove(
        &self,
        code: String,
        nonce: Nonce,
        verifier: PkceCodeVerifier,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let metadata = self.metadata(now).await?;
        let client = self.client(&metadata);
        let unusable = |_| Refusal::Unavailable("it does not say where tokens are".to_owned());
        let request = client.exchange_code(AuthorizationCode::new(code)).map_err(unusable)?;
        let answer = request.set_pkce_verifier(verifier).request_async(&self.asking).await;
        let answer = answer.map_err(|error| match error {
            RequestTokenError::ServerResponse(refused) => {
                Refusal::Unproven(format!("the provider takes the code or our secret for wrong: {}", refused.error()))
            }
            RequestTokenError::Request(failed) => Refusal::Unavailable(failed.to_string()),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                Refusal::Unavailable("its answer is malformed".to_owned())
            }
        })?;
        let token = answer.id_token().ok_or_else(|| Refusal::Unproven("the provider sends no ID token".to_owned()))?;
        let mut checked = self.check(token, &nonce, &metadata, now);
        if checked.as_ref().is_err_and(is_about_keys)
            && let Some(newer) = self.asked_again(&metadata, now).await?
        {
            checked = self.check(token, &nonce, &newer, now);
        }
        checked.map_err(|error| Refusal::Unproven(wrong_with(&error)))?;
        claims::whom(&self.config, &claims::of(&token.to_string()))
    }

    /// Checks a token: signature, issuer, audience, end and nonce.
    fn check(
        &self,
        token: &CoreIdToken,
        nonce: &Nonce,
        metadata: &ProviderMetadataWithLogout,
        now: Timestamp,
    ) -> Result<(), ClaimsVerificationError> {
        let client = self.client(metadata);
        let claims = token.claims(&verifier_at(&client, now), nonce)?;
        // OpenID Connect Core 1.0 section 3.1.3.7: one of several audiences must be named as whom it was made for.
        let is_for_us = claims.authorized_party().is_some_and(|party| party.as_str() == self.config.client_id);
        if claims.audiences().len() > 1 && !is_for_us {
            return Err(ClaimsVerificationError::InvalidAudience("made for another".to_owned()));
        }
        Ok(())
    }

    fn client(&self, metadata: &ProviderMetadataWithLogout) -> OpenId {
        let config = &self.config;
        let methods = metadata.token_endpoint_auth_methods_supported().map(Vec::as_slice).unwrap_or_default();
        let is_in_form = methods.contains(&CoreClientAuthMethod::ClientSecretPost)
            && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic);
        let how = if is_in_form { AuthType::RequestBody } else { AuthType::BasicAuth };
        let client_id = ClientId::new(config.client_id.clone());
        OpenId::from_provider_metadata(metadata.clone(), client_id, config.client_secret.clone())
            .set_auth_type(how)
            .set_redirect_uri(config.redirect.clone())
    }

    /// Whoever waits for a provider is told so before their request ends.
    async fn in_time<T>(&self, step: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
        let late = |_| Refusal::Unavailable("it does not answer in time".to_owned());
        tokio::time::timeout(self.config.timeout, step).await.map_err(late)?
    }

    /// What the provider says of itself, not too old.
    async fn metadata(&self, now: Timestamp) -> Result<Arc<ProviderMetadataWithLogout>, Refusal> {
        let mut discovered = self.discovered.lock().await;
        if let Some(known) = &*discovered
            && is_within(now, known.at, DISCOVERED_FOR)
        {
            return Ok(Arc::clone(&known.metadata));
        }
        let metadata = Arc::new(self.discover().await?);
        let again_at = discovered.as_ref().and_then(|known| known.again_at);
        *discovered = Some(Discovered { at: now, again_at, metadata: Arc::clone(&metadata) });
        Ok(metadata)
    }

    /// What it says now, where that may be something else than this. It changes its keys now and then, and is not asked
    /// for them by every token that does not fit.
    async fn asked_again(
        &self,
        than: &Arc<ProviderMetadataWithLogout>,
        now: Timestamp,
    ) -> Result<Option<Arc<ProviderMetadataWithLogout>>, Refusal> {
        let mut discovered = self.discovered.lock().await;
        if let Some(known) = &*discovered {
            if !Arc::ptr_eq(&known.metadata, than) {
                return Ok(Some(Arc::clone(&known.metadata)));
            }
            if known.again_at.is_some_and(|at| is_within(now, at, ASKED_AGAIN_AFTER)) {
                return Ok(None);
            }
        }
        let metadata = Arc::new(self.discover().await?);
        *discovered = Some(Discovered { at: now, again_at: Some(now), metadata: Arc::clone(&metadata) });
        Ok(Some(metadata))
    }

    async fn discover(&self) -> Result<ProviderMetadataWithLogout, Refusal> {
        let found = ProviderMetadataWithLogout::discover_async(self.config.issuer.clone(), &self.asking).await;
        let metadata = found.map_err(|error| Refusal::Unavailable(undiscovered(error)))?;
        // Browsers are led to these, so they are judged as what we ask for ourselves.
        let end = metadata.additional_metadata().end_session_endpoint.as_ref().map(EndSessionUrl::url);
        let named = [Some(metadata.authorization_endpoint().url()), end];
        if named.into_iter().flatten().any(|address| !self.asking.may_ask(address)) {
            return Err(Refusal::Unavailable(Failed::Exposed.to_string()));
        }
        Ok(metadata)
    }
}

/// Whether this was then, and not long ago. A clock that was put back makes everything old.
fn is_within(now: Timestamp, at: Timestamp, long: SignedDuration) -> bool {
    at <= now && now.duration_since(at) < long
}

/// What checks tokens, by our clock.
fn verifier_at(client: &OpenId, now: Timestamp) -> CoreIdTokenVerifier<'_> {
    let time = DateTime::<Utc>::from_timestamp_millis(now.as_millisecond()).unwrap_or_default();
    // Of several audiences we are one; that the token was made for us is looked at below.
    let verifier = client.id_token_verifier().set_other_audience_verifier_fn(|_| true);
    verifier.set_allowed_algs(ALGORITHMS).set_time_fn(move || time)
}
