//! Chat: Slack and Telegram by an account, the others by hooks with names.

use super::{Around, base_url, derived};
use crate::definitions::Table;
use crate::notify::mattermost::Flavour;
use crate::notify::setup::Setup;
use crate::notify::{Secret, dingtalk, discord, feishu, mattermost, slack, telegram};
use crate::settings::read_secret;

/// Reads the sections of chats.
pub(super) fn read(root: &mut Table<'_>, around: Around<'_>, setup: &mut Setup) {
    setup.slack = root.table("slack").and_then(|table| read_slack(table, around));
    setup.telegram = root.table("telegram").and_then(|table| read_telegram(table, around));
    setup.slack_webhooks = around.hooks(root, "slack_webhook", |_, _| ());
    setup.teams = around.hooks(root, "teams", |_, _| ());
    setup.wecom = around.hooks(root, "wecom", |_, _| ());
    setup.mattermost = around.hooks(root, "mattermost", |_, url| mattermost::Config {
        flavour: Flavour::Mattermost,
        callback_url: around.callback_url("mattermost"),
        secret: derived(url),
    });
    setup.rocketchat = around.hooks(root, "rocketchat", |_, url| mattermost::Config {
        flavour: Flavour::RocketChat,
        callback_url: None,
        secret: derived(url),
    });
    setup.discord = around.hooks(root, "discord", |table, _| discord::Config {
        username: table.string("username").map(|name| name.value),
    });
    setup.dingtalk = around.hooks(root, "dingtalk", |table, _| {
        let (secret, keyword) = robot(table, around);
        dingtalk::Config { secret, keyword }
    });
    setup.feishu = around.hooks(root, "feishu", |table, _| {
        let (secret, keyword) = robot(table, around);
        feishu::Config { secret, keyword }
    });
}

/// A robot's security settings.
fn robot(table: &mut Table<'_>, around: Around<'_>) -> (Option<Secret>, Option<String>) {
    let secret = around.optional_secret(table, ["secret", "secret_file", "secret_env"]);
    (secret, table.string("keyword").map(|keyword| keyword.value))
}

fn read_slack(mut table: Table<'_>, around: Around<'_>) -> Option<slack::Config> {
    let base_url = base_url(&mut table, "https://slack.com/api");
    let token = read_secret(&mut table, around.folder, ["token", "token_file", "token_env"]);
    let keys = ["signing_secret", "signing_secret_file", "signing_secret_env"];
    let signing_secret = read_secret(&mut table, around.folder, keys);
    around.required_public_url(&table, "Slack");
    table.finish();
    Some(slack::Config { base_url: base_url?, token: token?, signing_secret: signing_secret? })
}

fn read_telegram(mut table: Table<'_>, around: Around<'_>) -> Option<telegram::Config> {
    let base_url = base_url(&mut table, "https://api.telegram.org");
    let token = read_secret(&mut table, around.folder, ["token", "token_file", "token_env"]);
    let keys = ["webhook_secret", "webhook_secret_file", "webhook_secret_env"];
    let webhook_secret = read_secret(&mut table, around.folder, keys);
    around.required_public_url(&table, "Telegram");
    table.finish();
    Some(telegram::Config { base_url: base_url?, token: token?, webhook_secret: webhook_secret? })
}
