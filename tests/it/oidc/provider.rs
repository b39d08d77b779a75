//! A provider of our own on loopback, which does as it is told: well, or wrong in one thing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Body;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use nightcall::clock::Clock;
use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use rand::RngExt as _;
use ring::rand::SystemRandom;
use ring::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What we are called at the provider, and what proves it.
pub(crate) const CLIENT: (&str, &str) = ("nightcall", "s3cret");

/// A key of 2048 bits for tests, as PKCS #8; nothing else knows it.
const RSA_KEY: &str = include_str!("rsa-2048.pkcs8.base64");

/// How a part of the provider answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Good,
    /// 500 with a page for people.
    Fails,
    /// 200 with a page for people.
    Rambles,
    /// More than anybody reads.
    Floods,
    /// Nothing, ever.
    Silent,
}

#[derive(Clone)]
pub(crate) struct Pretend {
    pub(crate) issuer: String,
    pub(crate) plan: Arc<Mutex<Plan>>,
}

pub(crate) struct Plan {
    /// What time it is there.
    pub(crate) clock: Option<Clock>,
    /// Claims put over those of rae; null takes one away.
    pub(crate) claims: Value,
    /// How a token says it is signed: ES256, RS256, HS256 or none.
    pub(crate) algorithm: &'static str,
    /// The key of ES256 that is published, and under which name.
    pub(crate) published: (&'static str, SecretKey),
    /// The key of ES256 by which tokens are signed, and the name they give it.
    pub(crate) signer: (&'static str, SecretKey),
    /// What it calls itself where it describes itself, when that is not its address.
    pub(crate) called: Option<String>,
    /// How clients prove who they are, as it says.
    pub(crate) methods: Option<Value>,
    /// How it describes itself.
    pub(crate) describes: Mood,
    /// How it gives tokens.
    pub(crate) gives: Mood,
    /// How often its keys were asked for.
    pub(crate) keys_asked: usize,
    /// What the browser that was here last was sent with.
    pub(crate) sent: HashMap<String, String>,
}

pub(crate) fn key() -> SecretKey {
    loop {
        if let Ok(key) = SecretKey::from_slice(&rand::rng().random::<[u8; 32]>()) {
            return key;
        }
    }
}

fn rsa() -> RsaKeyPair {
    let der: String = RSA_KEY.split_whitespace().collect();
    RsaKeyPair::from_pkcs8(&STANDARD.decode(der).expect("base64")).expect("a key")
}

impl Pretend {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let issuer = format!("http://{}", listener.local_addr().expect("an address"));
        let key = key();
        let plan = Plan {
            clock: None,
            claims: json!({}),
            algorithm: "ES256",
            published: ("e1", key.clone()),
            signer: ("e1", key),
            called: None,
            methods: None,
            describes: Mood::Good,
            gives: Mood::Good,
            keys_asked: 0,
            sent: HashMap::new(),
        };
        let pretend = Self { issuer, plan: Arc::new(Mutex::new(plan)) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .route("/logout", get(sign_out))
            .with_state(pretend.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.expect("serving") });
        pretend
    }

    pub(crate) fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().expect("not poisoned")
    }

    /// Everything as it should be again.
    pub(crate) fn behave(&self) {
        let mut plan = self.plan();
        let (kid, key) = plan.published.clone();
        plan.signer = (kid, key);
        (plan.claims, plan.algorithm, plan.describes, plan.gives) = (json!({}), "ES256", Mood::Good, Mood::Good);
    }
}

impl Mood {
    /// What it says in place of what was asked for.
    async fn spoil(self) -> Option<Response> {
        let page = "<html>Something went wrong</html>";
        match self {
            Self::Good => None,
            Self::Fails => Some((StatusCode::INTERNAL_SERVER_ERROR, page).into_response()),
            Self::Rambles => Some(page.into_response()),
            Self::Floods => {
                let json = [(header::CONTENT_TYPE, "application/json")];
                Some((json, Body::from(format!("{{\"issuer\": \"{}\"}}", "x".repeat(2 << 20)))).into_response())
            }
            Self::Silent => std::future::pending().await,
        }
    }
}

async fn describe(State(pretend): State<Pretend>) -> Response {
    let mood = pretend.plan().describes;
    if let Some(spoilt) = mood.spoil().await {
        return spoilt;
    }
    let (issuer, plan) = (&pretend.issuer, pretend.plan());
    let mut about = json!({
        "issuer": plan.called.as_ref().unwrap_or(issuer), "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"), "jwks_uri": format!("{issuer}/keys"),
        "end_session_endpoint": format!("{issuer}/logout"),
        "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
    });
    if let Some(methods) = &plan.methods {
        about["token_endpoint_auth_methods_supported"] = methods.clone();
    }
    Json(about).into_response()
}

async fn keys(State(pretend): State<Pretend>) -> Json<Value> {
    let mut plan = pretend.plan();
    plan.keys_asked += 1;
    let (kid, key) = &plan.published;
    let point = key.public_key().to_sec1_bytes();
    let part = |from: usize| URL_SAFE_NO_PAD.encode(&point[from..from + 32]);
    let rsa = RsaPublicKeyComponents::<Vec<u8>>::from(rsa().public_key());
    let (n, e) = (URL_SAFE_NO_PAD.encode(rsa.n), URL_SAFE_NO_PAD.encode(rsa.e));
    Json(json!({ "keys": [
        { "kty": "EC", "crv": "P-256", "use": "sig", "kid": kid, "x": part(1), "y": part(33) },
        { "kty": "RSA", "use": "sig", "alg": "RS256", "kid": "r1", "n": n, "e": e },
    ] }))
}

/// Rae has signed in here before, and is led back at once.
async fn authorize(State(pretend): State<Pretend>, Query(sent): Query<HashMap<String, String>>) -> Redirect {
    let mut back = url::Url::parse(&sent["redirect_uri"]).expect("an address");
    back.query_pairs_mut()
        .append_pair("code", "good")
        .append_pair("state", &sent["state"])
        .append_pair("iss", &pretend.issuer);
    pretend.plan().sent = sent;
    Redirect::to(back.as_str())
}

/// Rae has signed out here, and is led back.
async fn sign_out(Query(sent): Query<HashMap<String, String>>) -> Redirect {
    Redirect::to(&sent["post_logout_redirect_uri"])
}

async fn token(
    State(pretend): State<Pretend>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let mood = pretend.plan().gives;
    if let Some(spoilt) = mood.spoil().await {
        return spoilt;
    }
    let plan = pretend.plan();
    let refused = |error: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form["code_verifier"].as_bytes()));
    let in_header = format!("Basic {}", STANDARD.encode(format!("{}:{}", CLIENT.0, CLIENT.1)));
    let is_ours = match plan.methods {
        None => headers.get(header::AUTHORIZATION).is_some_and(|given| given.as_bytes() == in_header.as_bytes()),
        Some(_) => form["client_id"] == CLIENT.0 && form["client_secret"] == CLIENT.1,
    };
    if !is_ours {
        return refused("invalid_client");
    }
    let fits = form["grant_type"] == "authorization_code"
        && form["redirect_uri"] == plan.sent["redirect_uri"]
        && challenge == plan.sent["code_challenge"];
    if form["code"] != "good" || !fits {
        return refused("invalid_grant");
    }
    let token = plan.token(&pretend.issuer);
    Json(json!({ "access_token": "x", "token_type": "Bearer", "expires_in": 60, "id_token": token })).into_response()
}

impl Plan {
    fn token(&self, issuer: &str) -> String {
        let now = self.clock.as_ref().expect("a clock").now().as_second();
        let mut claims = json!({
            "iss": issuer, "aud": CLIENT.0, "sub": "aB12", "nonce": self.sent["nonce"], "iat": now, "exp": now + 300,
            "email": "rae@example.com", "email_verified": true, "groups": ["oncall", "dev"], "uid": "rae1",
        });
        for (name, value) in self.claims.as_object().expect("claims") {
            claims[name] = value.clone();
        }
        claims.as_object_mut().expect("claims").retain(|_, value| !value.is_null());
        let kid = if self.algorithm == "RS256" { "r1" } else { self.signer.0 };
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = json!({ "alg": self.algorithm, "kid": kid, "typ": "JWT" });
        let signed = format!("{}.{}", encoded(&head), encoded(&claims));
        let signature = match self.algorithm {
            "ES256" => {
                let signature: Signature = SigningKey::from(&self.signer.1).sign(signed.as_bytes());
                signature.to_bytes().to_vec()
            }
            "RS256" => {
                let key = rsa();
                let mut signature = vec![0; key.public().modulus_len()];
                let random = SystemRandom::new();
                key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).expect("signed");
                signature
            }
            "HS256" => {
                let mac = Hmac::<Sha256>::new_from_slice(CLIENT.1.as_bytes()).expect("a key");
                mac.chain_update(signed.as_bytes()).finalize().into_bytes().to_vec()
            }
            _ => Vec::new(),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
