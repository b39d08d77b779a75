//! Push: ntfy, Gotify, Pushover, Apprise, Web Push.

use super::{Around, base_url, derived};
use crate::definitions::Table;
use crate::notify::pushover::{EXPIRE_SECONDS_MAX, RETRY_SECONDS_MIN};
use crate::notify::setup::Setup;
use crate::notify::{Secret, apprise, gotify, ntfy, pushover, web_push};
use crate::settings::read_secret;

/// Reads the sections of push.
pub(super) fn read(root: &mut Table<'_>, around: Around<'_>, setup: &mut Setup) {
    setup.ntfy = root.table("ntfy").and_then(|table| read_ntfy(table, around));
    if let Some(mut table) = root.table("gotify") {
        setup.gotify = base_url(&mut table, "").map(|base_url| gotify::Config { base_url });
        setup.gotify_keys = around.keys(&mut table);
        table.finish();
    }
    setup.pushover = root.table("pushover").and_then(|table| read_pushover(table, around));
    setup.web_push = root.table("web_push").and_then(|table| read_web_push(table, around));
    setup.apprise = root.table("apprise").and_then(|mut table| {
        let base_url = base_url(&mut table, "");
        let keys = ["authorization", "authorization_file", "authorization_env"];
        let authorization = around.optional_secret(&mut table, keys);
        table.finish();
        Some(apprise::Config { base_url: base_url?, authorization })
    });
}

/// Buttons are proven by a secret made of the token; a server without one may give `secret` for them.
fn read_ntfy(mut table: Table<'_>, around: Around<'_>) -> Option<ntfy::Config> {
    let base_url = base_url(&mut table, "https://ntfy.sh");
    let token = around.optional_secret(&mut table, ["token", "token_file", "token_env"]);
    let secret = around.optional_secret(&mut table, ["secret", "secret_file", "secret_env"]);
    table.finish();
    let secret = secret.or_else(|| token.as_ref().map(derived));
    let callback_url = around.callback_url("ntfy").filter(|_| secret.is_some());
    Some(ntfy::Config { base_url: base_url?, token, callback_url, secret: secret.unwrap_or_else(|| Secret::new("")) })
}

fn read_pushover(mut table: Table<'_>, around: Around<'_>) -> Option<pushover::Config> {
    let base_url = base_url(&mut table, "https://api.pushover.net");
    let token = read_secret(&mut table, around.folder, ["token", "token_file", "token_env"]);
    let mut seconds = |key, default: u32, bounds: [u32; 2]| {
        let given = table.integer(key, i64::from(bounds[0])..=i64::from(bounds[1]));
        given.and_then(|given| u32::try_from(given).ok()).unwrap_or(default)
    };
    let retry_seconds = seconds("retry_seconds", 60, [RETRY_SECONDS_MIN, EXPIRE_SECONDS_MAX]);
    let expire_seconds = seconds("expire_seconds", 3600, [RETRY_SECONDS_MIN, EXPIRE_SECONDS_MAX]);
    table.finish();
    let token = token?;
    Some(pushover::Config {
        base_url: base_url?,
        secret: derived(&token),
        token,
        callback_url: around.callback_url("pushover"),
        retry_seconds,
        expire_seconds,
    })
}

/// Operators of push services write to whoever floods them, and some take nothing from who cannot be written to.
fn read_web_push(mut table: Table<'_>, around: Around<'_>) -> Option<web_push::Config> {
    let given = table.string("contact");
    let is_contact = |contact: &str| contact.starts_with("mailto:") || contact.starts_with("https://");
    let own = around.public_url.filter(|url| is_contact(url));
    let contact = match &given {
        Some(contact) => Some(contact.value.as_str()).filter(|contact| is_contact(contact)),
        None => own,
    };
    if contact.is_none() {
        let message = "push services want to know whom to write to when something is wrong";
        let hint = "add contact = \"mailto:ops@example.com\"";
        let place = given.as_ref().map_or_else(|| table.span(), |contact| contact.span.clone());
        table.reader().note_with_hint(place, message, hint);
    }
    let config = contact.map(|contact| web_push::Config { contact: contact.to_owned() });
    table.finish();
    config
}
