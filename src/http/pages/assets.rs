//! Stylesheet, scripts and icon, inside the binary. Their addresses have the hash of what they hold, so browsers keep
//! them for good and get new ones at once.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use super::frame::Fault;
use crate::domain::hex::hex;

/// What browsers may keep for good (RFC 8246).
const FOR_GOOD: &str = "public, max-age=31536000, immutable";

struct Asset {
    name: &'static str,
    kind: &'static str,
    content: &'static [u8],
    hash: String,
}

static ASSETS: LazyLock<[Asset; 5]> = LazyLock::new(|| {
    let script = "text/javascript; charset=utf-8";
    let of = |name, kind, content| {
        let mut hash = hex(&Sha256::digest(content));
        hash.truncate(16);
        Asset { name, kind, content, hash }
    };
    [
        of("style.css", "text/css; charset=utf-8", include_bytes!("static/style.css")),
        of("live.js", script, include_bytes!("static/live.js")),
        of("phone.js", script, include_bytes!("static/phone.js")),
        // htmx 2.0.11 as its makers publish it (0BSD).
        of("htmx.min.js", script, include_bytes!("static/htmx.min.js")),
        of("icon.svg", "image/svg+xml", include_bytes!("static/icon.svg")),
    ]
});

/// Where a file is.
pub(super) fn address(name: &str) -> String {
    let hash = ASSETS.iter().find(|asset| asset.name == name).map(|asset| asset.hash.as_str());
    format!("/static/{}/{name}", hash.unwrap_or("0"))
}

/// `GET /static/{hash}/{name}`. A page of another version of ours may ask with another hash: it gets the file that
/// there is, and does not keep it.
pub(super) async fn asset(Path((hash, name)): Path<(String, String)>) -> Result<Response, Fault> {
    let found = ASSETS.iter().find(|asset| asset.name == name);
    let asset = found.ok_or_else(|| Fault::missing("There is no such file."))?;
    let kept = if asset.hash == hash { FOR_GOOD } else { "no-store" };
    let headers = [(header::CONTENT_TYPE, asset.kind), (header::CACHE_CONTROL, kept)];
    Ok((StatusCode::OK, headers, asset.content).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_newest_is_kept() {
        let address = address("style.css");
        let parts: Vec<&str> = address.split('/').collect();
        let ["", "static", hash, name] = parts[..] else { panic!("{address}") };
        let kept = async |hash: &str| {
            let response = asset(Path((hash.to_owned(), name.to_owned()))).await.unwrap();
            response.headers()[header::CACHE_CONTROL].to_str().unwrap().to_owned()
        };
        assert_eq!(kept(hash).await, FOR_GOOD);
        assert_eq!(kept("0123456789abcdef").await, "no-store");
        assert!(asset(Path((hash.to_owned(), "../secret".to_owned()))).await.is_err());
    }
}
