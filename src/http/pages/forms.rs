//! Proof that a form was shown by us in the session that sends it: a token in every form, made of the session's
//! secret (OWASP, HMAC-based token pattern). The guard asks for it beside `Origin` and the cookie's `SameSite`.
//!
//! Tokens are put in here and nowhere else, and only into pages of our own templates, so that no form can be
//! forgotten and no mail's HTML ever gets one.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::response::Response;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::domain::hex::hex;

/// The field that holds the token.
pub const FIELD: &str = "csrf";

/// The header that scripts of our pages may send in its place.
const HEADER: &str = "x-csrf-token";

/// Longest form that is read, in bytes.
const FORM_BYTES_MAX: usize = 1 << 20;

/// A page of our own templates, as it was written.
#[derive(Debug, Clone)]
pub(super) struct Written(pub(super) Bytes);

/// The token for the session with this secret.
pub fn token(secret: &str) -> String {
    // A key of any length will do.
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map(|mac| mac.chain_update(b"form"));
    mac.map(|mac| hex(&mac.finalize().into_bytes())).unwrap_or_default()
}

/// Puts the token into every form of a page that acts.
pub(super) fn with_token(mut response: Response, token: &str) -> Response {
    let Some(Written(page)) = response.extensions_mut().remove::<Written>() else { return response };
    let Ok(text) = std::str::from_utf8(&page) else { return response };
    let field = format!("<input type=\"hidden\" name=\"{FIELD}\" value=\"{token}\">");
    let mut whole = String::with_capacity(text.len() + 8 * field.len());
    let mut rest = text;
    // What mail says is escaped in templates, so that each of these is a form of ours.
    while let Some(at) = rest.find("<form") {
        let end = rest[at..].find('>').map_or(rest.len(), |end| at + end + 1);
        let (tag, after) = rest.split_at(end);
        whole.push_str(tag);
        if tag[at..].contains("method=\"post\"") {
            whole.push_str(&field);
        }
        rest = after;
    }
    whole.push_str(rest);
    response.headers_mut().remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(whole);
    response
}

/// The form of a request, and the request with it; `None` when it is too long or breaks off.
pub(super) async fn read(request: Request) -> Option<(Bytes, Request)> {
    let (parts, body) = request.into_parts();
    let form = axum::body::to_bytes(body, FORM_BYTES_MAX).await.ok()?;
    Some((form.clone(), Request::from_parts(parts, Body::from(form))))
}

/// Whether a form has the token of the session with this secret.
pub(super) fn is_ours(headers: &HeaderMap, form: &[u8], secret: &str) -> bool {
    let in_header = headers.get(HEADER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let in_form = || url::form_urlencoded::parse(form).find(|(name, _)| name == FIELD).map(|(_, token)| token.into());
    let given: Option<String> = in_header.or_else(in_form);
    given.is_some_and(|given| bool::from(given.as_bytes().ct_eq(token(secret).as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_that_acts_has_the_token() {
        let page = "<form method=\"get\"></form>é<form class=\"x\" method=\"post\" action=\"/a?b=%3E\"><p>";
        let mut response = Response::new(Body::from(page));
        response.extensions_mut().insert(Written(Bytes::from(page)));
        let done = with_token(response, "T");
        let size = axum::body::HttpBody::size_hint(done.body()).exact();
        let field = "<input type=\"hidden\" name=\"csrf\" value=\"T\">";
        assert_eq!(size, Some((page.len() + field.len()) as u64));
        let other = with_token(Response::new(Body::from(page)), "T");
        assert_eq!(
            axum::body::HttpBody::size_hint(other.body()).exact(),
            Some(page.len() as u64),
            "what is not ours gets none"
        );
    }

    #[test]
    fn only_the_token_of_this_session_is_ours() {
        let (none, mine) = (HeaderMap::new(), token("secret"));
        assert_eq!(mine.len(), 64);
        assert!(is_ours(&none, format!("a=b&csrf={mine}").as_bytes(), "secret"));
        assert!(!is_ours(&none, format!("csrf={mine}").as_bytes(), "other"));
        for form in ["", "csrf=", "csrf=x", "a=b"] {
            assert!(!is_ours(&none, form.as_bytes(), "secret"), "{form}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, mine.parse().expect("a value"));
        assert!(is_ours(&headers, b"", "secret"));
    }
}
