//! Signing in by an OpenID provider.

pub(crate) mod provider;

use jiff::SignedDuration;
use nightcall::domain::actor::Actor;
use nightcall::http::auth;
use nightcall::http::pages::access::BREAK_GLASS;
use nightcall::store::Store;
use nightcall::store::sign_in::SignInBegun;
use nightcall::store::trail::Told;
use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use self::provider::{CLIENT, Mood, Plan, Pretend, key};
use crate::pages::{PEOPLE, ask, get, location};
use crate::store::databases;
use crate::world::{STANDARD, World};

const BY_PASSWORD_TOO: &str = "";
pub(crate) const PROVIDER_ALONE: &str = "passwords = false\n";

/// A gateway whose people sign in there, with more lines in `[http.sign_in]` and for the provider.
pub(crate) async fn world(pretend: &Pretend, sign_in: &str, more: &str) -> World {
    let provider = format!(
        "[http.sign_in]\n{sign_in}[http.sign_in.provider]\nname = \"Example\"\nissuer = \"{}\"\n\
         client_id = \"{}\"\nclient_secret = \"{}\"\n{more}",
        pretend.issuer, CLIENT.0, CLIENT.1
    );
    let people = PEOPLE.replace("[users.rae]", "[users.rae]\nidentities = [\"Rae@Example.com\", \"rae1\", \"aB12\"]");
    let world = World::build(&format!("{provider}{people}{STANDARD}"), "", None).await;
    pretend.plan().clock = Some(world.clock.clone());
    world
}

/// A browser that was at the provider and has the address that leads back.
struct Away {
    cookie: String,
    back: url::Url,
}

impl Away {
    /// The address back with another value, or without this one.
    fn with(&self, name: &str, value: Option<&str>) -> url::Url {
        let mut changed = self.back.clone();
        let others = self.back.query_pairs().into_owned().filter(|(key, _)| key != name);
        let pairs: Vec<(String, String)> =
            others.chain(value.map(|value| (name.to_owned(), value.to_owned()))).collect();
        changed.query_pairs_mut().clear().extend_pairs(pairs);
        changed
    }
}

async fn begin(world: &World, next: &str) -> Away {
    let led = ask(world, Method::POST, "/sign-in/provider", None, &[("next", next)]).await;
    assert_eq!(led.status().as_u16(), 200, "{}", led.text().await.expect("text"));
    let set = led.headers()[SET_COOKIE].to_str().expect("text").to_owned();
    assert!(set.contains("; Path=/sign-in; Max-Age=600; HttpOnly; SameSite=Lax"), "{set}");
    let refresh = led.headers()["refresh"].to_str().expect("text").to_owned();
    let there = world.http().get(refresh.trim_start_matches("0; url=")).send().await.expect("an answer");
    assert_eq!(there.status().as_u16(), 303);
    let back = url::Url::parse(location(&there)).expect("an address");
    assert!(back.as_str().starts_with(&world.url("/sign-in/provider/answer?")), "{back}");
    Away { cookie: set.split(';').next().expect("a pair").to_owned(), back }
}

async fn come_back(world: &World, back: &url::Url, cookie: &str) -> Response {
    world.http().get(back.clone()).header(COOKIE, cookie).send().await.expect("an answer")
}

/// There and back.
async fn sign_in(world: &World) -> Response {
    let away = begin(world, "/mails").await;
    come_back(world, &away.back, &away.cookie).await
}

fn session_of(response: &Response) -> Option<String> {
    let all = response.headers().get_all(SET_COOKIE).into_iter().filter_map(|set| set.to_str().ok());
    all.filter_map(|set| set.split(';').next()).find(|pair| pair.starts_with("nightcall=")).map(str::to_owned)
}

async fn last_told(world: &World) -> Told {
    world.running.engine.store().trail_before(None, 1).await.expect("readable").swap_remove(0)
}

/// Nobody was signed in, for this reason, and the trail says so.
async fn expect_refusal(world: &World, back: Response, status: u16, why: &str, what: &str) {
    assert_eq!((back.status().as_u16(), session_of(&back)), (status, None), "{what}");
    let page = back.text().await.expect("text");
    assert!(page.contains("You were not signed in") && page.contains(why), "{what}: {page}");
    let told = last_told(world).await;
    assert_eq!((told.what.as_str(), told.way.as_str(), told.at), ("sign_in_refused", "page", world.now()), "{what}");
    assert!(told.became.contains("\"by\":\"provider\""), "{what}: {}", told.became);
}

#[tokio::test]
async fn a_provider_vouches_for_a_person_and_they_sign_out_there_too() {
    let pretend = Pretend::start().await;
    let world = world(&pretend, PROVIDER_ALONE, "groups = [\"oncall\"]\nscopes = [\"groups\"]\n").await;
    let shown = ask(&world, Method::GET, "/sign-in", None, &[]).await.text().await.expect("text");
    assert!(shown.contains("Sign in with Example") && !shown.contains("type=\"password\""), "{shown}");
    for algorithm in ["ES256", "RS256"] {
        pretend.plan().algorithm = algorithm;
        let away = begin(&world, "/mails").await;
        {
            let plan = pretend.plan();
            let sent = |name: &str| plan.sent[name].as_str();
            assert_eq!((sent("response_type"), sent("client_id")), ("code", CLIENT.0));
            assert_eq!((sent("code_challenge_method"), sent("code_challenge").len()), ("S256", 43));
            assert_eq!(sent("redirect_uri"), world.url("/sign-in/provider/answer"));
            let scopes: Vec<&str> = sent("scope").split(' ').collect();
            assert_eq!(scopes, ["openid", "email", "profile", "groups"]);
        }
        let back = come_back(&world, &away.back, &away.cookie).await;
        assert_eq!((back.status().as_u16(), location(&back)), (303, "/mails"), "{algorithm}");
        let mine = session_of(&back).expect("a session");
        let told = last_told(&world).await;
        assert_eq!((told.what.as_str(), told.who.as_str()), ("signed_in", "rae"));
        assert!(told.became.contains("\"by\":\"provider\""), "{}", told.became);
        let (status, sessions) = get(&world, "/sessions", &mine).await;
        assert!(status == 200 && sessions.contains("by provider from 127.0.0.1"), "{sessions}");
        let out = ask(&world, Method::POST, "/sign-out", Some(&mine), &[]).await;
        let refresh = out.headers()["refresh"].to_str().expect("text");
        assert!(refresh.starts_with(&format!("0; url={}/logout?", pretend.issuer)), "{refresh}");
        assert!(refresh.contains("client_id=nightcall"), "{refresh}");
        assert_eq!(get(&world, "/sessions", &mine).await.0, 303, "it is over here");
    }
}

/// What is wrong at the provider.
type Change = Box<dyn Fn(&mut Plan)>;

#[tokio::test]
async fn whatever_does_not_fit_signs_nobody_in() {
    let pretend = Pretend::start().await;
    let world = world(&pretend, PROVIDER_ALONE, "groups = [\"oncall\"]\n").await;
    let now = world.now().as_second();
    let claims = |claims: Value| move |plan: &mut Plan| plan.claims = claims.clone();
    let cases: Vec<(&str, &str, Change)> = vec![
        ("nonce", "another sign-in", Box::new(claims(json!({ "nonce": "another" })))),
        ("no nonce", "another sign-in", Box::new(claims(json!({ "nonce": null })))),
        ("audience", "compare client_id", Box::new(claims(json!({ "aud": "another" })))),
        ("more audiences", "compare client_id", Box::new(claims(json!({ "aud": [CLIENT.0, "another"] })))),
        ("issuer", "another issuer", Box::new(claims(json!({ "iss": "https://evil.example" })))),
        ("expired", "compare the clocks", Box::new(claims(json!({ "exp": now })))),
        ("unverified", "has not verified", Box::new(claims(json!({ "email_verified": false })))),
        ("not said to be verified", "has not verified", Box::new(claims(json!({ "email_verified": null })))),
        ("no address", "says nothing in the claim", Box::new(claims(json!({ "email": null })))),
        ("somebody else", "mallory@example.com", Box::new(claims(json!({ "email": "mallory@example.com" })))),
        ("a name of ours", "nobody in the definitions", Box::new(claims(json!({ "email": "ada" })))),
        ("group", "none of the groups", Box::new(claims(json!({ "groups": ["dev"] })))),
        ("no signature", "proves nothing", Box::new(|plan| plan.algorithm = "none")),
        ("by the shared secret", "proves nothing", Box::new(|plan| plan.algorithm = "HS256")),
        ("another key", "not signed by a key", Box::new(|plan| plan.signer.1 = key())),
        ("an unknown key", "not signed by a key", Box::new(|plan| plan.signer = ("e2", key()))),
    ];
    for (what, why, change) in cases {
        // Refusals of one minute are told up to a number.
        world.clock.advance(SignedDuration::from_secs(1));
        change(&mut pretend.plan());
        expect_refusal(&world, sign_in(&world).await, 403, why, what).await;
        pretend.behave();
    }
    pretend.plan().claims = json!({ "email_verified": "true" });
    assert_eq!(sign_in(&world).await.status().as_u16(), 303, "all fits again, if in quotes");
    assert_eq!(world.running.engine.definitions().roster.users.len(), 9, "nobody is made");
}

#[tokio::test]
async fn an_answer_is_good_once_and_in_its_browser() {
    let pretend = Pretend::start().await;
    let world = world(&pretend, PROVIDER_ALONE, "").await;
    let away = begin(&world, "/mails").await;
    for (what, back, cookie) in [
        ("no state", away.with("state", None), away.cookie.as_str()),
        ("another state", away.with("state", Some("guessed")), &away.cookie),
        ("no cookie", away.back.clone(), ""),
    ] {
        let why = "not begun in this browser";
        expect_refusal(&world, come_back(&world, &back, cookie).await, 403, why, what).await;
    }
    let (away, mallory) = (begin(&world, "/").await, begin(&world, "/").await);
    let back = come_back(&world, &mallory.back, &away.cookie).await;
    expect_refusal(&world, back, 403, "not begun in this browser", "the state of another browser").await;
    for (what, name, value, why) in [
        ("another code", "code", Some("stolen"), "invalid_grant"),
        ("no code", "code", None, "sent no code"),
        ("a code without end", "code", Some(&*"x".repeat(5000)), "sent no code"),
        ("an error", "error", Some("access_denied"), "has refused it: access_denied"),
        ("an error with markup", "error", Some("<xss>"), "has refused it."),
        ("another provider", "iss", Some("https://evil.example"), "by another provider"),
    ] {
        let away = begin(&world, "/").await;
        let back = come_back(&world, &away.with(name, value), &away.cookie).await;
        expect_refusal(&world, back, 403, why, what).await;
    }
    let away = begin(&world, "/").await;
    pretend.plan().sent.insert("code_challenge".to_owned(), "another".to_owned());
    let back = come_back(&world, &away.back, &away.cookie).await;
    expect_refusal(&world, back, 403, "invalid_grant", "another verifier").await;

    let away = begin(&world, "/").await;
    assert!(session_of(&come_back(&world, &away.back, &away.cookie).await).is_some());
    let again = come_back(&world, &away.back, &away.cookie).await;
    expect_refusal(&world, again, 403, "over already", "replayed").await;
    let away = begin(&world, "/").await;
    world.clock.advance(SignedDuration::from_mins(10));
    let late = come_back(&world, &away.back, &away.cookie).await;
    expect_refusal(&world, late, 403, "took too long", "too late").await;
}

#[tokio::test]
async fn an_address_begins_so_many_sign_ins_a_minute() {
    let pretend = Pretend::start().await;
    let world = world(&pretend, BY_PASSWORD_TOO, "").await;
    let begun = async || ask(&world, Method::POST, "/sign-in/provider", None, &[]).await;
    for _ in 0..60 {
        assert_eq!(begun().await.status().as_u16(), 200);
    }
    let refused = begun().await;
    assert_eq!(refused.status().as_u16(), 429);
    let page = refused.text().await.expect("text");
    assert!(page.contains("Try again in 1 s."), "{page}");
    world.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(begun().await.status().as_u16(), 200);
    assert_eq!(begun().await.status().as_u16(), 429);
}

#[tokio::test]
async fn whoever_has_signed_in_is_led_to_a_page_of_ours() {
    let pretend = Pretend::start().await;
    let world = world(&pretend, PROVIDER_ALONE, "").await;
    for (next, expected) in [
        ("/incidents/12", "/incidents/12"),
        ("//evil.example", "/incidents"),
        ("https://evil.example/", "/incidents"),
        ("/\\evil.example", "/incidents"),
        ("javascript:alert(1)", "/incidents"),
    ] {
        let away = begin(&world, next).await;
        let forged = away.with("next", Some("https://evil.example/"));
        let back = come_back(&world, &forged, &away.cookie).await;
        assert_eq!((back.status().as_u16(), location(&back)), (303, expected), "{next}");
    }
}

#[tokio::test]
async fn another_claim_may_say_who_it_is() {
    let pretend = Pretend::start().await;
    pretend.plan().methods = Some(json!(["client_secret_post"]));
    let world = world(&pretend, PROVIDER_ALONE, "claim = \"sub\"\n").await;
    pretend.plan().claims = json!({ "email_verified": false });
    assert!(session_of(&sign_in(&world).await).is_some());
    pretend.plan().claims = json!({ "aud": [CLIENT.0, "another"], "azp": CLIENT.0 });
    assert!(session_of(&sign_in(&world).await).is_some(), "one of several, and it was made for us");
    pretend.plan().claims = json!({ "sub": "Ab12" });
    let why = "nobody in the definitions has the identity";
    expect_refusal(&world, sign_in(&world).await, 403, why, "subjects tell capitals apart").await;
    assert_eq!(last_told(&world).await.about, "Ab12");
}

#[tokio::test]
async fn new_keys_are_asked_for_once() {
    let pretend = Pretend::start().await;
    let world = world(&pretend, PROVIDER_ALONE, "").await;
    assert!(session_of(&sign_in(&world).await).is_some());
    assert_eq!(pretend.plan().keys_asked, 1);
    let new = ("e2", key());
    pretend.plan().published = new.clone();
    pretend.plan().signer = new;
    assert!(session_of(&sign_in(&world).await).is_some(), "the provider has changed its keys");
    assert_eq!(pretend.plan().keys_asked, 2);
    assert!(session_of(&sign_in(&world).await).is_some());
    assert_eq!(pretend.plan().keys_asked, 2, "they are known");
    pretend.plan().signer = ("e3", key());
    for _ in 0..3 {
        assert!(session_of(&sign_in(&world).await).is_none());
    }
    assert_eq!(pretend.plan().keys_asked, 2, "not for every token");
    world.clock.advance(SignedDuration::from_mins(1));
    assert!(session_of(&sign_in(&world).await).is_none());
    assert_eq!(pretend.plan().keys_asked, 3, "but once a minute");
    pretend.behave();
    world.clock.advance(SignedDuration::from_hours(1));
    assert!(session_of(&sign_in(&world).await).is_some());
    assert_eq!(pretend.plan().keys_asked, 4, "what is known gets old");
}

#[tokio::test]
async fn a_provider_in_trouble_is_told_and_passwords_go_on() {
    let pretend = Pretend::start().await;
    let world = world(&pretend, BY_PASSWORD_TOO, "timeout = \"1s\"\n").await;
    let (secret, now, by) = (auth::mint_secret(), world.now(), Actor::command_line("root"));
    let until = now + SignedDuration::from_hours(1);
    let store = world.running.engine.store();
    store.add_invite(&auth::hash(&secret), "rae", now, until, &by).await.expect("stored");
    let password = [("password", "correct horse"), ("repeated", "correct horse")];
    let invited = ask(&world, Method::POST, &format!("/invite/{secret}"), None, &password).await;
    assert_eq!(invited.status().as_u16(), 303);

    pretend.plan().called = Some(format!("{}/", pretend.issuer));
    let begun = ask(&world, Method::POST, "/sign-in/provider", None, &[]).await;
    expect_refusal(&world, begun, 503, "to the last slash", "another name").await;
    pretend.plan().called = None;
    for (mood, why) in [
        (Mood::Fails, "500 Internal Server Error"),
        (Mood::Rambles, "where it should describe itself"),
        (Mood::Floods, "too long"),
        (Mood::Silent, "in time"),
    ] {
        pretend.plan().describes = mood;
        let begun = ask(&world, Method::POST, "/sign-in/provider", None, &[]).await;
        expect_refusal(&world, begun, 503, why, &format!("describes: {mood:?}")).await;
        let form = [("name", "rae"), ("password", "correct horse")];
        let by_password = ask(&world, Method::POST, "/sign-in", None, &form).await;
        assert_eq!(by_password.status().as_u16(), 303, "{mood:?}");
    }
    pretend.behave();
    for (mood, why) in [
        (Mood::Fails, "malformed"),
        (Mood::Rambles, "malformed"),
        (Mood::Floods, "too long"),
        (Mood::Silent, "in time"),
    ] {
        pretend.plan().gives = mood;
        let back = sign_in(&world).await;
        expect_refusal(&world, back, 503, why, &format!("gives: {mood:?}")).await;
        pretend.behave();
    }
    let shown = ask(&world, Method::GET, "/sign-in", None, &[]).await.text().await.expect("text");
    assert!(shown.contains("Sign in with Example") && shown.contains("type=\"password\""), "{shown}");
    assert!(session_of(&sign_in(&world).await).is_some(), "all is well again");
}

#[tokio::test]
async fn a_gateway_starts_without_its_provider_and_the_glass_still_breaks() {
    // Nobody listens there.
    let pretend = Pretend { issuer: "http://127.0.0.1:9".to_owned(), ..Pretend::start().await };
    let mut world = world(&pretend, PROVIDER_ALONE, "").await;
    let begun = ask(&world, Method::POST, "/sign-in/provider", None, &[]).await;
    expect_refusal(&world, begun, 503, "it cannot be reached: Connection refused", "away").await;
    let begun = ask(&world, Method::POST, "/sign-in/provider", None, &[]).await;
    expect_refusal(&world, begun, 503, "nightcall people break-glass", "the way on").await;
    let by_password = ask(&world, Method::POST, "/sign-in", None, &[("name", "rae"), ("password", "x")]).await;
    assert_eq!(by_password.status().as_u16(), 403);
    assert!(by_password.text().await.expect("text").contains("Passwords do not count here"));
    let store = world.running.engine.store();
    let (secret, glass, by) = (auth::mint_secret(), auth::mint_secret(), Actor::command_line("root"));
    let (now, until) = (world.now(), world.now() + SignedDuration::from_mins(15));
    store.add_invite(&auth::hash(&secret), "rae", now, until, &by).await.expect("stored");
    store.add_invite(&auth::hash(&glass), BREAK_GLASS, now, until, &by).await.expect("stored");
    let invited = ask(&world, Method::GET, &format!("/invite/{secret}"), None, &[]).await;
    assert_eq!(invited.status().as_u16(), 403, "a password would not count");
    let broken = ask(&world, Method::POST, &format!("/break-glass/{glass}"), None, &[]).await;
    let mine = session_of(&broken).expect("a session");
    assert_eq!(get(&world, "/trail", &mine).await.0, 200);
    world.settle().await;
    world.expect_call("ann");
}

#[tokio::test]
async fn a_gateway_without_a_provider_knows_none() {
    let world = crate::pages::staffed().await;
    let shown = ask(&world, Method::GET, "/sign-in", None, &[]).await.text().await.expect("text");
    assert!(!shown.contains("/sign-in/provider") && shown.contains("type=\"password\""), "{shown}");
    for (method, path) in [(Method::POST, "/sign-in/provider"), (Method::GET, "/sign-in/provider/answer?state=x")] {
        assert_eq!(ask(&world, method, path, None, &[]).await.status().as_u16(), 404, "{path}");
    }
}

/// A sign-in that has begun is taken once, and too many push out the oldest.
#[tokio::test]
async fn sign_ins_under_way_are_taken_once_and_bounded() {
    for (url, _folder) in databases().await {
        let store = Store::open(&url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
        let now: jiff::Timestamp = "2026-11-21T10:00:00Z".parse().expect("a timestamp");
        let begun = |number: i64| SignInBegun {
            state_hash: format!("state {number}"),
            browser_hash: "browser".to_owned(),
            nonce: "nonce".to_owned(),
            verifier: "verifier".to_owned(),
            next: "/mails".to_owned(),
            expires_at: now + SignedDuration::from_secs(600 + number),
        };
        for number in 0..5 {
            store.begin_sign_in(&begun(number), 3, now).await.expect("stored");
        }
        let later = now + SignedDuration::from_secs(603);
        let take =
            async |number: i64, now| store.take_sign_in(&format!("state {number}"), now).await.expect("readable");
        assert!(take(0, now).await.is_none() && take(1, now).await.is_none(), "the oldest were pushed out: {url}");
        let taken = take(2, now).await.expect("it lasts");
        assert_eq!((taken.next.as_str(), taken.verifier.as_str()), ("/mails", "verifier"));
        assert!(take(2, now).await.is_none(), "taken once: {url}");
        assert!(take(3, later).await.is_none(), "its time is over: {url}");
        assert!(take(4, later).await.is_some(), "{url}");
    }
}
