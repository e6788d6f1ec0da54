//! The role that tells calls to a receiver of OpenTelemetry while they happen.

use std::time::Duration;

use smoltbot_config::{Config, ConfigError};
use tokio_util::sync::CancellationToken;
use trace_plugin::Recorder;
use trace_plugin::otlp::{Endpoint, Exporter, OtlpError, Sender, parse_headers};
use trace_plugin::spool::{Spool, Use};

use super::Stack;
use crate::agent::Agent;

/// How long another process may hold the spool.
const PATIENCE: Duration = Duration::from_secs(5);

/// A receiver of OpenTelemetry that is configured.
pub(crate) struct Receiver {
    url: String,
    sender: Sender,
}

impl Receiver {
    /// The one of `otlp.endpoint`, if that is set.
    ///
    /// # Errors
    /// What is wrong with its URL or its headers.
    pub(crate) fn of(config: &Config) -> Result<Option<Self>, ConfigError> {
        let Some(endpoint) = &config.otlp.endpoint else {
            return Ok(None);
        };
        let headers = config.otlp.headers.as_ref();
        let headers = headers.map_or("", |headers| headers.expose().as_str());
        let wrong = |error: OtlpError| {
            let key = match &error {
                OtlpError::Header(_) => "otlp.headers",
                OtlpError::Url { .. } => "otlp.endpoint",
            };
            config.fault(key, error.to_string())
        };
        let headers = parse_headers(headers).map_err(wrong)?;
        let endpoint = Endpoint::new(endpoint, &headers).map_err(wrong)?;
        let url = endpoint.url().to_owned();
        let sender = Sender::new(endpoint, config.timeout);
        let sender = sender.map_err(|error| config.fault("otlp.endpoint", error.to_string()))?;
        Ok(Some(Self { url, sender }))
    }
}

impl Stack {
    /// Sends what is recorded to `receiver`, if there is one. If not, nothing is queued for it any more.
    pub(super) fn start_exporter(
        &mut self,
        agent: &Agent,
        recorder: &Recorder,
        receiver: Option<Receiver>,
    ) -> anyhow::Result<()> {
        let (config, id) = (&agent.config, agent.identity.agent_id());
        let path = config.home.spool_file();
        let Some(Receiver { url, sender }) = receiver else {
            return Ok(Spool::open(&path, id, PATIENCE, Use::Resident)?.stop_queueing_spans()?);
        };
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
