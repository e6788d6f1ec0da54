//! The roles that see to it that what is recorded reaches an edge, with the card that is in force.

use std::sync::Arc;

use tokio::sync::{Notify, watch as told};
use tokio_util::sync::CancellationToken;
use trace_plugin::{Recorder, ShipOptions, Shipper};

use super::{Receiver, Stack, roots, watch};
use crate::agent::Agent;
use crate::cards;

impl Stack {
    /// Ships what the recorder spools, and sends it to `receiver` as well if there is one.
    pub(crate) fn start_shipper(
        &mut self,
        agent: &Agent,
        recorder: &Arc<Recorder>,
        api_url: &str,
        receiver: Option<Receiver>,
    ) -> anyhow::Result<()> {
        let options = ShipOptions {
            api_url: api_url.to_owned(),
            batch_size: agent.config.batch_size,
            timeout: agent.config.timeout,
            spool: agent.config.home.spool_file(),
        };
        let card = agent.card.clone().sign(agent.identity.key());
        let (told, cards) = told::channel(card.clone());
        let shipper = Shipper::new(&options, agent.identity.clone(), card)?
            .bounded(agent.config.spool.max_bytes)
            .following(cards);
        let stop = CancellationToken::new();
        let (owner, judging) = (agent.clone(), Arc::clone(recorder));
        let changed = Arc::new(Notify::new());
        let looking = Arc::clone(&changed);
        let following = cards::follow(owner, roots(agent), judging, told, looking, stop.clone());
        self.add(
            "card",
            async move {
                following.await;
                Ok(())
            },
            stop,
        );
        let stop = CancellationToken::new();
        let home = agent.config.home.clone();
        let (judging, token) = (Arc::clone(recorder), Arc::clone(&self.token_changed));
        let watching = watch::watch(home, judging, changed, token, stop.clone());
        self.add(
            "watch",
            async move {
                watching.await;
                Ok(())
            },
            stop,
        );
        let stop = CancellationToken::new();
        let recorded = recorder.recorded();
        let stopped = stop.clone();
        self.add(
            "shipper",
            async move {
                shipper.run(recorded, stopped).await;
                Ok(())
            },
            stop,
        );
        self.start_exporter(agent, recorder, receiver)
    }
}
