//! Copies of a database: a replica, and a restored dump.

use nix::sys::signal::Signal;
use test_cluster::{Cluster, Options};

use crate::support::{Home, Up, claude};
use crate::{answer, database, failure};

#[tokio::test]
async fn a_restored_dump_and_a_replica_show_what_was_stored() {
    let cluster = Cluster::start_new(&Options::default()).unwrap();
    let (url, home) = (cluster.fresh_database(), Home::new());
    let up = Up::start(home.smoltbot(&["up", "--database-url", &url]));
    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "t1", "rm -rf /"),
    );
    let traces = up.traces_once(1).await;
    let id = traces[0]["id"].as_str().unwrap().to_owned();

    // A replica shows it, and takes nothing in.
    let replica = cluster.replica().unwrap();
    let there = replica.url(database(&url));
    let reader = Home::new();
    let shown = Up::start(reader.smoltbot(&["edge", "--database-url", &there]));
    let page = shown.get(&format!("/trace/{id}")).await;
    assert!(page.contains("Recursive delete of the root directory"));
    let status = answer(&home, &["db", "status", "--json", "--database-url", &there]);
    assert_eq!(
        (&status["replica"], &status["found"]),
        (&true.into(), &status["known"])
    );
    let said = failure(&home, &["db", "migrate", "--database-url", &there]);
    assert!(said.contains("read replica"), "{said}");
    let flat = serde_json::json!({"id": "0197a5c0-0000-4000-8000-000000000001", "agent_id": "0197a5c0-0000-4000-8000-000000000002",
        "timestamp": "2026-11-21T10:00:00Z", "tool_name": "exec", "action_type": "allow"});
    let client = reqwest::Client::new();
    let posting = client
        .post(format!("{}/v1/traces", shown.edge))
        .body(flat.to_string());
    let answered = posting
        .header("content-type", "application/json")
        .send()
        .await
        .unwrap();
    assert_eq!(answered.status(), 503, "{}", answered.text().await.unwrap());
    assert_eq!(shown.stop(Signal::SIGTERM), Some(0));
    assert_eq!(up.stop(Signal::SIGTERM), Some(0));

    // A dump in another cluster, as database/README.md says. Its transactions count from lower.
    let programs = test_cluster::Programs::find().unwrap();
    let run = |program: &str, arguments: &[&str]| {
        let output = std::process::Command::new(programs.path(program))
            .args(arguments)
            .output();
        let output = output.unwrap();
        assert!(
            output.status.success(),
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    };
    let far = "UPDATE private.settings SET position_base = 1::bigint << 52; UPDATE traces SET position = (1::bigint << 52) + 512";
    cluster.psql(database(&url), far).unwrap();
    let roles = run("pg_dumpall", &["--roles-only", "--dbname", &url]);
    let dump = home.path().with_extension("dump");
    let file = dump.to_str().unwrap();
    run("pg_dump", &["--format=custom", "--file", file, &url]);
    let other = Cluster::start_new(&Options::default()).unwrap();
    let target = other.fresh_database();
    // Without the commands of psql around them, and without the superuser, who is there already.
    let made: Vec<_> = roles
        .lines()
        .filter(|line| line.contains(" ROLE ") && !line.contains(" postgres"))
        .collect();
    other.psql("postgres", &made.join("\n")).unwrap();
    run(
        "pg_restore",
        &["--exit-on-error", "--dbname", &target, file],
    );
    other
        .psql(
            database(&target),
            "UPDATE private.settings SET position_base = 0",
        )
        .unwrap();
    let migrated = answer(
        &home,
        &["db", "migrate", "--json", "--database-url", &target],
    );
    assert!(
        migrated["positions_raised"].as_i64().unwrap() > 0,
        "{migrated}"
    );
    let up = Up::start(home.smoltbot(&["up", "--database-url", &target]));
    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "t2", "rm -rf /"),
    );
    let traces = up.traces_once(2).await;
    assert_eq!(traces[0]["id"], id.as_str());
    let order = other.psql(
        database(&target),
        "SELECT position >= 1::bigint << 52 FROM traces",
    );
    assert_eq!(order.unwrap(), "t\nt");
}
