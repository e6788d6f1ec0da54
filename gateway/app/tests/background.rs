//! Roles in the background: one process however many ask, found again, stopped without a trace; started by a hook where
//! `init` has installed hooks.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getsid};
use serde_json::Value;
use support::{Home, PATIENCE, claude, stderr, stdout};

/// The pid that `up --detach` tells.
fn pid_in(output: &Output) -> i32 {
    let text = stdout(output);
    let (_, rest) = text.split_once("(pid ").unwrap_or_else(|| {
        panic!("no pid in {text:?}, {}", stderr(output));
    });
    rest.split_once(')').unwrap().0.parse().unwrap()
}

fn is_there(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None).is_ok()
}

/// The pid in the home's lock, once somebody holds it.
fn holder(home: &Home) -> i32 {
    let began = Instant::now();
    loop {
        let text = fs::read_to_string(home.path().join("smoltbot.lock")).unwrap_or_default();
        let answers = home.path().join("sidecar.sock").exists();
        if let Some(pid) = text.lines().next().and_then(|pid| pid.parse().ok())
            && answers
        {
            return pid;
        }
        assert!(
            began.elapsed() < PATIENCE,
            "nobody holds the lock: {text:?}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A home in which `init` has installed hooks.
fn installed() -> Home {
    let home = Home::new();
    assert!(home.run(&["init"]).status.success());
    fs::write(home.path().join("installed.json"), support::INSTALLED).unwrap();
    home
}

fn down(home: &Home) -> Value {
    let output = home.run(&["down", "--json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

#[test]
fn it_starts_once_leaves_the_session_and_goes_when_told() {
    let home = Home::new();
    let output = home.run(&["up", "--detach"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let pid = pid_in(&output);
    let said = stdout(&output);
    for line in ["sidecar ", "gateway ", "edge ", "dashboard "] {
        assert!(said.contains(line), "{said}");
    }
    let process = Pid::from_raw(pid);
    assert_eq!(getsid(Some(process)).unwrap(), process);
    let log = home.path().join("log/up.log");
    assert_eq!(
        fs::metadata(&log).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let token = fs::read_to_string(home.path().join("gateway.token")).unwrap();
    assert!(!fs::read_to_string(&log).unwrap().contains(token.trim()));

    let again = home.run(&["up", "--detach"]);
    assert!(stdout(&again).contains("running already"), "{again:?}");
    assert_eq!(pid_in(&again), pid);
    // In somebody's terminal it does not take the place of what was started on purpose.
    let refused = home.run(&["up"]);
    assert!(stderr(&refused).contains("already running"), "{refused:?}");

    let stopped = down(&home);
    assert_eq!(stopped["pid"], pid);
    assert_eq!(
        (&stopped["roles"], &stopped["killed"]),
        (&"up".into(), &false.into())
    );
    assert!(!home.path().join("sidecar.sock").exists());
    assert_eq!(down(&home)["stopped"], false);
    // Gone, or a zombie where nobody asks for orphans.
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(!is_there(pid) || state.contains(") Z "), "{state}");
}

#[test]
fn ten_starters_at_once_start_one_process() {
    let home = Home::new();
    let starters: Vec<_> = (0..10)
        .map(|_| {
            home.smoltbot(&["up", "--detach"])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let outputs: Vec<Output> = starters
        .into_iter()
        .map(|starter| starter.wait_with_output().unwrap())
        .collect();
    let pids: Vec<i32> = outputs.iter().map(pid_in).collect();
    assert!(pids.iter().all(|pid| *pid == pids[0]), "{pids:?}");
    let started = outputs
        .iter()
        .filter(|output| stdout(output).contains("started in the background"));
    assert_eq!(started.count(), 1);
    assert_eq!(down(&home)["pid"], pids[0]);
}

#[test]
fn a_dead_process_in_the_lock_file_is_nobody() {
    let home = Home::new();
    fs::create_dir_all(home.path()).unwrap();
    // Of a process that crashed; another one may have its pid by now, here the test itself.
    let me = std::process::id();
    fs::write(home.path().join("smoltbot.lock"), format!("{me}\nup\n")).unwrap();
    assert_eq!(down(&home)["stopped"], false);
    let output = home.run(&["up", "--detach"]);
    assert_ne!(pid_in(&output), i32::try_from(me).unwrap());
    assert_eq!(down(&home)["stopped"], true);
}

#[test]
fn what_keeps_it_from_starting_is_told() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = home.smoltbot(&["up", "--detach"]);
    command.env("SMOLTBOT_EDGE__LISTEN", &address);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(
        text.contains(&address) && text.contains("is in use") && text.contains("up.log"),
        "{text}"
    );

    // A home that cannot be: its directory is a file.
    let file = home.path().join("config.json");
    fs::write(&file, "{}").unwrap();
    let mut command = home.smoltbot(&["up", "--detach"]);
    let output = command
        .env("SMOLTBOT_HOME", file.join("home"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("config.json/home"), "{output:?}");
}

#[test]
fn a_hook_starts_it_where_hooks_are_installed_and_nowhere_else() {
    let home = Home::new();
    home.feed(&["hook", "claude-code"], &claude("PreToolUse", "1", "ls"));
    assert!(!home.path().join("start.lock").exists());

    let home = installed();
    let mut off = home.smoltbot(&["hook", "claude-code"]);
    off.env("SMOLTBOT_SIDECAR__ON_DEMAND", "false");
    support::feed(off, &claude("PreToolUse", "2", "ls"));
    assert!(!home.path().join("start.lock").exists());

    let mut hook = home.smoltbot(&["hook", "claude-code"]);
    hook.env("AGENTS_OWN_KEY", "none of its business");
    let output = support::feed(hook, &claude("PreToolUse", "3", "rm -rf /"));
    assert!(stdout(&output).contains("deny"), "{output:?}");
    let pid = holder(&home);
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    assert!(
        environment.contains("SMOLTBOT_HOME") && !environment.contains("AGENTS_OWN_KEY"),
        "{environment}"
    );
    // What a person starts takes its place.
    let up = home.up();
    assert_ne!(up.pid(), pid);
    assert_eq!(up.stop(Signal::SIGTERM), Some(0));
}

#[test]
fn a_sidecar_is_enough_where_the_edge_is_elsewhere() {
    let home = installed();
    let mut hook = home.smoltbot(&["hook", "claude-code"]);
    hook.env("SMOLTBOT_API_URL", "http://127.0.0.1:9");
    support::feed(hook, &claude("PreToolUse", "1", "ls"));
    let pid = holder(&home);
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    assert!(line.contains("sidecar --idle-exit"), "{line}");
    assert_eq!(down(&home)["roles"], "sidecar");
}

#[test]
fn what_cannot_start_is_not_tried_at_every_call() {
    let home = installed();
    let hook = |call: &str| {
        let mut hook = home.smoltbot(&["hook", "claude-code"]);
        // No program can listen there.
        hook.env("SMOLTBOT_EDGE__LISTEN", "192.0.2.1:1");
        let output = support::feed(hook, &claude("PreToolUse", call, "ls"));
        assert_eq!(stdout(&output), "{}\n");
    };
    hook("1");
    // Whoever asks waits for the start that is under way, and then finds that it has failed.
    assert_eq!(down(&home)["stopped"], false);
    let log = || fs::read_to_string(home.path().join("log/up.log")).unwrap();
    let before = log();
    assert!(before.contains("192.0.2.1:1"), "{before}");
    hook("2");
    assert_eq!(down(&home)["stopped"], false);
    assert_eq!(log(), before);
}

#[test]
fn one_that_hears_nothing_is_killed_and_what_it_had_accepted_is_there() {
    let home = Home::new();
    let output = home.run(&["up", "--detach"]);
    let pid = pid_in(&output);
    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "1", "rm -rf /"),
    );
    // It hears no SIGTERM until somebody lets it go on.
    kill(Pid::from_raw(pid), Signal::SIGSTOP).unwrap();
    let began = Instant::now();
    let stopped = down(&home);
    assert_eq!(
        (&stopped["pid"], &stopped["killed"]),
        (&pid.into(), &true.into())
    );
    assert!(
        began.elapsed() >= Duration::from_secs(20),
        "it had its time"
    );
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(!is_there(pid) || state.contains(") Z "), "{state}");
    // Nothing stands in the way of the next one, which has the refusal.
    let output = home.run(&["up", "--detach"]);
    assert_ne!(pid_in(&output), pid);
    let said = stdout(&output);
    let edge = said.lines().find_map(|line| line.strip_prefix("edge"));
    let refused = || {
        let mut logs = home.smoltbot(&["logs", "--denied", "--json"]);
        let listed = logs.env("SMOLTBOT_API_URL", edge.unwrap().trim());
        stdout(&listed.output().unwrap()).contains("rm -rf /")
    };
    let began = Instant::now();
    while !refused() {
        assert!(began.elapsed() < PATIENCE, "the refusal is lost");
    }
    assert_eq!(down(&home)["killed"], false);
}

/// As long as a log may become: the constant of `background/log.rs`, as docs/background.md tells it.
const MAX_LOG_BYTES: usize = 1024 * 1024;

#[test]
fn the_log_of_a_running_process_becomes_the_old_one_and_goes_on() {
    let home = Home::new();
    let directory = home.path().join("log");
    fs::create_dir_all(&directory).unwrap();
    let (log, old) = (directory.join("up.log"), directory.join("up.log.1"));
    // As long as it may be: the next line is the last one in there.
    let filler = "x".repeat(MAX_LOG_BYTES - 1) + "\n";
    fs::write(&log, &filler).unwrap();
    fs::write(&old, "the one before").unwrap();
    let mut up = home.smoltbot(&["up", "--detach"]);
    let output = up.env("RUST_LOG", "debug").output().unwrap();
    let pid = pid_in(&output);
    let began = Instant::now();
    let mut call = 0;
    while fs::metadata(&old).unwrap().len() < MAX_LOG_BYTES as u64 {
        assert!(began.elapsed() < PATIENCE, "it was not moved");
        call += 1;
        home.feed(
            &["hook", "claude-code"],
            &claude("PreToolUse", &call.to_string(), "ls"),
        );
    }
    let kept = fs::read_to_string(&old).unwrap();
    let (before, line) = kept.split_at(filler.len());
    assert!(before == filler && line.lines().count() >= 1, "{line}");
    assert!(
        line.len() < 64 * 1024,
        "a few lines more than the limit: {}",
        line.len()
    );
    // A panic writes there without asking: it must not go into the old one.
    let stderr = fs::read_link(format!("/proc/{pid}/fd/2")).unwrap();
    assert_eq!(stderr, log.canonicalize().unwrap());
    assert_eq!(
        fs::metadata(&log).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(down(&home)["pid"], pid);
    assert!(fs::metadata(&log).unwrap().len() < MAX_LOG_BYTES as u64);
    assert_eq!(
        fs::read_to_string(&old).unwrap(),
        kept,
        "nobody writes there any more"
    );

    // One that is too long at the start is moved before it.
    fs::write(&log, "y".repeat(MAX_LOG_BYTES + 1)).unwrap();
    pid_in(&home.run(&["up", "--detach"]));
    down(&home);
    assert!(fs::read_to_string(&old).unwrap().starts_with("yy"));
    assert!(!fs::read_to_string(&log).unwrap().contains("yy"));
}
