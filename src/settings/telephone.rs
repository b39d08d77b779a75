//! `[voice]` and `[sms]`: a provider, and fallbacks in the order in which they are tried.

use std::path::Path;

use super::channels::is_web;
use super::read_secret;
use crate::definitions::{Placed, Table};
use crate::notify::{sms, twilio, voice};

/// Who places calls.
pub(super) fn read_voice(
    mut table: Table<'_>,
    folder: &Path,
    public_url: Option<&Placed<String>>,
) -> Option<voice::Config> {
    if let Some(url) = public_url.filter(|url| !is_web(url)) {
        table.reader().note(url.span.clone(), format!("{:?} is not a URL", url.value));
    }
    // Without an address of ours no key can be pressed; that must be wanted, not forgotten.
    let answers = table.boolean("answers").unwrap_or(true);
    if answers && public_url.is_none() {
        let hint = "set public_url in [http] to the address under which the provider reaches us, or answers = false \
                    where it cannot: incidents are then acknowledged elsewhere";
        table.reader().note_with_hint(table.span(), "calls cannot be answered without a public_url", hint);
    }
    let fallbacks = table.tables("fallback");
    let first = read_account(&mut table, folder, "caller");
    table.finish();
    let mut accounts = vec![first?];
    for mut fallback in fallbacks {
        accounts.extend(read_account(&mut fallback, folder, "caller"));
        fallback.finish();
    }
    let public_url = public_url.filter(|_| answers).map(|url| url.trim_end_matches('/').to_owned());
    Some(voice::Config { accounts, addresses: public_url.map(|public_url| voice::Addresses { public_url }) })
}

/// Who sends texts.
pub(super) fn read_sms(mut table: Table<'_>, folder: &Path, public_url: Option<&str>) -> Option<sms::Setup> {
    let fallbacks = table.tables("fallback");
    let first = read_sender(&mut table, folder);
    table.finish();
    let mut providers = vec![first?];
    for mut fallback in fallbacks {
        providers.extend(read_sender(&mut fallback, folder));
        fallback.finish();
    }
    Some(sms::Setup { providers, public_url: public_url.map(str::to_owned) })
}

/// A messaging service of Twilio has an SID where others have a number.
fn read_sender(table: &mut Table<'_>, folder: &Path) -> Option<(twilio::Config, sms::Sender)> {
    let service = table.string("service");
    if let Some(service) = service {
        let account = read_keys(table, folder);
        if !twilio::is_sid(&service) {
            table.reader().note(service.span.clone(), "service is no SID of a messaging service, like MG…");
        }
        return Some((account?, sms::Sender::Service(service.value)));
    }
    Some((read_account(table, folder, "sender")?, sms::Sender::Caller))
}

fn read_account(table: &mut Table<'_>, folder: &Path, number: &'static str) -> Option<twilio::Config> {
    let account = read_keys(table, folder);
    let caller = table.required_string(number)?;
    if !is_e164(&caller) {
        table.reader().note(caller.span.clone(), "a phone number looks like +4915112345678 (E.164)");
    }
    Some(twilio::Config { caller: caller.value, ..account? })
}

fn read_keys(table: &mut Table<'_>, folder: &Path) -> Option<twilio::Config> {
    let base_url = table.string("base_url");
    let account = table.required_string("account");
    let token = read_secret(table, folder, ["token", "token_file", "token_env"]);
    if let Some(url) = base_url.as_ref().filter(|url| !is_web(url)) {
        table.reader().note(url.span.clone(), format!("{:?} is not a URL", url.value));
    }
    if let Some(account) = account.as_ref().filter(|account| account.trim().is_empty()) {
        table.reader().note(account.span.clone(), "account is empty");
    }
    let base_url = base_url.map_or_else(|| "https://api.twilio.com".to_owned(), |url| url.value);
    Some(twilio::Config {
        base_url: base_url.trim_end_matches('/').to_owned(),
        account: account?.value,
        token: token?,
        caller: String::new(),
    })
}

/// ITU-T E.164: a plus and up to 15 digits.
pub(crate) fn is_e164(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0')
}
