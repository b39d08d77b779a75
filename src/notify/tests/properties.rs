//! What holds for every channel, whatever a mail says and whoever calls back.

use proptest::prelude::{ProptestConfig, any, proptest};
use proptest::prop_assert;

use crate::notify::exchange::{Answer, Callback, Outcome, Refusal, Request, Response, Secret};
use crate::notify::message::Message;
use crate::notify::tests::{peers, sample};
use crate::notify::{
    alertmanager, apprise, dingtalk, discord, feishu, gotify, incident_manager, mattermost, ntfy, opsgenie, pagerduty,
    pushover, slack, teams, telegram, webhook, wecom,
};

const ADDRESS: &str = "https://h.example/hook";
/// Where providers put what proves that a call is theirs.
const PROOFS: [&str; 4] =
    ["x-slack-signature", "x-slack-request-timestamp", "x-telegram-bot-api-secret-token", "x-pagerduty-signature"];

fn text(text: &str) -> String {
    text.to_owned()
}

fn slack() -> slack::Config {
    slack::Config { base_url: text(ADDRESS), token: Secret::new("t"), signing_secret: Secret::new("s") }
}

fn ntfy() -> ntfy::Config {
    ntfy::Config { base_url: text(ADDRESS), token: None, callback_url: Some(text(ADDRESS)), secret: Secret::new("s") }
}

fn telegram() -> telegram::Config {
    telegram::Config { base_url: text(ADDRESS), token: Secret::new("1:a"), webhook_secret: Secret::new("s") }
}

fn mattermost() -> mattermost::Config {
    let flavour = mattermost::Flavour::Mattermost;
    mattermost::Config { flavour, callback_url: Some(text(ADDRESS)), secret: Secret::new("s") }
}

fn pushover() -> pushover::Config {
    pushover::Config {
        base_url: text(ADDRESS),
        token: Secret::new("t"),
        callback_url: Some(text(ADDRESS)),
        secret: Secret::new("s"),
        retry_seconds: 60,
        expire_seconds: 3600,
    }
}

fn pagerduty() -> pagerduty::Config {
    pagerduty::Config { base_url: text(ADDRESS), source: text("n"), signing_secrets: vec![Secret::new("s")] }
}

/// One request by every channel, with the most bytes that its provider takes.
fn requests(message: &Message<'_>) -> Vec<(&'static str, Result<Request, String>, usize)> {
    let opsgenie = opsgenie::Config { base_url: text(ADDRESS), key: Secret::new("k"), source: text("n") };
    let alertmanager = alertmanager::Config {
        base_url: text(ADDRESS),
        authorization: None,
        source: text("n"),
        lasting: jiff::SignedDuration::MAX,
    };
    let aws = incident_manager::Config {
        base_url: text(ADDRESS),
        region: text("r"),
        access_key: text("a"),
        secret_key: Secret::new("s"),
        session_token: None,
        source: text("n"),
    };
    let apprise = apprise::Config { base_url: text(ADDRESS), authorization: None };
    let gotify = gotify::Config { base_url: text(ADDRESS) };
    let templated = webhook::Config { body: Some(text("{{ message|tojson }}")), ..webhook::Config::default() };
    vec![
        ("slack", slack::request(&slack(), "C1", message), 100_000),
        ("slack webhook", slack::request_by_webhook(ADDRESS, message), 100_000),
        ("webhook", webhook::request(&webhook::Config::default(), ADDRESS, message), 1_000_000),
        ("webhook template", webhook::request(&templated, ADDRESS, message), 1_000_000),
        ("ntfy", ntfy::request(&ntfy(), "t", message), 16_384),
        ("telegram", telegram::request(&telegram(), "1", message), 60_000),
        ("dingtalk", dingtalk::request(&dingtalk::Config::default(), ADDRESS, message), 20_000),
        ("pagerduty", pagerduty::request(&pagerduty(), "r", message), 512_000),
        ("teams", teams::request(&teams::Config, ADDRESS, message), 28_000),
        ("feishu", feishu::request(&feishu::Config::default(), ADDRESS, message), 20_000),
        ("wecom", wecom::request(&wecom::Config, ADDRESS, message), 10_000),
        ("mattermost", mattermost::request(&mattermost(), ADDRESS, message), 60_000),
        ("discord", discord::request(&discord::Config::default(), ADDRESS, message), 60_000),
        ("pushover", pushover::request(&pushover(), "u", message), 60_000),
        ("gotify", gotify::request(&gotify, "t", message), 60_000),
        ("opsgenie", opsgenie::request(&opsgenie, "", message), 100_000),
        ("alertmanager", alertmanager::request(&alertmanager, "", message), 100_000),
        ("apprise", apprise::request(&apprise, "k", message), 60_000),
        ("incident manager", incident_manager::request(&aws, "arn:x", message), 60_000),
    ]
}

fn answers(call: &Callback<'_>) -> [Result<Answer, Refusal>; 6] {
    [
        slack::answer(&slack(), call),
        ntfy::answer(&ntfy(), call),
        telegram::answer(&telegram(), call),
        mattermost::answer(&mattermost(), call),
        pushover::answer(&pushover(), call),
        pagerduty::answer(&pagerduty(), call),
    ]
}

fn judges(response: &Response) -> Vec<Outcome> {
    [
        slack::judge,
        slack::judge_webhook,
        webhook::judge,
        ntfy::judge,
        telegram::judge,
        dingtalk::judge,
        pagerduty::judge,
        teams::judge,
        feishu::judge,
        wecom::judge,
        mattermost::judge,
        discord::judge,
        pushover::judge,
        gotify::judge,
        opsgenie::judge,
        alertmanager::judge,
        apprise::judge,
        incident_manager::judge,
    ]
    .map(|judge| judge(response))
    .to_vec()
}

#[test]
fn hostile_pages_are_sent_within_limits() {
    for text in sample::hostile_texts() {
        for (channel, made, bytes) in sample::hostile_page(&text, requests) {
            let made = made.unwrap_or_else(|why| panic!("{channel}: {why}"));
            assert!(made.body.len() <= bytes, "{channel}: {} bytes", made.body.len());
        }
    }
}

#[test]
fn a_secret_is_in_no_debug_output() {
    let shown =
        format!("{:?} {:?} {:?} {:?} {:?} {:?}", slack(), ntfy(), telegram(), mattermost(), pushover(), pagerduty());
    assert!(!shown.contains("\"s\"") && !shown.contains("\"t\"") && shown.contains("(secret)"), "{shown}");
}

#[test]
fn an_unreadable_success_is_no_promise_where_the_body_counts() {
    // A proxy's page with status 200 is no answer of the provider.
    let page = sample::response(200, "<html>Sign in</html>");
    for judge in [slack::judge, telegram::judge, dingtalk::judge, feishu::judge, wecom::judge, pushover::judge] {
        assert!(matches!(judge(&page), Outcome::Retry(_)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_page_can_be_sent(text in "(?s).{0,300}") {
        for (channel, made, bytes) in sample::hostile_page(&text, requests) {
            prop_assert!(made.as_ref().is_ok_and(|made| made.body.len() <= bytes), "{}: {:?}", channel, made);
        }
    }

    #[test]
    fn no_call_is_believed_unproven(
        body in any::<Vec<u8>>(),
        query in ".{0,40}",
        value in ".{0,40}",
        json in "\\{\"(context|callback_query|event|act|message|token)\":(\"[a-z]{0,9}\"|\\{\\}|[0-9]{1,3}|\\[\\])\\}",
    ) {
        let headers = PROOFS.map(|name| (name.to_owned(), value.clone()));
        for body in [body.as_slice(), json.as_bytes()] {
            for answer in answers(&Callback { headers: &headers, query: &query, body, now: sample::now() }) {
                prop_assert!(answer.is_err());
            }
        }
    }

    #[test]
    fn any_answer_is_judged(status in 100_u16..700, body in any::<Vec<u8>>()) {
        for outcome in judges(&Response { status, headers: Vec::new(), body }) {
            let accepted = matches!(outcome, Outcome::Accepted(_));
            prop_assert!(!accepted || (200..300).contains(&status));
            if [429, 500, 503].contains(&status) {
                prop_assert!(matches!(outcome, Outcome::Retry(_)));
            }
        }
    }
}

/// Writes every hostile page of every channel, for parsers of others to read: see `tests/live/channel_peers.py`.
#[test]
#[ignore = "run by tests/live/channel_peers.py, which says where to write"]
fn pages_for_peers() {
    let mut lines = Vec::new();
    for text in sample::hostile_texts() {
        for (channel, made, _) in sample::hostile_page(&text, requests) {
            lines.push(serde_json::json!({"channel": channel, "text": text, "body": made.unwrap().body}));
        }
    }
    peers::write("pages.jsonl", &lines);
}
