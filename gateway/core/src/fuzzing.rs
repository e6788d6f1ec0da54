//! The ways by which strangers' bytes come in, for fuzz targets (`fuzz/`) and for bounded tests of the same in every test run. In no
//! program that ships: the feature `fuzzing` turns it on.

pub use crate::http::probe::webhook;
pub use crate::model::probe::stream;
pub use crate::protocol::probe::{connect, frame, sieve};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// Rubbish, and text that is nearly what is expected.
    fn bytes(nearly: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..20),
            "\\PC{0,12}".prop_map(String::into_bytes),
            prop::sample::select(nearly).prop_map(|text| text.as_bytes().to_vec()),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    const FRAMES: [&str; 9] = [
        "{\"type\":\"req\",",
        "\"id\":\"1\",",
        "\"method\":\"connect\"",
        "\"params\":{",
        "}",
        ",",
        "{\"type\":\"event\"}",
        "null",
        "\\u0000",
    ];
    const CONNECTS: [&str; 4] = [
        r#"{"minProtocol":3,"maxProtocol":4,"client":{"id":"a","version":"1","platform":"p","mode":"m"}"#,
        r#","auth":{"mode":"token","token":"x"}"#,
        r#","device":{"id":"a","publicKey":"AAAA","signature":"","signedAt":0,"nonce":"nonce"}"#,
        "}",
    ];
    const WEBHOOKS: [&str; 7] = [
        "v1,",
        "sha256=",
        "\n",
        "\n\n\n\n\n",
        "Bearer ",
        "1700000000",
        "AAAA",
    ];
    const STREAMS: [&str; 9] = [
        "data: ",
        "\n\n",
        "\r\n",
        "data: [DONE]\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"\u{e4}\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]}}]}\n\n",
        "data: {\"type\":\"message_start\",\"message\":{}}\n\n",
        "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"x\"}}\n\n",
        "{\"message\":{\"content\":\"x\"},\"done\":false}\n",
    ];

    proptest! {
        #[test]
        fn frames(bytes in bytes(&FRAMES)) {
            super::frame(&bytes);
        }

        #[test]
        fn sieves(bytes in bytes(&["\u{1}", "\u{0}"])) {
            super::sieve(&bytes);
        }

        #[test]
        fn connects(bytes in bytes(&CONNECTS)) {
            super::connect(&bytes);
        }

        #[test]
        fn webhooks(bytes in bytes(&WEBHOOKS)) {
            super::webhook(&bytes);
        }

        #[test]
        fn streams(bytes in bytes(&STREAMS)) {
            super::stream(&bytes);
        }
    }
}
