//! What tokens may do: every route of the table by every scope, and by tokens for named services.

use jiff::SignedDuration;
use nightcall::domain::actor::Actor;
use nightcall::domain::scope::Scope;
use nightcall::http::api::document::document;
use nightcall::http::api::routes::{Need, Reach, routes};
use nightcall::http::auth;
use nightcall::store::token::Token;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::world::{STANDARD, World};

/// A token that may do so much, for these services.
pub(crate) async fn token(world: &World, name: &str, scope: Scope, services: &[&str]) -> String {
    let secret = auth::mint();
    let services = services.iter().map(|name| (*name).to_owned()).collect();
    let token = Token { scope, services, ..Token::for_everything(name, world.now()) };
    let (store, by) = (world.running.engine.store(), Actor::command_line("root"));
    assert!(store.add_token(&token, &auth::hash(&secret), &by).await.expect("it is stored"));
    secret
}

async fn ask(world: &World, method: &Method, path: &str, token: &str) -> Response {
    let request = world.http().request(method.clone(), world.url(&format!("/api/v1{path}")));
    request.bearer_auth(token).send().await.expect("an answer")
}

fn filled(path: &str, mail: &str) -> String {
    let path = path.replace("{number}", "1").replace("{name}", "ann").replace("{contact}", "voice");
    if path.starts_with("/mails/") { path.replace("{id}", mail) } else { path.replace("{id}", "0") }
}

async fn problem(response: Response, case: &str) -> Value {
    let (status, kind) = (response.status().as_u16(), response.headers()["content-type"].clone());
    assert_eq!(kind, "application/problem+json", "{case}: {status}");
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["status"], status, "{case}");
    assert!(body["type"].as_str().is_some_and(|kind| kind.starts_with("/api#")), "{case}: {body}");
    for member in ["title", "detail"] {
        assert!(body[member].as_str().is_some_and(|text| !text.is_empty()), "{case}: {body}");
    }
    body
}

/// T24: scope × route × method.
#[tokio::test]
async fn every_scope_by_every_route_and_method() {
    let mut world = World::standard().await;
    let mail = world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    let table = routes();
    let mut tokens = Vec::new();
    for scope in Scope::ALL {
        tokens.push((scope, token(&world, scope.word(), scope, &[]).await));
    }
    for route in &table {
        let path = filled(route.path, &mail);
        for (scope, token) in &tokens {
            let response = ask(&world, &route.method, &path, token).await;
            let status = response.status().as_u16();
            let case = format!("{} {path} by {scope}: {status}", route.method);
            match route.need {
                Need::Token(least, _) if *scope < least => {
                    let body = problem(response, &case).await;
                    assert_eq!(body["type"], "/api#not-allowed", "{case}");
                }
                _ => assert!(![401, 403, 405].contains(&status) && status < 500, "{case}"),
            }
        }
        for token in ["", "nct_wrong"] {
            let response = ask(&world, &route.method, &path, token).await;
            let case = format!("{} {path} with {token:?}", route.method);
            match route.need {
                Need::Nothing => assert_eq!(response.status().as_u16(), 200, "{case}"),
                Need::Token(..) => {
                    assert_eq!(response.headers()["www-authenticate"], "Bearer", "{case}");
                    assert_eq!(problem(response, &case).await["type"], "/api#no-token");
                }
            }
        }
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let is_known = table.iter().any(|other| other.path == route.path && other.method == method);
            let described = &document()["paths"][route.path][method.as_str().to_lowercase().as_str()];
            assert_eq!(described.is_object(), is_known, "{method} {path}");
            if !is_known {
                let response = ask(&world, &method, &path, &tokens[2].1).await;
                assert!(response.headers().contains_key("allow"), "{method} {path}");
                let body = problem(response, &format!("{method} {path}")).await;
                assert_eq!(body["type"], "/api#method", "{method} {path} is no route");
            }
        }
    }
    world.settle().await;
    while world.phone.ringing().is_some() {}
}

#[tokio::test]
async fn a_token_for_a_service_sees_and_touches_no_other() {
    let mut world = World::standard().await;
    let theirs = world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    let own = world.mail("web@alerts.example.com", b"Subject: web is down\r\n\r\nx\r\n").await;
    while world.phone.ringing().is_some() {}
    let web = token(&world, "web", Scope::Admin, &["web"]).await;
    for route in routes() {
        let Need::Token(_, reach) = route.need else { continue };
        let path = filled(route.path, &theirs);
        let status = ask(&world, &route.method, &path, &web).await.status().as_u16();
        let case = format!("{} {path}: {status}", route.method);
        match reach {
            Reach::House => assert_eq!(status, 403, "{case}"),
            Reach::Incident | Reach::Mail => assert_eq!(status, 404, "{case}"),
            Reach::Anything | Reach::Own => assert!(status < 500 && status != 401, "{case}"),
        }
    }
    // Its own are there, and nothing else is.
    let get = async |path: &str| -> Value { ask(&world, &Method::GET, path, &web).await.json().await.expect("JSON") };
    assert_eq!(get("/incidents").await["incidents"].as_array().map(Vec::len), Some(1));
    assert_eq!(get("/incidents/2").await["service"], "web");
    assert_eq!(get("/incidents?service=db").await["incidents"], json!([]));
    assert_eq!(get("/mails").await["mails"][0]["id"], own.as_str());
    assert_eq!(get("/mails").await["mails"].as_array().map(Vec::len), Some(1));
    assert_eq!(get(&format!("/mails/{own}")).await["subject"], "web is down");
    assert_eq!(get("/services").await["services"].as_array().map(Vec::len), Some(1));
    assert_eq!(get("/senders").await["senders"][0]["service"], "web");
    let post = async |path: &str, body: Value| {
        let request = world.http().post(world.url(&format!("/api/v1{path}"))).bearer_auth(&web);
        request.json(&body).send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(post("/incidents/act", json!({ "act": "resolve", "numbers": [1, 2] })).await, 404);
    assert_eq!(world.kinds(2).await.iter().filter(|kind| *kind == "resolved").count(), 0, "all or nothing");
    assert_eq!(post("/incidents/act", json!({ "act": "acknowledge", "numbers": [2] })).await, 200);
    for (service, expected) in [(Value::Null, 403), (json!("db"), 403), (json!("web"), 201)] {
        let asked = json!({ "service": service, "everything": true, "for": "1h", "reason": "x" });
        assert_eq!(post("/silences", asked).await, expected, "{service}");
    }
    // A silence of others is not seen, and cannot be ended.
    let others = json!({ "service": "db", "for": "1h", "reason": "x" });
    let (_, made) = crate::oncall::post(&world, "/silences", others).await;
    assert_eq!(get("/silences").await["silences"].as_array().map(Vec::len), Some(1));
    let path = format!("/silences/{}/end", made["id"].as_str().expect("an id"));
    assert_eq!(post(&path, json!({})).await, 404);
}

#[tokio::test]
async fn tokens_end() {
    let world = World::standard().await;
    let (secret, store) = (auth::mint(), world.running.engine.store());
    let expires_at = Some(world.now() + SignedDuration::from_hours(1));
    let soon = Token { expires_at, ..Token::for_everything("soon", world.now()) };
    store.add_token(&soon, &auth::hash(&secret), &Actor::command_line("root")).await.expect("it is stored");
    assert_eq!(ask(&world, &Method::GET, "/oncall", &secret).await.status().as_u16(), 200);
    world.clock.advance(SignedDuration::from_hours(1));
    let body = problem(ask(&world, &Method::GET, "/oncall", &secret).await, "expired").await;
    assert!(body["detail"].as_str().is_some_and(|text| text.contains("expired")), "{body}");
    let other = token(&world, "other", Scope::Read, &[]).await;
    assert_eq!(ask(&world, &Method::GET, "/oncall", &other).await.status().as_u16(), 200);
    assert!(store.revoke_token("other", &Actor::command_line("root"), world.now()).await.expect("works"));
    assert_eq!(ask(&world, &Method::GET, "/oncall", &other).await.status().as_u16(), 401);
}

#[tokio::test]
async fn too_many_requests_are_put_off_and_others_go_on() {
    let world = World::new(&format!("[http]\nrequests_per_minute = 60\n\n{STANDARD}")).await;
    let busy = token(&world, "busy", Scope::Read, &[]).await;
    let calm = token(&world, "calm", Scope::Read, &[]).await;
    // The clock stands still: a minute's worth is let through.
    for _ in 0..60 {
        assert_eq!(ask(&world, &Method::GET, "/definitions", &busy).await.status().as_u16(), 200);
    }
    let response = ask(&world, &Method::GET, "/definitions", &busy).await;
    assert_eq!(response.headers()["retry-after"], "1");
    assert_eq!(problem(response, "too many").await["type"], "/api#too-many");
    assert_eq!(ask(&world, &Method::GET, "/definitions", &calm).await.status().as_u16(), 200);
    world.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(ask(&world, &Method::GET, "/definitions", &busy).await.status().as_u16(), 200);
}
