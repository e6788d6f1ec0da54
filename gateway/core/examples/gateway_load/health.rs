//! How many `/health` it answers, beside a server that does nothing but answer.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::print;
use crate::process::Gateway;

/// Threads that ask; as many connections each as make the number that is named.
const THREADS: usize = 2;
/// How long each round asks.
const ROUND: Duration = Duration::from_secs(3);
/// Rounds, floor and gateway in turn: what the machine does meanwhile hits both.
const ROUNDS: usize = 5;

pub(crate) fn measure(program: &Path) {
    let home = tempfile::tempdir().expect("a home");
    let gateway = Gateway::start(program, home.path(), None);
    let floor = floor();
    for connections in [32, 2] {
        let (mut bare, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            bare.push(rate(floor, connections));
            ours.push(rate(gateway.address, connections));
        }
        let name = |what: &str| format!("{what}, {connections} connections");
        print(
            &name("floor: a server that only answers"),
            "requests/s",
            bare,
        );
        print(&name("/health"), "requests/s", ours);
    }
    gateway.stop();
}

/// Answers a second.
fn rate(address: SocketAddr, connections: usize) -> f64 {
    let began = Instant::now();
    let asking =
        (0..THREADS).map(|_| std::thread::spawn(move || ask(address, connections / THREADS)));
    let asking: Vec<_> = asking.collect();
    let answered: usize = asking
        .into_iter()
        .map(|thread| thread.join().expect("it asks"))
        .sum();
    f64::from(u32::try_from(answered).expect("a number")) / began.elapsed().as_secs_f64()
}

/// Asks on all connections, then reads on all, until the round is over.
fn ask(address: SocketAddr, connections: usize) -> usize {
    let request = format!("GET /health HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let connect = || {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        stream
    };
    let mut streams: Vec<_> = (0..connections).map(|_| connect()).collect();
    let (mut answered, mut buffer) = (0, [0; 2048]);
    let began = Instant::now();
    while began.elapsed() < ROUND {
        for stream in &mut streams {
            stream
                .write_all(request.as_bytes())
                .expect("it takes requests");
        }
        for stream in &mut streams {
            // Answers are small: one segment each.
            let read = stream.read(&mut buffer).expect("an answer");
            assert!(buffer[..read].starts_with(b"HTTP/1.1 200"), "an answer");
            answered += 1;
        }
    }
    answered
}

/// A server with a thread for each connection, which answers without looking.
fn floor() -> SocketAddr {
    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 15\r\n\r\n{\"status\":\"ok\"}";
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut buffer = [0; 2048];
                while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
                    if stream.write_all(ANSWER).is_err() {
                        break;
                    }
                }
            });
        }
    });
    address
}
