//! Proofs of claimed links by DNS over HTTPS: a Worker has no other way to the DNS.

use std::cell::RefCell;
use std::sync::Arc;

use edge_core::proof::{Answer, NoAnswer, Ports, Proofs, ResolveTxt};
use worker::js_sys::Uint8Array;
use worker::send::SendFuture;
use worker::wasm_bindgen_futures::spawn_local;
use worker::{
    AbortController, Fetch, Headers, Method, Request, RequestInit, RequestRedirect, Result,
};

use crate::dns::{MAX_MESSAGE, MEDIA_TYPE, answer, question};
use crate::settings::{Dns, Settings};

thread_local! {
    /// One for the isolate: its limits hold for all objects that read in it.
    static PROOFS: RefCell<Option<Proofs>> = const { RefCell::new(None) };
}

/// The isolate's proofs.
pub(super) fn proofs(settings: &Settings) -> Proofs {
    PROOFS.with_borrow_mut(|proofs| {
        let made = proofs.get_or_insert_with(|| match &settings.dns {
            Dns::Off => Proofs::off(),
            Dns::Over(url) => Proofs::new(Ports {
                resolver: Arc::new(Resolver(url.clone())),
                clock: Arc::new(super::now),
                sleep: Arc::new(|span| Box::pin(super::sleep(span))),
                behind: Arc::new(|work| spawn_local(work)),
            }),
        });
        made.clone()
    })
}

struct Resolver(String);

impl ResolveTxt for Resolver {
    fn txt(&self, name: String) -> Answer {
        let url = self.0.clone();
        Box::pin(SendFuture::new(async move {
            match fetched(&url, &question(&name)).await {
                Ok(message) => answer(&message),
                Err(error) => {
                    // Its words may tell of the operator's network.
                    tracing::warn!(%error, "the resolver of SMOLTBOT_EDGE__DNS was not reached");
                    Err(NoAnswer::Failed("the DNS cannot be reached".to_owned()))
                }
            }
        }))
    }
}

/// Gives up what nobody waits for any more.
struct Abort(Option<AbortController>);

impl Drop for Abort {
    fn drop(&mut self) {
        if let Some(controller) = self.0.take() {
            controller.abort();
        }
    }
}

/// POSTs a message, and reads the one that it is answered with.
async fn fetched(url: &str, message: &[u8]) -> Result<Vec<u8>> {
    let headers = Headers::new();
    headers.set("content-type", MEDIA_TYPE)?;
    headers.set("accept", MEDIA_TYPE)?;
    let mut init = RequestInit::new();
    init.with_method(Method::Post).with_headers(headers);
    // A resolver that sends elsewhere was named wrongly.
    init.with_redirect(RequestRedirect::Manual);
    init.with_body(Some(Uint8Array::from(message).into()));
    let request = Request::new_with_init(url, &init)?;
    let controller = AbortController::default();
    let signal = controller.signal();
    let abort = Abort(Some(controller));
    let mut response = Fetch::Request(request).send_with_signal(&signal).await?;
    let told = response.bytes().await?;
    drop(abort);
    match response.status_code() {
        200 if told.len() <= MAX_MESSAGE => Ok(told),
        status => Err(format!("it answered {status} with {} bytes", told.len()).into()),
    }
}
