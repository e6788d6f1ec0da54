//! A sidecar that dozes: it holds next to no memory, is the same process with the same socket and lock, and wakes up at once for
//! whatever a sidecar is for.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

mod support;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Home, PATIENCE, claude, feed, stderr, stdout};

/// What a sidecar holds while it dozes is at most what it holds awake, divided by this. How much that is depends on the build;
/// `cargo xtask bench idle` measures the one that ships.
const DOZING_SHARE: u64 = 2;
/// Calls that come while a sidecar falls asleep and wakes up.
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

/// A sidecar that dozes after a second.
struct Sidecar(Child);

impl Sidecar {
    fn start(home: &Home, edge: &str, more: &[(&str, &str)]) -> Self {
        let mut command = home.smoltbot(&["sidecar", "--idle-exit"]);
        command
            .env("SMOLTBOT_API_URL", edge)
            .env("SMOLTBOT_SIDECAR__DOZE_SECONDS", "1")
            .env("SMOLTBOT_BATCH_SIZE", "1")
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let child = command.spawn().unwrap();
        once("the sidecar listens", || {
            home.path().join("sidecar.sock").exists().then_some(())
        });
        Self(child)
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }

    fn dozes(&self) -> bool {
        let line = fs::read(format!("/proc/{}/cmdline", self.pid())).unwrap_or_default();
        line.ends_with(b"\0--dozing\0")
    }

    fn once_it_dozes(&self) {
        once("it dozes", || self.dozes().then_some(()));
    }

    /// A line of `/proc/PID/status`.
    fn count(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.unwrap().split_whitespace().next();
        number.unwrap().parse().unwrap()
    }

    fn stop(mut self, signal: Signal) -> Option<i32> {
        kill(Pid::from_raw(i32::try_from(self.pid()).unwrap()), signal).unwrap();
        self.0.wait().unwrap().code()
    }
}

impl Drop for Sidecar {
    fn drop(&mut self) {
        // A test that failed leaves nothing running.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn refused(home: &Home, id: &str) {
    let output = home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", id, "rm -rf /"),
    );
    assert!(stdout(&output).contains("deny"), "{output:?}");
    assert_eq!(stderr(&output), "");
}

fn waiting(home: &Home) -> u64 {
    let output = home.run(&["status", "--json"]);
    let status: serde_json::Value =
        serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)));
    assert_eq!(status["running"], true);
    status["spool"]["waiting"].as_u64().unwrap()
}

/// The pid that the sidecar on the socket tells.
fn answers(socket: &mut UnixStream) -> Option<String> {
    socket
        .write_all(b"GET /health HTTP/1.1\r\nhost: sidecar\r\n\r\n")
        .ok()?;
    let mut answer = [0; 4096];
    let read = socket.read(&mut answer).ok()?;
    let text = String::from_utf8_lossy(&answer[..read]).into_owned();
    let (_, rest) = text.split_once("\"pid\":")?;
    Some(rest.split(',').next()?.to_owned())
}

#[test]
fn it_lets_go_of_its_memory_and_answers_the_next_call() {
    let edge = Home::new();
    let up = edge.up();
    let home = Home::new();
    let sidecar = Sidecar::start(&home, &up.edge, &[]);
    for call in ["1", "2", "3"] {
        refused(&home, call);
        let awake = sidecar.count("VmRSS:");
        sidecar.once_it_dozes();
        assert_eq!(waiting(&home), 0);
        let held = sidecar.count("VmRSS:");
        assert!(
            held <= awake / DOZING_SHARE,
            "{held} KiB, and {awake} KiB awake"
        );
        // It is told that somebody has looked at the spool, and sleeps on.
        let slept = once("it comes to rest", || {
            let before = sidecar.count("voluntary_ctxt_switches:");
            std::thread::sleep(Duration::from_secs(1));
            (sidecar.count("voluntary_ctxt_switches:") == before).then_some(before)
        });
        std::thread::sleep(Duration::from_secs(3));
        assert_eq!(sidecar.count("voluntary_ctxt_switches:"), slept);
        assert!(sidecar.dozes(), "it woke up though nothing happens");
    }
    // The first call found it awake; each of the others woke it, in the same process.
    let mut socket = UnixStream::connect(home.path().join("sidecar.sock")).unwrap();
    assert_eq!(answers(&mut socket), Some(sidecar.pid().to_string()));
    assert!(!sidecar.dozes());
    // Whose connection is kept does not keep it awake, and sees that it was closed.
    sidecar.once_it_dozes();
    assert_eq!(answers(&mut socket), None);
    let mut again = UnixStream::connect(home.path().join("sidecar.sock")).unwrap();
    assert_eq!(answers(&mut again), Some(sidecar.pid().to_string()));
}

#[test]
fn it_wakes_up_for_what_others_record_and_for_another_card() {
    let edge = Home::new();
    let up = edge.up();
    let home = Home::new();
    let sidecar = Sidecar::start(&home, &up.edge, &[]);
    sidecar.once_it_dozes();
    // Whoever finds no socket records by itself; the sidecar ships it all the same.
    let (socket, aside) = (home.path().join("sidecar.sock"), home.path().join("aside"));
    fs::rename(&socket, &aside).unwrap();
    refused(&home, "1");
    fs::rename(&aside, &socket).unwrap();
    once("it ships", || (waiting(&home) == 0).then_some(()));
    sidecar.once_it_dozes();

    let card = home.path().join("card.json");
    let text = fs::read_to_string(&card).unwrap();
    fs::write(&card, text).unwrap();
    once("it wakes up", || (!sidecar.dozes()).then_some(()));
    sidecar.once_it_dozes();
    assert_eq!(waiting(&home), 0);
}

#[test]
fn it_ends_when_it_is_told_to() {
    let edge = Home::new();
    let up = edge.up();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let home = Home::new();
        let sidecar = Sidecar::start(&home, &up.edge, &[]);
        sidecar.once_it_dozes();
        assert_eq!(sidecar.stop(signal), Some(0));
        assert!(!home.path().join("sidecar.sock").exists());
        assert_eq!(fs::read(home.path().join("smoltbot.lock")).unwrap(), b"");
    }
    let home = Home::new();
    let mut sidecar = Sidecar::start(&home, &up.edge, &[]);
    sidecar.once_it_dozes();
    let refused = home.run(&["sidecar"]);
    let reason = format!("(pid {})", sidecar.pid());
    assert!(stderr(&refused).contains(&reason), "{refused:?}");
    let output = home.run(&["down", "--json"]);
    let stopped: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(stopped["pid"], sidecar.pid());
    assert_eq!(stopped["killed"], false);
    assert_eq!(sidecar.0.wait().unwrap().code(), Some(0));
}

/// Signals come at every moment of its falling asleep.
#[test]
fn no_signal_is_lost_while_it_falls_asleep() {
    let edge = Home::new();
    let up = edge.up();
    for round in 0..20 {
        let home = Home::new();
        let sidecar = Sidecar::start(&home, &up.edge, &[]);
        std::thread::sleep(Duration::from_millis(980 + 10 * round));
        assert_eq!(sidecar.stop(Signal::SIGTERM), Some(0), "round {round}");
        assert!(!home.path().join("sidecar.sock").exists());
    }
}

#[test]
fn it_leaves_when_its_time_has_come() {
    let edge = Home::new();
    let up = edge.up();
    let home = Home::new();
    let more = [("SMOLTBOT_SIDECAR__IDLE_EXIT_SECONDS", "4")];
    let mut sidecar = Sidecar::start(&home, &up.edge, &more);
    let began = Instant::now();
    sidecar.once_it_dozes();
    assert_eq!(sidecar.0.wait().unwrap().code(), Some(0));
    assert!(began.elapsed() > Duration::from_secs(2));
    assert!(!home.path().join("sidecar.sock").exists());
}

#[test]
fn it_stays_awake_while_something_waits_or_when_it_may_not_doze() {
    // Nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let home = Home::new();
    refused_without_sidecar(&home);
    let waits = Sidecar::start(&home, &nowhere, &[]);
    let other = Home::new();
    let never = [("SMOLTBOT_SIDECAR__DOZE_SECONDS", "0")];
    let may_not = Sidecar::start(&other, &nowhere, &never);
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(4) {
        assert!(!waits.dozes(), "it dozes with a trace in the spool");
        assert!(!may_not.dozes(), "it dozes though it was told not to");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn refused_without_sidecar(home: &Home) {
    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "1", "rm -rf /"),
    );
}

/// Hooks come while it falls asleep and wakes up: each call is judged, and none is lost or told twice.
#[test]
fn a_call_that_comes_while_it_falls_asleep_is_not_lost() {
    let edge = Home::new();
    let up = edge.up();
    let home = Home::new();
    let sidecar = Sidecar::start(&home, &up.edge, &[]);
    let mut dozed = 0;
    for call in 0..CALLS {
        let hook = home.smoltbot(&["hook", "claude-code"]);
        dozed += usize::from(sidecar.dozes());
        let output = feed(hook, &claude("PreToolUse", &call.to_string(), "rm -rf /"));
        assert!(stdout(&output).contains("deny"), "{output:?}");
        assert_eq!(stderr(&output), "");
        // The pauses between calls wander over the time after which it dozes.
        std::thread::sleep(Duration::from_millis(if call % 4 == 3 {
            980 + 4 * u64::try_from(call).unwrap()
        } else {
            0
        }));
    }
    assert!(dozed > 0, "it never dozed");
    once("everything has arrived", || {
        (waiting(&home) == 0).then_some(())
    });
    let mut logs = home.smoltbot(&["logs", "--json", "-n", "500"]);
    let output = logs.env("SMOLTBOT_API_URL", &up.edge).output().unwrap();
    assert_eq!(stdout(&output).lines().count(), CALLS);
}

#[test]
fn http_goes_on_at_the_same_address() {
    let edge = Home::new();
    let up = edge.up();
    let home = Home::new();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let listen = address.to_string();
    let sidecar = Sidecar::start(&home, &up.edge, &[("SMOLTBOT_SIDECAR__LISTEN", &listen)]);
    for _ in 0..2 {
        sidecar.once_it_dozes();
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream
            .write_all(b"GET /health HTTP/1.1\r\nhost: sidecar\r\nconnection: close\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        // Without the token: somebody answers.
        assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    }
}

#[test]
fn what_is_for_smoltbot_itself_says_so() {
    let home = Home::new();
    for word in ["--dozing", "--woken"] {
        let output = home.run(&["sidecar", word]);
        assert_eq!(output.status.code(), Some(1));
        let said = stderr(&output);
        assert!(said.contains("for smoltbot itself"), "{said}");
    }
    assert!(!home.path().join("smoltbot.lock").exists());
}
