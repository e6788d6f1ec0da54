//! `smoltbot db`, and how it says what is wrong.

use nix::sys::signal::Signal;
use serde_json::Value;
use test_cluster::{Cluster, Options, Tls};

use crate::support::{Home, Up, claude, stderr, stdout};
use crate::{answer, database, failure, migrated};

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
        status.contains("none; run `smoltbot db migrate`") && status.contains("smoltbot_owner  "),
        "{status}"
    );
    let status: Value = serde_json::from_str(&on(&["status", "--json"])).unwrap();
    assert_eq!(status["found"], Value::Null);
    assert_eq!(status["pending"][0], "0001_roles.sql");

    let migrated = on(&["migrate"]);
    for words in [
        "applied         0001_roles.sql",
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
    assert!(status.contains("retention       400 days"), "{status}");
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
}

#[test]
fn a_database_that_is_not_ready_and_a_login_that_may_not_are_told_apart() {
    let (home, cluster) = (Home::new(), Cluster::shared());
    let url = cluster.fresh_database();
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

    let (ready, _) = migrated();
    cluster
        .psql(
            database(&ready),
            "CREATE ROLE reads_only LOGIN IN ROLE anon",
        )
        .unwrap();
    let reader = cluster.url_as("reads_only", database(&ready));
    let said = failure(&home, &["edge", "--database-url", &reader]);
    assert!(
        said.contains("`ingest`") && said.contains("GRANT ingest, anon"),
        "{said}"
    );
    let said = failure(
        &home,
        &["db", "erase", "--agent", agent, "--database-url", &reader],
    );
    assert!(said.contains("service_role"), "{said}");

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

    // What is sent once more stays erased, also where no chain holds it.
    let flat = serde_json::json!({"id": "0197a5c0-0000-4000-8000-000000000001",
        "agent_id": "0197a5c0-0000-4000-8000-000000000002", "timestamp": "2026-11-21T10:00:00Z",
        "tool_name": "exec", "action_type": "allow", "params": {"command": "echo of the past"}});
    let id = flat["id"].as_str().unwrap();
    assert_eq!(post(&up, &flat).await, "stored");
    assert_eq!(post(&up, &flat).await, "duplicate");
    let erased = answer(&home, &["db", "erase", "--json", "--trace", id]);
    assert_eq!(erased["erased"], 1);
    assert_eq!(post(&up, &flat).await, "duplicate");
    assert!(
        !up.get(&format!("/trace/{id}"))
            .await
            .contains("echo of the past")
    );
    assert_eq!(up.stop(Signal::SIGTERM), Some(0));
    let holds = |file: &std::path::Path| {
        let bytes = std::fs::read(file).unwrap();
        bytes
            .windows(reason.len())
            .any(|window| window == reason.as_bytes())
    };
    assert!(
        !holds(&home.path().join("edge.db")),
        "what was erased is overwritten"
    );
}

/// Sends a trace; its status.
async fn post(up: &Up, trace: &Value) -> String {
    let answered = reqwest::Client::new()
        .post(format!("{}/v1/traces", up.edge))
        .header("content-type", "application/json")
        .body(trace.to_string())
        .send()
        .await
        .unwrap();
    let answer: Value = serde_json::from_str(&answered.text().await.unwrap()).unwrap();
    answer["results"][0]["status"].as_str().unwrap().to_owned()
}
