//! Serving, and stopping: running calls get time to end, and are ended when it is over.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use aap::Gate;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::http;
use crate::limits::{GOODBYE, MIN_TOKEN_BYTES};
use crate::options::Options;

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
    let router = http::stoppable_router(gate, &options, port, stop.clone())?;
    // Each step of an answer goes out when it happens.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "gateway: steps of answers may arrive late");
        }
    });
    let serving = axum::serve(listener, router)
        .with_graceful_shutdown(shutdown.clone().cancelled_owned())
        .into_future();
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        ended = &mut serving => return Ok(ended?),
        () = shutdown.cancelled() => {}
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
