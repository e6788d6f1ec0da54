//! Processes that share a database wake each other's live streams.
//!
//! The word is sent behind the write, not in it: a NOTIFY within the append would make commits wait for each other. What is
//! missed delays a live event, and loses none: readers ask for what came after the last position that they know.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::poll_fn;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_postgres::AsyncMessage;
use trace_store::StoreError;

use crate::connections::Role;
use crate::pool::Server;

/// The channel's name.
pub const CHANNEL: &str = "smoltbot_traces";
/// A process sends one word in this time at most, however much it stores.
pub const NOTIFY_EVERY: Duration = Duration::from_millis(50);
/// A last word follows after this time: a transaction of somebody else's may have kept what was stored out of readers' sight
/// when the first one was heard.
pub const NOTIFY_AGAIN: Duration = Duration::from_secs(1);
/// How long a listener waits before it connects again.
const RECONNECT: Duration = Duration::from_secs(1);

/// Sends the word.
pub(super) struct Notifier {
    stored: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Notifier {
    pub(super) fn start(writers: deadpool_postgres::Pool) -> Self {
        let stored = Arc::new(Notify::new());
        let task = tokio::spawn(send(Arc::clone(&stored), writers));
        Self { stored, task }
    }

    pub(super) fn wake(&self) {
        self.stored.notify_one();
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn send(stored: Arc<Notify>, writers: deadpool_postgres::Pool) {
    let mut again: Option<Instant> = None;
    loop {
        match again {
            None => {
                stored.notified().await;
                again = Some(Instant::now() + NOTIFY_AGAIN);
            }
            Some(at) => tokio::select! {
                () = stored.notified() => again = Some(Instant::now() + NOTIFY_AGAIN),
                () = sleep_until(at) => again = None,
            },
        }
        let sent = match writers.get().await {
            Ok(client) => client
                .batch_execute(&format!("NOTIFY {CHANNEL}"))
                .await
                .map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = sent {
            tracing::debug!(%error, "other processes were not told of new traces");
        }
        sleep(NOTIFY_EVERY).await;
    }
}

/// Hears the word; dropping it ends that.
#[derive(Debug)]
pub struct Listener {
    task: JoinHandle<()>,
}

impl Listener {
    pub(super) fn start(server: Server, wake: impl Fn() + Send + Sync + 'static) -> Self {
        let task = tokio::spawn(async move {
            loop {
                let Err(error) = hear(&server, &wake).await;
                tracing::warn!(%error, "live events of other processes are not heard; connecting again");
                sleep(RECONNECT).await;
            }
        });
        Self { task }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Listens until the connection breaks.
async fn hear(
    server: &Server,
    wake: &(impl Fn() + Send + Sync),
) -> Result<std::convert::Infallible, StoreError> {
    let (client, mut connection) = server.raw().await?;
    let mut messages = poll_fn(move |context| connection.poll_message(context));
    let asked = format!("{}; LISTEN {CHANNEL}", Role::Reader.take_on());
    let mut listening = std::pin::pin!(async {
        let asked = client.batch_execute(&asked).await;
        asked.map_err(|error| server.refused(&error))?;
        // What was stored while nobody listened.
        wake();
        std::future::pending::<Result<(), StoreError>>().await
    });
    loop {
        tokio::select! {
            failed = &mut listening => failed?,
            message = messages.next() => match message {
                Some(Ok(AsyncMessage::Notification(_))) => wake(),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(crate::lost()),
            },
        }
    }
}
