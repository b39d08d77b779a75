//! `[http]`: the reverse proxies in front of us.

use axum::http::HeaderName;

use crate::definitions::Table;
use crate::domain::network::Network;
use crate::http::origin::Proxy;

/// Reads `[http.proxy]`; what is wrong is noted with the reader.
pub(super) fn read_proxy(mut table: Table<'_>) -> Proxy {
    let mut networks = Vec::new();
    for text in table.strings("networks").unwrap_or_default() {
        match text.parse::<Network>() {
            Ok(network) => networks.push(network),
            Err(_) => {
                let message = format!("{:?} is not a network", text.value);
                table.reader().note_with_hint(text.span, message, "write it like 10.0.0.0/8 or 192.0.2.7");
            }
        }
    }
    let user_header = table.string("user_header").and_then(|text| {
        let header = text.parse::<HeaderName>().ok();
        if header.is_none() {
            let hint = "such as X-Forwarded-User; the proxy must replace what clients send in it";
            table.reader().note_with_hint(text.span, format!("{:?} is no name of a header", text.value), hint);
        }
        header
    });
    if networks.is_empty() {
        let hint = "list where the proxies are, like networks = [\"10.0.0.7\"]; nobody else is believed";
        table.reader().note_with_hint(table.span(), "[http.proxy] trusts nobody", hint);
    }
    table.finish();
    Proxy { networks, user_header }
}
