//! Who may come in: whoever shows the token, as a bearer or as the cookie that the token was once exchanged for.

use std::hint::black_box;
use std::sync::{Arc, PoisonError, RwLock};

use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use futures_util::StreamExt as _;
use futures_util::stream;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Room;
use super::answer::problem;
use crate::limits::MIN_TOKEN_BYTES;
use crate::serve::ServeError;

/// How long a browser stays logged in: 30 days, in seconds.
const COOKIE_SECONDS: u32 = 30 * 24 * 60 * 60;
/// Sets the cookie's value apart from every other digest of the token.
const COOKIE_PURPOSE: &[u8] = b"smoltbot gateway cookie v1\0";

/// What opens the door at the moment. Holds digests, not the token.
struct Lock {
    token: [u8; 32],
    cookie_value: String,
    /// Cancelled when another lock takes this one's place.
    valid: CancellationToken,
}

impl Lock {
    fn new(token: &str) -> Result<Self, ServeError> {
        if token.len() < MIN_TOKEN_BYTES {
            return Err(ServeError::ShortToken(token.len()));
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ServeError::OddToken);
        }
        let session = Sha256::new()
            .chain_update(COOKIE_PURPOSE)
            .chain_update(token)
            .finalize();
        Ok(Self {
            token: Sha256::digest(token).into(),
            cookie_value: BASE64_URL_SAFE_NO_PAD.encode(session),
            valid: CancellationToken::new(),
        })
    }
}

/// The door of a gateway. Its lock can be changed while people are inside.
pub(crate) struct Door {
    lock: RwLock<Lock>,
    cookie_name: String,
}

impl Door {
    /// A door for `token`. Cookies don't know ports, so their name does: gateways on one machine don't log each other out.
    pub(super) fn new(token: &str, port: u16) -> Result<Self, ServeError> {
        Ok(Self {
            lock: RwLock::new(Lock::new(token)?),
            cookie_name: format!("smoltbot_gateway_{port}"),
        })
    }

    fn look<T>(&self, at: impl FnOnce(&Lock) -> T) -> T {
        at(&self.lock.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes another token from now on. Whoever came in with the one before is shown out; its cookies are worth nothing.
    fn change(&self, token: &str) -> Result<(), ServeError> {
        let new = Lock::new(token)?;
        let mut lock = self.lock.write().unwrap_or_else(PoisonError::into_inner);
        if lock.token != new.token {
            let old = std::mem::replace(&mut *lock, new);
            drop(lock);
            old.valid.cancel();
        }
        Ok(())
    }

    /// Changes the lock whenever another token is told; ends when none can come any more.
    pub(crate) async fn follow(&self, mut tokens: watch::Receiver<String>) {
        loop {
            let told = tokens.borrow_and_update().clone();
            if let Err(error) = self.change(&told) {
                tracing::error!(%error, "gateway: the token stays as it was");
            }
            if tokens.changed().await.is_err() {
                return;
            }
        }
    }

    /// Ends with the token of this moment. Whoever looks at a token and goes on for longer asks for it first.
    pub(crate) fn valid(&self) -> CancellationToken {
        self.look(|lock| lock.valid.clone())
    }

    /// Whether `token` is the gateway's.
    pub(crate) fn opens(&self, token: &str) -> bool {
        let shown = Sha256::digest(token);
        self.look(|lock| same(&shown, &lock.token))
    }

    /// The header that logs a browser in. A page on this machine has no TLS, so the cookie cannot be `Secure`.
    pub(super) fn set_cookie(&self) -> String {
        let value = self.look(|lock| lock.cookie_value.clone());
        format!(
            "{}={value}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Strict",
            self.cookie_name
        )
    }

    /// Whether these headers hold our cookie.
    pub(super) fn knows(&self, headers: &HeaderMap) -> bool {
        let wanted = self.look(|lock| Sha256::digest(&lock.cookie_value));
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .any(|(name, value)| name == self.cookie_name && same(&Sha256::digest(value), &wanted))
    }

    fn bearer(&self, headers: &HeaderMap) -> Option<bool> {
        let value = headers.get(AUTHORIZATION)?.to_str().unwrap_or_default();
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        Some(scheme.eq_ignore_ascii_case("bearer") && self.opens(token.trim()))
    }

    /// Whether what opens a WebSocket shows the token: as a bearer, or as the cookie of our own page. Nothing is shown where
    /// there is neither; a wrong bearer is wrong even beside a good cookie.
    pub(crate) fn shown(&self, headers: &HeaderMap) -> Option<bool> {
        self.bearer(headers)
            .or_else(|| (headers.contains_key(ORIGIN) && self.knows(headers)).then_some(true))
    }

    /// A wrong bearer is wrong even beside a good cookie. The cookie acts only for a page that says its `Origin`, which
    /// was compared with the host before.
    pub(super) fn admits(&self, method: &Method, headers: &HeaderMap) -> bool {
        self.bearer(headers).unwrap_or_else(|| {
            let said = method.is_safe() || headers.contains_key(ORIGIN);
            said && self.knows(headers)
        })
    }
}

/// Compares digests in a time that does not depend on what they hold.
fn same(one: &[u8], other: &[u8]) -> bool {
    let difference = one
        .iter()
        .zip(other)
        .fold(0, |difference, (a, b)| black_box(difference | (a ^ b)));
    one.len() == other.len() && difference == 0
}

/// Lets pass who shows the token.
pub(super) async fn require(
    State(room): State<Arc<Room>>,
    request: Request,
    next: Next,
) -> Response {
    pass(&room.door, request, next, refuse).await
}

/// Lets `request` through if it shows the token. What is still being answered when the token changes is broken off, and with it
/// whatever runs for it: a part must not look like the whole.
pub(super) async fn pass(
    door: &Door,
    request: Request,
    next: Next,
    refuse: fn() -> Response,
) -> Response {
    // Before the token is looked at: one that changes in between counts.
    let valid = door.valid();
    if !door.admits(request.method(), request.headers()) {
        return refuse();
    }
    let response = tokio::select! {
        response = next.run(request) => response,
        () = valid.cancelled() => return refuse(),
    };
    if response.body().size_hint().exact().is_some() {
        return response;
    }
    response.map(|body| {
        let pieces = Some((body.into_data_stream(), valid));
        Body::from_stream(stream::unfold(pieces, async |pieces| {
            let (mut body, valid) = pieces?;
            tokio::select! {
                biased;
                () = valid.cancelled() => {
                    let changed = std::io::Error::other("the gateway's token has changed");
                    Some((Err(axum::Error::new(changed)), None))
                }
                piece = body.next() => Some((piece?, Some((body, valid)))),
            }
        }))
    })
}

fn refuse() -> Response {
    let mut refused = problem(
        StatusCode::UNAUTHORIZED,
        "show the gateway's token as `Authorization: Bearer …`, or open the URL that `smoltbot up` printed \
         (`smoltbot status` prints it again)",
    );
    refused
        .headers_mut()
        .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    refused
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    #[test]
    fn a_token_must_be_long_and_plain() {
        assert!(Door::new(TOKEN, 1).is_ok());
        assert!(matches!(
            Door::new(&TOKEN[1..], 1),
            Err(ServeError::ShortToken(15))
        ));
        assert!(matches!(
            Door::new("0123456789 abcdef", 1),
            Err(ServeError::OddToken)
        ));
    }

    #[test]
    fn the_cookie_does_not_tell_the_token() {
        let door = Door::new(TOKEN, 7).unwrap();
        let cookie = door.set_cookie();
        assert!(cookie.starts_with("smoltbot_gateway_7="));
        assert!(!cookie.contains(TOKEN));
        let value = door.look(|lock| lock.cookie_value.clone());
        assert!(!door.opens(&value), "a cookie is not a token");
    }

    #[test]
    fn a_new_token_ends_the_old_one_and_a_bad_one_changes_nothing() {
        let door = Door::new(TOKEN, 7).unwrap();
        let (cookie, valid) = (door.set_cookie(), door.valid());
        assert!(matches!(
            door.change("short"),
            Err(ServeError::ShortToken(5))
        ));
        door.change(TOKEN).unwrap();
        assert!(door.opens(TOKEN) && !valid.is_cancelled() && door.set_cookie() == cookie);
        door.change("fedcba9876543210").unwrap();
        assert!(door.opens("fedcba9876543210") && !door.opens(TOKEN));
        assert!(valid.is_cancelled() && !door.valid().is_cancelled());
        assert_ne!(door.set_cookie(), cookie);
    }

    #[test]
    fn digests_compare_whole() {
        assert!(same(&[1, 2], &[1, 2]));
        assert!(!same(&[1, 2], &[1, 3]));
        assert!(!same(&[1, 2], &[1]));
    }
}
