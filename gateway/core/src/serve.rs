//! Serving, and stopping: running calls get time to end, and are ended when it is over.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use aap::Gate;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::http;
use crate::limits::{GOODBYE, MIN_TOKEN_BYTES, MIN_WEBHOOK_SECRET_BYTES};
use crate::options::Options;
use crate::protocol::Sockets;
use crate::sessions::SessionsError;
use crate::tools::Toolbox;

/// Why a gateway cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Anybody could guess it.
    #[error(
        "the gateway's token has {0} bytes, it needs at least {MIN_TOKEN_BYTES}; `smoltbot init` makes a good one"
    )]
    ShortToken(usize),
    /// It would not survive a header.
    #[error("the gateway's token must be made of visible ASCII characters")]
    OddToken,
    /// Not there, or no directory.
    #[error("the workspace {path} cannot be used: {source}", path = .0.display(), source = .1)]
    Workspace(PathBuf, #[source] io::Error),
    /// Not something to link to.
    #[error("the dashboard's URL `{0}` must start with http:// or https://")]
    DashboardUrl(String),
    /// Not a host name.
    #[error("the extra host `{0}` must be a host name or address, with or without a port")]
    ExtraHost(String),
    /// Anybody could guess it.
    #[error(
        "the secret of the webhooks from `{0}` needs at least {MIN_WEBHOOK_SECRET_BYTES} bytes"
    )]
    WebhookSecret(String),
    /// What was said cannot be kept.
    #[error(transparent)]
    Sessions(#[from] SessionsError),
    /// The listener failed.
    #[error("the gateway's listener failed: {0}")]
    Listener(#[from] io::Error),
}

/// Serves on `listener` until `shutdown`, then drains: no new connections, running calls get [`Options::drain`] and are
/// abandoned after it.
///
/// # Errors
/// [`ServeError`] says which option is wrong, or how the listener failed.
pub async fn serve(
    listener: TcpListener,
    gate: Gate,
    options: Options,
    shutdown: CancellationToken,
) -> Result<(), ServeError> {
    let port = listener.local_addr()?.port();
    let drain = options.drain;
    let stop = CancellationToken::new();
    let sockets = Sockets::default();
    let stoppable = http::stoppable_router(gate, &options, port, stop.clone(), sockets.clone())?;
    // Connections that do not go away keep the toolbox: what it has open must not wait for them.
    let _closing = Closing(stoppable.toolbox);
    let door = stoppable.door;
    let mut following = JoinSet::new();
    if let Some(tokens) = options.tokens.clone() {
        following.spawn(async move { door.follow(tokens).await });
    }
    // Each step of an answer goes out when it happens.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "gateway: steps of answers may arrive late");
        }
    });
    let serving = axum::serve(
        listener,
        stoppable
            .router
            .into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(shutdown.clone().cancelled_owned())
    .into_future();
    // A WebSocket has left its HTTP connection, so it is waited for by itself.
    let serving = async {
        let ended = serving.await;
        sockets.closed().await;
        ended
    };
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        ended = &mut serving => return Ok(ended?),
        () = shutdown.cancelled() => sockets.stop(),
    }
    if let Ok(ended) = timeout(drain, &mut serving).await {
        return Ok(ended?);
    }
    tracing::warn!(
        ?drain,
        "gateway: calls still run after the drain, ending them"
    );
    stop.cancel();
    match timeout(GOODBYE, serving).await {
        Ok(ended) => Ok(ended?),
        // A client that does not read its answer does not hold the stop.
        Err(_) => Ok(()),
    }
}

/// Closes the tools, however serving ends.
struct Closing(Arc<Toolbox>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The URL that opens the chat page of a gateway at `address` and logs its browser in.
pub fn page_url(address: SocketAddr, token: &str) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let mut url = format!("http://{}/?token=", SocketAddr::new(ip, address.port()));
    for byte in token.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_url_can_be_opened() {
        let at = |address: &str| page_url(address.parse().unwrap(), "a+b/c=");
        assert_eq!(
            at("127.0.0.1:18789"),
            "http://127.0.0.1:18789/?token=a%2Bb%2Fc%3D"
        );
        assert_eq!(at("0.0.0.0:1"), "http://127.0.0.1:1/?token=a%2Bb%2Fc%3D");
        assert_eq!(at("[::]:1"), "http://[::1]:1/?token=a%2Bb%2Fc%3D");
    }
}
