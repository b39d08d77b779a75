//! `[mail]`: from whom mail is sent, and through which servers, in the order in which they are tried.

use std::path::Path;

use super::read_secret;
use crate::definitions::Table;
use crate::notify::mail::post::{Security, Settings, Smarthost};

/// The port of the standard for each way to encrypt (RFC 8314, RFC 5321).
fn port(security: Security) -> i64 {
    match security {
        Security::Implicit => 465,
        Security::StartTls => 587,
        Security::None => 25,
    }
}

/// How mail is sent. `domains` are those we take mail for: answers come to one of them.
pub(super) fn read(mut table: Table<'_>, folder: &Path, domains: &[String]) -> Option<Settings> {
    let from = table.required_string("from");
    let from = from.and_then(|from| {
        let parsed = from.parse().ok();
        if parsed.is_none() {
            let hint = "write it like \"nightcall <nightcall@example.com>\"";
            table.reader().note_with_hint(from.span.clone(), "from is no mail address", hint);
        }
        parsed
    });
    let domain = table.string("reply_domain");
    if let Some(domain) = domain.as_ref().filter(|domain| !domains.contains(&domain.to_ascii_lowercase())) {
        let known = domains.iter().map(String::as_str);
        table.reader().note_unknown(domain, "domain of [smtp]", known);
    }
    let domain = domain.map(|domain| domain.to_ascii_lowercase()).or_else(|| domains.first().cloned());
    let hosts: Vec<Smarthost> =
        table.tables("smarthost").into_iter().filter_map(|table| read_smarthost(table, folder)).collect();
    if hosts.is_empty() {
        let hint = "add [[mail.smarthost]] with a host, like host = \"mail.example.com\"";
        table.reader().note_with_hint(table.span(), "mail is sent through a server, and none is named", hint);
    }
    table.finish();
    Some(Settings { from: from?, domain: domain?, hosts })
}

fn read_smarthost(mut table: Table<'_>, folder: &Path) -> Option<Smarthost> {
    let host = table.required_string("host");
    let security = match table.string("tls") {
        None => Security::StartTls,
        Some(word) => Security::of(&word).unwrap_or_else(|| {
            table.reader().note_unknown(&word, "kind of tls", Security::ALL.into_iter().map(Security::word));
            Security::StartTls
        }),
    };
    let port = table.integer("port", 1..=65_535).unwrap_or_else(|| port(security));
    let user = table.string("user");
    let has_password = ["password", "password_file", "password_env"].iter().any(|key| table.has(key));
    let password = if user.is_some() || has_password {
        read_secret(&mut table, folder, ["password", "password_file", "password_env"])
    } else {
        None
    };
    if user.is_none() && has_password {
        table.reader().note(table.span(), "a password needs a user");
    }
    let authority = table.string("ca").map(|path| folder.join(path.value));
    if user.is_some() && security == Security::None {
        table.reader().note_with_hint(
            table.span(),
            "the password would be sent in the clear",
            "set tls = \"starttls\"",
        );
    }
    table.finish();
    let login = user.map(|user| user.value).zip(password);
    Some(Smarthost { host: host?.value, port: u16::try_from(port).unwrap_or(25), security, login, authority })
}
