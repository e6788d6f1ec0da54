//! Who may do what, read from the live catalog and tried: role × relation × verb × column × policy, against a checked-in
//! table (`snapshots/`). What is not in the table was tried, too, and was denied.
#![allow(clippy::unwrap_used, reason = "a failed assertion is the message")]

mod matrix;
mod seed;

use std::collections::BTreeSet;

use test_cluster::Cluster;
use tokio_postgres::{Client, NoTls};
use trace_store_postgres::schema;

/// A migrated database with a row in every table.
async fn seeded() -> Client {
    let (mut client, connection) =
        tokio_postgres::connect(&Cluster::shared().fresh_database(), NoTls)
            .await
            .unwrap();
    tokio::spawn(connection);
    schema::migrate(&mut client).await.unwrap();
    client.batch_execute(seed::ROWS).await.unwrap();
    client
}

/// The matrix after `change`, which is taken back.
async fn after(client: &mut Client, change: &str) -> String {
    let transaction = client.transaction().await.unwrap();
    transaction.batch_execute(change).await.unwrap();
    let text = matrix::read(&transaction).await;
    transaction.rollback().await.unwrap();
    text
}

#[tokio::test]
async fn rights_are_what_was_agreed() {
    let mut client = seeded().await;
    insta::assert_snapshot!("rights", after(&mut client, "").await);
}

/// What somebody might do by mistake, and words of the line that gives it away.
const MISTAKES: [(&str, &str); 17] = [
    (
        "GRANT TRIGGER ON traces TO ingest",
        "public.traces ingest trigger",
    ),
    (
        "GRANT CREATE ON SCHEMA public TO PUBLIC",
        "schema public: PUBLIC makes things",
    ),
    (
        "DROP POLICY anon_reads ON traces",
        "public.traces policy anon_reads",
    ),
    (
        "DROP POLICY anon_reads ON traces",
        "public.traces anon select nothing",
    ),
    (
        "DROP POLICY ingest_adds ON agents",
        "public.agents ingest insert refused",
    ),
    (
        "ALTER TABLE traces DISABLE ROW LEVEL SECURITY",
        "public.traces (partitioned table, no row security",
    ),
    (
        "ALTER TABLE agents NO FORCE ROW LEVEL SECURITY",
        "public.agents (table, row security not for the owner",
    ),
    (
        "GRANT SELECT ON traces TO ingest",
        "public.traces ingest select works position trace_id agent_id",
    ),
    (
        "GRANT UPDATE (reason) ON traces TO anon",
        "public.traces anon update nothing reason",
    ),
    (
        "GRANT DELETE ON tallies TO service_role;
         CREATE POLICY wide ON tallies FOR DELETE TO service_role USING (true)",
        "public.tallies service_role delete works",
    ),
    (
        "GRANT USAGE ON SCHEMA private TO anon; GRANT SELECT ON private.settings TO anon",
        "private.settings anon select nothing only_row",
    ),
    (
        "GRANT SELECT ON traces_elsewhere TO PUBLIC",
        "public.traces_elsewhere PUBLIC select nothing position",
    ),
    (
        "GRANT EXECUTE ON FUNCTION erase(uuid, uuid, text, timestamptz) TO PUBLIC",
        "function public.erase: PUBLIC anon",
    ),
    (
        "ALTER FUNCTION erase(uuid, uuid, text, timestamptz) SECURITY DEFINER",
        "function public.erase as its owner",
    ),
    (
        "ALTER VIEW refusals SET (security_invoker = false)",
        "public.refusals (view with the rights of its owner",
    ),
    (
        "CREATE TABLE extra (x int); GRANT INSERT ON extra TO anon",
        "public.extra anon insert works x",
    ),
    ("GRANT ingest TO anon", "public.traces anon insert works"),
];

#[tokio::test]
async fn a_right_too_many_and_a_policy_too_few_change_the_table() {
    let mut client = seeded().await;
    let agreed = labelled(&after(&mut client, "").await);
    for (mistake, words) in MISTAKES {
        let now = labelled(&after(&mut client, mistake).await);
        let changed: Vec<_> = agreed.symmetric_difference(&now).collect();
        assert!(
            changed.iter().any(|line| line.starts_with(words)),
            "`{mistake}` does not show as `{words}`: {changed:#?}"
        );
    }
}

/// Each line with the relation that it belongs to, blanks made one.
fn labelled(text: &str) -> BTreeSet<String> {
    let mut relation = "";
    let mut lines = BTreeSet::new();
    for line in text.lines() {
        let label = if line.starts_with(' ') { relation } else { "" };
        if !line.starts_with(' ') {
            relation = line.split(' ').next().unwrap();
        }
        let words = std::iter::once(label).chain(line.split(' '));
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        lines.insert(words.join(" "));
    }
    lines
}

#[tokio::test]
async fn a_new_column_is_nobodys_until_it_is_given() {
    let mut client = seeded().await;
    let agreed = after(&mut client, "").await;
    let now = after(&mut client, "ALTER TABLE traces ADD COLUMN secret text").await;
    assert_eq!(now, agreed);
}

#[tokio::test]
async fn only_what_was_held_back_is_filled_in_and_only_to_become_whole() {
    let client = seeded().await;
    client.batch_execute("SET ROLE ingest").await.unwrap();
    let fill = "UPDATE traces SET document = '{}', held_back = false WHERE trace_id = $1 AND at = '2026-11-02'";
    let (whole, header) = (seed::WHOLE, seed::HEADER);
    assert_eq!(client.execute(fill, &[&whole]).await.unwrap(), 0);
    let half = "UPDATE traces SET document = '{}' WHERE trace_id = $1 AND at = '2026-11-02'";
    let error = client.execute(half, &[&header]).await.unwrap_err();
    assert!(
        error
            .as_db_error()
            .unwrap()
            .message()
            .contains("row-level security")
    );
    assert_eq!(client.execute(fill, &[&header]).await.unwrap(), 1);
    assert_eq!(client.execute(fill, &[&header]).await.unwrap(), 0, "once");
}

#[tokio::test]
async fn service_role_can_take_content_away_and_not_put_any() {
    let client = seeded().await;
    client.batch_execute("SET ROLE service_role").await.unwrap();
    for (put, table) in [
        (
            "UPDATE traces SET document = '{}', erased_at = now()",
            "traces",
        ),
        ("UPDATE tallies SET reason = 'invented'", "tallies"),
    ] {
        let error = client.execute(put, &[]).await.unwrap_err();
        let said = error.as_db_error().unwrap().message().to_owned();
        assert!(
            said.contains("row-level security") && said.contains(table),
            "{said}"
        );
    }
    let take =
        "UPDATE traces SET document = NULL, reason = NULL, session_id = NULL, erased_at = now()";
    assert_eq!(client.execute(take, &[]).await.unwrap(), 2);
}
