//! The pages as browsers see them.

use jiff::SignedDuration;
use nightcall::domain::actor::Actor;
use nightcall::domain::incident::Status;
use nightcall::domain::role::Role;
use nightcall::http::auth;
use nightcall::http::pages::scope::Scope;
use nightcall::http::pages::{self, Need, access, forms};
use nightcall::store::access::Session;
use reqwest::header::{CONTENT_SECURITY_POLICY, COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Method, Response};

use crate::cli::Gateway;
use crate::postgres;
use crate::world::{STANDARD, World};

/// One person of each role.
pub(crate) const PEOPLE: &str = r#"
[users.vic]
role = "viewer"
contacts = ["voice:+15005550021"]
[users.rae]
contacts = ["voice:+15005550022"]
[users.tim]
role = "viewer"
service_roles = { db = "responder", web = "admin" }
contacts = ["voice:+15005550024"]
[users.gus]
role = "admin"
service_roles = { db = "viewer" }
contacts = ["voice:+15005550025"]
[users.ada]
role = "admin"
contacts = ["voice:+15005550023"]
[schedules.primary]
layers = [{ name = "weeks", starts = "2026-11-16T09:00", every = "1 week", turns = ["rae", "ada"] }]
"#;

/// Markup in every place where a mail can say something.
pub(crate) const HOSTILE: &str = "\"'><xss onload=alert(1)>";

pub(crate) async fn staffed() -> World {
    staffed_on(None).await
}

pub(crate) async fn staffed_on(database: Option<&str>) -> World {
    World::build(&format!("{PEOPLE}{STANDARD}"), "", database).await
}

/// A session of somebody, by its secret.
pub(crate) async fn session(world: &World, name: &str, secret: &str) -> Session {
    let (hash, now) = (auth::hash(secret), world.now());
    let expires_at = now + access::SESSION_LASTS;
    let [way, origin] = ["password", "127.0.0.1"].map(str::to_owned);
    let (agent, rights, seen_origin) = ("test".to_owned(), String::new(), origin.clone());
    let (user, created_at, seen_at) = (name.to_owned(), now, now);
    let session = Session { hash, user, way, origin, agent, rights, created_at, seen_at, seen_origin, expires_at };
    world.running.engine.store().open_session(&session).await.expect("a session");
    session
}

/// A cookie of somebody who has signed in.
pub(crate) async fn cookie(world: &World, name: &str) -> String {
    let secret = auth::mint_secret();
    session(world, name, &secret).await;
    format!("nightcall={secret}")
}

/// What a form must have that is sent with this cookie.
pub(crate) fn token(cookie: &str) -> String {
    forms::token(cookie.trim_start_matches("nightcall="))
}

pub(crate) async fn ask(
    world: &World,
    method: Method,
    path: &str,
    cookie: Option<&str>,
    form: &[(&str, &str)],
) -> Response {
    let mut request = world.http().request(method.clone(), world.url(path));
    if let Some(cookie) = cookie {
        request = request.header(COOKIE, cookie);
    }
    if method == Method::POST {
        let token = token(cookie.unwrap_or_default());
        let form: Vec<(&str, &str)> = form.iter().copied().chain([(forms::FIELD, token.as_str())]).collect();
        request = request.header("sec-fetch-site", "same-origin").form(&form);
    }
    request.send().await.expect("an answer")
}

pub(crate) async fn get(world: &World, path: &str, cookie: &str) -> (u16, String) {
    let response = ask(world, Method::GET, path, Some(cookie), &[]).await;
    (response.status().as_u16(), response.text().await.expect("text"))
}

pub(crate) fn location(response: &Response) -> &str {
    response.headers().get(LOCATION).and_then(|to| to.to_str().ok()).unwrap_or_default()
}

#[tokio::test]
async fn an_invitation_sets_a_password_once_and_signs_in() {
    invitation(None).await;
}

#[tokio::test]
async fn an_invitation_sets_a_password_on_postgresql() {
    if let Some(database) = postgres::database().await {
        invitation(Some(&database)).await;
    }
}

async fn invitation(database: Option<&str>) {
    let world = staffed_on(database).await;
    let (secret, now) = (auth::mint_secret(), world.now());
    let ends_at = now + SignedDuration::from_hours(1);
    let store = world.running.engine.store();
    let by = Actor::command_line("root");
    store.add_invite(&auth::hash(&secret), "ann", now, ends_at, &by).await.expect("an invitation");
    let old = cookie(&world, "ann").await;
    let invite = format!("/invite/{secret}");
    let password = [("password", "correct horse"), ("repeated", "correct horse")];
    for _ in 0..2 {
        let shown = ask(&world, Method::GET, &invite, None, &[]).await;
        assert_eq!(shown.status().as_u16(), 200, "looking does not use it up");
        assert!(shown.text().await.expect("text").contains("Hello ann"));
    }
    for (bad, why) in [("short", "at least 12"), ("correct house", "differ")] {
        let refused = ask(
            &world,
            Method::POST,
            &invite,
            None,
            &[("password", bad), ("repeated", if why == "differ" { "x" } else { bad })],
        )
        .await;
        assert_eq!(refused.status().as_u16(), 400);
        assert!(refused.text().await.expect("text").contains(why));
    }
    let accepted = ask(&world, Method::POST, &invite, None, &password).await;
    assert_eq!((accepted.status().as_u16(), location(&accepted)), (303, "/incidents"));
    let set = accepted.headers()[SET_COOKIE].to_str().expect("text").to_owned();
    assert!(set.contains("; HttpOnly; SameSite=Lax") && set.contains("; Path=/;"), "{set}");
    let mine = set.split(';').next().expect("a pair").to_owned();
    assert_eq!(get(&world, "/incidents", &mine).await.0, 200);
    assert_eq!(get(&world, "/incidents", &old).await.0, 303, "older sessions are over");
    assert_eq!(ask(&world, Method::POST, &invite, None, &password).await.status().as_u16(), 404, "it is used up");

    for (name, password, expected) in [
        ("ann", "correct horse", 303),
        ("ann", "correct house", 403),
        ("bob", "correct horse", 403),
        ("nobody", "", 403),
    ] {
        let form = [("name", name), ("password", password), ("next", "/incidents/1")];
        let answer = ask(&world, Method::POST, "/sign-in", None, &form).await;
        assert_eq!(answer.status().as_u16(), expected, "{name} {password}");
        assert_eq!(answer.headers().contains_key(SET_COOKIE), expected == 303);
    }
    let out = ask(&world, Method::POST, "/sign-out", Some(&mine), &[]).await;
    assert!(out.headers()[SET_COOKIE].to_str().expect("text").contains("Max-Age=0"));
    assert_eq!(get(&world, "/incidents", &mine).await.0, 303);
}

#[tokio::test]
async fn sessions_and_invitations_end() {
    let world = staffed().await;
    let mine = cookie(&world, "ann").await;
    let (secret, now) = (auth::mint_secret(), world.now());
    let store = world.running.engine.store();
    let by = Actor::command_line("root");
    let ends_at = now + SignedDuration::from_hours(1);
    store.add_invite(&auth::hash(&secret), "ann", now, ends_at, &by).await.expect("stored");
    session(&world, "gone", &secret).await;
    assert_eq!(get(&world, "/incidents", &format!("nightcall={secret}")).await.0, 303, "not in the definitions");
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(ask(&world, Method::GET, &format!("/invite/{secret}"), None, &[]).await.status().as_u16(), 404);
    assert_eq!(get(&world, "/incidents", &mine).await.0, 200);
    world.clock.advance(access::SESSION_LASTS);
    assert_eq!(get(&world, "/incidents", &mine).await.0, 303);
}

#[tokio::test]
async fn a_link_leads_to_the_button_and_the_button_acts() {
    let mut world = staffed().await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    let asked = ask(&world, Method::GET, "/incidents/1", None, &[]).await;
    assert_eq!(location(&asked), "/sign-in?next=%2Fincidents%2F1");
    let mine = cookie(&world, "rae").await;
    let (status, text) = get(&world, "/incidents/1", &mine).await;
    assert_eq!(status, 200);
    for shown in [
        "disk on db1 is CRITICAL",
        "Acknowledge</button>",
        "<strong>ann</strong> by voice",
        "bob by voice (round 1, step 2)",
        "boss by voice (fallback)",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert!(text.contains("data-until=\"2026-11-21T10:05:00.000Z\""), "{text}");
    world.expect_status(1, Status::Triggered).await;
    let done = ask(&world, Method::POST, "/incidents/1/acknowledge", Some(&mine), &[]).await;
    assert_eq!((done.status().as_u16(), location(&done)), (303, "/incidents/1"));
    world.expect_status(1, Status::Acknowledged).await;
    assert_eq!(world.incident(1).await.acknowledged.expect("taken").1, "rae by web");
    let (_, text) = get(&world, "/incidents/1", &mine).await;
    assert!(text.contains("<strong>rae by web</strong> has it since") && !text.contains(">Acknowledge<"), "{text}");
    assert!(!text.contains("Called now"), "{text}");
    let (_, text) = get(&world, "/incidents", &mine).await;
    assert!(text.contains("rae by web has it") && text.contains("1 open, all taken"), "{text}");

    for (act, form, kind) in [
        ("snooze", &[("until", "morning")][..], "snoozed"),
        ("note", &[("text", "looking")], "remarked"),
        ("responders", &[("target", "schedule:primary")], "responders_added"),
        ("reassign", &[("target", "bob")], "reassigned"),
        ("escalate", &[], "escalated"),
        ("take", &[], "taken_over"),
        ("resolve", &[], "resolved"),
    ] {
        let done = ask(&world, Method::POST, &format!("/incidents/1/{act}"), Some(&mine), form).await;
        assert_eq!(done.status().as_u16(), 303, "{act}: {}", done.text().await.expect("text"));
        let kinds = world.kinds(1).await;
        assert!(kinds.iter().any(|told| told == kind), "{act} is told as {kind}: {kinds:?}");
    }
    for (act, form, status) in [
        ("acknowledge", &[][..], 409),
        ("snooze", &[("until", "never")], 400),
        ("reassign", &[("target", "nobody")], 400),
        ("note", &[("text", " ")], 400),
    ] {
        let refused = ask(&world, Method::POST, &format!("/incidents/1/{act}"), Some(&mine), form).await;
        assert_eq!(refused.status().as_u16(), status, "{act}");
        assert!(refused.text().await.expect("text").contains("href=\"/incidents/1\""), "{act} leads back");
    }
    world.settle().await;
    world.phone.ringing();
}

#[tokio::test]
async fn what_is_open_comes_first_and_the_worst_of_it() {
    listed(None).await;
}

#[tokio::test]
async fn what_is_open_comes_first_on_postgresql() {
    if let Some(database) = postgres::database().await {
        listed(Some(&database)).await;
    }
}

async fn listed(database: Option<&str>) {
    let mut world = staffed_on(database).await;
    for (to, subject) in [
        ("db", "** PROBLEM Service Alert: db1/load is WARNING **"),
        ("db", "** PROBLEM Service Alert: db1/disk is CRITICAL **"),
        ("web", "** PROBLEM Service Alert: web1/http is CRITICAL **"),
        ("db", "** PROBLEM Service Alert: db1/swap is CRITICAL **"),
        ("db", "** PROBLEM Service Alert: db1/100%_ is CRITICAL **"),
    ] {
        let mail = format!("Subject: {subject}\r\n\r\nx\r\n");
        world.mail(&format!("{to}@alerts.example.com"), mail.as_bytes()).await;
    }
    world.post("/api/v1/incidents/2/acknowledge").await;
    world.post("/api/v1/incidents/5/resolve").await;
    let mine = cookie(&world, "vic").await;
    for (query, expected) in [
        ("", vec![4, 3, 1, 2]),
        ("?status=triggered", vec![4, 3, 1]),
        ("?status=acknowledged", vec![2]),
        ("?status=resolved", vec![5]),
        ("?status=all", vec![4, 3, 1, 2, 5]),
        ("?service=web", vec![3]),
        ("?text=DISK", vec![2]),
        ("?text=100%25_&status=all", vec![5]),
        ("?text=%25", vec![]),
        ("?status=nonsense&color=red", vec![4, 3, 1, 2]),
        ("?status=all&before=5", vec![]),
    ] {
        let (status, text) = get(&world, &format!("/incidents{query}"), &mine).await;
        let links = text.split("href=\"/incidents/").skip(1);
        let numbers: Vec<i64> = links.filter_map(|link| link.split('"').next()?.parse().ok()).collect();
        assert_eq!((status, numbers), (200, expected), "{query}");
    }
    for path in ["/incidents/3", "/services", "/mails", "/on-call", "/people", "/silences", "/health"] {
        assert_eq!(get(&world, path, &mine).await.0, 200, "{path}");
    }
    while world.phone.ringing().is_some() {}
}

/// T24: every route of the table, by everybody, with both methods.
#[tokio::test]
async fn who_may_do_what() {
    let mut world = staffed().await;
    let mail = world.nagios("PROBLEM", "CRITICAL").await;
    while world.phone.ringing().is_some() {}
    let table = pages::routes();
    for route in &table {
        let path = filled(route.path, &mail);
        for name in ["", "vic", "rae", "ada", "tim", "gus"] {
            let mine = if name.is_empty() { String::new() } else { cookie(&world, name).await };
            let role = world.running.engine.definitions().roster.users.get(name).map(|user| user.role);
            let form = [("service", "db"), ("schedule", "primary"), ("number", "1")];
            let answer = ask(&world, route.method.clone(), &path, Some(&mine), &form).await;
            let (status, told) = (answer.status().as_u16(), location(&answer).to_owned());
            let case = format!("{} {path} by {name:?}: {status} {told}", route.method);
            let to_sign_in = status == 303 && told.starts_with("/sign-in?next=");
            match (route.need, role) {
                (Need::Nothing, _) => assert!(!to_sign_in && status != 401, "{case}"),
                (Need::Role(_), None) => assert!(to_sign_in, "{case}"),
                (Need::Role(least), Some(role)) if role < least => assert_eq!(status, 403, "{case}"),
                (Need::Within(..), None) => assert!(to_sign_in, "{case}"),
                (Need::Within(least, scope), Some(role)) if !may(name, role, least, scope) => {
                    assert_eq!(status, 403, "{case}");
                }
                (Need::Role(_) | Need::Within(..), Some(_)) => {
                    assert!(!to_sign_in && status != 403 && status < 500, "{case}");
                }
            }
        }
        let mine = cookie(&world, "ada").await;
        if route.method == Method::POST {
            let forged =
                world.http().post(world.url(&path)).header(COOKIE, &mine).header("sec-fetch-site", "cross-site");
            let forged = forged.header("origin", "https://evil.example").send().await.expect("an answer");
            assert_eq!(forged.status().as_u16(), 403, "{path} from another site");
            if route.need != Need::Nothing {
                for form in [vec![], vec![("csrf", "0".to_owned())], vec![("csrf", token("nightcall=other"))]] {
                    let bare = world.http().post(world.url(&path)).header(COOKIE, &mine).form(&form);
                    let bare = bare.header("sec-fetch-site", "same-origin").send().await.expect("an answer");
                    assert_eq!(bare.status().as_u16(), 403, "{path} without its token");
                }
            }
            let bare = world.http().post(world.url(&path)).header(COOKIE, &mine).send().await.expect("an answer");
            assert_eq!(bare.status().as_u16(), 403, "{path} from who knows where");
        }
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
            if !table.iter().any(|other| other.path == route.path && other.method == method) {
                let answer = ask(&world, method.clone(), &path, Some(&mine), &[]).await;
                assert_eq!(answer.status().as_u16(), 405, "{method} {path} is no route");
            }
        }
    }
    world.settle().await;
    while world.phone.ringing().is_some() {}
}

/// What the guard must say of a person of each kind, told once more in other words: the incident, the mail, the form
/// and the schedule of the test are of the service db; other ids are of nothing.
fn may(name: &str, role: Role, least: Role, scope: Scope) -> bool {
    let here = match (name, scope) {
        ("tim", Scope::Incident | Scope::Incidents | Scope::Mail | Scope::Service) => Role::Responder,
        ("tim", Scope::Schedule) => role,
        ("tim", Scope::Anywhere | Scope::Override | Scope::Silence) => Role::Admin,
        ("gus", Scope::Incident | Scope::Incidents | Scope::Mail | Scope::Service) => Role::Viewer,
        _ => role,
    };
    here >= least
}

pub(crate) fn filled(path: &str, mail: &str) -> String {
    let path = path.replace("{number}", "1").replace("{mail}", mail).replace("{contact}", "voice");
    path.replace("{person}", "rae")
        .replace("{id}", "abcdef")
        .replace("{hash}/{name}", "0/style.css")
        .replace("{secret}", "x")
}

/// A phone is subscribed by whoever has signed in on it, for themselves only.
#[tokio::test]
async fn a_phone_is_subscribed_on_its_own_page() {
    let push = "[web_push]\ncontact = \"mailto:ops@example.com\"\n[users.eve]\ncontacts = [\"web-push\"]\n";
    let world = World::new(&format!("{push}{PEOPLE}{STANDARD}")).await;
    let (eve, rae) = (cookie(&world, "eve").await, cookie(&world, "rae").await);
    let (_, page) = get(&world, "/phone", &eve).await;
    let key = page.split("data-key=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a key");
    let (_, told) = world.get("/api/v1/push/key").await;
    assert_eq!(told["key"], key);
    let form = [
        ("endpoint", "https://push.example/send/1"),
        ("p256dh", "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"),
        ("auth", "BTBZMqHH6r4Tts7J_aSIgg"),
        ("name", "phone <b>"),
    ];
    let refused = ask(&world, Method::POST, "/phone", Some(&rae), &form).await;
    assert_eq!(refused.status().as_u16(), 409, "rae has no such contact, and would never be told");
    let broken = [form[0], ("p256dh", "x"), form[2], form[3]];
    assert_eq!(ask(&world, Method::POST, "/phone", Some(&eve), &broken).await.status().as_u16(), 400);
    let done = ask(&world, Method::POST, "/phone", Some(&eve), &form).await;
    assert_eq!((done.status().as_u16(), location(&done)), (303, "/phone"));
    let stored = world.running.engine.store().push_subscriptions("eve").await.expect("readable");
    let [phone] = &stored[..] else { panic!("one browser: {stored:?}") };
    assert_eq!(phone.endpoint, "https://push.example/send/1");
    let (_, page) = get(&world, "/phone", &eve).await;
    assert!(page.contains("phone &#60;b&#62;") && !page.contains("<b>"), "{page}");

    let remove = format!("/phone/{}/remove", phone.id);
    assert_eq!(ask(&world, Method::POST, &remove, Some(&rae), &[]).await.status().as_u16(), 404, "not hers");
    assert_eq!(ask(&world, Method::POST, &remove, Some(&eve), &[]).await.status().as_u16(), 303);
    assert!(world.running.engine.store().push_subscriptions("eve").await.expect("readable").is_empty());
    let manifest = ask(&world, Method::GET, "/manifest.webmanifest", None, &[]).await;
    let manifest: serde_json::Value = manifest.json().await.expect("JSON");
    assert_eq!((&manifest["start_url"], &manifest["display"]), (&"/incidents".into(), &"standalone".into()));
    let worker = ask(&world, Method::GET, "/worker.js", None, &[]).await;
    assert!(worker.headers()["content-type"].to_str().expect("text").starts_with("text/javascript"));
}

/// T23 and I36: mails full of markup, on every page that shows anything, and looking changes nothing.
#[tokio::test]
async fn hostile_mail_is_text_and_looking_changes_nothing() {
    let mut world = staffed().await;
    let subject = format!("{HOSTILE} is CRITICAL");
    let raw = format!(
        "Subject: {subject}\r\nFrom: \"{HOSTILE}\" <a@b.example>\r\nX-Odd: {HOSTILE}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n{HOSTILE}\r\n\
         --b\r\nContent-Type: text/html\r\n\r\n<p>{HOSTILE}</p><script>alert(1)</script><img src=\"https://evil.example/x\">\r\n--b--\r\n"
    );
    let mail = world.mail("db@alerts.example.com", raw.as_bytes()).await;
    while world.phone.ringing().is_some() {}
    let admin = cookie(&world, "ada").await;
    let noted = ask(&world, Method::POST, "/incidents/1/note", Some(&admin), &[("text", HOSTILE)]).await;
    assert_eq!(noted.status().as_u16(), 303);
    let before = seen(&world).await;
    let mut shown = 0;
    for route in pages::routes().iter().filter(|route| route.method == Method::GET) {
        let path = filled(route.path, &mail);
        if ["/events", "/static/{hash}/{name}"].contains(&route.path) {
            continue;
        }
        for query in ["", "?text=%22%27%3E%3Cxss%20onload%3Dalert(1)%3E&status=all&next=%22%27%3E%3Cxss%3E"] {
            let response = ask(&world, Method::GET, &format!("{path}{query}"), Some(&admin), &[]).await;
            let policy = response.headers().get(CONTENT_SECURITY_POLICY).cloned();
            let policy = policy.map(|policy| policy.to_str().expect("text").to_owned()).unwrap_or_default();
            let kind = response
                .headers()
                .get("content-type")
                .and_then(|kind| kind.to_str().ok())
                .unwrap_or_default()
                .to_owned();
            assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
            let text = response.text().await.expect("text");
            assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
            if !kind.starts_with("text/html") || policy.contains("sandbox") {
                continue;
            }
            assert!(!policy.contains("unsafe"), "{path}: {policy}");
            assert!(!text.contains("<xss") && !text.contains("\"'>"), "{path}{query}: {text}");
            assert!(!text.contains("<script>") && !text.contains(" style=") && !text.contains(" onclick"), "{path}");
            shown += text.matches("&#60;xss onload=alert(1)&#62;").count();
        }
    }
    assert!(shown > 10, "the markup is shown as text: {shown} times");
    assert_eq!(seen(&world).await, before, "looking changes nothing");
}

pub(crate) async fn seen(world: &World) -> String {
    let store = world.running.engine.store();
    let number = 1;
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        world.incident(number).await,
        store.timeline(number).await.expect("readable"),
        store.notifications(number).await.expect("readable"),
        store.mails(None, 100).await.expect("readable"),
        store.contacts().await.expect("readable").len(),
        store.trail_end().await.expect("readable"),
        store.stamp().await.expect("readable"),
    )
}

#[tokio::test]
async fn a_page_hears_of_changes() {
    let mut world = staffed().await;
    let mine = cookie(&world, "vic").await;
    let mut stream = ask(&world, Method::GET, "/events", Some(&mine), &[]).await;
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let mut heard = async || {
        let chunk = tokio::time::timeout(std::time::Duration::from_secs(20), stream.chunk());
        let chunk = chunk.await.expect("in time").expect("whole").expect("not the end");
        let text = String::from_utf8(chunk.to_vec()).expect("UTF-8");
        assert!(text.starts_with("event: news\ndata: "), "{text}");
        text
    };
    let first = heard().await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let second = heard().await;
    assert_ne!(first, second);
    while world.phone.ringing().is_some() {}
}

#[tokio::test]
async fn files_are_kept_by_their_hash() {
    let world = staffed().await;
    let page = ask(&world, Method::GET, "/sign-in", None, &[]).await;
    assert_eq!(page.headers()["cache-control"], "no-store");
    let text = page.text().await.expect("text");
    let style = text.split("href=\"").find(|part| part.starts_with("/static/") && part.contains("style.css"));
    let style = style.and_then(|part| part.split('"').next()).expect("a stylesheet");
    let file = ask(&world, Method::GET, style, None, &[]).await;
    assert_eq!(file.headers()["cache-control"], "public, max-age=31536000, immutable");
    assert_eq!(file.headers()["content-type"], "text/css; charset=utf-8");
}

#[tokio::test]
async fn a_mail_shows_why_and_can_be_judged_again() {
    let mut world = staffed().await;
    let id = world.mail("web@alerts.example.com", b"Subject: odd thing\r\nFrom: x@y.example\r\n\r\nhello\r\n").await;
    while world.phone.ringing().is_some() {}
    let mine = cookie(&world, "rae").await;
    let (_, text) = get(&world, "/mails", &mine).await;
    assert!(text.contains("odd thing") && text.contains(&format!("/mails/{id}")), "{text}");
    let (_, text) = get(&world, "/mails?view=unmatched", &mine).await;
    assert!(text.contains("x@y.example") && text.contains("odd thing"), "{text}");
    let (_, text) = get(&world, "/mails?view=quarantined", &mine).await;
    assert!(text.contains("None. That is good."), "{text}");
    let (_, text) = get(&world, &format!("/mails/{id}"), &mine).await;
    for shown in [
        "Send again through rules",
        "Every rule that was tried for web@alerts.example.com",
        "no state word is known in it",
        "hello",
        "see #1",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert!(!text.contains("<iframe"), "it has no HTML");
    let judged = ask(&world, Method::POST, &format!("/mails/{id}/judge"), Some(&mine), &[]).await;
    assert_eq!(location(&judged), format!("/mails/{id}"));
    let (_, text) = get(&world, &format!("/mails/{id}"), &mine).await;
    assert!(text.contains("reprocessed by rae by web: the mail had said so already"), "{text}");
    let raw = ask(&world, Method::GET, &format!("/mails/{id}/raw"), Some(&mine), &[]).await;
    assert_eq!(raw.headers()["content-disposition"], "attachment; filename=\"mail.eml\"");
    assert!(raw.text().await.expect("text").ends_with("hello\r\n"));
    assert_eq!(get(&world, &format!("/mails/{id}/html"), &mine).await.0, 404);
    assert_eq!(get(&world, "/mails/..%2F..%2Fetc", &mine).await.0, 404);
}

#[tokio::test]
async fn a_shift_is_taken_and_given_back() {
    let world = staffed().await;
    let mine = cookie(&world, "ann").await;
    let (_, text) = get(&world, "/on-call", &mine).await;
    assert!(text.contains("<strong>rae</strong> is on call") && text.contains("all day"), "{text}");
    let value = |name: &str| {
        let field = text.split(&format!("name=\"{name}\" value=\"")).nth(1).expect("a field");
        field.split('"').next().expect("a value").to_owned()
    };
    let form = [("schedule", "primary"), ("replaces", "rae"), ("from", &*value("from")), ("to", &*value("to"))];
    let taken = ask(&world, Method::POST, "/on-call/take", Some(&mine), &form).await;
    assert_eq!((taken.status().as_u16(), location(&taken)), (303, "/on-call"));
    let (_, text) = get(&world, "/on-call", &mine).await;
    assert!(text.contains("<strong>ann</strong> is on call") && text.contains("Take back"), "{text}");
    let id = text.split("/on-call/overrides/").nth(1).and_then(|rest| rest.split('/').next()).expect("an id");
    let back = ask(&world, Method::POST, &format!("/on-call/overrides/{id}/remove"), Some(&mine), &[]).await;
    assert_eq!(back.status().as_u16(), 303);
    let (_, text) = get(&world, "/on-call", &mine).await;
    assert!(text.contains("<strong>rae</strong> is on call"), "{text}");
    for (field, value, why) in
        [("schedule", "gone", "no schedule"), ("to", "yesterday", "no time"), ("to", "2020-01-01T00:00", "ends before")]
    {
        let form: Vec<(&str, &str)> =
            form.iter().map(|(name, old)| (*name, if *name == field { value } else { *old })).collect();
        let refused = ask(&world, Method::POST, "/on-call/take", Some(&mine), &form).await;
        assert_eq!(refused.status().as_u16(), 400, "{field} {value}");
        let told = refused.text().await.expect("text");
        assert!(told.contains(why), "{told}");
    }
}

#[tokio::test]
async fn silences_people_services_and_health() {
    let mut world = staffed().await;
    let mine = cookie(&world, "rae").await;
    let form = [("service", "db"), ("key", ""), ("summary", ""), ("for", "2h"), ("reason", "swapping disks")];
    let made = ask(&world, Method::POST, "/silences", Some(&mine), &form).await;
    assert_eq!((made.status().as_u16(), location(&made)), (303, "/silences"));
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_silence();
    let (_, text) = get(&world, "/incidents/1", &mine).await;
    assert!(text.contains("Waits: silenced by rae by web: swapping disks"), "{text}");
    let (_, text) = get(&world, "/silences", &mine).await;
    assert!(text.contains("service db") && text.contains("swapping disks") && text.contains("in 2 h"), "{text}");
    let id = text.split("/silences/").find_map(|rest| rest.split_once("/end\"")).expect("an id").0.to_owned();
    let ended = ask(&world, Method::POST, &format!("/silences/{id}/end"), Some(&mine), &[]).await;
    assert_eq!(ended.status().as_u16(), 303);
    world.settle().await;
    world.expect_call("ann");
    let everything = [("service", ""), ("for", "2h"), ("reason", "all")];
    assert_eq!(ask(&world, Method::POST, "/silences", Some(&mine), &everything).await.status().as_u16(), 400);

    let (_, text) = get(&world, "/services", &mine).await;
    assert!(text.contains("1 not taken") && text.contains("root@mon01.example"), "{text}");
    let (_, text) = get(&world, "/people", &mine).await;
    assert!(text.contains("not verified") && text.contains("+15005550022") && text.contains("on call"), "{text}");
    let tested = ask(&world, Method::POST, "/people/bob/contacts/voice/test", Some(&mine), &[]).await;
    assert_eq!(location(&tested), "/people?tested=voice+of+bob");
    world.settle().await;
    let call = world.expect_call("bob");
    let heard = world.phone.pick_up(&call).await.expect("speech");
    world.phone.press(&call, &heard, "4").await.expect("an end");
    let (_, text) = get(&world, "/people", &mine).await;
    assert!(text.contains("last answered <time") && text.contains(">verified<"), "{text}");
    let (status, text) = get(&world, "/health", &mine).await;
    assert!(status == 200 && text.contains("All is well"), "{text}");
}

/// What People shows of ann.
async fn shown_of_ann(world: &World, cookie: &str) -> String {
    let (_, page) = get(world, "/people", cookie).await;
    let from = page.find("<h2>ann ").expect("ann is there");
    page[from..].split("</section>").next().expect("her part").to_owned()
}

#[tokio::test]
async fn a_phone_that_was_called_in_vain_has_been_used() {
    let mut world = staffed().await;
    let mine = cookie(&world, "rae").await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let call = world.expect_call("ann");
    world.phone.hang_up(&call, "no-answer").await.expect("an end");
    world.settle().await;
    let shown = shown_of_ann(&world, &mine).await;
    assert!(shown.contains("not verified") && shown.contains("last called <time"), "{shown}");
    world.clock.advance(SignedDuration::from_mins(1));
    world.settle().await;
    let call = world.expect_call("ann");
    let heard = world.phone.pick_up(&call).await.expect("speech");
    world.phone.press(&call, &heard, "4").await.expect("an end");
    // She listens to the end: that call has not rung in vain.
    world.clock.advance(SignedDuration::from_secs(10));
    world.phone.hang_up(&call, "completed").await.expect("taken");
    world.settle().await;
    let shown = shown_of_ann(&world, &mine).await;
    assert!(shown.contains("last answered <time") && !shown.contains("last failed"), "{shown}");
}

#[tokio::test]
async fn a_contact_shows_what_worked_last_and_what_failed_last() {
    let mut world = staffed().await;
    let mine = cookie(&world, "rae").await;
    assert!(shown_of_ann(&world, &mine).await.contains("never used"));
    world.nagios("PROBLEM", "CRITICAL").await;
    let call = world.expect_call("ann");
    world.phone.hang_up(&call, "failed").await.expect("an end");
    world.settle().await;
    while world.phone.ringing().is_some() {}
    let shown = shown_of_ann(&world, &mine).await;
    let stands = "<span class=\"wrong\">last failed <time";
    assert!(shown.contains("never worked") && shown.contains(stands), "{shown}");
    world.clock.advance(SignedDuration::from_mins(1));
    let tested = ask(&world, Method::POST, "/people/ann/contacts/voice/test", Some(&mine), &[]).await;
    assert_eq!(location(&tested), "/people?tested=voice+of+ann");
    world.settle().await;
    let call = world.expect_call("ann");
    let heard = world.phone.pick_up(&call).await.expect("speech");
    world.phone.press(&call, &heard, "4").await.expect("an end");
    let shown = shown_of_ann(&world, &mine).await;
    let is_over = "<span class=\"faint\">last failed <time";
    assert!(shown.contains("last answered <time") && shown.contains(is_over), "{shown}");
    while world.phone.ringing().is_some() {}
}

const CONFIG: &str = r#"fallback = "me"
[users.me]
contacts = ["console"]
[policies.p]
steps = [{ delay = "5m", targets = ["me"] }]
[services.s]
addresses = ["*"]
policy = "p"
"#;

#[tokio::test]
async fn the_command_line_invites_and_a_page_that_follows_holds_up_no_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("nightcall.toml");
    std::fs::write(&config, CONFIG).expect("written");
    let binary = env!("CARGO_BIN_EXE_nightcall");
    let invite = |name: &str| {
        let mut command = std::process::Command::new(binary);
        command.args(["people", "invite", name, "--config"]).arg(&config).output().expect("it runs")
    };
    let nobody = invite("nobody");
    assert!(!nobody.status.success() && String::from_utf8_lossy(&nobody.stderr).contains("known are me"), "{nobody:?}");
    let printed = String::from_utf8(invite("me").stdout).expect("UTF-8");
    let (base, secret) = printed.trim().split_once("/invite/").expect("an address");
    assert_eq!((base, secret.len()), ("http://127.0.0.1:8025", 64));

    let mut gateway = Gateway::start(std::process::Command::new(binary), &config);
    let client = nightcall::notify::http_client().expect("a client");
    let url = |path: &str| format!("http://{}{path}", gateway.http);
    let form = [("password", "correct horse"), ("repeated", "correct horse")];
    let accepted = client.post(url(&format!("/invite/{secret}"))).header("sec-fetch-site", "same-origin").form(&form);
    let accepted = accepted.send().await.expect("an answer");
    let set = accepted.headers()[SET_COOKIE].to_str().expect("text").to_owned();
    let mine = set.split(';').next().expect("a pair");
    let mut stream = client.get(url("/events")).header(COOKIE, mine).send().await.expect("an answer");
    assert!(stream.chunk().await.expect("whole").is_some());
    gateway.signal("TERM");
    let ended = async { while let Ok(Some(_)) = stream.chunk().await {} };
    tokio::time::timeout(std::time::Duration::from_secs(5), ended).await.expect("the stream ends at once");
    let status = tokio::task::spawn_blocking(move || gateway.child.wait()).await.expect("waited").expect("it ends");
    assert!(status.success(), "{status}");
}

#[tokio::test]
async fn what_waits_for_another_incident_foretells_no_call() {
    let dependency = "[[dependencies]]\nname = \"host\"\nchild = { key = '^nagios/service/(?<host>[^/]+)/' }\n\
                      parent = { service = \"db\", key = \"nagios/host/{host}\" }\n";
    let mut world = World::new(&format!("{PEOPLE}{STANDARD}{dependency}")).await;
    world.mail("db@alerts.example.com", b"Subject: ** PROBLEM Host Alert: db1 is DOWN **\r\n\r\nx\r\n").await;
    world.expect_call("ann");
    world.nagios("PROBLEM", "CRITICAL").await;
    let mine = cookie(&world, "vic").await;
    let (_, text) = get(&world, "/incidents/1", &mine).await;
    assert!(text.contains("data-until"), "{text}");
    let (_, text) = get(&world, "/incidents/2", &mine).await;
    assert!(text.contains("Waits: it is below incident #1: Host db1 is DOWN"), "{text}");
    assert!(!text.contains("data-until") && !text.contains("Nobody is being called"), "{text}");
}

#[tokio::test]
async fn several_are_taken_at_once_and_what_happened_is_written_down() {
    let mut world = staffed().await;
    for subject in ["printer a*b failed", "[c](http://evil.example) failed", "kettle failed"] {
        world.mail("db@alerts.example.com", format!("Subject: {subject}\r\n\r\nx\r\n").as_bytes()).await;
    }
    while world.phone.ringing().is_some() {}
    let mine = cookie(&world, "rae").await;
    let (_, text) = get(&world, "/incidents", &mine).await;
    assert!(text.contains("Act on several at once") && !text.contains("type=\"checkbox\""), "{text}");
    let (_, text) = get(&world, "/incidents?select=all", &mine).await;
    assert_eq!(text.matches("name=\"number\"").count(), 3, "{text}");
    let (_, text) = get(&world, "/incidents?select=all", &cookie(&world, "vic").await).await;
    assert!(!text.contains("type=\"checkbox\""), "who may not act chooses nothing");
    for (form, status) in [
        (&[("act", "acknowledge")][..], 400),
        (&[("number", "1")], 400),
        (&[("number", "x"), ("act", "resolve")], 404),
        (&[("number", "1"), ("number", "2"), ("act", "acknowledge")], 303),
        (&[("number", "2"), ("number", "99"), ("act", "resolve")], 303),
    ] {
        let done = ask(&world, Method::POST, "/incidents/act", Some(&mine), form).await;
        assert_eq!(done.status().as_u16(), status, "{form:?}");
    }
    for (number, status) in [(1, Status::Acknowledged), (2, Status::Resolved), (3, Status::Triggered)] {
        world.expect_status(number, status).await;
    }
    let report = ask(&world, Method::GET, "/incidents/2/report", Some(&mine), &[]).await;
    assert_eq!(report.headers()["content-disposition"], "attachment; filename=\"incident-2.md\"");
    let report = report.text().await.expect("text");
    for line in [
        "# Incident 2: \\[c\\]\\(http&#58;//evil.example\\) failed",
        "| Acknowledged after | 0 s |",
        "| Resolved after | 0 s |",
        "- 2026-11-21 10:00:00 **acknowledged**",
        "(from root\\@mon01.example; trigger by recogniser)",
    ] {
        assert!(report.contains(line), "{line}: {report}");
    }
}

#[test]
fn a_role_that_is_not_known_is_told_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("nightcall.toml");
    let text = CONFIG.replace("[users.me]", "[users.me]\nrole = \"respnder\"");
    std::fs::write(&config, text).expect("written");
    let problems = nightcall::definitions::load(&config, jiff::Timestamp::UNIX_EPOCH).expect_err("a problem");
    let told = problems.render(false);
    assert!(told.contains("nightcall.toml:3:") && told.contains("responder"), "{told}");
}
