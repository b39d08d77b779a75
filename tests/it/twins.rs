//! Whatever a page shows or does, the API shows or does: both tables of routes, side by side.

use std::collections::BTreeSet;

use nightcall::http::{api, pages};

/// What pages have and the API does not, by the beginning of its path, and why.
const ALONE: [(&str, &str); 9] = [
    ("/static/", "a file that pages need"),
    ("/manifest.webmanifest", "a file that browsers need"),
    ("/worker.js", "a file that browsers need"),
    ("/sign-in", "tokens do not sign in"),
    ("/sign-out", "tokens do not sign in"),
    ("/invite/", "a person sets a password; tokens are made and taken back by the command line"),
    ("/break-glass/", "a person signs in"),
    ("/api", "the API for people to read"),
    (
        "/sessions/others/end",
        "a token has no session of its own; a person's are ended by DELETE /people/{name}/sessions",
    ),
];

/// Each page with what does the same.
const TWINS: [(&str, &str); 47] = [
    ("GET /", "GET /incidents"),
    ("GET /events", "GET /events"),
    ("GET /incidents", "GET /incidents"),
    ("GET /incidents/{number}", "GET /incidents/{number}"),
    ("GET /incidents/{number}", "GET /incidents/{number}/calls"),
    ("GET /incidents/{number}", "GET /incidents/{number}/mails"),
    ("GET /incidents/{number}/report", "GET /incidents/{number}/report"),
    ("POST /incidents/act", "POST /incidents/act"),
    ("POST /incidents/{number}/acknowledge", "POST /incidents/{number}/acknowledge"),
    ("POST /incidents/{number}/resolve", "POST /incidents/{number}/resolve"),
    ("POST /incidents/{number}/take", "POST /incidents/{number}/take"),
    ("POST /incidents/{number}/snooze", "POST /incidents/{number}/snooze"),
    ("POST /incidents/{number}/reassign", "POST /incidents/{number}/reassign"),
    ("POST /incidents/{number}/responders", "POST /incidents/{number}/responders"),
    ("POST /incidents/{number}/escalate", "POST /incidents/{number}/escalate"),
    ("POST /incidents/{number}/note", "POST /incidents/{number}/note"),
    ("GET /mails", "GET /mails"),
    ("GET /mails", "GET /unmatched"),
    ("GET /mails", "GET /quarantined"),
    ("GET /mails/{mail}", "GET /mails/{id}"),
    ("GET /mails/{mail}", "GET /mails/{id}/content"),
    ("GET /mails/{mail}/raw", "GET /mails/{id}/raw"),
    ("GET /mails/{mail}/html", "GET /mails/{id}/html"),
    ("GET /mails/{mail}/again", "GET /mails/{id}/foreseen"),
    ("POST /mails/{mail}/judge", "POST /mails/{id}/reprocess"),
    ("POST /mails/{mail}/release", "POST /mails/{id}/release"),
    ("GET /rules/try", "POST /rules/suggest"),
    ("POST /rules/try", "POST /rules/try"),
    ("GET /on-call", "GET /oncall"),
    ("GET /on-call", "GET /oncall/people"),
    ("GET /on-call", "GET /schedules/{name}"),
    ("GET /on-call", "GET /schedules/{name}/feed"),
    ("POST /on-call/take", "POST /overrides"),
    ("POST /on-call/give", "POST /overrides"),
    ("POST /on-call/overrides/{id}/remove", "DELETE /overrides/{id}"),
    ("GET /services", "GET /services"),
    ("GET /people", "GET /people"),
    ("POST /people/{person}/contacts/{contact}/test", "POST /people/{name}/contacts/{contact}/test"),
    ("POST /people/{person}/contacts/{contact}/verify", "POST /people/{name}/contacts/{contact}/verify"),
    ("GET /silences", "GET /silences"),
    ("POST /silences", "POST /silences"),
    ("POST /silences/{id}/end", "POST /silences/{id}/end"),
    ("GET /numbers", "GET /numbers"),
    ("GET /numbers.csv", "GET /numbers.csv"),
    ("GET /health", "GET /health"),
    ("POST /phone", "POST /people/{name}/push"),
    ("POST /phone/{id}/remove", "DELETE /people/{name}/push/{id}"),
];

/// The same for who is in, and who has changed what.
const ACCESS: [(&str, &str); 6] = [
    ("GET /phone", "GET /people/{name}/push"),
    ("GET /sessions", "GET /sessions"),
    ("POST /sessions/{id}/end", "DELETE /sessions/{id}"),
    ("POST /people/{person}/sessions/end", "DELETE /people/{name}/sessions"),
    ("GET /trail", "GET /trail"),
    ("GET /trail", "GET /trail/verify"),
];

#[test]
fn what_a_page_does_the_api_does() {
    let of_api: BTreeSet<String> =
        api::routes::routes().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    let twins: Vec<(&str, &str)> = TWINS.into_iter().chain(ACCESS).collect();
    let of_pages: BTreeSet<String> =
        pages::routes().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    for (page, twin) in &twins {
        assert!(of_pages.contains(*page), "{page} is no page any more");
        assert!(of_api.contains(*twin), "{twin}, which does what {page} does, is not in the API");
    }
    for page in &of_pages {
        let path = page.split(' ').nth(1).expect("a path");
        let has_twin = twins.iter().any(|(with_twin, _)| with_twin == page);
        let is_alone = ALONE.iter().any(|(beginning, _)| path.starts_with(beginning));
        assert!(has_twin || is_alone, "{page}: give it a twin in the API, or say in ALONE why it has none");
    }
    for (beginning, why) in ALONE {
        let is_there = pages::routes().iter().any(|route| route.path.starts_with(beginning));
        assert!(is_there && !why.is_empty(), "{beginning} is no page any more");
    }
}
