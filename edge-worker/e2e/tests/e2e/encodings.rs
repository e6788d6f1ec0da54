//! Bodies in their encodings: gzip and zstd, whole, broken and as bombs; media types that are taken and that are not.

use std::io::Write as _;

use aap::limits::MAX_BATCH_BYTES;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use edge_e2e::{Agent, Answer, Client, Oracle, flat};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    // As `zstd` does it: with a checksum, and without the size in the header.
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("an encoder");
    encoder.include_checksum(true).expect("a checksum");
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

type Pack = fn(&[u8]) -> Vec<u8>;

const PACKERS: [(&str, Pack); 2] = [("gzip", gzip), ("zstd", zstd)];

async fn encoded(client: &Client, encoding: &str, body: Vec<u8>) -> Answer {
    let request = client
        .request("POST", "/v1/traces")
        .header("content-type", "application/json");
    client
        .send(request.header("content-encoding", encoding).body(body))
        .await
}

#[tokio::test]
async fn packed_batches_are_taken_as_plain_ones_are() {
    let (client, mut oracle) = (Client::new(), Oracle::default());
    let mut agent = Agent::new();
    for (encoding, pack) in PACKERS {
        for size in [1, 100, 500] {
            let body = agent.batch(size);
            oracle.sending(&body);
            let answer = encoded(&client, encoding, pack(&body))
                .await
                .all_stored(size);
            oracle.answered(&body, &answer);
        }
    }
    let body = agent.batch(1);
    oracle.sending(&body);
    let answer = encoded(&client, "identity", body.clone())
        .await
        .all_stored(1);
    oracle.answered(&body, &answer);
    let names = [("X-GZIP", gzip as Pack), ("Zstd", zstd)];
    for (encoding, pack) in names {
        let body = agent.batch(1);
        encoded(&client, encoding, pack(&body)).await.all_stored(1);
        oracle.sending(&body);
    }
    oracle.settle().await;
}

#[tokio::test]
async fn one_body_in_several_frames_is_one_body() {
    let client = Client::new();
    for (encoding, pack) in PACKERS {
        let body = flat().to_string().into_bytes();
        let (one, two) = body.split_at(body.len() / 2);
        let packed = [pack(one), pack(two)].concat();
        encoded(&client, encoding, packed).await.all_stored(1);
    }
    // A frame that decoders skip, before the one that counts.
    let mut packed = vec![0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
    packed.extend(zstd(flat().to_string().as_bytes()));
    encoded(&client, "zstd", packed).await.all_stored(1);
}

#[tokio::test]
async fn what_cannot_be_unpacked_says_so_and_stores_nothing() {
    let client = Client::new();
    for (encoding, pack) in PACKERS {
        let trace = flat();
        let whole = pack(trace.to_string().as_bytes());
        let (half, early) = (whole.len() / 2, whole.len() - 1);
        let mut changed = whole.clone();
        // In the checksum at the end: gzip has the length there, and before it the checksum.
        let place = changed.len() - if encoding == "gzip" { 6 } else { 2 };
        changed[place] ^= 1;
        let mut trailing = whole.clone();
        trailing.extend(b"more");
        for (name, body) in [
            ("cut off in the middle", whole[..half].to_vec()),
            ("cut off at the end", whole[..early].to_vec()),
            ("changed", changed),
            ("with something behind it", trailing),
            ("plain", trace.to_string().into_bytes()),
            ("noise", vec![0xa5; 1000]),
        ] {
            let answer = encoded(&client, encoding, body).await;
            let detail = answer.problem(400);
            assert!(
                detail.contains(&format!("not valid {encoding}")),
                "{encoding}, {name}: {detail}"
            );
        }
        let nothing = encoded(&client, encoding, Vec::new()).await;
        nothing.problem(400);
        let id = trace["id"].as_str().expect("an id");
        client.get(&format!("/v1/traces/{id}")).await.problem(404);
    }
}

#[tokio::test]
async fn a_bomb_is_refused_at_the_cap() {
    let client = Client::new();
    let zeros = vec![b' '; 64 * 1024 * 1024];
    for (encoding, pack) in PACKERS {
        let bomb = pack(&zeros);
        assert!(bomb.len() < 100_000, "it is small itself");
        let answer = encoded(&client, encoding, bomb).await;
        answer.problem(413);
        assert_eq!(answer.body["limit"], MAX_BATCH_BYTES);
        // To the byte: the cap itself is no bomb.
        let mut body = flat().to_string().into_bytes();
        body.resize(MAX_BATCH_BYTES, b' ');
        encoded(&client, encoding, pack(&body)).await.all_stored(1);
        body.push(b' ');
        encoded(&client, encoding, pack(&body)).await.problem(413);
    }
}

#[tokio::test]
async fn a_zstd_window_beyond_that_of_http_is_refused() {
    let client = Client::new();
    let packed = |log: u32| {
        let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
        encoder.window_log(log).expect("a window");
        encoder
            .write_all(flat().to_string().as_bytes())
            .expect("memory");
        encoder.finish().expect("memory")
    };
    encoded(&client, "zstd", packed(23)).await.all_stored(1);
    let answer = encoded(&client, "zstd", packed(24)).await;
    assert!(answer.problem(400).contains("window"), "{}", answer.text);
}

#[tokio::test]
async fn other_encodings_are_named_as_not_taken() {
    let client = Client::new();
    for encoding in ["br", "deflate", "gzip, gzip", "gzip, zstd", "zip", "*"] {
        let answer = encoded(&client, encoding, flat().to_string().into_bytes()).await;
        let detail = answer.problem(415);
        assert!(
            detail.contains("gzip, zstd and identity"),
            "{encoding}: {detail}"
        );
    }
    // The same in two lines.
    let request = client
        .request("POST", "/v1/traces")
        .header("content-type", "application/json");
    let request = request
        .header("content-encoding", "identity")
        .header("content-encoding", "gzip");
    client
        .send(request.body(flat().to_string()))
        .await
        .problem(415);
}

#[tokio::test]
async fn json_is_taken_under_its_names_and_other_types_are_not() {
    let client = Client::new();
    let send = async |media_type: &str| {
        let mut request = client
            .request("POST", "/v1/traces")
            .body(flat().to_string());
        if !media_type.is_empty() {
            request = request.header("content-type", media_type);
        }
        client.send(request).await
    };
    for good in [
        "",
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/aap-trace+json",
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded",
    ] {
        send(good).await.all_stored(1);
    }
    for wrong in [
        "text/html",
        "application/xml",
        "multipart/form-data; boundary=x",
        "image/png",
        "json",
        "text/json",
    ] {
        let answer = send(wrong).await;
        assert!(
            answer.problem(415).contains("application/json"),
            "{wrong}: {}",
            answer.text
        );
    }
}

#[tokio::test]
async fn cards_are_read_the_same_way() {
    let client = Client::new();
    for (encoding, pack) in PACKERS {
        let agent = Agent::new();
        let path = aap::paths::card(agent.id);
        let put = |encoding: &str, body: Vec<u8>| {
            client
                .request("PUT", &path)
                .header("content-encoding", encoding)
                .body(body)
        };
        let body = agent.signed_card().to_string();
        client
            .send(put(encoding, pack(body.as_bytes())))
            .await
            .expect(200);
        let bomb = pack(&vec![b' '; MAX_BATCH_BYTES]);
        let answer = client.send(put(encoding, bomb)).await;
        answer.problem(413);
        assert_eq!(answer.body["limit"], aap::limits::MAX_CARD_BYTES);
        client.send(put("br", body.into_bytes())).await.problem(415);
        let kept: Value = client.json(&path).await;
        assert_eq!(kept["alignment_card"]["agent_id"], json!(agent.id));
    }
}
