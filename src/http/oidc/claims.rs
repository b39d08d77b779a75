//! Whom the claims of a token mean, and whether they may come in. Pure: the token was checked before.
//!
//! An address of mail counts when the provider has verified it; any other claim when the settings name it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{Config, Refusal};

/// Longest name that a provider may give somebody, in bytes.
const NAME_BYTES_MAX: usize = 200;

/// The claim that holds an address of mail.
const EMAIL: &str = "email";

/// All claims of a token in its compact form (RFC 7519 section 3): those of OpenID Connect and whatever else is in it.
pub(super) fn of(token: &str) -> Value {
    let payload = token.split('.').nth(1).and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
    payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default()
}

/// What the provider calls whoever has signed in.
///
/// # Errors
/// When it says nothing that counts, or they may not come in.
pub(super) fn whom(config: &Config, claims: &Value) -> Result<String, Refusal> {
    let subject = text(claims, "sub").unwrap_or_else(|| "unknown".to_owned());
    let refused = |who: &str, why: String| Err(Refusal::Unknown { who: who.to_owned(), why });
    let claim = config.claim.as_deref().unwrap_or(EMAIL);
    let Some(name) = text(claims, claim) else {
        let why = format!(
            "the provider says nothing in the claim {claim:?}; have it put that into the ID token, or name another \
             claim in [http.sign_in.provider]"
        );
        return refused(&subject, why);
    };
    if claim == EMAIL && !is_verified(claims) {
        let why = format!(
            "the provider has not verified the address {name}; have it do so, or name another claim in \
             [http.sign_in.provider]"
        );
        return refused(&name, why);
    }
    if !config.groups.is_empty() && !is_in_a_group(config, claims) {
        let why = format!(
            "the provider lists none of the groups that may sign in here, by the claim {:?}; whoever runs the provider \
             can add you to one",
            config.groups_claim
        );
        return refused(&name, why);
    }
    Ok(name)
}

/// A claim as text; numbers are written as such.
fn text(claims: &Value, claim: &str) -> Option<String> {
    let text = match claims.get(claim)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty() && text.len() <= NAME_BYTES_MAX).then_some(text)
}

/// Some providers write the word in quotes.
fn is_verified(claims: &Value) -> bool {
    match claims.get("email_verified") {
        Some(Value::Bool(is_verified)) => *is_verified,
        Some(Value::String(word)) => word == "true",
        _ => false,
    }
}

fn is_in_a_group(config: &Config, claims: &Value) -> bool {
    let is_ours = |group: &Value| group.as_str().is_some_and(|name| config.groups.iter().any(|own| own == name));
    match claims.get(&config.groups_claim) {
        Some(Value::Array(groups)) => groups.iter().any(is_ours),
        Some(group) => is_ours(group),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(claim: Option<&str>, groups: &[&str]) -> Config {
        let address = |path: &str| format!("https://nightcall.example{path}");
        Config {
            name: "Example".to_owned(),
            issuer: openidconnect::IssuerUrl::new("https://login.example".to_owned()).expect("an address"),
            client_id: "nightcall".to_owned(),
            client_secret: None,
            claim: claim.map(str::to_owned),
            groups_claim: "groups".to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            scopes: Vec::new(),
            timeout: std::time::Duration::from_secs(1),
            redirect: openidconnect::RedirectUrl::new(address("/a")).expect("an address"),
            signed_out: openidconnect::PostLogoutRedirectUrl::new(address("/b")).expect("an address"),
        }
    }

    #[test]
    fn a_claim_counts_when_it_is_proven_or_named() {
        let ann = json!({ "sub": "12", "email": "ann@x.example", "email_verified": true });
        let unverified = json!({ "sub": "12", "email": "ann@x.example", "email_verified": false });
        for (claim, claims, expected) in [
            (None, &ann, Some("ann@x.example")),
            (None, &json!({ "email": "ann@x.example", "email_verified": "true" }), Some("ann@x.example")),
            (None, &unverified, None),
            (Some("email"), &unverified, None),
            (None, &json!({ "email": "ann@x.example" }), None),
            (None, &json!({ "sub": "12" }), None),
            (Some("sub"), &ann, Some("12")),
            (Some("uid"), &json!({ "uid": 1007 }), Some("1007")),
            (Some("uid"), &json!({ "uid": "" }), None),
            (Some("uid"), &json!({ "uid": ["ann"] }), None),
            (Some("uid"), &json!({ "uid": "a".repeat(201) }), None),
        ] {
            assert_eq!(whom(&config(claim, &[]), claims).ok().as_deref(), expected, "{claim:?} {claims}");
        }
    }

    #[test]
    fn groups_let_in_whoever_is_in_one() {
        for (groups, may) in [
            (json!(["dev", "oncall"]), true),
            (json!("oncall"), true),
            (json!(["dev"]), false),
            (json!(["ONCALL", 7]), false),
            (json!({ "oncall": true }), false),
            (Value::Null, false),
        ] {
            let claims = json!({ "sub": "12", "groups": groups });
            let found = whom(&config(Some("sub"), &["oncall", "ops"]), &claims);
            assert_eq!(found.is_ok(), may, "{claims}");
            assert!(may || matches!(found, Err(Refusal::Unknown { who, .. }) if who == "12"));
        }
    }

    #[test]
    fn claims_are_read_from_the_middle_of_a_token() {
        let payload = URL_SAFE_NO_PAD.encode(r#"{"sub":"12"}"#);
        assert_eq!(of(&format!("e30.{payload}.c2ln")), json!({ "sub": "12" }));
        assert_eq!(of("nonsense"), Value::Null);
    }
}
