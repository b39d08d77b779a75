//! The sections of channels: servers and accounts, and hooks by name. What is checked here is what can be wrong
//! whoever is reached; contacts are checked by making a message for them.

mod chat;
mod onward;
mod push;

use std::path::Path;

use ipnet::IpNet;

use super::read_secret;
use crate::definitions::{Placed, Table};
use crate::domain::hex::hex;
use crate::notify::Secret;
use crate::notify::exchange::Method;
use crate::notify::setup::{Named, Setup};
use crate::notify::signature::hmac_sha256;
use crate::notify::{exec, webhook};

/// What tells this gateway from others that share an account elsewhere.
const SOURCE: &str = "nightcall";

/// What every section is read with.
#[derive(Clone, Copy)]
struct Around<'a> {
    /// Where relative paths start.
    folder: &'a Path,
    /// Where providers reach us, without a slash at its end.
    public_url: Option<&'a str>,
}

/// Reads the sections of all channels but the phone.
pub(super) fn read(root: &mut Table<'_>, folder: &Path, public_url: Option<&str>) -> Setup {
    let around = Around { folder, public_url };
    let public = public_url.map(str::to_owned);
    let mut setup = Setup { allowed: read_egress(root), public_url: public, ..Setup::default() };
    setup.webhook = root.table("webhook").and_then(|mut table| {
        let secret = read_secret(&mut table, folder, ["secret", "secret_file", "secret_env"]);
        table.finish();
        Some(webhook::Config { secret: Some(secret?), ..webhook::Config::default() })
    });
    setup.webhooks = around.hooks(root, "webhooks", |table, _| around.read_webhook(table));
    setup.exec = read_programs(root);
    chat::read(root, around, &mut setup);
    push::read(root, around, &mut setup);
    onward::read(root, around, &mut setup);
    setup
}

fn read_egress(root: &mut Table<'_>) -> Vec<IpNet> {
    let Some(mut table) = root.table("egress") else { return Vec::new() };
    let nets = table.strings("allow").unwrap_or_default();
    let net = |text: &Placed<String>| {
        let net = text.parse::<IpNet>().ok().or_else(|| Some(IpNet::from(text.parse::<std::net::IpAddr>().ok()?)));
        if net.is_none() {
            let message = format!("{:?} is not a network", text.value);
            table.reader().note_with_hint(text.span.clone(), message, "write it like 10.0.0.0/8 or 10.1.2.3");
        }
        net
    };
    let nets = nets.iter().filter_map(net).collect();
    table.finish();
    nets
}

/// `[exec.NAME]`: definitions choose among these names only.
fn read_programs(root: &mut Table<'_>) -> std::collections::BTreeMap<String, exec::Config> {
    let tables = root.table("exec").map(|mut table| table.named_tables()).unwrap_or_default();
    let program = |(name, mut table): (Placed<String>, Table<'_>)| {
        check_name(&name, &table);
        let program = table.required_string("program");
        let arguments = table.strings("arguments").unwrap_or_default().into_iter().map(|text| text.value).collect();
        if let Some(program) = program.as_ref().filter(|program| !program.starts_with('/')) {
            table.reader().note(program.span.clone(), "the path of a program is absolute");
        }
        table.finish();
        let program = std::path::PathBuf::from(program?.value);
        Some((name.value, exec::Config { allowed: vec![program.clone()], program, arguments }))
    };
    tables.into_iter().filter_map(program).collect()
}

/// Names stand behind the colon of a contact, and a URL must not look like one.
fn check_name(name: &Placed<String>, table: &Table<'_>) {
    if name.is_empty() || name.contains([':', ',', '/', '.']) || name.contains(char::is_whitespace) {
        let message = format!("{:?} is not a name here: no blank, colon, comma, slash or dot is allowed", name.value);
        table.reader().note(name.span.clone(), message);
    }
}

impl Around<'_> {
    /// Hooks by name, each with a URL that is secret.
    fn hooks<C>(
        self,
        root: &mut Table<'_>,
        key: &'static str,
        read: impl Fn(&mut Table<'_>, &Secret) -> C,
    ) -> Named<C> {
        let tables = root.table(key).map(|mut table| table.named_tables()).unwrap_or_default();
        let hook = |(name, mut table): (Placed<String>, Table<'_>)| {
            check_name(&name, &table);
            let url = read_secret(&mut table, self.folder, ["url", "url_file", "url_env"]);
            if url.as_ref().is_some_and(|url| !is_web(url.expose())) {
                table.reader().note(table.span(), "url must begin with https:// or http://");
            }
            let none = Secret::new("");
            let config = read(&mut table, url.as_ref().unwrap_or(&none));
            table.finish();
            Some((name.value, (url?, config)))
        };
        tables.into_iter().filter_map(hook).collect()
    }

    /// Keys by name, below a section.
    fn keys(self, section: &mut Table<'_>) -> Named<()> {
        let tables = section.table("keys").map(|mut table| table.named_tables()).unwrap_or_default();
        let key = |(name, mut table): (Placed<String>, Table<'_>)| {
            check_name(&name, &table);
            let key = read_secret(&mut table, self.folder, ["key", "key_file", "key_env"]);
            table.finish();
            Some((name.value, (key?, ())))
        };
        tables.into_iter().filter_map(key).collect()
    }

    /// A secret that need not be there.
    fn optional_secret(self, table: &mut Table<'_>, keys: [&'static str; 3]) -> Option<Secret> {
        if keys.iter().any(|key| table.has(key)) { read_secret(table, self.folder, keys) } else { None }
    }

    /// Where a provider calls us, or a note that it cannot.
    fn required_public_url(self, table: &Table<'_>, channel: &str) {
        if self.public_url.is_none() {
            let hint = "set public_url in [http] to the address under which others reach us";
            table.reader().note_with_hint(table.span(), format!("{channel} cannot answer without a public_url"), hint);
        }
    }

    /// Where a channel's buttons lead.
    fn callback_url(self, channel: &str) -> Option<String> {
        self.public_url.map(|url| format!("{url}/hooks/{channel}"))
    }

    fn read_webhook(self, table: &mut Table<'_>) -> webhook::Config {
        let method = table.string("method").map_or(Method::Post, |word| {
            let methods = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];
            methods.into_iter().find(|method| method.word() == word.value.to_ascii_uppercase()).unwrap_or_else(|| {
                table.reader().note_unknown(&word, "method", methods.into_iter().map(Method::word));
                Method::Post
            })
        });
        let headers = table.table("headers").map(|mut headers| {
            let values = headers.named_values();
            let read = |(name, value): (Placed<String>, _)| {
                Some((name.value.clone(), Secret::new(headers.as_string(value, &name.value)?.value)))
            };
            values.into_iter().filter_map(read).collect()
        });
        let config = webhook::Config {
            method,
            headers: headers.unwrap_or_default(),
            content_type: table.string("content_type").map(|text| text.value),
            body: table.string("body").map(|text| text.value),
            secret: self.optional_secret(table, ["secret", "secret_file", "secret_env"]),
        };
        if let Err(why) = webhook::check(&config) {
            table.reader().note(table.span(), why);
        }
        config
    }
}

/// A URL of a server, without a slash at its end.
fn base_url(table: &mut Table<'_>, default: &str) -> Option<String> {
    let given = if default.is_empty() { table.required_string("base_url") } else { table.string("base_url") };
    let Some(url) = given else { return Some(default.to_owned()).filter(|url| !url.is_empty()) };
    if !is_web(&url) {
        table.reader().note(url.span.clone(), format!("{:?} is not a URL", url.value));
        return None;
    }
    Some(url.trim_end_matches('/').to_owned())
}

fn source(table: &mut Table<'_>) -> String {
    table.string("source").map_or_else(|| SOURCE.to_owned(), |source| source.value)
}

pub(super) fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}

/// A secret for buttons, made of one that is there already: it tells nothing of it.
fn derived(secret: &Secret) -> Secret {
    Secret::new(hex(&hmac_sha256(secret.expose().as_bytes(), &[b"nightcall buttons"])))
}
