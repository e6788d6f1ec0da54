//! Asking the DNS for the records that prove agents' links: the system's resolver, or one server that the operator names.
//!
//! hickory-resolver knows `resolv.conf`, falls back to TCP where an answer does not fit, and draws ids and ports at random. What
//! may be asked, how often, and how long answers hold is `dashboard::proof`'s business; nothing is cached here.

use std::net::SocketAddr;
use std::sync::Arc;

use edge_core::proof::{ANSWER_WITHIN, Answer, NoAnswer, Ports, Proofs, ResolveTxt};
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{ResolverBuilder, TokioResolver};

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dns {
    /// Nobody; links stay claims.
    Off,
    /// Whom the system asks.
    System,
    /// This server, over UDP and TCP.
    Server(SocketAddr),
}

impl Dns {
    /// The proofs that it gives. Where the system's configuration cannot be read, that is logged, and told wherever a proof
    /// would stand.
    pub fn proofs(self) -> Proofs {
        let built = match self {
            Self::Off => return Proofs::off(),
            Self::System => TokioResolver::builder_tokio().and_then(plain),
            Self::Server(address) => {
                let mut server = NameServerConfig::udp_and_tcp(address.ip());
                for connection in &mut server.connections {
                    connection.port = address.port();
                }
                let config = ResolverConfig::from_name_servers(vec![server]);
                let provider = TokioRuntimeProvider::default();
                plain(TokioResolver::builder_with_config(config, provider))
            }
        };
        let resolver = built.map_err(|error| {
            tracing::warn!(%error, "the DNS cannot be asked; set edge.dns to a server's address, or to off");
            NoAnswer::Failed("this server’s own resolver is not set up".to_owned())
        });
        Proofs::new(Ports {
            resolver: Arc::new(Resolver(resolver)),
            clock: Arc::new(crate::now),
            sleep: Arc::new(|span| Box::pin(tokio::time::sleep(span))),
            behind: Arc::new(|work| {
                tokio::spawn(work);
            }),
        })
    }
}

/// Without a cache, without this machine's hosts file, and no longer than anybody waits.
fn plain(mut builder: ResolverBuilder<TokioRuntimeProvider>) -> Result<TokioResolver, NetError> {
    let options = builder.options_mut();
    options.cache_size = 0;
    options.timeout = ANSWER_WITHIN;
    options.attempts = 1;
    options.use_hosts_file = hickory_resolver::config::ResolveHosts::Never;
    builder.build()
}

struct Resolver(Result<TokioResolver, NoAnswer>);

impl ResolveTxt for Resolver {
    fn txt(&self, name: String) -> Answer {
        let resolver = self.0.clone();
        Box::pin(async move {
            // A dot at its end: nothing is looked for under the domains of this network.
            let found = resolver?.lookup(format!("{name}."), RecordType::TXT).await;
            match found {
                Ok(found) => Ok(found
                    .answers()
                    .iter()
                    .filter_map(|record| match &record.data {
                        RData::TXT(text) => Some(joined(&text.txt_data)),
                        _ => None,
                    })
                    .collect()),
                Err(error) if error.is_no_records_found() => Ok(Vec::new()),
                Err(error) => Err(told(&error)),
            }
        })
    }
}

fn joined(strings: &[Box<[u8]>]) -> String {
    String::from_utf8_lossy(&strings.concat()).into_owned()
}

/// An error as everybody may read it: nothing of this network's addresses.
fn told(error: &NetError) -> NoAnswer {
    tracing::debug!(%error, "the DNS did not answer");
    match error {
        NetError::Timeout => NoAnswer::TimedOut,
        NetError::Dns(DnsError::ResponseCode(code)) => {
            let word = match code {
                ResponseCode::ServFail => "SERVFAIL",
                ResponseCode::Refused => "REFUSED",
                _ => "an error",
            };
            NoAnswer::Failed(format!("the DNS answered with {word}"))
        }
        _ => NoAnswer::Failed("the DNS cannot be reached".to_owned()),
    }
}
