//! What happens while nothing happens. These tests wait for the real events: the gateway's own clock is what they are about.

use std::time::{Duration, Instant};

use gateway::limits::{HANDSHAKE_WITHIN, TICK_EVERY};
use serde_json::json;

use crate::chats;
use crate::socket::Client;
use crate::support::{Home, Up};

/// Time of the processor that an idle gateway with everything around it may take in [`TICK_EVERY`]. One that turns without end takes
/// at least as much in a quarter of it, with several others on its cores.
const IDLE_COSTS: Duration = Duration::from_secs(2);

/// Check 7.
#[tokio::test]
async fn who_says_nothing_is_closed_after_ten_seconds() {
    let home = Home::new();
    let up = home.up();
    let before = Instant::now();
    let mut client = Client::stranger(&up).await;
    assert_eq!(client.closed().await, 1008);
    let after = before.elapsed();
    assert!(after >= HANDSHAKE_WITHIN, "closed after {after:?}");
    assert_eq!(HANDSHAKE_WITHIN, Duration::from_secs(10));
}

/// Checks 13 and 28.
#[tokio::test]
async fn an_idle_socket_hears_a_tick_and_costs_nothing() {
    let home = Home::new();
    let up = home.up();
    let mut client = Client::simple(&up).await;
    assert_eq!(client.ask("ping", json!({})).await["ok"], true);
    let health = chats::client()
        .get(format!("{}/health", up.gateway))
        .send()
        .await
        .unwrap();
    assert_eq!(chats::json_of(health).await["ws_clients"], 1);
    // What the start has left to do is done within the time of a handshake.
    tokio::time::sleep(HANDSHAKE_WITHIN).await;
    let (before, used) = (Instant::now(), processor_time(&up));
    let tick = client.next().await;
    let used = processor_time(&up).saturating_sub(used);
    assert_eq!(tick["event"], "tick", "{tick}");
    assert!(
        tick["payload"]["ts"].is_i64() && tick["seq"].is_u64(),
        "{tick}"
    );
    assert!(before.elapsed() < TICK_EVERY + Duration::from_secs(20));
    assert!(used < IDLE_COSTS, "an idle socket took {used:?}");
}

/// What the process has used so far (proc(5), `stat`: user and system time in hundredths of a second).
fn processor_time(up: &Up) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", up.pid())).unwrap();
    let (_, after_name) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
