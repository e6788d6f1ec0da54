//! The gateway's token while everything runs: its file is followed, so that `smoltbot token rotate`, or whoever else writes another one,
//! is obeyed at once.

use std::sync::Arc;

use smoltbot_config::Home;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::Stack;
use crate::agent::{self, Agent};

impl Stack {
    /// The token that clients must show, told again whenever its file holds another one. One that is configured stays.
    pub(super) fn tokens(&mut self, agent: &Agent) -> anyhow::Result<watch::Receiver<String>> {
        if let Some(tokens) = &self.tokens {
            return Ok(tokens.clone());
        }
        let (told, tokens) = watch::channel(agent::token(&agent.config)?);
        self.tokens = Some(tokens.clone());
        if agent.config.gateway.token.is_none() {
            let stop = CancellationToken::new();
            let (home, changed) = (agent.config.home.clone(), Arc::clone(&self.token_changed));
            let following = follow(home, changed, told, stop.clone());
            self.add(
                "token",
                async move {
                    following.await;
                    Ok(())
                },
                stop,
            );
        }
        Ok(tokens)
    }
}

/// Reads the file whenever it may have changed. One that holds no token changes nothing: the last good one stays in force.
async fn follow(
    home: Home,
    changed: Arc<Notify>,
    told: watch::Sender<String>,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = changed.notified() => {}
        }
        match agent::token_in(&home) {
            Ok(token) => {
                let is_new = told.send_if_modified(|last| {
                    let differs = *last != token;
                    *last = token;
                    differs
                });
                if is_new {
                    tracing::info!("the gateway's token has changed; the one before is refused");
                }
            }
            Err(error) => {
                tracing::warn!("the gateway's token stays as it was: {error:#}");
            }
        }
    }
}
