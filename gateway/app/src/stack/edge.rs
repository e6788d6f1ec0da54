//! The role that keeps traces and shows them.

use std::sync::Arc;

use edge_server::{Dns, Limits, Live};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use trace_store::{TraceReader, TraceWriter};
use trace_store_sqlite::SqliteStore;

use super::Stack;
use crate::database::Database;
use crate::{output, postgres};

impl Stack {
    /// Serves the edge and its dashboard from a database.
    pub(crate) async fn start_edge(
        &mut self,
        config: &smoltbot_config::Config,
        database: Database,
        listener: TcpListener,
    ) -> anyhow::Result<()> {
        let address = listener.local_addr()?;
        let edge = &config.edge;
        let limits = Limits {
            per_minute: edge.limit_per_minute,
            ip_per_minute: edge.limit_ip_per_minute,
            new_agents_per_hour: edge.limit_new_agents_per_hour,
            global_per_minute: edge.limit_global_per_minute,
        };
        let dns = match edge.dns {
            smoltbot_config::Dns::Off => Dns::Off,
            smoltbot_config::Dns::System => Dns::System,
            smoltbot_config::Dns::Server(address) => Dns::Server(address),
        };
        match database {
            Database::Sqlite(path) => {
                let store = Arc::new(SqliteStore::open(&path)?);
                self.serve_edge(listener, store, limits, Arc::default(), dns);
            }
            Database::Postgres(url) => {
                let (store, upkeep) = postgres::open(&url).await?;
                let live = Arc::new(Live::new());
                let Some(upkeep) = upkeep else {
                    self.serve_edge(listener, Arc::new(store), limits, live, dns);
                    return output::line(&format!("edge       http://{address}"));
                };
                let woken = Arc::clone(&live);
                // Other processes store in the same database.
                let heard = store.connections().listen(move || woken.wake());
                self.serve_edge(listener, Arc::new(store), limits, live, dns);
                let stop = CancellationToken::new();
                let stopped = stop.clone();
                let work = async move {
                    upkeep.run(stopped).await;
                    drop(heard);
                    Ok(())
                };
                self.add("upkeep", work, stop);
            }
        }
        output::line(&format!("edge       http://{address}"))
    }

    fn serve_edge<S: TraceReader + TraceWriter>(
        &mut self,
        listener: TcpListener,
        store: Arc<S>,
        limits: Limits,
        live: Arc<Live>,
        dns: Dns,
    ) {
        let stop = CancellationToken::new();
        let serving = edge_server::serve_with(listener, store, limits, live, dns, stop.clone());
        self.add("edge", async move { Ok(serving.await?) }, stop);
    }
}
