//! The secret of the keys: changed without a link that dies, and Secrets Manager out of reach.

use jiff::{SignedDuration, Timestamp};
use perennial::deployment::Deployment;
use perennial_local::{Call, Fault};
use perennial_platform::key_secret::KeySecret;
use perennial_platform::links::{Links, Purpose};
use perennial_tests::{at, clock, deploy, sdk_config};
use serde_json::json;

const OLD: &str = "an old key of links, long enough";
const NEW: &str = "a new key of links, long enough.";
const ADDRESS: &str = "a key of addresses, as long too.";
const NAME: &str = "perennial/keys";

fn hold(deployment: &Deployment, link_keys: &[&str]) {
    // Keys are separated by white space, so these have none.
    let link_keys: Vec<String> = link_keys.iter().map(|key| key.replace(' ', "-")).collect();
    let held = json!({"LINK_KEY": link_keys.join(" "), "ADDRESS_KEY": ADDRESS});
    deployment.world.set_secret(NAME, &held.to_string());
}

async fn start(deployment: &Deployment) -> KeySecret {
    let config = sdk_config(&deployment.world.endpoints().aws).await;
    KeySecret::read(&config, NAME.to_owned(), clock(deployment)).await.expect("keys")
}

/// What an environment of a function does before each invocation.
async fn invoke(secret: &KeySecret) -> Links {
    secret.renew().await;
    Links::signed_with(secret.link_keys(), "")
}

fn now(deployment: &Deployment) -> Timestamp {
    deployment.world.clock().now()
}

async fn wait(deployment: &Deployment, seconds: i64) {
    let until = now(deployment) + SignedDuration::from_secs(seconds);
    deployment.world.advance_to(until, |_| {}).await.expect("the world goes on");
}

#[tokio::test]
async fn every_environment_believes_a_key_before_any_signs_with_it() {
    let deployment = deploy(at("2026-01-07T10:00:00Z")).await;
    let purpose = Purpose::Offer { contact: "ada".into() };
    hold(&deployment, &[OLD]);
    // Environments that have started at different times, and so ask at different times.
    let mut environments = Vec::new();
    for _ in 0..3 {
        environments.push(start(&deployment).await);
        wait(&deployment, 130).await;
    }
    let mut sent = Vec::new();
    // Behind the old one, five minutes later in front of it; a new environment comes after each change.
    for held in [&[OLD][..], &[OLD, NEW], &[NEW, OLD]] {
        hold(&deployment, held);
        environments.push(start(&deployment).await);
        for _ in 0..6 {
            for environment in &environments {
                sent.push(invoke(environment).await.token(&purpose, now(&deployment)));
            }
            for environment in &environments {
                let links = invoke(environment).await;
                for token in &sent {
                    assert_eq!(links.read(token, now(&deployment)).as_ref(), Ok(&purpose), "{held:?}");
                }
            }
            wait(&deployment, 60).await;
        }
    }
    let by_new = Links::new(NEW.replace(' ', "-"), "");
    let signed_by_new = sent.iter().filter(|token| by_new.read(token, now(&deployment)).is_ok()).count();
    assert!(signed_by_new > 0 && signed_by_new < sent.len(), "{signed_by_new} of {}", sent.len());
    // The old key is taken out, which is what a theft asks for: within five minutes its links are dead.
    hold(&deployment, &[NEW]);
    wait(&deployment, 300).await;
    for environment in &environments {
        let links = invoke(environment).await;
        assert!(links.read(&sent[0], now(&deployment)).is_err(), "it was signed with the old key");
    }
}

#[tokio::test]
async fn what_is_known_goes_on_where_the_secret_cannot_be_read_again() {
    let deployment = deploy(at("2026-01-07T10:00:00Z")).await;
    let purpose = Purpose::Offer { contact: "ada".into() };
    hold(&deployment, &[OLD]);
    let secret = start(&deployment).await;
    let token = invoke(&secret).await.token(&purpose, now(&deployment));
    hold(&deployment, &[NEW]);
    for fault in [Fault::ServerError, Fault::Throttle, Fault::LoseReply] {
        wait(&deployment, 300).await;
        deployment.world.faults().inject(Call::GetSecretValue, fault.clone());
        assert_eq!(invoke(&secret).await.read(&token, now(&deployment)), Ok(purpose.clone()), "{fault:?}");
        assert_eq!(deployment.world.faults().pending(), 0, "{fault:?}: it was asked");
    }
    // It was tried a moment ago: nobody asks again at once, but soon.
    wait(&deployment, 14).await;
    assert_eq!(invoke(&secret).await.read(&token, now(&deployment)), Ok(purpose));
    wait(&deployment, 1).await;
    assert!(invoke(&secret).await.read(&token, now(&deployment)).is_err(), "the key was taken out");
}

#[tokio::test]
async fn a_function_without_keys_does_not_start() {
    let deployment = deploy(at("2026-01-07T10:00:00Z")).await;
    let config = sdk_config(&deployment.world.endpoints().aws).await;
    for held in [None, Some(json!({"LINK_KEY": OLD}).to_string()), Some("no JSON, and private".to_owned())] {
        if let Some(held) = &held {
            deployment.world.set_secret(NAME, held);
        }
        let refused = KeySecret::read(&config, NAME.to_owned(), clock(&deployment)).await.expect_err("no keys");
        assert!(!refused.to_string().contains("private"), "{refused}");
    }
}
