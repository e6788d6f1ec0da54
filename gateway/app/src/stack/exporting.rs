//! The role that tells calls to a receiver of OpenTelemetry while they happen.

use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;
use trace_plugin::Recorder;
use trace_plugin::otlp::{Endpoint, Exporter, Sender, parse_headers};
use trace_plugin::spool::{Spool, Use};

use super::Stack;
use crate::agent::Agent;

/// How long another process may hold the spool.
const PATIENCE: Duration = Duration::from_secs(5);

impl Stack {
    /// Sends what is recorded to `otlp.endpoint`, if that is set. If not, nothing is queued for it any more.
    pub(super) fn start_exporter(
        &mut self,
        agent: &Agent,
        recorder: &Recorder,
    ) -> anyhow::Result<()> {
        let (config, id) = (&agent.config, agent.identity.agent_id());
        let path = config.home.spool_file();
        let Some(endpoint) = &config.otlp.endpoint else {
            return Ok(Spool::open(&path, id, PATIENCE, Use::Resident)?.stop_queueing_spans()?);
        };
        let headers = config.otlp.headers.as_ref();
        let headers = headers.map_or("", |headers| headers.expose().as_str());
        let headers = parse_headers(headers).context("otlp.headers")?;
        let endpoint = Endpoint::new(endpoint, &headers).context("otlp.endpoint")?;
        let url = endpoint.url().to_owned();
        let sender = Sender::new(endpoint, config.timeout).context("otlp.endpoint")?;
        let exporter = Exporter::new(sender, &path, id)?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let recorded = recorder.recorded();
        let work = async move {
            exporter.run(recorded, stopped).await;
            Ok(())
        };
        self.add("exporter", work, stop);
        self.say(&format!("otlp       {url}"))
    }
}
