//! Proofs of links through the DNS: a server of ours on UDP answers in the real protocol.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use edge_core::proof::{Claimed, Verdict};
use edge_server::Dns;
use serde_json::json;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use trace_store::conformance::{Agent, now};
use trace_store::{TraceReader as _, TraceWriter as _};
use trace_store_sqlite::SqliteStore;

const NXDOMAIN: u8 = 3;
const SERVFAIL: u8 = 2;

/// What the server says of every name.
#[derive(Clone)]
enum Says {
    /// One TXT record of these strings.
    Text(Vec<String>),
    /// This code.
    Code(u8),
    /// Nothing.
    Silence,
}

/// A DNS server; the names that it was asked for come through the channel, once it has answered.
async fn dns(says: Says) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (told, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut packet = [0; 1500];
        while let Ok((length, from)) = socket.recv_from(&mut packet).await {
            let (name, end) = question(&packet[..length]);
            if let Some(answer) = answer(&packet, end, &says) {
                socket.send_to(&answer, from).await.unwrap();
            }
            let _ = told.send(name);
        }
    });
    (address, asked)
}

/// The name that a query asks for, and where its question ends.
fn question(packet: &[u8]) -> (String, usize) {
    let (mut at, mut labels) = (12, Vec::new());
    while packet[at] != 0 {
        let length = usize::from(packet[at]);
        labels.push(String::from_utf8_lossy(&packet[at + 1..=at + length]).to_lowercase());
        at += length + 1;
    }
    assert_eq!(packet[at + 1..at + 5], [0, 16, 0, 1], "TXT, IN");
    (labels.join("."), at + 5)
}

/// RFC 1035: the header, the question again, and a record whose name points at it.
fn answer(query: &[u8], end: usize, says: &Says) -> Option<Vec<u8>> {
    let (code, strings) = match says {
        Says::Silence => return None,
        Says::Code(code) => (*code, None),
        Says::Text(strings) => (0, Some(strings)),
    };
    let mut packet = query[..2].to_vec();
    packet.extend([
        0x81,
        0x80 | code,
        0,
        1,
        0,
        u8::from(strings.is_some()),
        0,
        0,
        0,
        0,
    ]);
    packet.extend(&query[12..end]);
    if let Some(strings) = strings {
        let mut data = Vec::new();
        for string in strings {
            data.push(u8::try_from(string.len()).unwrap());
            data.extend(string.as_bytes());
        }
        packet.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 14, 16]);
        packet.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        packet.extend(data);
    }
    Some(packet)
}

/// What is told of an agent that claims a link: at first, and when the lookup has ended.
async fn told(says: impl FnOnce(&Agent) -> Says) -> (Claimed, Claimed, String) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("edge.db")).unwrap();
    let mut agent = Agent::new(1);
    let own = json!({"url": "https://agents.example.com/b"});
    agent.card.extensions.insert("smoltbot".to_owned(), own);
    agent.card.card_id = agent.card.derived_id();
    let signed = agent.card.clone().sign(agent.key());
    store.put_card(signed, now(0)).await.unwrap();
    let card = store.card(agent.id).await.unwrap();
    let (address, mut asked) = dns(says(&agent)).await;
    let proofs = Dns::Server(address).proofs();
    let first = proofs.of(card.as_ref(), agent.id).unwrap();
    let name = asked.recv().await.unwrap();
    // Whoever looks meanwhile is told that it is not checked yet.
    let ended = Arc::new(Mutex::new(None));
    let (seen, found) = (Arc::clone(&ended), card);
    let looking = async move {
        loop {
            let told = proofs.of(found.as_ref(), agent.id).unwrap();
            if told.dns.as_ref().unwrap().verdict != Verdict::NotYetChecked {
                *seen.lock().unwrap() = Some(told);
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    let most = std::time::Duration::from_secs(10);
    tokio::time::timeout(most, looking).await.unwrap();
    let then = ended.lock().unwrap().take().unwrap();
    (first, then, name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_names_the_agent_proves_its_link() {
    let (first, then, name) = told(|agent| {
        // As one long value is sent that does not fit into one string.
        let (head, tail) = ("smoltbot-agent=", agent.id.to_string());
        Says::Text(vec![head.to_owned(), tail])
    })
    .await;
    assert_eq!(first.dns.unwrap().verdict, Verdict::NotYetChecked);
    let dns = then.dns.unwrap();
    assert_eq!(dns.verdict, Verdict::Proven);
    assert!(dns.checked_at.is_some());
    assert_eq!(name, "_smoltbot.agents.example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_record_and_no_name_prove_nothing() {
    let other = Says::Text(vec!["v=spf1 -all".to_owned()]);
    for says in [other, Says::Code(NXDOMAIN)] {
        let (_, then, _) = told(|_| says).await;
        assert_eq!(then.dns.unwrap().verdict, Verdict::NotProven);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_or_is_silent_is_told_as_such() {
    for (says, reason) in [
        (Says::Code(SERVFAIL), "the DNS answered with SERVFAIL"),
        (Says::Silence, "the DNS did not answer within 300 ms"),
    ] {
        let (_, then, _) = told(|_| says).await;
        let dns = then.dns.unwrap();
        assert_eq!(dns.verdict, Verdict::CouldNotCheck);
        assert_eq!(dns.reason.as_deref(), Some(reason));
    }
}
