//! Proofs of claimed links through a DNS that answers, fails or is silent: a server of ours, over UDP for the native edge and
//! over HTTPS's messages (RFC 8484, on loopback without TLS) for the Worker. Both tell the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use test_cluster::Cluster;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::database::Database;
use crate::host::{Host, Kind, NO_LIMITS};
use crate::wait::until;
use edge_e2e::{Agent, Client};

/// What the server says of a name.
#[derive(Clone)]
enum Says {
    /// One TXT record of these strings.
    Text(Vec<String>),
    /// This code.
    Code(u8),
    /// Nothing, for ever.
    Silence,
    /// A status of HTTP.
    Status(u16),
}

const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;

/// A DNS server.
#[derive(Clone, Default)]
struct Dns {
    said: Arc<Mutex<HashMap<String, Says>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Dns {
    /// Serves as a host of this kind asks; what its setting is.
    async fn serve(&self, kind: Kind) -> String {
        let dns = self.clone();
        if kind == Kind::Native {
            let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
            let address = socket.local_addr().expect("its address");
            tokio::spawn(async move {
                let mut packet = [0; 1500];
                while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                    if let Ok(answer) = dns.answer(&packet[..length])
                        && let Some(answer) = answer
                    {
                        socket.send_to(&answer, from).await.expect("it is sent");
                    }
                }
            });
            return address.to_string();
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
        let address = listener.local_addr().expect("its address");
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let dns = dns.clone();
                tokio::spawn(async move { dns.over_http(connection).await });
            }
        });
        format!("http://{address}/dns-query")
    }

    /// Answers requests until the client goes.
    async fn over_http(&self, mut connection: TcpStream) -> Option<()> {
        loop {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(connection.read_u8().await.ok()?);
            }
            let head = String::from_utf8(head).expect("text").to_lowercase();
            assert!(head.starts_with("post /dns-query http/1.1\r\n"), "{head}");
            for line in [
                "content-type: application/dns-message\r\n",
                "accept: application/dns-message\r\n",
            ] {
                assert!(head.contains(line), "{head}");
            }
            let length = head.split("content-length: ").nth(1)?;
            let mut message = vec![0; length.split("\r\n").next()?.parse().ok()?];
            connection.read_exact(&mut message).await.ok()?;
            let (status, body) = match self.answer(&message) {
                Ok(Some(answer)) => (200, answer),
                Ok(None) => std::future::pending().await,
                Err(status) => (status, b"not now".to_vec()),
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/dns-message\r\ncontent-length: {length}\r\n\r\n"
            );
            let whole = [head.as_bytes(), &body].concat();
            connection.write_all(&whole).await.ok()?;
        }
    }

    /// The answer to a query; none for silence, a status where HTTP is to fail.
    fn answer(&self, query: &[u8]) -> Result<Option<Vec<u8>>, u16> {
        let (mut at, mut labels) = (12, Vec::new());
        while query[at] != 0 {
            let length = usize::from(query[at]);
            labels.push(String::from_utf8_lossy(&query[at + 1..=at + length]).to_lowercase());
            at += length + 1;
        }
        assert_eq!(query[at + 1..at + 5], [0, 16, 0, 1], "TXT, IN");
        let end = at + 5;
        let name = labels.join(".");
        let says = self.said.lock().expect("no panic").get(&name).cloned();
        self.asked.lock().expect("no panic").push(name);
        let (code, strings) = match says.expect("a name that the test knows") {
            Says::Silence => return Ok(None),
            Says::Status(status) => return Err(status),
            Says::Code(code) => (code, None),
            Says::Text(strings) => (0, Some(strings)),
        };
        let mut packet = query[..2].to_vec();
        let answers = u8::from(strings.is_some());
        packet.extend([0x81, 0x80 | code, 0, 1, 0, answers, 0, 0, 0, 0]);
        packet.extend(&query[12..end]);
        if let Some(strings) = strings {
            let data: Vec<u8> = strings
                .iter()
                .flat_map(|text| {
                    let length = u8::try_from(text.len()).expect("a short string");
                    [&[length], text.as_bytes()].concat()
                })
                .collect();
            let length = u16::try_from(data.len()).expect("a short record");
            packet.extend([0xc0, 12, 0, 16, 0, 1, 0, 0, 14, 16]);
            packet.extend(length.to_be_bytes());
            packet.extend(data);
        }
        Ok(Some(packet))
    }

    /// How often a name was asked for.
    fn times(&self, name: &str) -> usize {
        let asked = self.asked.lock().expect("no panic");
        asked.iter().filter(|asked| *asked == name).count()
    }
}

async fn told(client: &Client, agent: &Agent) -> Value {
    let path = format!("/v1/agents/{}", agent.id);
    client.json(&path).await["claimed"]["dns"].take()
}

/// An agent that claims `https://HOST/me`, of whose record the server says this; what is told of it first, and then.
async fn claimed(
    client: &Client,
    dns: &Dns,
    host: &str,
    says: impl FnOnce(&Agent) -> Says,
) -> (Agent, Value) {
    let mut agent = Agent::new();
    let own = json!({"name": "Ann", "url": format!("https://{host}/me")});
    agent.card.extensions.insert("smoltbot".to_owned(), own);
    agent.card.card_id = agent.card.derived_id();
    let record = format!("_smoltbot.{host}");
    let said = says(&agent);
    dns.said
        .lock()
        .expect("no panic")
        .insert(record.clone(), said);
    client.put_card(&agent).await.expect(200);
    let first = told(client, &agent).await;
    // Whoever looks first waits for no DNS, not even for one that never answers.
    assert_eq!(first["verdict"], "not_yet_checked", "{host}: {first}");
    assert_eq!(first["record"], json!(record));
    assert_eq!(
        first["value"],
        json!(format!("smoltbot-agent={}", agent.id))
    );
    let then = until(host, async || {
        let then = told(client, &agent).await;
        (then["verdict"] != "not_yet_checked").then_some(then)
    })
    .await;
    (agent, then)
}

async fn links_are_proven_by_records(kind: Kind) {
    let database = Database::migrated(Cluster::shared());
    let dns = Dns::default();
    let resolver = dns.serve(kind).await;
    let mut settings = NO_LIMITS.to_vec();
    settings.push(("SMOLTBOT_EDGE__DNS", &resolver));
    let edge = Host::start(kind, &database.url, &settings);
    let client = edge.client();

    let (agent, proven) = claimed(&client, &dns, "proven.smoltbot.org", |agent| {
        // As one long value is sent that does not fit into one string.
        Says::Text(vec!["smoltbot-agent=".to_owned(), agent.id.to_string()])
    })
    .await;
    assert_eq!(proven["verdict"], "proven", "{proven}");
    assert!(proven["checked_at"].is_string(), "{proven}");
    let page = client.get(&format!("/agent/{}", agent.id)).await;
    let link = "https://proven.smoltbot.org/me";
    assert!(page.expect(200).text.contains(link), "it leads there");
    assert_eq!(
        dns.times("_smoltbot.proven.smoltbot.org"),
        1,
        "what is known is not asked for"
    );

    let other = || Says::Text(vec!["v=spf1 -all".to_owned()]);
    let (_, of_another) = claimed(&client, &dns, "other.smoltbot.org", |_| other()).await;
    assert_eq!(of_another["verdict"], "not_proven", "{of_another}");
    let no_name = |_: &Agent| Says::Code(NXDOMAIN);
    let (_, without) = claimed(&client, &dns, "none.smoltbot.org", no_name).await;
    assert_eq!(without["verdict"], "not_proven", "{without}");

    let mut failures = vec![
        (
            "broken.smoltbot.org",
            Says::Code(SERVFAIL),
            "the DNS answered with SERVFAIL",
        ),
        (
            "silent.smoltbot.org",
            Says::Silence,
            "the DNS did not answer within 300 ms",
        ),
    ];
    if kind == Kind::Worker {
        for (host, status) in [("busy.smoltbot.org", 503), ("moved.smoltbot.org", 302)] {
            failures.push((host, Says::Status(status), "the DNS cannot be reached"));
        }
    }
    for (host, says, reason) in failures {
        let (_, failed) = claimed(&client, &dns, host, |_| says).await;
        assert_eq!(failed["verdict"], "could_not_check", "{failed}");
        assert_eq!(failed["reason"], json!(reason), "{host}");
    }
}

crate::on_each_host!(links_are_proven_by_records);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn worker_asks_nobody_when_it_is_off() {
    let database = Database::migrated(Cluster::shared());
    let mut settings = NO_LIMITS.to_vec();
    settings.push(("SMOLTBOT_EDGE__DNS", "off"));
    let edge = Host::start(Kind::Worker, &database.url, &settings);
    let (client, mut agent) = (edge.client(), Agent::new());
    let own = json!({"url": "https://proven.smoltbot.org"});
    agent.card.extensions.insert("smoltbot".to_owned(), own);
    agent.card.card_id = agent.card.derived_id();
    client.put_card(&agent).await.expect(200);
    assert_eq!(told(&client, &agent).await["verdict"], "off");
}
