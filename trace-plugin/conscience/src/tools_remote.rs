//! Requests by a tool: by method, address and body.
//! Not in scope: which tool is which (`tools`), programs that talk to other machines (`programs::net`).

use serde_json::Value;

use crate::{
    effect::{Effect, EffectKind},
    host, secret,
    shell::Shell,
    verbs::{self, Doing},
};

/// Arguments that hold what a request sends.
const BODY_KEYS: &[&str] = &["body", "data", "json", "form", "payload", "files"];
/// A request by a tool: what its method and its address do, what its body sends.
pub(crate) fn fetch(shell: &mut Shell<'_>, params: &Value, url: &str, name: &str) {
    let to = host::of_url(url);
    shell.request(&to, name);
    let method = params
        .get("method")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if let Some(manner) = doing(method, url)
        && !host::is_local(&to)
    {
        shell.emit(
            Effect::new(EffectKind::DestroyService, to.as_str())
                .manner(manner)
                .program(name),
        );
    }
    let bodies: Vec<&Value> = BODY_KEYS
        .iter()
        .filter_map(|key| params.get(key))
        .filter(|body| !body.is_null() && body.as_str() != Some(""))
        .collect();
    // A token in the header made for it is how one signs in.
    let headers = params.get("headers").and_then(Value::as_object);
    let smuggled = headers.into_iter().flatten().any(|(key, value)| {
        let key = key.to_ascii_lowercase();
        let signs_in = ["auth", "key", "token", "cookie"]
            .iter()
            .any(|word| key.contains(word));
        !signs_in && secret::in_any(value, 0)
    });
    let told =
        smuggled || secret::in_text(url) || bodies.iter().any(|body| secret::in_any(body, 0));
    if told {
        shell.emit(
            Effect::new(EffectKind::SendData, to)
                .manner("secret")
                .program(name),
        );
    } else if !bodies.is_empty()
        || ["POST", "PUT", "PATCH"]
            .iter()
            .any(|word| method.eq_ignore_ascii_case(word))
    {
        shell.send_plain(&to, name);
    }
}

/// What a request does at the other end, as a manner of `destroy_service`: takes something away (`request`), by its method
/// or by the verb that its address ends with (`POST …/_delete_by_query`), or moves money (`pay`).
pub(crate) fn doing(method: &str, url: &str) -> Option<&'static str> {
    if method.eq_ignore_ascii_case("DELETE") {
        return Some("request");
    }
    let changes = ["POST", "PUT", "PATCH"]
        .iter()
        .any(|word| method.eq_ignore_ascii_case(word));
    if !changes {
        return None;
    }
    let path = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let (before, last) = path.rsplit_once('/')?;
    let host = before.split('/').next().unwrap_or(before);
    let bank = BANKS.iter().any(|bank| host.contains(bank));
    if bank && PAYMENTS.iter().any(|payment| path.contains(payment)) {
        return Some("pay");
    }
    let words = verbs::words(last);
    let destroys = match words.as_slice() {
        [one] => matches!(
            one.as_str(),
            "leave"
                | "shutdown"
                | "delete"
                | "destroy"
                | "purge"
                | "terminate"
                | "wipe"
                | "flush"
                | "truncate"
                | "quitquitquit"
        ),
        [first, ..] => verbs::doing(first) == Some(Doing::Destroys),
        [] => false,
    };
    destroys.then_some("request")
}

/// Services that move money, as part of their hosts' names, and the parts of their addresses that do.
#[rustfmt::skip]
const BANKS: &[&str] = &[
    "stripe", "paypal", "adyen", "wise.com", "revolut", "coinbase", "binance", "kraken", "braintree", "squareup",
    "mollie", "klarna", "alpaca",
];
const PAYMENTS: &[&str] = &[
    "/refunds",
    "/payouts",
    "/transfers",
    "/charges",
    "/payments",
    "/orders",
    "/order",
    "/withdraw",
];
