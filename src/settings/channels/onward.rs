//! Onward to other systems: PagerDuty, Opsgenie, Incident Manager, Alertmanager.

use jiff::SignedDuration;

use super::{Around, base_url, source};
use crate::definitions::Table;
use crate::notify::setup::Setup;
use crate::notify::{Secret, alertmanager, incident_manager, opsgenie, pagerduty};
use crate::settings::read_secret;

/// For how long an alert fires in Alertmanager after a page; longer than the time between two pages.
const LASTING: SignedDuration = SignedDuration::from_hours(4);

/// Reads the sections of other systems.
pub(super) fn read(root: &mut Table<'_>, around: Around<'_>, setup: &mut Setup) {
    if let Some(mut table) = root.table("pagerduty") {
        setup.pagerduty_keys = around.keys(&mut table);
        setup.pagerduty = read_pagerduty(table, around);
    }
    setup.opsgenie = root.table("opsgenie").and_then(|mut table| {
        let base_url = base_url(&mut table, "https://api.opsgenie.com");
        let key = read_secret(&mut table, around.folder, ["key", "key_file", "key_env"]);
        let source = source(&mut table);
        table.finish();
        Some(opsgenie::Config { base_url: base_url?, key: key?, source })
    });
    setup.incident_manager = root.table("incident_manager").and_then(|table| read_incident_manager(table, around));
    setup.alertmanager = root.table("alertmanager").and_then(|mut table| {
        let base_url = base_url(&mut table, "");
        let keys = ["authorization", "authorization_file", "authorization_env"];
        let authorization = around.optional_secret(&mut table, keys);
        let source = source(&mut table);
        let lasting = table.duration("lasting").unwrap_or(LASTING);
        table.finish();
        Some(alertmanager::Config { base_url: base_url?, authorization, source, lasting })
    });
}

fn read_pagerduty(mut table: Table<'_>, around: Around<'_>) -> Option<pagerduty::Config> {
    let base_url = base_url(&mut table, "https://events.pagerduty.com");
    let source = source(&mut table);
    // Several while they are rotated.
    let in_place = table.strings("signing_secrets").unwrap_or_default();
    for secret in in_place.iter().filter(|secret| secret.trim().is_empty()) {
        table.reader().note(secret.span.clone(), "the secret is empty");
    }
    let mut signing_secrets: Vec<Secret> = in_place.into_iter().map(|secret| Secret::new(secret.value)).collect();
    let keys = ["signing_secret", "signing_secret_file", "signing_secret_env"];
    signing_secrets.extend(around.optional_secret(&mut table, keys));
    if !signing_secrets.is_empty() {
        around.required_public_url(&table, "PagerDuty");
    }
    table.finish();
    Some(pagerduty::Config { base_url: base_url?, source, signing_secrets })
}

fn read_incident_manager(mut table: Table<'_>, around: Around<'_>) -> Option<incident_manager::Config> {
    let region = table.required_string("region").map(|region| region.value);
    let default = region.as_ref().map(|region| format!("https://ssm-incidents.{region}.amazonaws.com"));
    let base_url = base_url(&mut table, default.as_deref().unwrap_or("https://ssm-incidents"));
    let access_key = table.required_string("access_key").map(|key| key.value);
    let secret_key = read_secret(&mut table, around.folder, ["secret_key", "secret_key_file", "secret_key_env"]);
    let keys = ["session_token", "session_token_file", "session_token_env"];
    let session_token = around.optional_secret(&mut table, keys);
    let source = source(&mut table);
    table.finish();
    Some(incident_manager::Config {
        base_url: base_url?,
        region: region?,
        access_key: access_key?,
        secret_key: secret_key?,
        session_token,
        source,
    })
}
