//! A real server, from outside.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use test_cluster::{Cluster, Options};

fn name(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

#[test]
fn databases_are_new_and_copies_hold_what_their_template_holds() {
    let cluster = Cluster::shared();
    let (one, other) = (cluster.fresh_database(), cluster.fresh_database());
    assert_ne!(one, other);
    cluster.psql(name(&one), "CREATE TABLE t (x int)").unwrap();
    assert!(cluster.psql(name(&other), "SELECT * FROM t").is_err());

    let mut made = 0;
    let mut copy = || {
        cluster.copy_of("with_a_row", |url| {
            made += 1;
            let sql = "CREATE TABLE t (x int); INSERT INTO t VALUES (7)";
            cluster.psql(name(url), sql).unwrap();
        })
    };
    let (one, other) = (copy(), copy());
    assert_eq!(made, 1);
    cluster.psql(name(&one), "DELETE FROM t").unwrap();
    assert_eq!(cluster.psql(name(&other), "SELECT x FROM t").unwrap(), "7");
}

#[test]
fn what_was_committed_survives_a_stop_and_a_kill() {
    let options = Options {
        fsync: true,
        ..Options::default()
    };
    let cluster = Cluster::start_new(&options).unwrap();
    cluster
        .psql(
            "postgres",
            "CREATE TABLE t (x int); INSERT INTO t VALUES (1)",
        )
        .unwrap();
    cluster.stop().unwrap();
    assert!(cluster.psql("postgres", "SELECT 1").is_err());
    cluster.start().unwrap();
    cluster
        .psql("postgres", "INSERT INTO t VALUES (2)")
        .unwrap();
    cluster.kill();
    assert!(cluster.psql("postgres", "SELECT 1").is_err());
    cluster.start().unwrap();
    let rows = cluster.psql("postgres", "SELECT x FROM t ORDER BY x");
    assert_eq!(rows.unwrap(), "1\n2");
    assert!(cluster.log().contains("was not properly shut down"));
}

#[test]
fn a_replica_follows_and_takes_no_writes() {
    let cluster = Cluster::start_new(&Options::default()).unwrap();
    cluster
        .psql(
            "postgres",
            "CREATE TABLE t (x int); INSERT INTO t VALUES (1)",
        )
        .unwrap();
    let replica = cluster.replica().unwrap();
    cluster
        .psql("postgres", "INSERT INTO t VALUES (2)")
        .unwrap();
    let began = Instant::now();
    while replica.psql("postgres", "SELECT count(*) FROM t").unwrap() != "2" {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "it does not follow"
        );
    }
    let error = replica.psql("postgres", "INSERT INTO t VALUES (3)");
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("read-only transaction")
    );
}

#[test]
fn passwords_are_asked_for_over_tcp() {
    let options = Options {
        password: Some("correct".into()),
        ..Options::default()
    };
    let cluster = Cluster::start_new(&options).unwrap();
    let by_url = |url: &str| {
        let programs = test_cluster::Programs::find().unwrap();
        let mut command = Command::new(programs.path("psql"));
        command.args(["--no-psqlrc", "--no-password", "--command", "SELECT 1", url]);
        command.output().unwrap().status.success()
    };
    assert!(by_url(&cluster.url("postgres")));
    assert!(!by_url(&cluster.url_as("postgres", "postgres")));
    assert!(!by_url(&cluster.url_as("postgres:wrong", "postgres")));
}

#[test]
fn a_full_disk_is_an_error_of_statements_and_goes_away() {
    let cluster = Cluster::shared();
    let disk = cluster
        .small_disk(32, |url| {
            cluster.psql(name(url), "CREATE TABLE t (x text)").unwrap();
        })
        .unwrap();
    let database = name(disk.url());
    let insert = "INSERT INTO t SELECT repeat('x', 1000) FROM generate_series(1, 1000)";
    disk.fill().unwrap();
    let error = cluster.psql(database, insert).unwrap_err().to_string();
    assert!(error.contains("No space left on device"), "{error}");
    disk.free().unwrap();
    cluster.psql(database, insert).unwrap();
    let count = cluster.psql(database, "SELECT count(*) FROM t").unwrap();
    assert_eq!(count, "1000");
}

#[test]
fn a_whole_cluster_can_be_put_on_a_small_disk() {
    let options = Options {
        disk_mb: Some(128),
        ..Options::default()
    };
    let cluster = Cluster::start_new(&options).unwrap();
    // Written twice, to the table and to the log of writes: three times the disk.
    let sql = "CREATE TABLE t AS SELECT repeat('x', 1000) FROM generate_series(1, 200000)";
    cluster.psql("postgres", sql).unwrap_err();
    let log = cluster.log();
    assert!(log.contains("No space left on device"), "{log}");
}

#[test]
fn a_setting_that_postgres_does_not_know_is_told_with_its_log() {
    let options = Options {
        settings: vec![("no_such_setting".into(), "1".into())],
        ..Options::default()
    };
    let error = Cluster::start_new(&options).unwrap_err().to_string();
    assert!(error.contains("no_such_setting"), "{error}");
}

/// The directory of the cluster whose server has this process id.
fn directory_of(pid: u32) -> Option<PathBuf> {
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let text = String::from_utf8_lossy(&arguments).into_owned();
    let data = text.split('\0').find(|word| word.ends_with("/data"))?;
    Some(PathBuf::from(data).parent()?.to_owned())
}

fn child_named(of: u32, name: &str) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children")).ok()?;
    children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .find(|pid: &u32| {
            std::fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|comm| comm.trim() == name)
        })
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_does_not_outlive_a_process_that_was_killed() {
    let mut process = Command::new(env!("CARGO_BIN_EXE_test-cluster"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut url = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut url)
        .unwrap();
    assert!(url.starts_with("postgres://postgres@127.0.0.1:"), "{url}");
    let server = child_named(process.id(), "postgres").unwrap();
    let dir = directory_of(server).unwrap();
    assert!(dir.join("data").is_dir());
    process.kill().unwrap();
    process.wait().unwrap();
    let began = Instant::now();
    while dir.exists() {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{} stays",
            dir.display()
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(directory_of(server).is_none(), "the server still runs");
}
