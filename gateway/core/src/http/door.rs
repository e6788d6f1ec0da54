//! Who may come in: whoever shows the token, as a bearer or as the cookie that the token was once exchanged for.

use std::hint::black_box;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, COOKIE, ORIGIN, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use sha2::{Digest, Sha256};

use super::Room;
use super::answer::problem;
use crate::limits::MIN_TOKEN_BYTES;
use crate::serve::ServeError;

/// How long a browser stays logged in: 30 days, in seconds.
const COOKIE_SECONDS: u32 = 30 * 24 * 60 * 60;
/// Sets the cookie's value apart from every other digest of the token.
const COOKIE_PURPOSE: &[u8] = b"smoltbot gateway cookie v1\0";

/// The lock of a gateway. Holds digests, not the token.
pub(crate) struct Door {
    token: [u8; 32],
    cookie_name: String,
    cookie_value: String,
}

impl Door {
    /// A door for `token`. Cookies don't know ports, so their name does: gateways on one machine don't log each other out.
    pub(super) fn new(token: &str, port: u16) -> Result<Self, ServeError> {
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
            cookie_name: format!("smoltbot_gateway_{port}"),
            cookie_value: BASE64_URL_SAFE_NO_PAD.encode(session),
        })
    }

    /// Whether `token` is the gateway's.
    pub(crate) fn opens(&self, token: &str) -> bool {
        same(&Sha256::digest(token), &self.token)
    }

    /// The header that logs a browser in. A page on this machine has no TLS, so the cookie cannot be `Secure`.
    pub(super) fn set_cookie(&self) -> String {
        format!(
            "{}={}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Strict",
            self.cookie_name, self.cookie_value
        )
    }

    /// Whether these headers hold our cookie.
    pub(super) fn knows(&self, headers: &HeaderMap) -> bool {
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .any(|(name, value)| {
                name == self.cookie_name
                    && same(&Sha256::digest(value), &Sha256::digest(&self.cookie_value))
            })
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
    if room.door.admits(request.method(), request.headers()) {
        return next.run(request).await;
    }
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
        assert!(!door.opens(&door.cookie_value), "a cookie is not a token");
    }

    #[test]
    fn digests_compare_whole() {
        assert!(same(&[1, 2], &[1, 2]));
        assert!(!same(&[1, 2], &[1, 3]));
        assert!(!same(&[1, 2], &[1]));
    }
}
