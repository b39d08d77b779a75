//! Who is let in, by what way, and how it ends.

use jiff::SignedDuration;
use nightcall::domain::actor::Actor;
use nightcall::domain::incident::Status;
use nightcall::domain::role::Role;
use nightcall::http::auth;
use nightcall::http::pages::access::BREAK_GLASS;
use nightcall::store::Store;
use nightcall::store::access::Session;
use reqwest::Method;
use reqwest::header::{COOKIE, SET_COOKIE};

use crate::pages::{PEOPLE, ask, cookie, get, location, session, staffed};
use crate::store::databases;
use crate::world::{STANDARD, World};

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let world = staffed().await;
    let (mine, phone, other) = (cookie(&world, "rae").await, cookie(&world, "rae").await, cookie(&world, "vic").await);
    let (_, page) = get(&world, "/sessions", &mine).await;
    assert_eq!(page.matches("End it</button>").count(), 2, "{page}");
    assert_eq!(page.matches("this one").count(), 1, "{page}");
    assert!(page.contains("by password from 127.0.0.1") && !page.contains(">vic<"), "{page}");
    let id = |cookie: &str| auth::hash(cookie.trim_start_matches("nightcall="))[..16].to_owned();
    let end = |cookie: &str| format!("/sessions/{}/end", id(cookie));
    assert_eq!(ask(&world, Method::POST, &end(&other), Some(&mine), &[]).await.status().as_u16(), 404, "not hers");
    assert_eq!(get(&world, "/incidents", &other).await.0, 200);
    assert_eq!(ask(&world, Method::POST, &end(&phone), Some(&mine), &[]).await.status().as_u16(), 303);
    assert_eq!(get(&world, "/incidents", &phone).await.0, 303, "it is over");
    let (second, third) = (cookie(&world, "rae").await, cookie(&world, "rae").await);
    ask(&world, Method::POST, "/sessions/others/end", Some(&second), &[]).await;
    for (cookie, status) in [(&mine, 303), (&second, 200), (&third, 303)] {
        assert_eq!(get(&world, "/incidents", cookie).await.0, status);
    }
    let admin = cookie(&world, "ada").await;
    let (_, page) = get(&world, "/sessions", &admin).await;
    assert!(page.contains("<h3>rae</h3>") && page.contains("<h3>vic</h3>"), "{page}");
    ask(&world, Method::POST, &end(&other), Some(&admin), &[]).await;
    ask(&world, Method::POST, "/people/rae/sessions/end", Some(&admin), &[]).await;
    for (cookie, status) in [(&other, 303), (&second, 303), (&admin, 200)] {
        assert_eq!(get(&world, "/incidents", cookie).await.0, status);
    }
    let out = ask(&world, Method::POST, &end(&admin), Some(&admin), &[]).await;
    assert_eq!((location(&out), out.headers().contains_key(SET_COOKIE)), ("/sign-in", true));
}

/// A session is ended by what people see of it, on each database.
#[tokio::test]
async fn a_session_is_named_by_a_part_of_its_hash() {
    for (url, _folder) in databases().await {
        let store = Store::open(&url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
        let now: jiff::Timestamp = "2026-11-21T10:00:00Z".parse().expect("a timestamp");
        let by = Actor::command_line("root");
        let mut ids = Vec::new();
        for user in ["rae", "vic"] {
            let session = Session {
                hash: auth::hash(user),
                user: user.to_owned(),
                way: "password".to_owned(),
                origin: String::new(),
                agent: String::new(),
                rights: String::new(),
                created_at: now,
                seen_at: now,
                seen_origin: String::new(),
                expires_at: now + SignedDuration::from_hours(1),
            };
            store.open_session(&session).await.expect("stored");
            ids.push(session.id().to_owned());
        }
        let end = async |name: &str, of| store.end_session(name, of, &by, now).await.expect("asked");
        assert_eq!(end(&ids[0][..15], None).await, None, "less than its name: {url}");
        assert_eq!(end(&ids[0], Some("vic")).await, None, "not hers: {url}");
        assert_eq!(end(&ids[0], Some("rae")).await.as_deref(), Some("rae"), "{url}");
        assert_eq!(end(&auth::hash("vic"), None).await.as_deref(), Some("vic"), "{url}");
        assert_eq!(store.sessions(None, now).await.expect("readable"), [], "{url}");
    }
}

#[tokio::test]
async fn another_role_or_password_ends_sessions() {
    let world = staffed().await;
    let secret = auth::mint_secret();
    let mine = format!("nightcall={secret}");
    session(&world, "rae", &secret).await;
    let store = world.running.engine.store();
    // What rae may do is noted with the first look that is due.
    world.clock.advance(SignedDuration::from_mins(6));
    assert_eq!(get(&world, "/incidents", &mine).await.0, 200);
    let noted = async || loop {
        let found = store.session(&auth::hash(&secret), world.now()).await.expect("readable").expect("lasts");
        if !found.rights.is_empty() {
            return found;
        }
        tokio::task::yield_now().await;
    };
    let noted = tokio::time::timeout(std::time::Duration::from_secs(20), noted()).await.expect("noted");
    assert_eq!((noted.rights.as_str(), noted.seen_at), ("responder", world.now()));
    let mut definitions = (*world.running.engine.definitions()).clone();
    definitions.roster.users.get_mut("rae").expect("rae").service_roles.insert("db".to_owned(), Role::Admin);
    world.running.engine.replace_definitions(definitions);
    assert_eq!(get(&world, "/incidents", &mine).await.0, 303, "another role signs in anew");

    let ann = cookie(&world, "ann").await;
    let (secret, by) = (auth::mint_secret(), Actor::command_line("root"));
    let (now, later) = (world.now(), world.now() + SignedDuration::from_hours(1));
    store.add_invite(&auth::hash(&secret), "ann", now, later, &by).await.expect("stored");
    store.accept_invite(&auth::hash(&secret), "hash", now, "::1").await.expect("stored").expect("good");
    assert_eq!(get(&world, "/incidents", &ann).await.0, 303, "another password does so, too");
}

#[tokio::test]
async fn a_proxy_is_believed_from_where_it_is() {
    let proxy = "[http.proxy]\nnetworks = [\"127.0.0.1\"]\nuser_header = \"X-Forwarded-User\"\n";
    let people = PEOPLE.replace("[users.rae]", "[users.rae]\nidentities = [\"Rae@Example.com\"]");
    let world = World::build(&format!("{proxy}{people}{STANDARD}"), "", None).await;
    let through = async |named: &str, cookie: &str| {
        let request = world.http().get(world.url("/sessions")).header("x-forwarded-for", "203.0.113.9, 192.0.2.1");
        let request = if named.is_empty() { request } else { request.header("x-forwarded-user", named) };
        request.header(COOKIE, cookie).send().await.expect("an answer")
    };
    let entered = through("rae@example.com", "").await;
    assert_eq!(entered.status().as_u16(), 200);
    let set = entered.headers()[SET_COOKIE].to_str().expect("text").to_owned();
    let mine = set.split(';').next().expect("a pair").to_owned();
    let page = entered.text().await.expect("text");
    assert!(page.contains("by proxy from 192.0.2.1"), "the client as our proxy saw it: {page}");
    assert_eq!(page.matches(&format!("value=\"{}\"", crate::pages::token(&mine))).count(), 2, "{page}");
    let again = through("rae", &mine).await;
    assert!(again.status().as_u16() == 200 && !again.headers().contains_key(SET_COOKIE));
    assert_eq!(through("", &mine).await.status().as_u16(), 303, "it signs out by not naming her");
    let other = through("vic", &mine).await;
    assert!(other.headers().contains_key(SET_COOKIE), "another person is another session");
    assert_eq!(through("mallory", "").await.status().as_u16(), 403);
    let last = world.running.engine.store().trail_before(None, 1).await.expect("readable").swap_remove(0);
    assert_eq!(
        (last.what.as_str(), last.about.as_str(), last.origin.as_str()),
        ("sign_in_refused", "mallory", "192.0.2.1")
    );
}

#[tokio::test]
async fn nobody_else_is_believed_to_be_the_proxy_and_that_is_counted() {
    let proxy = "[http.proxy]\nnetworks = [\"192.0.2.0/24\"]\nuser_header = \"X-Forwarded-User\"\n";
    let world = World::build(&format!("{proxy}{PEOPLE}{STANDARD}"), "", None).await;
    let request = world.http().get(world.url("/incidents")).header("x-forwarded-user", "ada");
    let refused = request.header("x-forwarded-for", "192.0.2.7").send().await.expect("an answer");
    assert!(location(&refused).starts_with("/sign-in") && !refused.headers().contains_key(SET_COOKIE));
    let metrics = world.http().get(world.url("/metrics")).send().await.expect("an answer").text().await.expect("text");
    assert!(metrics.contains("nightcall_http_proxy_header_ignored_total 1"), "{metrics}");
}

#[tokio::test]
async fn the_glass_breaks_once_and_loudly() {
    let mut world = staffed().await;
    let (secret, by, now) = (auth::mint_secret(), Actor::command_line("root"), world.now());
    let store = world.running.engine.store();
    let until = now + SignedDuration::from_mins(15);
    store.add_invite(&auth::hash(&secret), BREAK_GLASS, now, until, &by).await.expect("stored");
    let (glass, invite) = (format!("/break-glass/{secret}"), format!("/invite/{secret}"));
    assert_eq!(ask(&world, Method::GET, &invite, None, &[]).await.status().as_u16(), 404, "it sets no password");
    let shown = ask(&world, Method::GET, &glass, None, &[]).await;
    assert!(shown.text().await.expect("text").contains("Sign in as admin"));
    assert!(world.running.engine.store().incident(1).await.expect("readable").is_none(), "looking breaks nothing");
    let broken = ask(&world, Method::POST, &glass, None, &[]).await;
    assert_eq!((broken.status().as_u16(), location(&broken)), (303, "/incidents"));
    let set = broken.headers()[SET_COOKIE].to_str().expect("text").to_owned();
    assert!(set.contains("Max-Age=3600"), "{set}");
    let mine = set.split(';').next().expect("a pair").to_owned();
    assert_eq!(ask(&world, Method::POST, &glass, None, &[]).await.status().as_u16(), 404, "it is used up");
    assert_eq!(get(&world, "/trail", &mine).await.0, 200, "an admin");
    let incident = world.incident(1).await;
    assert!(incident.summary.contains("the glass was broken") && incident.status == Status::Triggered);
    world.settle().await;
    world.expect_call("ann");
    ask(&world, Method::POST, "/incidents/1/resolve", Some(&mine), &[]).await;
    let vic = cookie(&world, "vic").await;
    let glass = async || {
        let (_, page) = get(&world, "/health", &vic).await;
        page.split("Way for emergencies</h2>")
            .nth(1)
            .and_then(|rest| rest.split("</p>").next())
            .expect("told")
            .to_owned()
    };
    world.clock.advance(SignedDuration::from_mins(4));
    let shown = glass().await;
    assert!(shown.contains("In use since <time") && shown.contains(", for 4 min"), "{shown}");
    let (_, trail) = get(&world, "/trail", &mine).await;
    for told in ["<strong>signed in</strong> break glass", "<strong>resolved</strong> incident 1", "sign in refused"] {
        assert!(trail.contains(told), "{told}: {trail}");
    }
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(get(&world, "/incidents", &mine).await.0, 303, "an hour, no more");
    let shown = glass().await;
    assert!(shown.contains("Used last <time") && shown.contains(", for 1 h"), "{shown}");
}

/// Slips in what people may do are told at the start.
#[test]
fn wrong_rights_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("nightcall.toml");
    let text = "fallback = \"me\"\n[users.me]\ncontacts = [\"console\"]\nservice_roles = { d = \"admin\", s = \"admn\" }\n\
                identities = [\"x@y.example\"]\n[users.you]\ncontacts = [\"console\"]\nidentities = [\"X@Y.example\", \"me\"]\n\
                [users.\"break glass\"]\ncontacts = [\"console\"]\n\
                [policies.p]\nsteps = [{ delay = \"5m\", targets = [\"me\"] }]\n[services.s]\naddresses = [\"*\"]\npolicy = \"p\"\n\
                [http.proxy]\nnetworks = [\"nonsense\"]\nuser_header = \"a b\"\n\
                [http.sign_in.provider]\nissuer = \"http://login.example\"\nclient_id = \"x\"\n";
    std::fs::write(&config, text).expect("written");
    let problems = nightcall::definitions::load(&config, jiff::Timestamp::UNIX_EPOCH).expect_err("problems");
    let told = problems.render(false);
    for problem in [
        "service_roles of me names no service: \"d\"",
        "there is no role \"admn\"",
        "\"X@Y.example\" is an identity of me and of you",
        "\"me\" is an identity of me and of you",
        "a person cannot be called \"break glass\"",
        "\"nonsense\" is not a network",
        "\"a b\" is no name of a header",
        "[http.proxy] trusts nobody",
        "this is no issuer",
        "a sign-in provider needs http.public_url",
    ] {
        assert!(told.contains(problem), "{problem}: {told}");
    }
}
