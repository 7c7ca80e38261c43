//! Every source that ships, over HTTP: its sender is believed, and nobody else.

use axum::body::Bytes;
use http::Request;
use perennial_tests::{at, deploy, ledger_rows};

#[tokio::test]
async fn every_source_that_ships_believes_its_sender_and_nobody_else() {
    let deployment = deploy(at("2026-01-07T10:00:00Z")).await;
    for source in deployment.playbook.sources.keys() {
        let request =
            Request::post(format!("/v1/webhooks/{source}")).body(Bytes::from_static(b"{}")).expect("a request");
        let unsigned = deployment.world.http(request).await.expect("the world goes on");
        assert_eq!(unsigned.status(), 401, "{source}");
    }
    assert_eq!(ledger_rows(&deployment).await.len(), 0, "nothing was written");
    for source in deployment.playbook.sources.keys() {
        // What becomes of a message without any content is another question.
        let (status, answer) = deployment.post_to(source, "evt_1", "{}").await.expect("the world goes on");
        assert!([202, 400].contains(&status), "{source}: {status} {answer}");
    }
}
