//! What waited in the queue is brought in.
//!
//! A message is acknowledged after its commit and not before. One that fails comes again, later each time; after the
//! number of times that `wrangler.jsonc` names, Cloudflare puts it into the queue of dead letters. These come here, too: each
//! is told, and tried twice a day, until it can be stored or Cloudflare deletes it.

use std::rc::Rc;
use std::time::Duration;

use trace_store::StoreError;
use trace_store_postgres::rpc::{Function, Refused, Rpc as _, halves};
use worker::js_sys::Uint8Array;
use worker::wasm_bindgen::JsValue;
use worker::{
    Context, Env, Error, MessageBatch, MessageExt as _, QueueRetryOptionsBuilder, RawMessage,
    Result, event,
};

use super::news::News;
use super::rpc::{Calls, Remembers};
use crate::buffer::{Kind, Waiting};

/// Brings a batch of messages in.
#[event(queue)]
async fn queue(batch: MessageBatch<JsValue>, env: Env, _context: Context) -> Result<()> {
    super::metrics();
    let settings = super::settings(&env).map_err(|error| Error::from(error.to_string()))?;
    let calls = Calls::new(env.clone(), Rc::clone(&settings));
    let kind = Kind::of_queue(&batch.queue());
    for message in batch.raw_iter() {
        match bring_in(&calls, &env, &message).await {
            Ok(()) => {
                if kind == Kind::DeadLetter {
                    tracing::warn!(message = message.id(), "a dead letter was stored after all");
                }
                message.ack();
            }
            Err(told) => {
                let (message_id, seconds) = (message.id(), kind.retry_seconds(age(&message)));
                if kind == Kind::DeadLetter {
                    metrics::counter!("smoltbot_edge_dead_letters_total").increment(1);
                    tracing::error!(message = message_id, told, seconds, "a dead letter");
                } else {
                    tracing::error!(message = message_id, told, seconds, "a message comes again");
                }
                let options = QueueRetryOptionsBuilder::new().with_delay_seconds(seconds);
                message.retry_with_options(&options.build());
            }
        }
    }
    Ok(())
}

/// Seconds since it was sent.
fn age(message: &RawMessage) -> u32 {
    let sent = Duration::from_millis(message.timestamp().as_millis());
    let age = super::monotonic().saturating_sub(sent);
    u32::try_from(age.as_secs()).unwrap_or(u32::MAX)
}

async fn bring_in(
    calls: &Calls,
    env: &Env,
    message: &RawMessage,
) -> std::result::Result<(), String> {
    let body = Uint8Array::new(&message.body()).to_vec();
    let waiting = Waiting::read(&body).map_err(|error| error.to_string())?;
    let function = Function::named(&waiting.function)
        .ok_or_else(|| format!("no such function: {}", waiting.function))?;
    // Parts that are still to be brought in, the next one last.
    let mut parts = vec![waiting.arguments.get().to_owned()];
    let mut poison = None;
    while let Some(part) = parts.pop() {
        match calls.call(function, waiting.agent, part.clone()).await {
            Ok(_) => {}
            // One of several traces is poison: the halves go by themselves, until it is alone.
            Err(Refused::Data(told)) => match halves(&part) {
                Some((first, second)) => parts.extend([second, first]),
                // It must not hold up those behind it. In the end it is a dead letter.
                None => poison = Some(format!("the database cannot hold this trace: {told}")),
            },
            Err(Refused::Store(StoreError::Unavailable(told) | StoreError::Failed(told))) => {
                return Err(told);
            }
            Err(Refused::Store(error)) => return Err(error.to_string()),
        }
    }
    if let Some(told) = poison {
        return Err(told);
    }
    let remembers = Remembers {
        env,
        agent: waiting.agent,
    };
    let run = waiting.run;
    if let Err(error) = remembers.tell(News { run, stored: true }).await {
        tracing::warn!(%error, agent = %waiting.agent, "an agent's object did not learn of a batch");
    }
    Ok(())
}
