//! By what people and programs are reached: every channel, and what sets channels apart.

use std::fmt;
use std::str::FromStr;

use super::alert::UnknownWord;

/// How a page travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// A phone call.
    Voice,
    /// A text message.
    Sms,
    /// Mail.
    Mail,
    /// A signed JSON POST.
    Webhook,
    /// Printed by the process itself.
    Console,
    /// Taken by the process itself: where probes end.
    Sink,
    /// Slack, by an app.
    Slack,
    /// Slack, by an incoming webhook.
    SlackWebhook,
    /// Microsoft Teams.
    Teams,
    /// Mattermost.
    Mattermost,
    /// Rocket.Chat.
    RocketChat,
    /// Discord.
    Discord,
    /// Telegram.
    Telegram,
    /// DingTalk.
    DingTalk,
    /// Feishu and Lark.
    Feishu,
    /// WeCom.
    WeCom,
    /// ntfy.
    Ntfy,
    /// Gotify.
    Gotify,
    /// Pushover.
    Pushover,
    /// An Apprise API server.
    Apprise,
    /// Browsers that people have subscribed.
    WebPush,
    /// Onward to PagerDuty.
    PagerDuty,
    /// Onward to Opsgenie.
    Opsgenie,
    /// Onward to AWS Incident Manager.
    IncidentManager,
    /// Onward to Alertmanager.
    Alertmanager,
    /// A local program.
    Exec,
}

/// Who is at the other end, and how they take what is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// A person's phone rings: it is answered or not.
    Rings,
    /// People read it, on a screen or a phone.
    Read,
    /// A program takes it, each incident by itself.
    Program,
    /// The process itself.
    Own,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 26] = [
        Self::Voice,
        Self::Sms,
        Self::Mail,
        Self::Webhook,
        Self::Console,
        Self::Sink,
        Self::Slack,
        Self::SlackWebhook,
        Self::Teams,
        Self::Mattermost,
        Self::RocketChat,
        Self::Discord,
        Self::Telegram,
        Self::DingTalk,
        Self::Feishu,
        Self::WeCom,
        Self::Ntfy,
        Self::Gotify,
        Self::Pushover,
        Self::Apprise,
        Self::WebPush,
        Self::PagerDuty,
        Self::Opsgenie,
        Self::IncidentManager,
        Self::Alertmanager,
        Self::Exec,
    ];

    /// The word used in definition files, the database and the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Sms => "sms",
            Self::Mail => "mail",
            Self::Webhook => "webhook",
            Self::Console => "console",
            Self::Sink => "sink",
            Self::Slack => "slack",
            Self::SlackWebhook => "slack-webhook",
            Self::Teams => "teams",
            Self::Mattermost => "mattermost",
            Self::RocketChat => "rocketchat",
            Self::Discord => "discord",
            Self::Telegram => "telegram",
            Self::DingTalk => "dingtalk",
            Self::Feishu => "feishu",
            Self::WeCom => "wecom",
            Self::Ntfy => "ntfy",
            Self::Gotify => "gotify",
            Self::Pushover => "pushover",
            Self::Apprise => "apprise",
            Self::WebPush => "web-push",
            Self::PagerDuty => "pagerduty",
            Self::Opsgenie => "opsgenie",
            Self::IncidentManager => "incident-manager",
            Self::Alertmanager => "alertmanager",
            Self::Exec => "exec",
        }
    }

    /// Who is at the other end.
    pub fn manner(self) -> Manner {
        match self {
            Self::Voice => Manner::Rings,
            Self::Console | Self::Sink => Manner::Own,
            Self::Webhook
            | Self::PagerDuty
            | Self::Opsgenie
            | Self::IncidentManager
            | Self::Alertmanager
            | Self::Exec => Manner::Program,
            Self::Sms
            | Self::Mail
            | Self::Slack
            | Self::SlackWebhook
            | Self::Teams
            | Self::Mattermost
            | Self::RocketChat
            | Self::Discord
            | Self::Telegram
            | Self::DingTalk
            | Self::Feishu
            | Self::WeCom
            | Self::Ntfy
            | Self::Gotify
            | Self::Pushover
            | Self::Apprise
            | Self::WebPush => Manner::Read,
        }
    }

    /// Whether what was said can be changed, or ended, where it was said.
    pub fn changes_messages(self) -> bool {
        match self {
            Self::Slack | Self::Telegram | Self::Discord | Self::Ntfy | Self::Pushover | Self::IncidentManager => true,
            Self::Voice
            | Self::Sms
            | Self::Mail
            | Self::Webhook
            | Self::Console
            | Self::Sink
            | Self::SlackWebhook
            | Self::Teams
            | Self::Mattermost
            | Self::RocketChat
            | Self::DingTalk
            | Self::Feishu
            | Self::WeCom
            | Self::Gotify
            | Self::Apprise
            | Self::WebPush
            | Self::PagerDuty
            | Self::Opsgenie
            | Self::Alertmanager
            | Self::Exec => false,
        }
    }

    /// Whether it can be told who is on call. Other systems keep incidents only.
    pub fn hears_of_shifts(self) -> bool {
        !matches!(self, Self::PagerDuty | Self::Opsgenie | Self::IncidentManager | Self::Alertmanager)
    }

    /// Whether it asks one person for an answer there and then, so that having been taken by the provider says nothing.
    pub fn asks_a_person(self) -> bool {
        self.manner() == Manner::Rings
    }
}

impl FromStr for Channel {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|channel| channel.word() == word);
        found.ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_has_a_word_of_its_own() {
        for channel in Channel::ALL {
            assert_eq!(channel.word().parse(), Ok(channel));
        }
    }
}
