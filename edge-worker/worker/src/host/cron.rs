//! What is done at Cloudflare's tick: partitions ahead, retention, folding of counters.

use std::pin::pin;
use std::rc::Rc;

use aap::Timestamp;
use futures_util::future::{Either, select};
use trace_store::StoreError;
use trace_store_postgres::{Role, schema};
use worker::{Env, ScheduleContext, ScheduledEvent, event};

use super::connection;
use crate::settings::Settings;

/// Months for which partitions are made ahead.
const MONTHS_AHEAD: u8 = 3;
/// Counters are folded once their span began this long ago: then nothing much is added any more.
const FOLD_AFTER_MS: i64 = 15 * 60 * 1000;

/// Does it.
#[event(scheduled)]
async fn scheduled(_event: ScheduledEvent, env: Env, _context: ScheduleContext) {
    super::metrics();
    let settings = match super::settings(&env) {
        Ok(settings) => settings,
        // Told where it was read.
        Err(_) => return,
    };
    match keep_up(&env, &settings).await {
        Ok((did, folded)) => {
            tracing::info!(made = did.made, dropped = did.dropped, folded, "upkeep");
        }
        Err(error) => tracing::error!(%error, "upkeep was not done; the next tick tries again"),
    }
}

async fn keep_up(env: &Env, settings: &Rc<Settings>) -> Result<(schema::Upkeep, i64), StoreError> {
    let (client, mut driver) = connection::open(env, settings, Role::Writer).await?;
    let now = super::now();
    let done = {
        let work = pin!(async {
            let did = schema::upkeep(&client, now, MONTHS_AHEAD).await?;
            let before = Timestamp::from_millis(now.millis() - FOLD_AFTER_MS);
            Ok((did, schema::fold(&client, before).await?))
        });
        match select(work, &mut driver).await {
            Either::Left((done, _)) => done,
            Either::Right((_, work)) => work.await,
        }
    };
    drop(client);
    // Says good-bye; whether the server heard it makes no difference.
    let _ = driver.await;
    done
}
