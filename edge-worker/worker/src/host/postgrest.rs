//! Calling functions through PostgREST: for accounts without Hyperdrive, and for Supabase.

use trace_store_postgres::rpc::{Function, Refused};
use worker::js_sys::Uint8Array;
use worker::{Env, Fetch, Headers, Method, Request, RequestInit, Result};

use crate::postgrest::refused;
use crate::settings::bindings;

/// Calls `function` of the project at `url`.
pub(super) async fn call(
    env: &Env,
    url: &str,
    function: Function,
    arguments: &str,
) -> Result<std::result::Result<String, Refused>> {
    let key = env.secret(bindings::SUPABASE_SERVICE)?.to_string();
    let headers = Headers::new();
    headers.set("apikey", &key)?;
    headers.set("authorization", &format!("Bearer {key}"))?;
    headers.set("content-type", "application/json")?;
    headers.set("accept", "application/json")?;
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_headers(headers);
    init.with_body(Some(Uint8Array::from(arguments.as_bytes()).into()));
    let url = format!("{url}/rest/v1/rpc/{}", function.name());
    let request = Request::new_with_init(&url, &init)?;
    let mut response = Fetch::Request(request).send().await?;
    let told = response.text().await?;
    Ok(match response.status_code() {
        200..=299 => Ok(told),
        status => Err(refused(status, &told)),
    })
}
