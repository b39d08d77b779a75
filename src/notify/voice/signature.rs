//! Verifying that a callback comes from the provider (Twilio docs, "Validating requests").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

/// Whether `given` signs a form POST to `url` with these parameters. The provider may or may not have written
/// a standard port into the URL, so both forms are tried.
pub fn is_valid(token: &str, url: &str, parameters: &[(String, String)], given: &str) -> bool {
    let Ok(given) = STANDARD.decode(given) else { return false };
    [Some(url.to_owned()), with_port(url), without_port(url)]
        .into_iter()
        .flatten()
        .any(|url| sign(token, &url, parameters).ct_eq(&given).into())
}

/// Base64 of [`sign`], as the header carries it.
pub fn header(token: &str, url: &str, parameters: &[(String, String)]) -> String {
    STANDARD.encode(sign(token, url, parameters))
}

/// HMAC-SHA1 over the URL followed by every parameter's name and value, sorted by name; a repeated name counts
/// once for each distinct value.
fn sign(token: &str, url: &str, parameters: &[(String, String)]) -> Vec<u8> {
    let mut sorted: Vec<_> = parameters.iter().collect();
    sorted.sort();
    sorted.dedup();
    let mut mac = Hmac::<Sha1>::new_from_slice(token.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    mac.finalize().into_bytes().to_vec()
}

fn parts(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let path = rest.find(['/', '?']).unwrap_or(rest.len());
    Some((scheme, &rest[..path], &rest[path..]))
}

fn standard_port(scheme: &str) -> &'static str {
    if scheme == "https" { ":443" } else { ":80" }
}

fn with_port(url: &str) -> Option<String> {
    let (scheme, host, path) = parts(url)?;
    let has_port = host.rsplit(']').next().is_some_and(|tail| tail.contains(':'));
    (!has_port).then(|| format!("{scheme}://{host}{}{path}", standard_port(scheme)))
}

fn without_port(url: &str) -> Option<String> {
    let (scheme, host, path) = parts(url)?;
    let bare = host.strip_suffix(standard_port(scheme))?;
    Some(format!("{scheme}://{bare}{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector() -> Vec<(String, String)> {
        [
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675309"),
            ("Digits", "1234"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
    const SIGNATURE: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";

    #[test]
    fn twilios_own_example() {
        assert_eq!(header("12345", URL, &vector()), SIGNATURE);
        assert!(is_valid("12345", URL, &vector(), SIGNATURE));
    }

    #[test]
    fn the_port_may_be_written_or_not() {
        assert!(is_valid("12345", "https://mycompany.com:443/myapp.php?foo=1&bar=2", &vector(), SIGNATURE));
        let with_port = header("12345", "https://mycompany.com:443/myapp.php?foo=1&bar=2", &vector());
        assert!(is_valid("12345", URL, &vector(), &with_port));
        let other_port = header("12345", "https://mycompany.com:444/myapp.php?foo=1&bar=2", &vector());
        assert!(!is_valid("12345", URL, &vector(), &other_port));
    }

    #[test]
    fn any_change_breaks_it() {
        let mut changed = vector();
        changed[2].1 = "4".to_owned();
        assert!(!is_valid("12345", URL, &changed, SIGNATURE));
        assert!(!is_valid("12346", URL, &vector(), SIGNATURE));
        assert!(!is_valid("12345", "https://mycompany.com/other", &vector(), SIGNATURE));
        for forged in ["", "AAAA", "not base64!"] {
            assert!(!is_valid("12345", URL, &vector(), forged));
        }
    }
}
