//! An idle sidecar: it goes when it is told to and nothing waits, loses nothing on the way out, and until then sleeps, but
//! notices what others do.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

mod support;

use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use support::{Home, PATIENCE, claude, feed, stderr, stdout};

/// Calls that come while sidecars leave.
const CALLS: usize = 60;

/// Runs `look` until it tells something.
fn once<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn sidecar(home: &Home, edge: &str, seconds: &str) -> Child {
    let mut command = home.smoltbot(&["sidecar", "--idle-exit"]);
    command
        .env("SMOLTBOT_API_URL", edge)
        .env("SMOLTBOT_SIDECAR__IDLE_EXIT_SECONDS", seconds)
        .env("SMOLTBOT_BATCH_SIZE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let child = command.spawn().unwrap();
    once("the sidecar listens", || {
        home.path().join("sidecar.sock").exists().then_some(())
    });
    child
}

fn waiting(home: &Home) -> u64 {
    let output = home.run(&["status", "--json"]);
    let status: serde_json::Value =
        serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    status["spool"]["waiting"].as_u64().unwrap()
}

/// How often the process's threads have gone to sleep by themselves.
fn sleeps(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .map(|task| {
            let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            line.unwrap().trim().parse::<u64>().unwrap()
        })
        .sum()
}

#[test]
fn it_goes_when_everything_has_been_shipped_and_nothing_is_asked() {
    let edge = Home::new();
    let up = edge.up();
    let home = Home::new();
    let mut child = sidecar(&home, &up.edge, "1");
    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "1", "rm -rf /"),
    );
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(waiting(&home), 0);
    assert!(!home.path().join("sidecar.sock").exists());
}

#[test]
fn it_stays_while_something_waits_for_the_edge() {
    let home = Home::new();
    // Nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "1", "rm -rf /"),
    );
    assert_eq!(waiting(&home), 1);
    let mut child = sidecar(&home, &address, "1");
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(3) {
        assert_eq!(
            child.try_wait().unwrap(),
            None,
            "it left with a trace in the spool"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Hooks come while one sidecar after another leaves: whoever is there, each call is judged, and none is lost.
#[test]
fn a_call_that_comes_while_it_leaves_is_not_lost() {
    let edge = Home::new();
    let up = edge.up();
    let home = Home::new();
    assert!(home.run(&["init"]).status.success());
    fs::write(home.path().join("installed.json"), support::INSTALLED).unwrap();
    for call in 0..CALLS {
        let mut hook = home.smoltbot(&["hook", "claude-code"]);
        hook.env("SMOLTBOT_API_URL", &up.edge)
            .env("SMOLTBOT_SIDECAR__IDLE_EXIT_SECONDS", "1");
        let output = feed(hook, &claude("PreToolUse", &call.to_string(), "rm -rf /"));
        assert!(stdout(&output).contains("deny"), "{output:?}");
        assert_eq!(stderr(&output), "");
        // The pauses between calls wander over the time after which a sidecar leaves.
        std::thread::sleep(Duration::from_millis(if call % 6 == 5 {
            960 + 4 * u64::try_from(call).unwrap()
        } else {
            0
        }));
    }
    once("everything has arrived", || {
        let status = home.run(&["status", "--json"]);
        assert!(status.status.success());
        (waiting(&home) == 0).then_some(())
    });
    let mut logs = home.smoltbot(&["logs", "--json", "-n", "500"]);
    let output = logs.env("SMOLTBOT_API_URL", &up.edge).output().unwrap();
    assert_eq!(stdout(&output).lines().count(), CALLS);
    home.run(&["down"]);
}

#[cfg(target_os = "linux")]
#[test]
fn it_sleeps_and_notices_what_others_record() {
    let edge = Home::new();
    let up = edge.up();
    let home = Home::new();
    let mut child = sidecar(&home, &up.edge, "0");
    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "1", "rm -rf /"),
    );
    once("the first one is shipped", || {
        (waiting(&home) == 0).then_some(())
    });
    // It lets go of the connection after ten seconds; then there is nothing to do.
    let quiet = once("it comes to rest", || {
        let before = sleeps(child.id());
        std::thread::sleep(Duration::from_secs(2));
        let after = sleeps(child.id());
        (after == before).then_some(after)
    });
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(sleeps(child.id()), quiet, "it wakes though nothing happens");

    // Whoever finds no socket records by itself; the sidecar ships it all the same.
    fs::remove_file(home.path().join("sidecar.sock")).unwrap();
    let output = home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "2", "rm -rf /"),
    );
    assert!(stdout(&output).contains("deny"));
    once("it notices", || (waiting(&home) == 0).then_some(()));
    child.kill().unwrap();
    child.wait().unwrap();
}
