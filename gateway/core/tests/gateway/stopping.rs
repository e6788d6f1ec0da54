//! Stopping: what runs may end, and has to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aap::{Gate, OutcomeKind};
use axum::body::Body;
use axum::http::Request;
use gateway::limits::BODY_TIMEOUT;
use gateway::{Options, ServeError, router};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower::ServiceExt as _;

use crate::house::{DASHBOARD, House, TOKEN, closed, opened};

#[tokio::test]
async fn a_running_call_may_end() {
    let mut house = House::open().await;
    let gate = house.pipe("gate");
    let running = house
        .start("execute_command", json!({"command": "cat gate"}))
        .await;
    house.shutdown.cancel();
    tokio::task::spawn_blocking(move || std::fs::write(gate, "through\n").unwrap())
        .await
        .unwrap();
    let rest = running.text().await.unwrap();
    assert!(rest.contains("through"), "{rest}");
    assert_eq!(house.ended().await.2.kind, OutcomeKind::Completed);
    house.serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_call_that_does_not_end_is_ended() {
    let mut house = House::with(|options| options.drain = Duration::from_millis(50)).await;
    let held = opened(house.pipe("held"));
    let running = house
        .start("execute_command", json!({"command": "sleep 100000 > held"}))
        .await;
    let held = held.await.unwrap();
    house.shutdown.cancel();
    let rest = running.text().await.unwrap();
    assert!(rest.contains(r#""event":"stopped""#), "{rest}");
    assert_eq!(house.ended().await.2.kind, OutcomeKind::Abandoned);
    closed(held).await;
    house.serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_request_does_not_hold_the_stop() {
    let house = House::with(|options| options.drain = Duration::from_millis(50)).await;
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    let request = format!(
        "POST /api/chat HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Type: application/json\r\nContent-Length: 20\r\nExpect: 100-continue\r\n\r\n",
        house.address
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    // The gateway says so once it waits for the body.
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100");
    let start = Instant::now();
    house.shutdown.cancel();
    house.serving.await.unwrap().unwrap();
    assert!(start.elapsed() < BODY_TIMEOUT / 2);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let workspace = tempfile::tempdir().unwrap();
    let options = Options::new(TOKEN, workspace.path(), DASHBOARD);
    let router = router(Gate::new(Arc::new(Never)), &options, 18789).unwrap();
    let request = Request::post("/api/chat")
        .header("host", "127.0.0.1:18789")
        .header("authorization", format!("Bearer {TOKEN}"))
        .header("content-type", "application/json")
        .body(Body::from_stream(futures_util::stream::pending::<
            Result<&str, std::io::Error>,
        >()))
        .unwrap();
    let start = tokio::time::Instant::now();
    let answer = router.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 408);
    assert_eq!(start.elapsed().as_secs(), BODY_TIMEOUT.as_secs());
}

struct Never;

impl aap::Hook for Never {
    fn before<'a>(&'a self, _call: &'a aap::ToolCall) -> aap::gate::Judging<'a> {
        unreachable!("nothing is asked")
    }

    fn consider<'a>(&'a self, call: &'a aap::ToolCall) -> aap::gate::Judging<'a> {
        self.before(call)
    }

    fn approved<'a>(
        &'a self,
        _call: &'a aap::ToolCall,
        _judged: &'a aap::Judged,
    ) -> aap::gate::Recording<'a> {
        Box::pin(std::future::ready(()))
    }

    fn declined<'a>(
        &'a self,
        _call: &'a aap::ToolCall,
        _judged: &'a aap::Judged,
    ) -> aap::gate::Recording<'a> {
        Box::pin(std::future::ready(()))
    }

    fn after(&self, _call: aap::ToolCall, _judged: aap::Judged, _outcome: aap::Outcome) {}
}

#[test]
fn wrong_options_are_named() {
    let workspace = tempfile::tempdir().unwrap();
    let good = Options::new(TOKEN, workspace.path(), DASHBOARD);
    assert!(!format!("{good:?}").contains(TOKEN));
    let error = |change: &dyn Fn(&mut Options)| {
        let mut options = good.clone();
        change(&mut options);
        router(Gate::new(Arc::new(Never)), &options, 1).err()
    };
    assert!(error(&|_| ()).is_none());
    assert!(matches!(
        error(&|o| o.token = "short".to_owned()),
        Some(ServeError::ShortToken(5))
    ));
    assert!(matches!(
        error(&|o| o.workspace.push("missing")),
        Some(ServeError::Workspace(..))
    ));
    assert!(matches!(
        error(&|o| o.dashboard_url = "javascript:alert(1)".to_owned()),
        Some(ServeError::DashboardUrl(_))
    ));
    assert!(matches!(
        error(&|o| o.extra_hosts = vec!["http://x".to_owned()]),
        Some(ServeError::ExtraHost(_))
    ));
}
