//! Who a provider is, how long it is waited for, and the connections to all of them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::{Client, redirect};

use super::fault::Fault;
use super::{ErrorKind, Key};
use crate::limits::{
    PROVIDER_CONNECT_TIMEOUT, PROVIDER_FIRST_BYTE_TIMEOUT, PROVIDER_IDLE_TIMEOUT,
    PROVIDER_WHOLE_TIMEOUT,
};

/// How long a provider is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Until a connection is made.
    pub connect: Duration,
    /// From the request to the first byte of the answer's stream.
    pub first_byte: Duration,
    /// From one byte of a stream to the next.
    pub idle: Duration,
    /// For the whole answer.
    pub whole: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: PROVIDER_CONNECT_TIMEOUT,
            first_byte: PROVIDER_FIRST_BYTE_TIMEOUT,
            idle: PROVIDER_IDLE_TIMEOUT,
            whole: PROVIDER_WHOLE_TIMEOUT,
        }
    }
}

/// The connections to providers, and how long these are waited for. Clones share the connections; nothing is set up before the first
/// request.
#[derive(Debug, Clone, Default)]
pub struct Http {
    pub(super) patience: Patience,
    client: Arc<OnceLock<Client>>,
}

impl Http {
    /// Connections that are waited for so long.
    pub fn new(patience: Patience) -> Self {
        Self {
            patience,
            client: Arc::default(),
        }
    }

    /// The same connections for a provider that is waited for in another way; others if they must be made in another time.
    pub fn with(&self, patience: Patience) -> Self {
        if patience.connect != self.patience.connect {
            return Self::new(patience);
        }
        Self {
            patience,
            client: Arc::clone(&self.client),
        }
    }

    pub(super) fn client(&self) -> Result<&Client, Fault> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let made = Client::builder()
            .user_agent(concat!("smoltbot/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.patience.connect)
            // A key must not follow where somebody else points.
            .redirect(redirect::Policy::none())
            .build();
        let made = made.map_err(|e| {
            Fault::new(
                ErrorKind::Network,
                format!("no client could be made: {}", cause(&e)),
            )
        })?;
        Ok(self.client.get_or_init(|| made))
    }
}

/// Who a provider is and how it is reached.
#[derive(Debug, Clone)]
pub struct Access {
    /// Its name in the config: the `NAME` of `providers.NAME`.
    pub name: String,
    /// Its key, where it asks for one.
    pub key: Option<Key>,
    /// Where its API is, when not where it is by itself.
    pub base_url: Option<String>,
}

impl Access {
    /// A provider with a key, where it is by itself.
    pub fn with_key(name: &str, key: &str) -> Self {
        Self {
            name: name.to_owned(),
            key: Some(Key::new(key)),
            base_url: None,
        }
    }

    /// The same at another place.
    pub fn at(mut self, base_url: &str) -> Self {
        self.base_url = Some(base_url.to_owned());
        self
    }
}

/// What is at the bottom of a failure of the connection. The URL isn't told.
pub(super) fn cause(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    deepest.to_string()
}
