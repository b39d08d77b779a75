//! Which channels are set up, and the way from a message by one of them to requests and back to an outcome.
//!
//! An address that is stored with a notification is never secret: where a provider's URL or key is, the address is
//! the name that settings give it.

use std::collections::BTreeMap;
use std::fmt;

use ipnet::IpNet;
use jiff::Timestamp;

use super::exchange::{Outcome, Request, Response, Secret};
use super::http::{self, Guard};
use super::message::{Kind, Message};
use super::saying::Reader;
use super::{
    alertmanager, apprise, dingtalk, discord, exec, feishu, gotify, incident_manager, mail, mattermost, ntfy, opsgenie,
    pagerduty, pushover, slack, sms, teams, telegram, web_push, webhook, wecom,
};
use crate::domain::Definitions;
use crate::domain::channel::Channel;

/// What has a secret of its own, by the name that settings give it.
pub type Named<C> = BTreeMap<String, (Secret, C)>;

/// Everything about channels that settings say, the phone apart.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// For webhooks whose URL is in a contact.
    pub webhook: Option<webhook::Config>,
    /// Webhooks with a name.
    pub webhooks: Named<webhook::Config>,
    /// Where our pages are, as others see them, without a slash at its end.
    pub public_url: Option<String>,
    /// Who sends texts.
    pub sms: Option<sms::Setup>,
    /// From whom mail is sent, and through which servers.
    pub mail: Option<mail::post::Settings>,
    /// A Slack app.
    pub slack: Option<slack::Config>,
    /// Incoming webhooks of Slack.
    pub slack_webhooks: Named<()>,
    /// Workflows of Microsoft Teams.
    pub teams: Named<()>,
    /// Incoming webhooks of Mattermost.
    pub mattermost: Named<mattermost::Config>,
    /// Incoming webhooks of Rocket.Chat.
    pub rocketchat: Named<mattermost::Config>,
    /// Webhooks of Discord.
    pub discord: Named<discord::Config>,
    /// A Telegram bot.
    pub telegram: Option<telegram::Config>,
    /// Robots of DingTalk.
    pub dingtalk: Named<dingtalk::Config>,
    /// Bots of Feishu.
    pub feishu: Named<feishu::Config>,
    /// Robots of WeCom.
    pub wecom: Named<()>,
    /// An ntfy server.
    pub ntfy: Option<ntfy::Config>,
    /// A Gotify server.
    pub gotify: Option<gotify::Config>,
    /// Tokens of Gotify's applications.
    pub gotify_keys: Named<()>,
    /// A Pushover application.
    pub pushover: Option<pushover::Config>,
    /// An Apprise server.
    pub apprise: Option<apprise::Config>,
    /// How we introduce ourselves to push services.
    pub web_push: Option<web_push::Config>,
    /// A PagerDuty account.
    pub pagerduty: Option<pagerduty::Config>,
    /// Routing keys of PagerDuty.
    pub pagerduty_keys: Named<()>,
    /// An Opsgenie account.
    pub opsgenie: Option<opsgenie::Config>,
    /// An AWS account.
    pub incident_manager: Option<incident_manager::Config>,
    /// An Alertmanager.
    pub alertmanager: Option<alertmanager::Config>,
    /// Local programs.
    pub exec: BTreeMap<String, exec::Config>,
    /// Networks that hooks may lead to although they are not the public Internet.
    pub allowed: Vec<IpNet>,
}

/// Why a message cannot be said by a channel at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unusable {
    /// Settings say nothing about it.
    Missing {
        /// What is missing.
        what: String,
        /// What to add.
        hint: String,
    },
    /// The address, or what settings say, is wrong.
    Wrong(String),
}

impl Unusable {
    /// What to add, where something is missing.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Missing { hint, .. } => Some(hint),
            Self::Wrong(_) => None,
        }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { what, .. } | Self::Wrong(what) => f.write_str(what),
        }
    }
}

impl From<String> for Unusable {
    fn from(why: String) -> Self {
        Self::Wrong(why)
    }
}

/// Requests that say one message.
#[derive(Debug)]
pub struct Outgoing {
    /// One after the other.
    pub requests: Vec<Request>,
    /// Whether the guard looks at them.
    pub guard: Guard,
}

/// How what was said is changed.
#[derive(Debug)]
pub enum Change {
    /// By these.
    Requests(Outgoing),
    /// There is nothing to change.
    Nothing,
    /// Not at all: it is said anew.
    Impossible,
}

impl Setup {
    /// The requests that say a message.
    ///
    /// # Errors
    /// When it cannot be said this way.
    pub fn requests(&self, channel: Channel, address: &str, message: &Message<'_>) -> Result<Outgoing, Unusable> {
        let one = |request: Result<Request, String>| Ok::<_, Unusable>(vec![request?]);
        let hook = |request: Result<Request, String>| Ok(Outgoing { requests: vec![request?], guard: Guard::On });
        let requests = match channel {
            Channel::Webhook => {
                let (url, config) = self.webhook(address)?;
                return hook(webhook::request(config, url, message));
            }
            Channel::SlackWebhook => {
                return hook(slack::request_by_webhook(named(&self.slack_webhooks, channel, address)?.0, message));
            }
            Channel::Teams => {
                return hook(teams::request(&teams::Config, named(&self.teams, channel, address)?.0, message));
            }
            Channel::Mattermost | Channel::RocketChat => {
                let hooks = if channel == Channel::Mattermost { &self.mattermost } else { &self.rocketchat };
                let (url, config) = named(hooks, channel, address)?;
                return hook(mattermost::request(config, url, message));
            }
            Channel::Discord => {
                let (url, config) = named(&self.discord, channel, address)?;
                return hook(discord::request(config, url, message));
            }
            Channel::DingTalk => {
                let (url, config) = named(&self.dingtalk, channel, address)?;
                return hook(dingtalk::request(config, url, message));
            }
            Channel::Feishu => {
                let (url, config) = named(&self.feishu, channel, address)?;
                return hook(feishu::request(config, url, message));
            }
            Channel::WeCom => {
                return hook(wecom::request(&wecom::Config, named(&self.wecom, channel, address)?.0, message));
            }
            Channel::Slack => one(slack::request(there(&self.slack, channel)?, address, message)),
            Channel::Telegram => one(telegram::request(there(&self.telegram, channel)?, address, message)),
            Channel::Ntfy => one(ntfy::request(there(&self.ntfy, channel)?, address, message)),
            Channel::Gotify => {
                let config = there(&self.gotify, channel)?;
                one(gotify::request(config, named(&self.gotify_keys, channel, address)?.0, message))
            }
            Channel::Pushover => one(pushover::request(there(&self.pushover, channel)?, address, message)),
            Channel::Apprise => one(apprise::request(there(&self.apprise, channel)?, address, message)),
            Channel::PagerDuty => {
                let config = there(&self.pagerduty, channel)?;
                let key = named(&self.pagerduty_keys, channel, address)?.0;
                Ok(pagerduty::requests(config, key, message)?)
            }
            Channel::Opsgenie => Ok(opsgenie::requests(there(&self.opsgenie, channel)?, address, message)?),
            Channel::IncidentManager => {
                Ok(incident_manager::requests(there(&self.incident_manager, channel)?, address, message)?)
            }
            Channel::Alertmanager => one(alertmanager::request(there(&self.alertmanager, channel)?, address, message)),
            Channel::Exec
            | Channel::Voice
            | Channel::Sms
            | Channel::Mail
            | Channel::WebPush
            | Channel::Console
            | Channel::Sink => Err(Unusable::Wrong(format!("{channel} is not told by HTTP"))),
        }?;
        Ok(Outgoing { requests, guard: Guard::Off })
    }

    /// The requests that change what was said under this reference.
    ///
    /// # Errors
    /// When it cannot be said this way.
    pub fn change(
        &self,
        channel: Channel,
        address: &str,
        reference: &str,
        message: &Message<'_>,
    ) -> Result<Change, Unusable> {
        let (request, guard) = match channel {
            Channel::Slack => (slack::update(there(&self.slack, channel)?, reference, message), Guard::Off),
            Channel::Telegram => (telegram::update(there(&self.telegram, channel)?, reference, message), Guard::Off),
            Channel::Ntfy => (ntfy::update(there(&self.ntfy, channel)?, address, reference, message), Guard::Off),
            Channel::Pushover => (pushover::update(there(&self.pushover, channel)?, reference, message), Guard::Off),
            Channel::Discord => {
                let (url, config) = named(&self.discord, channel, address)?;
                (discord::update(config, url, reference, message), Guard::On)
            }
            Channel::IncidentManager if !matches!(message.kind, Kind::Resolved { .. }) => return Ok(Change::Nothing),
            Channel::IncidentManager => {
                let config = there(&self.incident_manager, channel)?;
                (incident_manager::update(config, reference, message), Guard::Off)
            }
            _ => return Ok(Change::Impossible),
        };
        Ok(Change::Requests(Outgoing { requests: vec![request?], guard }))
    }

    /// What is run for a message.
    ///
    /// # Errors
    /// When there is no program of this name.
    pub fn command(&self, address: &str, message: &Message<'_>) -> Result<exec::Command, Unusable> {
        let config = self.exec.get(address).ok_or_else(|| missing_name(Channel::Exec, address))?;
        Ok(exec::command(config, address, message)?)
    }

    /// What an answer means.
    pub fn judge(channel: Channel, response: &Response) -> Outcome {
        match channel {
            Channel::Slack => slack::judge(response),
            Channel::SlackWebhook => slack::judge_webhook(response),
            Channel::Teams => teams::judge(response),
            Channel::Mattermost | Channel::RocketChat => mattermost::judge(response),
            Channel::Discord => discord::judge(response),
            Channel::Telegram => telegram::judge(response),
            Channel::DingTalk => dingtalk::judge(response),
            Channel::Feishu => feishu::judge(response),
            Channel::WeCom => wecom::judge(response),
            Channel::Ntfy => ntfy::judge(response),
            Channel::Gotify => gotify::judge(response),
            Channel::Pushover => pushover::judge(response),
            Channel::Apprise => apprise::judge(response),
            Channel::PagerDuty => pagerduty::judge(response),
            Channel::Opsgenie => opsgenie::judge(response),
            Channel::IncidentManager => incident_manager::judge(response),
            Channel::Alertmanager => alertmanager::judge(response),
            Channel::Webhook
            | Channel::Exec
            | Channel::Voice
            | Channel::Sms
            | Channel::Mail
            | Channel::WebPush
            | Channel::Console
            | Channel::Sink => webhook::judge(response),
        }
    }

    /// The way to a channel's provider, as troubles name it: hooks are apart, whatever they are hooks of.
    pub fn way(&self, channel: Channel, address: &str) -> String {
        match channel {
            Channel::Webhook if address.contains("://") => {
                let host = url::Url::parse(address).ok().and_then(|url| url.host_str().map(str::to_owned));
                format!("webhook to {}", host.unwrap_or_default())
            }
            Channel::Webhook
            | Channel::SlackWebhook
            | Channel::Teams
            | Channel::Mattermost
            | Channel::RocketChat
            | Channel::Discord
            | Channel::DingTalk
            | Channel::Feishu
            | Channel::WeCom
            | Channel::Gotify
            | Channel::PagerDuty
            | Channel::Exec => format!("{channel} {address}"),
            _ => channel.word().to_owned(),
        }
    }

    /// Whether a contact can be used, found out by making a message for it, the phone and the console apart.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, channel: Channel, address: &str) -> Result<(), Unusable> {
        if matches!(channel, Channel::Voice | Channel::Console | Channel::Sink) {
            return Ok(());
        }
        if channel == Channel::Sms {
            return there(&self.sms, channel).map(|_| ());
        }
        if channel == Channel::Mail {
            there(&self.mail, channel)?;
            let parsed = address.parse::<lettre::Address>();
            return parsed
                .map(|_| ())
                .map_err(|_| Unusable::Wrong("mail needs an address, like mail:ann@example.com".to_owned()));
        }
        if channel == Channel::WebPush {
            return there(&self.web_push, channel).map(|_| ());
        }
        let reader = Reader::of(&Definitions::default(), "");
        let test = reader.message("check", Kind::Test, "", Vec::new(), Timestamp::UNIX_EPOCH);
        if channel == Channel::Exec {
            return self.command(address, &test).map(|_| ());
        }
        match self.requests(channel, address, &test) {
            // It hears of incidents only; its address is looked at when there is one.
            Err(Unusable::Wrong(_)) if channel == Channel::IncidentManager && address.starts_with("arn:") => Ok(()),
            made => self.check_targets(&made?),
        }
    }

    /// Whether the guard will let requests through, as far as their URLs tell; names are looked up when they are used.
    fn check_targets(&self, outgoing: &Outgoing) -> Result<(), Unusable> {
        for request in outgoing.requests.iter().filter(|_| outgoing.guard == Guard::On) {
            http::judge_url(&request.url, &self.allowed).map_err(|refused| Unusable::Missing {
                what: refused.to_string(),
                hint: "name its network in [egress], like allow = [\"10.0.0.0/8\"]".to_owned(),
            })?;
        }
        Ok(())
    }

    /// The URL and the rest of a webhook, whose contact has either a URL or a name.
    fn webhook<'s>(&'s self, address: &'s str) -> Result<(&'s str, &'s webhook::Config), Unusable> {
        if address.starts_with("http://") || address.starts_with("https://") {
            let config = self.webhook.as_ref().ok_or_else(|| Unusable::Missing {
                what: "webhooks cannot be signed yet".to_owned(),
                hint: "add a [webhook] section with a secret".to_owned(),
            })?;
            return Ok((address, config));
        }
        if address.is_empty() || address.contains([':', '/', '.']) {
            let why = "a webhook needs a URL, like webhook:https://example.com/hook, or a name of the settings";
            return Err(Unusable::Wrong(why.to_owned()));
        }
        named(&self.webhooks, Channel::Webhook, address)
    }
}

fn there<C>(config: &Option<C>, channel: Channel) -> Result<&C, Unusable> {
    config.as_ref().ok_or_else(|| Unusable::Missing {
        what: format!("nobody can be reached by {channel} yet"),
        hint: format!("add a [{}] section", section(channel)),
    })
}

fn named<'s, C>(known: &'s Named<C>, channel: Channel, name: &str) -> Result<(&'s str, &'s C), Unusable> {
    let (secret, config) = known.get(name).ok_or_else(|| missing_name(channel, name))?;
    Ok((secret.expose(), config))
}

fn missing_name(channel: Channel, name: &str) -> Unusable {
    if name.is_empty() || name.contains(['/', ':', '.']) {
        let section = section(channel);
        let why = format!("{channel} needs the name of a section [{section}.NAME], like {channel}:ops");
        return Unusable::Wrong(why);
    }
    Unusable::Missing {
        what: format!("there is no {channel} of the name {name}"),
        hint: format!("add [{}.{name}]", section(channel)),
    }
}

/// The section of the settings where a channel is set up.
fn section(channel: Channel) -> &'static str {
    match channel {
        Channel::Webhook => "webhooks",
        Channel::SlackWebhook => "slack_webhook",
        Channel::IncidentManager => "incident_manager",
        Channel::WebPush => "web_push",
        Channel::Gotify => "gotify.keys",
        Channel::PagerDuty => "pagerduty.keys",
        other => other.word(),
    }
}
