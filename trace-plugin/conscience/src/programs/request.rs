//! What a request by a program does at the other end, by its method and its address.
//!
//! Not in scope: what it fetches and what it sends (`net`).

use super::args::Call;
use crate::{
    effect::{Effect, EffectKind},
    host,
    shell::Shell,
    tools_remote,
};

/// Notes what a request to each of `urls` takes away or pays. `body`: whether something is sent along.
pub(super) fn note(shell: &mut Shell<'_>, call: &Call<'_>, urls: &[&str], body: bool) {
    let method = method(call, body);
    for url in urls {
        let to = host::of_url(url);
        let whole = url.ends_with("/_all") || url.ends_with("/*");
        if let Some(manner) = tools_remote::doing(&method, url)
            && (whole || !host::is_local(&to))
        {
            shell.emit(
                Effect::new(EffectKind::DestroyService, to)
                    .manner(manner)
                    .program(call.name),
            );
        }
    }
}

/// The method: `-X DELETE`, `-sXDELETE`, `--method=delete`, `http DELETE …`.
fn method(call: &Call<'_>, body: bool) -> String {
    let named = call.values(&["-X", "--request", "--method", "-Method", "-CustomMethod"]);
    if let Some(method) = named.first() {
        return method.text.clone();
    }
    for (at, arg) in call.args.iter().enumerate() {
        let text = arg.text.as_str();
        // A cluster of curl's short options: `-sX DELETE`.
        if let Some(flags) = text
            .strip_prefix('-')
            .filter(|flags| !flags.starts_with('-'))
            && let Some((before, glued)) = flags.split_once('X')
            && before.chars().all(|c| "sSfkLvigGqn".contains(c))
        {
            let next = call.args.get(at + 1).map_or("", |arg| arg.text.as_str());
            return if glued.is_empty() { next } else { glued }.to_owned();
        }
    }
    let first = call.operand(0);
    if ["DELETE", "POST", "PUT", "PATCH", "GET", "HEAD", "OPTIONS"]
        .iter()
        .any(|method| first.eq_ignore_ascii_case(method))
    {
        return first.to_owned();
    }
    if body { "POST" } else { "GET" }.to_owned()
}
