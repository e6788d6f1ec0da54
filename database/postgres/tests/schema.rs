//! Migrations, upkeep and erasing, in a real Postgres.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

use aap::{AgentId, Timestamp, TraceId};
use test_cluster::Cluster;
use tokio_postgres::{Client, NoTls};
use trace_store::StoreError;
use trace_store_postgres::schema::{self, Erase, MIGRATIONS, Upkeep, VERSION};
use uuid::Uuid;

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A client of a new database that is migrated.
async fn migrated() -> Client {
    let mut client = connect(&Cluster::shared().fresh_database()).await;
    schema::migrate(&mut client).await.unwrap();
    client
}

async fn number(client: &Client, sql: &str) -> i64 {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// A trace as the table keeps it, whatever way it came.
async fn put(
    client: &Client,
    id: Uuid,
    agent: Uuid,
    at: &str,
    session: Option<&str>,
    position: i64,
) {
    let sql = format!(
        "INSERT INTO traces (position, trace_id, agent_id, at, timestamp, received_at, action_type, tool_name, session_id,
            reason, fingerprint, held_back, document)
         VALUES ($1, $2, $3, '{at}', '{at}', '{at}', 'deny', 'exec', $4, 'because', '\\x01', false, '{{}}')"
    );
    let rows = client
        .execute(&sql, &[&position, &id, &agent, &session])
        .await
        .unwrap();
    assert_eq!(rows, 1);
}

#[tokio::test]
async fn an_empty_database_is_brought_up_to_date_once() {
    let mut client = connect(&Cluster::shared().fresh_database()).await;
    assert_eq!(schema::version(&client).await.unwrap(), None);
    let error = schema::check(&client).await.unwrap_err().to_string();
    assert!(error.contains("smoltbot db migrate"), "{error}");
    let done = schema::migrate(&mut client).await.unwrap();
    assert_eq!(done.applied, MIGRATIONS.map(|migration| migration.name));
    assert_eq!(schema::version(&client).await.unwrap(), Some(VERSION));
    schema::check(&client).await.unwrap();
    let again = schema::migrate(&mut client).await.unwrap();
    assert!(again.applied.is_empty() && again.positions_raised == 0);
    let recorded = number(&client, "SELECT count(*) FROM private.migrations").await;
    assert_eq!(recorded, i64::from(VERSION));
}

#[tokio::test]
async fn two_at_once_apply_each_file_once() {
    let url = Cluster::shared().fresh_database();
    let (mut one, mut other) = (connect(&url).await, connect(&url).await);
    let (one, other) = tokio::join!(schema::migrate(&mut one), schema::migrate(&mut other));
    let applied = one.unwrap().applied.len() + other.unwrap().applied.len();
    assert_eq!(applied, MIGRATIONS.len());
}

#[tokio::test]
async fn a_second_database_of_a_cluster_shares_the_roles() {
    // Each test here has its own; whoever comes second finds the roles there.
    let (one, other) = tokio::join!(migrated(), migrated());
    schema::check(&one).await.unwrap();
    schema::check(&other).await.unwrap();
}

#[tokio::test]
async fn a_database_from_before_postgres_15_is_closed_to_everybody_else() {
    let mut client = connect(&Cluster::shared().fresh_database()).await;
    let open = "GRANT CREATE ON SCHEMA public TO PUBLIC";
    client.batch_execute(open).await.unwrap();
    schema::migrate(&mut client).await.unwrap();
    let sql = "SELECT count(*) FROM pg_roles r
        WHERE has_schema_privilege(r.oid, 'public', 'CREATE') AND r.rolname IN ('ingest', 'anon', 'service_role')";
    assert_eq!(number(&client, sql).await, 0);
}

#[tokio::test]
async fn an_applied_file_with_another_content_is_refused() {
    let mut client = migrated().await;
    let change = "UPDATE private.migrations SET sha256 = '\\xabcd' WHERE version = 2";
    client.execute(change, &[]).await.unwrap();
    let error = schema::migrate(&mut client).await.unwrap_err().to_string();
    assert!(
        error.contains("0002_tables.sql") && error.contains("abcd"),
        "{error}"
    );
}

#[tokio::test]
async fn a_hole_in_the_list_is_refused() {
    let mut client = migrated().await;
    let change = "DELETE FROM private.migrations WHERE version = 2";
    client.execute(change, &[]).await.unwrap();
    let error = schema::migrate(&mut client).await.unwrap_err().to_string();
    assert!(error.contains("has a hole before number 3"), "{error}");
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_as_it_is() {
    let mut client = migrated().await;
    let newer =
        "INSERT INTO private.migrations (version, name, sha256) VALUES ($1, 'later', '\\x')";
    client.execute(newer, &[&(VERSION + 1)]).await.unwrap();
    for error in [
        schema::migrate(&mut client).await.unwrap_err(),
        schema::check(&client).await.unwrap_err(),
    ] {
        let StoreError::Schema {
            found,
            known,
            advice,
        } = error
        else {
            panic!("{error}");
        };
        assert_eq!((found, known), (i64::from(VERSION) + 1, i64::from(VERSION)));
        assert!(advice.contains("newer smoltbot"), "{advice}");
    }
    let status = schema::status(&mut client).await.unwrap();
    assert_eq!((status.found, status.owned), (Some(VERSION + 1), None));
}

#[tokio::test]
async fn an_owner_who_may_make_roles_can_migrate_and_others_are_told_what_is_missing() {
    let cluster = Cluster::shared();
    let url = cluster.fresh_database();
    let database = url.rsplit('/').next().unwrap();
    let sql = format!(
        "CREATE ROLE founder LOGIN CREATEROLE; CREATE ROLE stranger LOGIN; ALTER DATABASE {database} OWNER TO founder"
    );
    cluster.psql("postgres", &sql).unwrap();
    let mut stranger = connect(&cluster.url_as("stranger", database)).await;
    let error = schema::migrate(&mut stranger)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`stranger`") && error.contains("CREATEROLE"),
        "{error}"
    );
    let mut founder = connect(&cluster.url_as("founder", database)).await;
    let done = schema::migrate(&mut founder).await.unwrap();
    assert_eq!(done.applied.len(), MIGRATIONS.len());
    assert!(
        schema::migrate(&mut founder)
            .await
            .unwrap()
            .applied
            .is_empty()
    );
    // Somebody who may only read the version learns it, and nothing about what is stored.
    cluster.psql(database, "GRANT anon TO stranger").unwrap();
    schema::check(&stranger).await.unwrap();
    let status = schema::status(&mut stranger).await.unwrap();
    assert_eq!((status.found, status.owned), (Some(VERSION), None));
    let error = schema::migrate(&mut stranger)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("GRANT smoltbot_owner TO \"stranger\""),
        "{error}"
    );
    let error = schema::partition(&mut stranger, at("2026-11-21T00:00:00Z"), 1).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("smoltbot_owner"), "{error}");
}

#[tokio::test]
async fn tables_of_another_program_are_named_and_nothing_is_changed() {
    let mut client = connect(&Cluster::shared().fresh_database()).await;
    let sql = "CREATE TABLE sessions (x int); CREATE TABLE mine (x int)";
    client.batch_execute(sql).await.unwrap();
    let error = schema::migrate(&mut client).await.unwrap_err().to_string();
    assert!(
        error.contains("holds sessions of another program"),
        "{error}"
    );
    let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'private'";
    assert_eq!(number(&client, schemas).await, 0);
}

#[tokio::test]
async fn a_migration_that_fails_half_way_leaves_nothing_behind() {
    let mut client = connect(&Cluster::shared().fresh_database()).await;
    // Nothing that is looked for beforehand, and met by the last file only.
    let sql = "CREATE FUNCTION public.fold_tallies(timestamptz) RETURNS bigint LANGUAGE sql AS 'SELECT 1'";
    client.batch_execute(sql).await.unwrap();
    let error = schema::migrate(&mut client).await.unwrap_err().to_string();
    assert!(
        error.contains("0005_upkeep.sql") && error.contains("fold_tallies"),
        "{error}"
    );
    let left = "SELECT count(*) FROM pg_namespace WHERE nspname = 'private'";
    assert_eq!(number(&client, left).await, 0);
    let sql = "DROP FUNCTION public.fold_tallies(timestamptz)";
    client.batch_execute(sql).await.unwrap();
    schema::migrate(&mut client).await.unwrap();
}

#[tokio::test]
async fn after_a_restored_dump_positions_go_on_above_what_is_stored() {
    let mut client = migrated().await;
    let far = 1 << 50;
    put(
        &client,
        Uuid::from_u128(1),
        Uuid::from_u128(2),
        "2026-11-21",
        None,
        far,
    )
    .await;
    let next =
        "SELECT position_base + (pg_current_xact_id()::text::bigint << 9) FROM private.settings";
    assert!(number(&client, next).await < far);
    let done = schema::migrate(&mut client).await.unwrap();
    assert!(
        done.applied.is_empty() && done.positions_raised > 0,
        "{done:?}"
    );
    assert!(number(&client, next).await > far);
    // What was stored is settled: live readers see it.
    assert!(number(&client, "SELECT settled_before()").await > far);
    assert_eq!(
        schema::migrate(&mut client).await.unwrap().positions_raised,
        0
    );
}

#[tokio::test]
async fn partitions_are_made_ahead_and_rows_move_in() {
    let mut client = migrated().await;
    let agent = Uuid::from_u128(9);
    for (n, time) in [
        "2026-11-30T23:59:59.999Z",
        "2026-12-01T00:00:00Z",
        "1999-01-01T00:00:00Z",
    ]
    .into_iter()
    .enumerate()
    {
        let n = i64::try_from(n).unwrap() + 1;
        put(
            &client,
            Uuid::from_u128(n.unsigned_abs().into()),
            agent,
            time,
            None,
            n,
        )
        .await;
    }
    let now = at("2026-11-21T10:00:00Z");
    let did = schema::partition(&mut client, now, 2).await.unwrap();
    assert_eq!(
        did,
        Upkeep {
            made: 3,
            dropped: 0
        }
    );
    let did = schema::upkeep(&client, now, 2).await.unwrap();
    assert_eq!(did, Upkeep::default());
    for (table, rows) in [
        ("traces_2026_11", 1),
        ("traces_2026_12", 1),
        ("traces_2027_01", 0),
        ("traces_elsewhere", 1),
    ] {
        let found = number(&client, &format!("SELECT count(*) FROM {table}")).await;
        assert_eq!(found, rows, "{table}");
    }
    client
        .batch_execute("ANALYZE traces_2026_11")
        .await
        .unwrap();
    let status = schema::status(&mut client).await.unwrap();
    let owned = status.owned.unwrap();
    assert_eq!(owned.elsewhere, 1);
    assert_eq!(owned.oldest, Some(at("1999-01-01T00:00:00Z")));
    assert_eq!(owned.newest, Some(at("2026-12-01T00:00:00Z")));
    let names: Vec<_> = owned
        .partitions
        .iter()
        .map(|part| part.name.as_str())
        .collect();
    let wanted = [
        "traces_2026_11",
        "traces_2026_12",
        "traces_2027_01",
        "traces_elsewhere",
    ];
    assert_eq!(names, wanted);
    assert_eq!(owned.partitions[0].rows, Some(1));
    assert!(owned.partitions.iter().all(|part| part.bytes > 0));
    assert!(status.pending.is_empty());
    assert!(status.roles.iter().all(|role| role.present && role.member));
}

#[tokio::test]
async fn retention_drops_whole_months_and_is_off_until_it_is_set() {
    let mut client = migrated().await;
    let agent = Uuid::from_u128(9);
    schema::partition(&mut client, at("2026-01-15T00:00:00Z"), 5)
        .await
        .unwrap();
    let times = [
        "2020-05-05",
        "2026-01-31T23:59:59Z",
        "2026-02-01T00:00:00Z",
        "2026-05-01",
    ];
    for (n, time) in (1..).zip(times) {
        put(
            &client,
            Uuid::from_u128(n),
            agent,
            time,
            None,
            i64::try_from(n).unwrap(),
        )
        .await;
    }
    let now = at("2026-05-02T00:00:00Z");
    assert_eq!(
        schema::upkeep(&client, now, 0).await.unwrap(),
        Upkeep::default()
    );
    // 80 days before the second of May are the eleventh of February: January is wholly older, February is not.
    schema::set_retention(&mut client, Some(80)).await.unwrap();
    let did = schema::upkeep(&client, now, 0).await.unwrap();
    assert_eq!(
        did,
        Upkeep {
            made: 0,
            dropped: 1
        }
    );
    assert_eq!(number(&client, "SELECT count(*) FROM traces").await, 2);
    let owned = schema::status(&mut client).await.unwrap().owned.unwrap();
    assert_eq!(owned.retention.as_deref(), Some("80 days"));
    assert_eq!(owned.retained_from, Some(at("2026-02-01T00:00:00Z")));
    schema::set_retention(&mut client, None).await.unwrap();
    let later = at("2030-01-01T00:00:00Z");
    assert_eq!(schema::upkeep(&client, later, 0).await.unwrap().dropped, 0);
    let owned = schema::status(&mut client).await.unwrap().owned.unwrap();
    assert_eq!(owned.retention, None);
    // What was dropped stays dropped: a replay of it is still refused.
    assert_eq!(owned.retained_from, Some(at("2026-02-01T00:00:00Z")));
    for days in [0, 36_501] {
        let error = schema::set_retention(&mut client, Some(days))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("1 to 36500 days"), "{error}");
    }
}

#[tokio::test]
async fn network_salts_are_forgotten_after_the_month_that_follows_theirs() {
    let client = migrated().await;
    let sql = "INSERT INTO private.salts VALUES ('2026-03-01', '\\x01'), ('2026-04-01', '\\x02'), ('2026-05-01', '\\x03')";
    client.batch_execute(sql).await.unwrap();
    schema::upkeep(&client, at("2026-05-31T12:00:00Z"), 0)
        .await
        .unwrap();
    let left = "SELECT min(extract(month FROM month))::bigint FROM private.salts";
    assert_eq!(number(&client, left).await, 4);
}

#[tokio::test]
async fn erasing_takes_the_content_and_leaves_the_fact() {
    let mut client = migrated().await;
    let (agent, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    let time = "2026-11-21T10:01:00Z";
    for (n, agent, session) in [
        (1, agent, "talk"),
        (2, agent, "talk"),
        (3, agent, "walk"),
        (4, other, "talk"),
    ] {
        put(
            &client,
            Uuid::from_u128(n),
            agent,
            time,
            Some(session),
            i64::try_from(n).unwrap(),
        )
        .await;
        let ids = "INSERT INTO trace_ids VALUES ($1, '2026-11-21T10:01:00Z')";
        client.execute(ids, &[&Uuid::from_u128(n)]).await.unwrap();
        let session_row =
            "INSERT INTO sessions VALUES ($1, $2, now(), now(), 1, 1, 0) ON CONFLICT DO NOTHING";
        client
            .execute(session_row, &[&agent, &session])
            .await
            .unwrap();
        let tally =
            "INSERT INTO tallies (agent_id, start, tool_name, action_type, count, last, reason)
            VALUES ($1, '2026-11-21T10:00:00Z', 'exec', 'deny', 1, now(), 'because')";
        client.execute(tally, &[&agent]).await.unwrap();
    }
    let now = at("2026-11-21T11:00:00Z");
    let sessions = "SELECT count(*) FROM sessions";
    let whole = "SELECT count(*) FROM traces WHERE document IS NOT NULL AND reason IS NOT NULL AND session_id IS NOT NULL";
    let one = Erase::Trace(TraceId::from(Uuid::from_u128(1)));
    assert_eq!(schema::erase(&mut client, &one, now).await.unwrap(), 1);
    assert_eq!(number(&client, whole).await, 3);
    assert_eq!(
        number(&client, sessions).await,
        3,
        "another trace tells of it"
    );
    // Once is enough.
    assert_eq!(schema::erase(&mut client, &one, now).await.unwrap(), 0);

    let talk = Erase::Session(AgentId::from(agent), "talk".into());
    assert_eq!(schema::erase(&mut client, &talk, now).await.unwrap(), 1);
    assert_eq!(number(&client, sessions).await, 2);
    let all = Erase::Agent(AgentId::from(agent));
    assert_eq!(schema::erase(&mut client, &all, now).await.unwrap(), 1);

    // The neighbour is untouched; of the agent the facts are left, and no reason anywhere.
    assert_eq!(number(&client, whole).await, 1);
    assert_eq!(
        number(
            &client,
            "SELECT count(*) FROM traces WHERE action_type = 'deny'"
        )
        .await,
        4
    );
    let reasons = "SELECT count(*) FROM tallies WHERE reason IS NOT NULL";
    assert_eq!(number(&client, reasons).await, 1);
    let marked = "SELECT count(*) FROM traces WHERE erased_at = '2026-11-21T11:00:00Z' AND fingerprint <> '\\x01'";
    assert_eq!(number(&client, marked).await, 3);
}

#[tokio::test]
async fn counters_are_added_up_once() {
    let client = migrated().await;
    let sql = "INSERT INTO tallies (agent_id, start, tool_name, action_type, count, last, bins)
        SELECT '00000000-0000-8000-8000-000000000001', '2026-11-21T10:00:00Z', 'exec', 'allow', 2, now(), '{7,8}'
        FROM generate_series(1, 10)";
    client.batch_execute(sql).await.unwrap();
    assert_eq!(
        schema::fold(&client, at("2026-11-21T10:00:00Z"))
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        schema::fold(&client, at("2026-11-21T10:05:00Z"))
            .await
            .unwrap(),
        10
    );
    assert_eq!(
        schema::fold(&client, at("2026-11-21T10:05:00Z"))
            .await
            .unwrap(),
        0
    );
    let sql =
        "SELECT count FROM tallies WHERE folded AND bins = '{7,8}' AND bin_counts = '{10,10}'";
    assert_eq!(number(&client, sql).await, 20);
}
