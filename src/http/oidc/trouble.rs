//! What is wrong with what a provider says, in words that tell what would mend it.

use openidconnect::{ClaimsVerificationError, DiscoveryError, SignatureVerificationError};

use super::asking::Failed;

/// Whether other keys could help.
pub(super) fn is_about_keys(error: &ClaimsVerificationError) -> bool {
    use SignatureVerificationError::{AmbiguousKeyId, CryptoError, InvalidKey, NoMatchingKey};
    let ClaimsVerificationError::SignatureVerification(error) = error else { return false };
    matches!(error, AmbiguousKeyId(_) | CryptoError(_) | InvalidKey(_) | NoMatchingKey)
}

/// What is wrong with a token, with what would mend it.
pub(super) fn wrong_with(error: &ClaimsVerificationError) -> String {
    let what = match error {
        ClaimsVerificationError::Expired(_) => {
            "the provider's token has run out; compare the clocks of the provider and of this machine"
        }
        ClaimsVerificationError::InvalidAudience(_) => {
            "the provider's token is for somebody else; compare client_id in [http.sign_in.provider]"
        }
        ClaimsVerificationError::InvalidIssuer(_) => "the token is by another issuer",
        ClaimsVerificationError::InvalidNonce(_) => "the provider's token belongs to another sign-in",
        error if is_about_keys(error) => "the token is not signed by a key that the provider publishes",
        ClaimsVerificationError::SignatureVerification(_) => {
            "the token is signed in a way that proves nothing; have the provider sign by RS256 or ES256"
        }
        other => return format!("the provider's token is not usable: {other}"),
    };
    what.to_owned()
}

/// Why it is not known what a provider says of itself, with what would mend it.
pub(super) fn undiscovered(error: DiscoveryError<Failed>) -> String {
    match error {
        DiscoveryError::Request(failed) => failed.to_string(),
        DiscoveryError::Response(status, ..) => format!(
            "it answers {status} where it should describe itself; issuer in [http.sign_in.provider] is what stands \
             before /.well-known/openid-configuration"
        ),
        DiscoveryError::Validation(_) => {
            "it calls itself something else than issuer in [http.sign_in.provider]; write it as the provider does, to \
             the last slash"
                .to_owned()
        }
        _ => "what it says of itself is malformed".to_owned(),
    }
}
