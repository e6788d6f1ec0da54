//! The Worker without Hyperdrive: it writes through `PostgREST`'s protocol and reads over a connection of its own.
//!
//! `PostgREST` itself is not at hand. [`Rest`] speaks its protocol for calling functions, with a real Postgres behind it: the
//! body's members are handed to the function's parameters by name, with the types that the catalog tells, under the role of
//! the key; errors come back as `PostgREST` writes them.

use std::sync::Arc;

use serde_json::{Value, json};
use test_cluster::Options;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls};

use crate::aftermath::{chain_is_whole, kinds, settle};
use crate::database::{Database, cluster};
use crate::host::{Host, Kind, NO_LIMITS};
use crate::traffic::{Outcome, judge};
use crate::wait::block;
use edge_e2e::{Agent, Oracle, flat};

/// The key that stands for the role `ingest`.
const KEY: &str = "key-of-ingest";

/// A server that speaks `PostgREST`'s protocol; ends with the test's runtime.
struct Rest {
    url: String,
}

impl Rest {
    async fn start(database_url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let database_url: Arc<str> = database_url.into();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let database_url = Arc::clone(&database_url);
                tokio::spawn(async move { serve(stream, &database_url).await });
            }
        });
        Self { url }
    }
}

/// Answers one request and closes.
async fn serve(mut stream: TcpStream, database_url: &str) {
    let mut text = Vec::new();
    let (status, body) = loop {
        let mut piece = vec![0; 16 * 1024];
        match stream.read(&mut piece).await {
            Ok(read) if read > 0 => text.extend_from_slice(&piece[..read]),
            _ => return,
        }
        if let Some(request) = Request::read(&text) {
            break request.answer(database_url).await;
        }
    };
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    // A client that is gone is not waited for.
    let _ = stream
        .write_all(&[head.as_bytes(), body.as_bytes()].concat())
        .await;
}

struct Request {
    path: String,
    key: Option<String>,
    bearer: Option<String>,
    body: Vec<u8>,
}

impl Request {
    /// None until all of it is there.
    fn read(text: &[u8]) -> Option<Self> {
        let end = text.windows(4).position(|four| four == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&text[..end]).into_owned();
        let header = |wanted: &str| {
            head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case(wanted)
                    .then(|| value.trim().to_owned())
            })
        };
        let length = header("content-length").map_or(0, |length| length.parse().expect("a length"));
        let body = text.get(end + 4..end + 4 + length)?.to_vec();
        let path = head.strip_prefix("POST ")?.split(' ').next()?.to_owned();
        let bearer = header("authorization")
            .and_then(|text| text.strip_prefix("Bearer ").map(str::to_owned));
        let key = header("apikey");
        Some(Self {
            path,
            key,
            bearer,
            body,
        })
    }

    async fn answer(&self, database_url: &str) -> (u16, Value) {
        if self.key.as_deref() != Some(KEY) || self.bearer.as_deref() != Some(KEY) {
            return (
                401,
                json!({"code": "PGRST301", "message": "JWSError", "details": null, "hint": null}),
            );
        }
        let Some(function) = self.path.strip_prefix("/rest/v1/rpc/") else {
            return (404, json!({"code": "PGRST125", "message": "no such path"}));
        };
        let Ok((client, connection)) = tokio_postgres::connect(database_url, NoTls).await else {
            return (
                503,
                json!({"code": "PGRST001", "message": "Database client error. Retrying the connection."}),
            );
        };
        tokio::spawn(connection);
        match call(&client, function, &self.body).await {
            Ok(Some(told)) => (200, told),
            Ok(None) => (
                404,
                json!({"code": "PGRST202", "message": "Could not find the function"}),
            ),
            Err(error) => match error.as_db_error() {
                Some(told) => (
                    400,
                    json!({"code": told.code().code(), "message": told.message()}),
                ),
                None => (
                    503,
                    json!({"code": "PGRST000", "message": error.to_string()}),
                ),
            },
        }
    }
}

/// Calls a function of `public` with the members of a JSON object, as the role of the key.
async fn call(
    client: &Client,
    function: &str,
    body: &[u8],
) -> Result<Option<Value>, tokio_postgres::Error> {
    // Of functions with one name, the one whose parameters are those that were handed over.
    let body = String::from_utf8_lossy(body).into_owned();
    let known = client
        .query_opt(
            "SELECT proargnames[1:pronargs], ARRAY(SELECT format_type(t, NULL) FROM unnest(proargtypes) AS t), proretset \
             FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname = $1 \
             AND ARRAY(SELECT unnest(proargnames[1:pronargs]) ORDER BY 1) = ARRAY(SELECT json_object_keys($2::text::json) ORDER BY 1)",
            &[&function, &body],
        )
        .await?;
    let Some(known) = known else { return Ok(None) };
    let names: Option<Vec<String>> = known.get(0);
    let (names, kinds): (_, Vec<String>) = (names.unwrap_or_default(), known.get(1));
    let handed: Vec<_> = names
        .iter()
        .map(|name| format!("\"{name}\" => a.\"{name}\""))
        .collect();
    let columns: Vec<_> = names
        .iter()
        .zip(kinds)
        .map(|(name, kind)| format!("\"{name}\" {kind}"))
        .collect();
    let from = if names.is_empty() {
        "(SELECT $1::text) AS a".to_owned()
    } else {
        format!(
            "json_to_record($1::text::json) AS a ({})",
            columns.join(", ")
        )
    };
    let called = format!("public.{function}({})", handed.join(", "));
    let sql = if known.get(2) {
        format!("SELECT coalesce(json_agg(r), '[]')::text FROM {from}, LATERAL {called} AS r")
    } else {
        format!("SELECT to_json({called})::text FROM {from}")
    };
    client.batch_execute("SET ROLE ingest").await?;
    let rows = client.query_typed(&sql, &[(&body, Type::TEXT)]).await?;
    Ok(Some(serde_json::from_str(rows[0].get(0)).expect("JSON")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker_writes_through_postgrest_and_keeps_every_promise() {
    let server = cluster(&Options::default());
    let database = Database::migrated(&server);
    let rest = Rest::start(&database.url).await;
    let reading = format!("{}?sslmode=disable", database.url);
    let mut settings = NO_LIMITS.to_vec();
    settings.extend([
        ("STORE", "postgrest"),
        ("SUPABASE_URL", &rest.url),
        ("SUPABASE_SERVICE", KEY),
        ("DATABASE_URL", &reading),
    ]);
    let edge = Host::start(Kind::Worker, &database.url, &settings);
    let (client, mut oracle) = (edge.client(), Oracle::default());
    assert_eq!(
        client.get("/ready").await.expect(200).body["status"],
        "ready"
    );

    let mut agent = Agent::new();
    client.put_card(&agent).await.expect(200);
    let first = agent.batch(20);
    oracle.submit(&client, first.clone()).await.all_stored(20);
    let again = oracle.submit(&client, first).await.expect(201);
    assert_eq!(kinds(&again.statuses()), ["duplicate"].into());
    let unsigned = flat().to_string().into_bytes();
    oracle.submit(&client, unsigned).await.all_stored(1);

    // Away and back: what came meanwhile waited.
    block(|| server.stop()).expect("it stops");
    let answer = oracle.submit(&client, agent.batch(5)).await;
    assert_eq!(judge(&answer), Outcome::Queued, "{}", answer.text);
    let waiting = client.put_card(&agent).await.expect(202);
    assert_eq!(waiting.body["status"], "queued");
    block(|| server.start()).expect("it starts");
    settle(&edge.address(), &database, &[&oracle]).await;
    chain_is_whole(&edge.address(), &agent, 25).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker_with_a_key_that_is_not_believed_acknowledges_nothing() {
    let server = cluster(&Options::default());
    let database = Database::migrated(&server);
    let rest = Rest::start(&database.url).await;
    let reading = format!("{}?sslmode=disable", database.url);
    let mut settings = NO_LIMITS.to_vec();
    settings.extend([
        ("STORE", "postgrest"),
        ("SUPABASE_URL", &rest.url),
        ("SUPABASE_SERVICE", "another"),
        ("DATABASE_URL", &reading),
    ]);
    let edge = Host::start(Kind::Worker, &database.url, &settings);
    let client = edge.client();
    client.get("/ready").await.problem(503);
    let answer = client.submit(flat().to_string()).await;
    answer.problem(503);
    assert_eq!(
        database.sql("SELECT count(*) FROM public.traces").trim(),
        "0"
    );
}
