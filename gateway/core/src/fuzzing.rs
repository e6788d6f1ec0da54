//! The ways by which strangers' bytes come in, for fuzz targets (`fuzz/`) and for bounded tests of the same in every test run. In no
//! program that ships: the feature `fuzzing` turns it on.

pub use crate::http::probe::webhook;
pub use crate::model::probe::stream;
pub use crate::protocol::probe::{connect, frame, sieve};

#[cfg(test)]
mod tests {
    use std::fs;
    use std::panic::catch_unwind;
    use std::path::{Path, PathBuf};

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

    type Target = fn(&[u8]);
    const TARGETS: [(&str, Target); 5] = [
        ("connect", super::connect),
        ("frame", super::frame),
        ("sieve", super::sieve),
        ("stream", super::stream),
        ("webhook", super::webhook),
    ];

    /// What runs begin with, and everything that one has found.
    #[test]
    fn every_seed_of_every_target_holds() {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        let list = |path: &str| {
            let entries = fs::read_dir(home.join(path)).unwrap();
            let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
            paths.sort();
            paths
        };
        let names = TARGETS.map(|(name, _)| name.to_owned());
        let told = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
        let files: Vec<String> = list("fuzz_targets").iter().map(told).collect();
        assert_eq!(files, names, "a target that is not listed here");
        for (name, target) in TARGETS {
            for seed in list(&format!("seeds/{name}")) {
                let bytes = fs::read(&seed).unwrap();
                assert!(
                    catch_unwind(|| target(&bytes)).is_ok(),
                    "{}",
                    seed.display()
                );
            }
        }
    }

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
