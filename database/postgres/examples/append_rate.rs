//! How many traces a second Postgres commits, what that costs it, and what a bare INSERT of the same rows into the same
//! tables costs.
//!
//! `cargo run --release -p trace-store-postgres --features pool --example append_rate_postgres [TRACES] [WRITERS] [URL]`: so many agents
//! append at once, 100 traces a signed batch. Validation and signatures are made before the clock starts. Without a URL a
//! cluster of its own is started, with `fsync` on.

use std::error::Error;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bytes::BytesMut;
use futures_util::future::try_join_all;
use test_cluster::Cluster;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use trace_store::conformance::{Agent, now};
use trace_store::{Filter, PageRequest, TraceReader, TraceWriter};
use trace_store_postgres::{Options, Pool, PostgresStore, Server, schema};

const BATCH: u32 = 100;
/// Signed batches that are made ahead, so that they fit into memory.
const AHEAD: u32 = 50;

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let traces: u32 = arguments.next().map_or(Ok(200_000), |text| text.parse())?;
    let writers: u8 = arguments.next().map_or(Ok(4), |text| text.parse())?;
    let cluster;
    let url = if let Some(url) = arguments.next() {
        url
    } else {
        cluster = Cluster::start_new(&test_cluster::Options {
            fsync: true,
            settings: vec![
                ("max_wal_size".to_owned(), "8GB".to_owned()),
                ("shared_buffers".to_owned(), "1GB".to_owned()),
            ],
            ..test_cluster::Options::default()
        })?;
        cluster.fresh_database()
    };
    let server = Server::parse(&url)?;
    let mut admin = server.connect().await?;
    schema::migrate(&mut admin).await?;
    schema::partition(&mut admin, now(0), 1).await?;
    let postgres = Postmaster::of(&admin).await?;
    let store = PostgresStore::new(Pool::connect(&url, Options::default())?);
    let mut agents: Vec<Agent> = (1..=writers).map(Agent::new).collect();
    let rounds = (traces / BATCH / u32::from(writers) / AHEAD).max(1);
    let (mut spent, mut bytes, mut count) = (Duration::ZERO, 0, 0_u32);
    let mut cpu = Duration::ZERO;
    for round in 0..rounds {
        let ahead: Vec<Vec<_>> = agents
            .iter_mut()
            .map(|agent| {
                (0..AHEAD)
                    .map(|batch| batch_of(agent, round * AHEAD + batch))
                    .collect()
            })
            .collect();
        for trace in ahead.iter().flatten().flat_map(aap::ValidBatch::traces) {
            bytes += trace.document().map_or(0, str::len);
            count += 1;
        }
        let (started, before) = (Instant::now(), postgres.cpu()?);
        try_join_all(ahead.into_iter().map(|batches| {
            let store = store.clone();
            tokio::spawn(async move {
                for batch in batches {
                    store.append(batch, now(0)).await?;
                }
                anyhow::Ok(())
            })
        }))
        .await?
        .into_iter()
        .collect::<Result<()>>()?;
        spent += started.elapsed();
        cpu += postgres.cpu()?.saturating_sub(before);
    }
    told("append", count, spent, cpu);
    println!("{} bytes of document a trace", bytes / count as usize);
    for agent in [None, Some(agents[0].id)] {
        let filter = Filter {
            agent_id: agent,
            ..Filter::default()
        };
        for _ in 0..3 {
            let started = Instant::now();
            let page = store.traces(&filter, PageRequest::default()).await?;
            println!("page of {}: {:?}", page.rows.len(), started.elapsed());
        }
        let started = Instant::now();
        let stats = store.stats(&filter, 3_600_000, now(0)).await?;
        println!("stats of {} traces: {:?}", stats.total, started.elapsed());
    }
    floor(&server, &postgres, count, writers).await
}

fn told(what: &str, count: u32, spent: Duration, cpu: Duration) {
    let each = spent.as_secs_f64() / f64::from(count);
    println!(
        "{what}: {:.0} traces a second, {:.1} µs each; Postgres used {:.1} µs of CPU each",
        1.0 / each,
        each * 1e6,
        cpu.as_secs_f64() / f64::from(count) * 1e6
    );
}

/// The same rows into the same table (its indexes too), 100 a statement, by as many connections, with no question asked.
async fn floor(server: &Server, postgres: &Postmaster, count: u32, writers: u8) -> Result<()> {
    let admin = server.connect().await?;
    let columns = "position trace_id agent_id at timestamp received_at action_type tool_name session_id rule_id reason \
        duration_ms runtime outcome fingerprint stream seq prev checkpoint held_back document::text";
    let columns: Vec<&str> = columns.split(' ').collect();
    let arrays: Vec<_> = columns
        .iter()
        .map(|column| format!("array_agg({column} ORDER BY position)"))
        .collect();
    let batches = admin
        .query(
            &format!(
                "SELECT {} FROM public.traces GROUP BY position >> 9 ORDER BY position >> 9",
                arrays.join(", ")
            ),
            &[],
        )
        .await?;
    admin
        .batch_execute("TRUNCATE public.traces; CHECKPOINT")
        .await?;
    let names: Vec<_> = columns
        .iter()
        .map(|column| column.trim_end_matches("::text"))
        .collect();
    let values: Vec<_> = (1..=columns.len())
        .map(|index| match index {
            21 => format!("unnest(${index}::text[])::json"),
            _ => format!("unnest(${index})"),
        })
        .collect();
    let sql = format!(
        "INSERT INTO public.traces ({}) SELECT {}",
        names.join(", "),
        values.join(", ")
    );
    let types: Vec<Type> = batches
        .first()
        .context("nothing was stored")?
        .columns()
        .iter()
        .map(|column| column.type_().clone())
        .collect();
    let batches: Vec<Vec<Raw>> = batches
        .iter()
        .map(|row| (0..columns.len()).map(|index| row.get(index)).collect())
        .collect();
    let share = batches.len().div_ceil(usize::from(writers));
    let mut clients = Vec::new();
    for _ in 0..writers {
        let client = server.connect().await?;
        let insert = client.prepare_typed(&sql, &types).await?;
        clients.push((client, insert));
    }
    let (started, before) = (Instant::now(), postgres.cpu()?);
    let mut rest = batches.into_iter();
    let writing: Vec<_> = clients
        .into_iter()
        .map(|(client, insert)| {
            let mine: Vec<_> = rest.by_ref().take(share).collect();
            tokio::spawn(async move {
                for batch in mine {
                    let values: Vec<&(dyn ToSql + Sync)> =
                        batch.iter().map(|raw| raw as _).collect();
                    client.execute(&insert, &values).await?;
                }
                anyhow::Ok(client)
            })
        })
        .collect();
    // The clients live until the CPU time is read: a process that ends takes some more.
    let ended = try_join_all(writing).await?;
    let (spent, cpu) = (started.elapsed(), postgres.cpu()?.saturating_sub(before));
    told("bare INSERT", count, spent, cpu);
    ended.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(())
}

/// A value as Postgres sends it and takes it.
#[derive(Debug)]
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }
    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Raw {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }
    fn accepts(_: &Type) -> bool {
        true
    }
    to_sql_checked!();
}

/// The cluster that is measured, by the process all of its others are children of.
struct Postmaster(String);

impl Postmaster {
    async fn of(admin: &tokio_postgres::Client) -> Result<Self> {
        let row = admin.query_one("SELECT pg_backend_pid()", &[]).await?;
        let stat = stat(&row.get::<_, i32>(0).to_string())?;
        Ok(Self(stat.get(1).context("the parent")?.clone()))
    }

    /// CPU time of all its processes, of those that have ended, too.
    fn cpu(&self) -> Result<Duration> {
        let mut ticks: u64 = 0;
        for entry in std::fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let pid = name.to_string_lossy();
            // Not a process, or one that is gone by now.
            let Ok(fields) = stat(&pid) else { continue };
            if *pid == *self.0 || fields.get(1) == Some(&self.0) {
                for field in fields.get(11..15).context("CPU times")? {
                    ticks += field.parse::<u64>()?;
                }
            }
        }
        Ok(Duration::from_millis(ticks * 10))
    }
}

/// The fields after the name in `/proc/<pid>/stat`: state, parent, …
fn stat(pid: &str) -> Result<Vec<String>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, tail) = stat.rsplit_once(") ").context("a name")?;
    Ok(tail.split(' ').map(str::to_owned).collect())
}

/// A batch somewhere in the 24 hours before now, one in eight refused.
fn batch_of(agent: &mut Agent, number: u32) -> aap::ValidBatch {
    let start = -24 * 3_600_000 + i64::from(number) * 70_000 % (23 * 3_600_000);
    let calls = (0..BATCH)
        .map(|index| {
            let at = start + i64::from(index) * 600;
            let mut call = if index % 8 == 0 {
                agent.refusal(at, "fs.delete.root", "would delete /", &["harm_prevention"])
            } else {
                agent.call(at)
            };
            call.duration_ms = Some(u64::from(index * index % 977));
            call.tool = String::from(["exec", "read", "write", "web_fetch"][index as usize % 4]);
            call
        })
        .collect();
    agent.batch_of(calls)
}
