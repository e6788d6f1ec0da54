//! Whether a webhook comes from whom it says.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use ring::hmac;

use crate::limits::WEBHOOK_WINDOW;
use crate::webhook::WebhookAuth;

/// Why it is not believed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error(
        "no proof was sent: sign the body with HMAC-SHA-256 and send `X-Hub-Signature-256: sha256=…`, or `webhook-id`, `webhook-timestamp` and `webhook-signature` as Standard Webhooks has it"
    )]
    NoSignature,
    #[error("send the secret as `Authorization: Bearer …`")]
    NoBearer,
    #[error("the proof does not fit the secret and the body")]
    Wrong,
    #[error("`webhook-timestamp` is {0} s away from now, at most {max} are taken", max = WEBHOOK_WINDOW.as_secs())]
    Late(i64),
}

/// Checks the proof at `now`, in seconds since 1970. Tells what makes this delivery the same as a repeated one, if anything.
pub(crate) fn check(
    auth: &WebhookAuth,
    headers: &HeaderMap,
    body: &[u8],
    now: i64,
) -> Result<Option<String>, Refused> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match auth {
        WebhookAuth::Bearer(secret) => {
            let sent = headers
                .get(AUTHORIZATION)
                .and_then(|value| value.to_str().ok());
            let token = sent
                .and_then(|sent| sent.strip_prefix("Bearer "))
                .ok_or(Refused::NoBearer)?;
            // Compared as digests under one key, in a time that tells nothing.
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            let wanted = hmac::sign(&key, secret.as_bytes());
            hmac::verify(&key, token.trim().as_bytes(), wanted.as_ref())
                .map_err(|_| Refused::Wrong)?;
            Ok(text("webhook-id").map(str::to_owned))
        }
        WebhookAuth::HmacSha256(secret) => {
            if let Some(signatures) = text("webhook-signature") {
                let id = text("webhook-id").ok_or(Refused::NoSignature)?;
                let at = text("webhook-timestamp").ok_or(Refused::NoSignature)?;
                standard(secret, id, at, signatures, body, now)?;
                return Ok(Some(id.to_owned()));
            }
            let sent = text("x-hub-signature-256").ok_or(Refused::NoSignature)?;
            let signature = sent
                .strip_prefix("sha256=")
                .and_then(unhex)
                .ok_or(Refused::Wrong)?;
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            hmac::verify(&key, body, &signature).map_err(|_| Refused::Wrong)?;
            // Nothing in it tells when it was made, so the same body is taken once.
            Ok(Some(BASE64_STANDARD.encode(signature)))
        }
    }
}

/// <https://www.standardwebhooks.com>: HMAC over `id.timestamp.body`, base64, several with a version each.
fn standard(
    secret: &str,
    id: &str,
    at: &str,
    signatures: &str,
    body: &[u8],
    now: i64,
) -> Result<(), Refused> {
    let key = match secret.strip_prefix("whsec_") {
        Some(encoded) => BASE64_STANDARD
            .decode(encoded)
            .map_err(|_| Refused::Wrong)?,
        None => secret.as_bytes().to_vec(),
    };
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let signed = [id.as_bytes(), b".", at.as_bytes(), b".", body].concat();
    let fits = signatures
        .split(' ')
        .filter_map(|one| one.strip_prefix("v1,"))
        .any(|one| {
            BASE64_STANDARD
                .decode(one)
                .is_ok_and(|signature| hmac::verify(&key, &signed, &signature).is_ok())
        });
    if !fits {
        return Err(Refused::Wrong);
    }
    // Only who has the secret learns that the clocks differ.
    let at: i64 = at.parse().map_err(|_| Refused::Wrong)?;
    let away = now.saturating_sub(at);
    if away.unsigned_abs() > WEBHOOK_WINDOW.as_secs() {
        return Err(Refused::Late(away));
    }
    Ok(())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    // `from_str_radix` would take a sign, too.
    if !text.bytes().all(|digit| digit.is_ascii_hexdigit()) || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (
                axum::http::HeaderName::from_static(name),
                value.parse().unwrap(),
            )
        };
        pairs.iter().map(pair).collect()
    }

    fn auth() -> WebhookAuth {
        WebhookAuth::HmacSha256("It's a Secret to Everybody".to_owned())
    }

    #[test]
    fn github_s_own_example_fits() {
        // From GitHub's "Validating webhook deliveries".
        let sent = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let good = headers(&[("x-hub-signature-256", sent)]);
        let first = check(&auth(), &good, b"Hello, World!", NOW).unwrap();
        assert!(first.is_some());
        // Another spelling is the same delivery.
        let digest = sent["sha256=".len()..].to_ascii_uppercase();
        let upper = headers(&[("x-hub-signature-256", &format!("sha256={digest}"))]);
        assert_eq!(check(&auth(), &upper, b"Hello, World!", NOW), Ok(first));
        assert_eq!(
            check(&auth(), &good, b"Hello, World?", NOW),
            Err(Refused::Wrong)
        );
        for odd in [
            "sha256=",
            "sha256=75",
            "sha256=zz",
            "sha256=7é",
            // Right, but for a sign in place of a digit.
            "sha256=7571+7ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
            "757107",
            "sha1=00",
        ] {
            let mut odd_headers = HeaderMap::new();
            odd_headers.insert(
                "x-hub-signature-256",
                axum::http::HeaderValue::from_bytes(odd.as_bytes()).unwrap(),
            );
            assert!(
                check(&auth(), &odd_headers, b"Hello, World!", NOW).is_err(),
                "{odd}"
            );
        }
        assert_eq!(
            check(&auth(), &HeaderMap::new(), b"", NOW),
            Err(Refused::NoSignature)
        );
    }

    #[test]
    fn standard_webhooks_own_example_fits_within_its_window() {
        // From the specification's test vectors.
        let auth = WebhookAuth::HmacSha256("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let at = 1_614_265_330;
        let sent = headers(&[
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            (
                "webhook-signature",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
            ),
        ]);
        let body = br#"{"test": 2432232314}"#;
        let id = Some("msg_p5jXN8AQM9LWM0D4loKWxJek".to_owned());
        assert_eq!(check(&auth, &sent, body, at), Ok(id.clone()));
        let window = i64::try_from(WEBHOOK_WINDOW.as_secs()).unwrap();
        assert_eq!(check(&auth, &sent, body, at + window), Ok(id));
        assert_eq!(
            check(&auth, &sent, body, at + window + 1),
            Err(Refused::Late(window + 1))
        );
        assert_eq!(
            check(&auth, &sent, body, at - window - 1),
            Err(Refused::Late(-window - 1))
        );
        assert_eq!(check(&auth, &sent, b"{}", at), Err(Refused::Wrong));
    }

    #[test]
    fn a_bearer_is_compared_whole() {
        let auth = WebhookAuth::Bearer("0123456789abcdef".to_owned());
        let with = |value| check(&auth, &headers(&[("authorization", value)]), b"", NOW);
        assert_eq!(with("Bearer 0123456789abcdef"), Ok(None));
        assert_eq!(with("Bearer 0123456789abcde"), Err(Refused::Wrong));
        assert_eq!(with("Bearer "), Err(Refused::Wrong));
        assert_eq!(with("Basic x"), Err(Refused::NoBearer));
    }
}
