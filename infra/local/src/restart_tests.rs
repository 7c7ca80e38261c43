//! Restarts: what was accepted is delivered, whatever happened to the process in between.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use futures::FutureExt as _;
use serde_json::json;

use crate::world_tests::{Calls, at, open, put, put_event, send_message};
use crate::{Store, World};

fn file() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("world.db");
    (directory, path)
}

#[tokio::test]
async fn a_restart_loses_nothing() {
    let (_directory, path) = file();
    {
        let (world, calls) = open(Store::File(path.clone())).await;
        put(&world, "before", "engagement").await;
        world.settle().await.unwrap();
        world.advance_to(at("2026-11-20T13:00:00Z"), |_| {}).await.unwrap();
        assert!(World::open(world.wiring().clone(), Store::File(path.clone()), world.clock().clone()).await.is_err());
        // Nothing of this is delivered before the end.
        put(&world, "after", "engagement").await;
        put_event(&world, "ThresholdReached", json!({})).await;
        send_message(&world, "mail").await;
        assert_eq!(calls.batches("ScoreAndDecay").first().unwrap(), &["before"]);
    }
    let (world, calls) = reopen(path).await;
    assert_eq!(world.clock().now(), at("2026-11-20T13:00:00Z"));
    world.settle().await.unwrap();
    assert_eq!(calls.batches("ScoreAndDecay"), [["after"]]);
    assert_eq!(calls.of("QualifyMql").len(), 1);
    assert_eq!(calls.batches("SendNurtureEmail"), [["mail"]]);
    assert_eq!(world.settle().await.unwrap(), 0);
}

/// The old servers let the file go a moment after the world is dropped.
async fn reopen(path: PathBuf) -> (World, Calls) {
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    open(Store::File(path)).await
}

#[tokio::test]
async fn a_function_that_was_killed_gets_its_message_again() {
    let (_directory, path) = file();
    {
        let (world, _) = open(Store::File(path.clone())).await;
        world.register("SendNurtureEmail", Arc::new(|_| std::future::pending().boxed()));
        send_message(&world, "mail").await;
        put(&world, "fact", "engagement").await;
        world.register("ScoreAndDecay", Arc::new(|_| async { Ok(json!({})) }.boxed()));
        let killed = tokio::time::timeout(std::time::Duration::from_millis(500), world.settle()).await;
        assert!(killed.is_err());
    }
    let (world, calls) = reopen(path).await;
    world.settle().await.unwrap();
    assert!(calls.of("ScoreAndDecay").is_empty(), "that one had succeeded");
    assert!(calls.of("SendNurtureEmail").is_empty(), "hidden until its time");
    world.advance_to(at("2026-11-20T12:03:00Z"), |_| {}).await.unwrap();
    assert_eq!(calls.batches("SendNurtureEmail"), [["mail"]]);
}

const WORLD_FILE: &str = "PERENNIAL_TEST_WORLD";

/// Runs itself again as the process that is killed: with the variable set it is that one.
#[tokio::test]
async fn a_killed_process_loses_nothing() {
    if let Some(path) = std::env::var_os(WORLD_FILE) {
        return work_until_killed(PathBuf::from(path)).await;
    }
    let (_directory, path) = file();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "restart_tests::a_killed_process_loses_nothing", "--nocapture"])
        .env(WORLD_FILE, &path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line.contains("in the function")), "the child got so far");
    child.kill().unwrap();
    child.wait().unwrap();

    let (world, calls) = open(Store::File(path)).await;
    assert_eq!(world.clock().now(), at("2026-11-20T12:30:00Z"));
    world.settle().await.unwrap();
    assert_eq!(calls.batches("ScoreAndDecay"), [["first", "second"]]);
    assert_eq!(calls.of("QualifyMql").len(), 1);
    assert_eq!(calls.batches("SendNurtureEmail"), [["mail"]]);
}

async fn work_until_killed(path: PathBuf) {
    let (world, _) = open(Store::File(path)).await;
    world.advance_to(at("2026-11-20T12:30:00Z"), |_| {}).await.unwrap();
    put(&world, "first", "engagement").await;
    put(&world, "second", "engagement").await;
    put_event(&world, "ThresholdReached", json!({})).await;
    send_message(&world, "mail").await;
    world.register(
        "ScoreAndDecay",
        Arc::new(|_| {
            println!("in the function");
            std::future::pending().boxed()
        }),
    );
    world.settle().await.unwrap();
}
