//! `smoltbot` on Postgres, by the commands that people type: `db …`, and the whole way of a tool call.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

mod support;

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;
use support::{Home, Up, claude, ndjson, openclaw_fixtures, stderr, stdout};
use test_cluster::{Cluster, Options, Tls};

fn database(url: &str) -> &str {
    url.rsplit('/').next().unwrap()
}

/// A new database that `smoltbot db migrate` has made ready, and a login that may read and write traces in it, and no more.
fn migrated() -> (String, String) {
    let cluster = Cluster::shared();
    let url = cluster.copy_of("migrated", |url| {
        let output = Home::new().run(&["db", "migrate", "--database-url", url]);
        assert!(output.status.success(), "{}", stderr(&output));
    });
    let login = format!("edge_{}", database(&url));
    let sql = format!("CREATE ROLE {login} LOGIN IN ROLE ingest, anon");
    cluster.psql(database(&url), &sql).unwrap();
    let weak = cluster.url_as(&login, database(&url));
    (url, weak)
}

/// What a command said when it failed.
fn failure(home: &Home, arguments: &[&str]) -> String {
    let output = home.run(arguments);
    assert!(!output.status.success(), "{}", stdout(&output));
    assert!(stdout(&output).is_empty(), "{}", stdout(&output));
    stderr(&output)
}

fn answer(home: &Home, arguments: &[&str]) -> Value {
    let output = home.run(arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    serde_json::from_str(&stdout(&output)).unwrap()
}

#[test]
fn a_database_is_migrated_shown_and_partitioned() {
    let (home, url) = (Home::new(), Cluster::shared().fresh_database());
    let on = |arguments: &[&'static str]| {
        let mut all = vec!["db"];
        all.extend(arguments);
        all.extend(["--database-url", &url]);
        let output = home.run(&all);
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    let status = on(&["status"]);
    assert!(
        status.contains("none; run `smoltbot db migrate`"),
        "{status}"
    );
    let status: Value = serde_json::from_str(&on(&["status", "--json"])).unwrap();
    assert_eq!(status["found"], Value::Null);
    assert_eq!(status["pending"][0], "0001_roles.sql");

    let migrated = on(&["migrate"]);
    for words in [
        "applied       0001_roles.sql",
        "made 3 months",
        "is up to date",
    ] {
        assert!(migrated.contains(words), "{migrated}");
    }
    let again: Value = serde_json::from_str(&on(&["migrate", "--json"])).unwrap();
    assert_eq!(again["applied"], serde_json::json!([]));

    let status: Value = serde_json::from_str(&on(&["status", "--json"])).unwrap();
    assert_eq!(status["found"], status["known"]);
    assert_eq!(status["store"], "postgres");
    assert_eq!(status["owned"]["partitions"].as_array().unwrap().len(), 4);
    assert!(
        status["roles"]
            .as_array()
            .unwrap()
            .iter()
            .all(|role| role["present"] == true)
    );

    let made = on(&["partition", "--ahead", "5", "--retention", "400"]);
    assert!(
        made.contains("made 3 months") && made.contains("400 days"),
        "{made}"
    );
    let status = on(&["status"]);
    assert!(status.contains("retention     400 days"), "{status}");
    assert!(status.contains("traces_elsewhere"), "{status}");
    let off = on(&["partition", "--retention", "off"]);
    assert!(
        off.contains("traces are kept for good") && off.contains("nothing to make"),
        "{off}"
    );
}

#[test]
fn errors_say_what_is_wrong_and_never_the_password() {
    let (home, cluster) = (Home::new(), Cluster::shared());
    let url = cluster.fresh_database();
    // Nobody listens on port 1.
    let said = failure(
        &home,
        &[
            "db",
            "status",
            "--database-url",
            "postgres://me:hush@127.0.0.1:1/x",
        ],
    );
    assert!(
        said.contains("127.0.0.1:1") && !said.contains("hush"),
        "{said}"
    );
    let said = failure(
        &home,
        &["db", "status", "--database-url", "mysql://me:hush@h/x"],
    );
    assert!(
        said.contains("--database-url") && said.contains("postgres://") && !said.contains("hush"),
        "{said}"
    );
    let said = failure(
        &home,
        &[
            "db",
            "status",
            "--database-url",
            &format!("{url}?sslmode=require"),
        ],
    );
    assert!(said.contains("TLS"), "{said}");
    let said = failure(
        &home,
        &[
            "db",
            "status",
            "--database-url",
            &cluster.url("no_such_database"),
        ],
    );
    assert!(said.contains("no_such_database"), "{said}");

    let agent = "11111111-1111-8111-8111-111111111111";
    let never = "never migrated: run `smoltbot db migrate`";
    let erase = ["db", "erase", "--agent", agent, "--database-url", &url];
    for arguments in [&erase[..], &["db", "partition", "--database-url", &url]] {
        let said = failure(&home, arguments);
        assert!(said.contains(never), "{said}");
    }
    cluster
        .psql(database(&url), "CREATE ROLE nobody LOGIN")
        .unwrap();
    let weak = cluster.url_as("nobody", database(&url));
    for arguments in [
        &["db", "migrate", "--database-url", &weak][..],
        &["edge", "--database-url", &weak],
    ] {
        let said = failure(&home, arguments);
        assert!(
            said.contains("`nobody`") && said.contains("CREATEROLE"),
            "{said}"
        );
    }

    let (newer, weak) = migrated();
    let sql = "INSERT INTO private.migrations (version, name, sha256) VALUES (999, 'later', '\\x')";
    cluster.psql(database(&newer), sql).unwrap();
    for url in [&newer, &weak] {
        for arguments in [
            &["db", "migrate"][..],
            &["db", "partition"],
            &["db", "erase", "--agent", agent],
            &["edge"],
        ] {
            // Who may not migrate is told so first.
            if url == &weak && arguments[1..] == ["migrate"] {
                continue;
            }
            let said = failure(&home, &[arguments, &["--database-url", url]].concat());
            assert!(
                said.contains("newer smoltbot") && said.contains("999"),
                "{arguments:?}: {said}"
            );
        }
    }
    let status = answer(&home, &["db", "status", "--json", "--database-url", &newer]);
    assert_eq!(status["found"], 999);
}

#[test]
fn a_server_with_tls_is_reached_and_its_certificate_is_checked_when_asked_for() {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let certified = rcgen::generate_simple_self_signed(names).unwrap();
    let options = Options {
        tls: Some(Tls {
            certificate: certified.cert.pem(),
            key: certified.signing_key.serialize_pem(),
        }),
        password: Some("hush".into()),
        ..Options::default()
    };
    let cluster = Cluster::start_new(&options).unwrap();
    // From here on it takes nothing that is not encrypted.
    let rules = "hostssl all all 127.0.0.1/32 scram-sha-256\nlocal all all trust\n";
    let path = cluster.psql("postgres", "SHOW hba_file").unwrap();
    std::fs::write(path, rules).unwrap();
    cluster.psql("postgres", "SELECT pg_reload_conf()").unwrap();
    let home = Home::new();
    let authority = home.path().with_extension("pem");
    std::fs::write(&authority, certified.cert.pem()).unwrap();
    let url = cluster.url("postgres");
    for good in [
        url.clone(),
        format!("{url}?sslmode=require"),
        format!(
            "{url}?sslmode=verify-full&sslrootcert={}",
            authority.display()
        ),
    ] {
        let status = answer(&home, &["db", "status", "--json", "--database-url", &good]);
        assert_eq!(status["found"], Value::Null);
    }
    let said = failure(
        &home,
        &[
            "db",
            "status",
            "--database-url",
            &format!("{url}?sslmode=verify-full"),
        ],
    );
    assert!(
        said.contains("certificate") && !said.contains("hush"),
        "{said}"
    );
    failure(
        &home,
        &[
            "db",
            "status",
            "--database-url",
            &format!("{url}?sslmode=disable"),
        ],
    );
    let wrong = cluster.url_as("postgres:guess", "postgres");
    let said = failure(&home, &["db", "status", "--database-url", &wrong]);
    assert!(
        said.contains("password") && !said.contains("guess"),
        "{said}"
    );
}

#[tokio::test]
async fn recorded_openclaw_events_arrive_in_postgres_once_each() {
    let (url, weak) = migrated();
    let home = Home::new();
    let up = || Up::start(home.smoltbot(&["up", "--database-url", &weak]));
    let running = up();
    for (name, events) in openclaw_fixtures() {
        let output = home.feed(&["hook", "openclaw"], &ndjson(&events));
        assert!(output.status.success(), "{name}: {}", stderr(&output));
    }
    let traces = running.traces_once(23).await;
    let count = |kind: &str| {
        let of_kind = |trace: &&Value| trace["action_type"] == kind;
        traces.iter().filter(of_kind).count()
    };
    assert_eq!((count("allow"), count("deny"), count("error")), (16, 2, 5));
    assert!(traces.iter().all(|trace| trace["signed"] == true));
    let refusals = running.get("/refusals").await;
    assert!(refusals.contains("Recursive delete of the root directory"));
    let page = running.get(&format!("/agent/{}", running.agent_id)).await;
    assert!(page.contains(traces[22]["id"].as_str().unwrap()));
    let stats = running.json("/v1/stats").await;
    assert_eq!(stats["total"], 23);

    // Another process on the same database, after a crash: what was stored is there once.
    running.kill();
    let running = up();
    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "last", "rm -rf /"),
    );
    assert_eq!(running.traces_once(24).await.len(), 24);
    let rows = Cluster::shared().psql(
        database(&url),
        "SELECT count(*), count(DISTINCT trace_id) FROM traces",
    );
    assert_eq!(rows.unwrap(), "24|24");

    // Erased: the fact stays, the content is gone from every surface.
    let refused = traces
        .iter()
        .find(|trace| trace["action_type"] == "deny")
        .unwrap();
    let id = refused["id"].as_str().unwrap();
    let reason = refused["metadata"]["conscience_reason"].as_str().unwrap();
    assert!(running.get(&format!("/trace/{id}")).await.contains(reason));
    let erased = answer(
        &home,
        &[
            "db",
            "erase",
            "--json",
            "--trace",
            id,
            "--database-url",
            &url,
        ],
    );
    assert_eq!(erased["erased"], 1);
    let page = running.get(&format!("/trace/{id}")).await;
    assert!(!page.contains(reason), "{page}");
    let integrity = running
        .json(&format!("/v1/agents/{}/integrity", running.agent_id))
        .await;
    assert!(integrity.is_object());
    assert_eq!(running.stop(Signal::SIGTERM), Some(0));
}

#[tokio::test]
async fn what_one_process_stores_is_live_at_another() {
    let (_, weak) = migrated();
    let (home, neighbour) = (Home::new(), Home::new());
    let up = Up::start(home.smoltbot(&["up", "--database-url", &weak]));
    let other = Up::start(neighbour.smoltbot(&["up", "--database-url", &weak]));
    let mut stream = reqwest::get(format!("{}/v1/live", other.edge))
        .await
        .unwrap();
    let mut events = String::new();
    // Subscribed once the stream says so.
    while !events.contains("connected") {
        events.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap());
    }
    let began = Instant::now();
    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "t1", "rm -rf /"),
    );
    while !events.contains(&up.agent_id) {
        events.push_str(std::str::from_utf8(&stream.chunk().await.unwrap().unwrap()).unwrap());
    }
    // Long before a stream looks by itself, which is every fifteen seconds.
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn an_empty_database_is_migrated_by_the_first_edge_that_may() {
    let url = Cluster::shared().fresh_database();
    let home = Home::new();
    let mut command = home.smoltbot(&["up"]);
    command.env("SMOLTBOT_EDGE__DATABASE_URL", &url);
    let up = Up::start(command);
    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "t1", "rm -rf /"),
    );
    assert_eq!(up.traces_once(1).await.len(), 1);
    let status = answer(&home, &["db", "status", "--json", "--database-url", &url]);
    assert_eq!(status["found"], status["known"]);
    assert_eq!(status["owned"]["elsewhere"], 0, "a month was made for it");
    assert_eq!(up.stop(Signal::SIGTERM), Some(0));
}

#[tokio::test]
async fn a_sqlite_file_can_be_looked_after_too() {
    let home = Home::new();
    let up = home.up();
    home.feed(
        &["hook", "claude-code"],
        &claude("PreToolUse", "t1", "rm -rf /"),
    );
    let traces = up.traces_once(1).await;
    let status = answer(&home, &["db", "status", "--json"]);
    assert_eq!(
        (&status["store"], &status["traces"]),
        (&"sqlite".into(), &1.into())
    );
    assert_eq!(status["found"], status["known"]);
    let migrated = answer(&home, &["db", "migrate", "--json"]);
    assert_eq!(migrated["applied"], 0);
    let said = failure(&home, &["db", "partition"]);
    assert!(said.contains("SQLite file: it has no partitions"), "{said}");
    let id = traces[0]["id"].as_str().unwrap();
    let path = format!("/trace/{id}");
    let reason = "Recursive delete of the root directory";
    assert!(up.get(&path).await.contains(reason));
    let session = format!("{}/s", up.agent_id);
    let erased = answer(&home, &["db", "erase", "--json", "--session", &session]);
    assert_eq!(erased["erased"], 1);
    assert!(!up.get(&path).await.contains(reason));
    assert!(!up.get("/refusals").await.contains(reason));
    let again = home.run(&["db", "erase", "--trace", id]);
    assert!(
        stdout(&again).starts_with("nothing erased"),
        "{}",
        stdout(&again)
    );
    assert_eq!(up.traces().await.len(), 1, "the fact stays");
    assert_eq!(up.stop(Signal::SIGTERM), Some(0));
}

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
