//! Signing in by a provider and out again, there and back, as a browser does it: by links and cookies, under our policy.

use super::browser;
use crate::oidc::provider::Pretend;
use crate::oidc::{PROVIDER_ALONE, world};

#[tokio::test]
async fn a_browser_is_led_to_the_provider_and_back() {
    let pretend = Pretend::start().await;
    let world = world(&pretend, PROVIDER_ALONE, "").await;
    let Some(browser) = browser(&world).await else { return };
    browser.go("/mails").await;
    assert_eq!(browser.path().await, "/sign-in");
    browser.tap_on("//button[contains(., 'Sign in with Example')]").await;
    browser.until("location.pathname == '/mails' && document.querySelector('.who')").await;
    let name = browser.js("return document.querySelector('.who a').innerText").await;
    assert_eq!(name, "rae");
    browser.tap_on("//button[.='Sign out']").await;
    browser.until("location.pathname == '/sign-in'").await;
    browser.go("/mails").await;
    assert_eq!(browser.path().await, "/sign-in", "it is over here");
    let said = browser.log("browser").await;
    assert!(said.iter().all(|line| !line.to_string().contains("Content Security Policy")), "{said:?}");
    browser.close().await;
}
