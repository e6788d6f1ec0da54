//! Connections for one statement: opened, used and closed within the request that needs it. Whatever moves its bytes is
//! polled together with the work on it, and never left to itself: that would leak it, 50 KiB a request.

use std::pin::pin;
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};

use futures_util::future::{Either, select};
use tokio_postgres::Client;
use trace_store::StoreError;
use trace_store_postgres::Role;
use worker::Env;
use worker::send::{SendFuture, SendWrapper};

use super::connection::{self, Driver};
use crate::settings::Settings;

/// Opens a connection for each statement.
pub(super) struct Once {
    env: Env,
    settings: SendWrapper<Rc<Settings>>,
}

impl Once {
    pub(super) fn new(env: Env, settings: Rc<Settings>) -> Self {
        let settings = SendWrapper::new(settings);
        Self { env, settings }
    }

    /// A connection that acts under `role`.
    pub(super) fn lease(
        &self,
        role: Role,
    ) -> impl Future<Output = Result<OneUse, StoreError>> + Send {
        SendFuture::new(async move {
            let (client, driver) = connection::open(&self.env, &self.settings, role).await?;
            let driver = Mutex::new(Some(SendFuture::new(driver)));
            Ok(OneUse { client, driver })
        })
    }
}

/// A connection for one statement.
pub(super) struct OneUse {
    client: Client,
    driver: Mutex<Option<SendFuture<Driver>>>,
}

impl OneUse {
    fn driver(&self) -> std::sync::MutexGuard<'_, Option<SendFuture<Driver>>> {
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Runs `work` together with what moves the connection.
    pub(super) async fn drive<F>(&self, work: F) -> F::Output
    where
        F: Future + Send,
        F::Output: Send,
    {
        let Some(mut driver) = self.driver().take() else {
            return work.await;
        };
        let work = pin!(work);
        match select(work, &mut driver).await {
            Either::Left((output, _)) => {
                *self.driver() = Some(driver);
                output
            }
            // The connection ended; the work learns it from its client.
            Either::Right((_, work)) => work.await,
        }
    }

    /// Says good-bye, so that the server does not have to find out by itself.
    pub(super) async fn give_back(self) {
        let driver = self.driver().take();
        drop(self.client);
        if let Some(driver) = driver {
            // Whether the server heard it makes no difference any more.
            let _ = driver.await;
        }
    }
}
