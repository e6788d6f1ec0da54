//! Whatever is changed in an archive is caught and named, by both verifiers, though its end was written anew.

use std::path::{Path, PathBuf};

use aap::chain::Digest;
use aap::note::write_public_key;
use ed25519_dalek::SigningKey;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::support::Home;
use crate::{acted, exported, faults, sender::Sender, verified};

/// An archive as lines.
#[derive(Clone)]
struct Lines(Vec<String>);

impl Lines {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        Self(text.lines().map(str::to_owned).collect())
    }

    /// Where the `nth` line of this kind stands.
    fn at(&self, kind: &str, nth: usize) -> usize {
        let kind = format!("{{\"kind\":\"{kind}\"");
        let lines = self.0.iter().enumerate();
        let mut found = lines.filter(|(_, line)| line.starts_with(&kind));
        found.nth(nth).unwrap().0
    }

    fn cut(&mut self, kind: &str, nth: usize) {
        let at = self.at(kind, nth);
        self.0.remove(at);
    }

    fn replace(&mut self, kind: &str, nth: usize, from: &str, to: &str) {
        let at = self.at(kind, nth);
        let changed = self.0[at].replacen(from, to, 1);
        assert_ne!(changed, self.0[at], "{from}");
        self.0[at] = changed;
    }

    fn edit(&mut self, kind: &str, nth: usize, edit: impl FnOnce(&mut Value)) {
        let at = self.at(kind, nth);
        let mut line: Value = serde_json::from_str(&self.0[at]).unwrap();
        edit(&mut line);
        self.0[at] = line.to_string();
    }

    /// Where the refusals' links are, by number of link.
    fn refusal(&self) -> usize {
        let links = self
            .0
            .iter()
            .filter(|line| line.starts_with("{\"kind\":\"link\""));
        links
            .collect::<Vec<_>>()
            .iter()
            .rposition(|line| line.contains("\"deny\""))
            .unwrap()
    }

    /// As somebody would write it who changes more than a byte.
    fn write(&self, home: &Home) -> PathBuf {
        let mut lines = self.0.clone();
        lines.retain(|line| !line.starts_with("{\"kind\":\"end\""));
        let text = lines.join("\n") + "\n";
        let sha256 = Digest::of(text.as_bytes());
        let end = json!({"kind": "end", "lines": lines.len(), "sha256": sha256});
        let path = home.path().join("tampered.ndjson");
        std::fs::write(&path, format!("{text}{end}\n")).unwrap();
        path
    }
}

type Change = fn(&mut Lines);

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of what can be changed")]
async fn whatever_is_changed_is_caught_and_named() {
    let home = Home::new();
    let up = acted(&home, 0).await;
    for seed in [3, 4] {
        let mut sender = Sender::new(seed);
        sender.put_card(&up.edge).await;
        sender.act(7, &up.edge, &[]).await;
    }
    let good = exported(&home, &up, "good.ndjson", &["--denied"]);
    assert_eq!(verified(&home, &good)["ok"], true);
    assert_eq!(up.stop(Signal::SIGTERM), Some(0), "nobody has to be asked");
    let good = Lines::read(&good);
    assert_eq!(
        faults(&verified(&home, &good.write(&home))).len(),
        0,
        "writing it anew changes nothing"
    );
    let cases: &[(&str, Change, &[&str])] = &[
        (
            "a byte in a reason",
            |lines| {
                lines.replace(
                    "document",
                    0,
                    "\"selection_reasoning\":\"",
                    "\"selection_reasoning\":\"X",
                );
            },
            &["wrong_content"],
        ),
        (
            "a dropped document of a refusal",
            |lines| lines.cut("document", 1),
            &["left_out"],
        ),
        (
            "a dropped refusal",
            |lines| {
                let link = lines.at("link", lines.refusal());
                let line: Value = serde_json::from_str(&lines.0.remove(link)).unwrap();
                let id = line["header"]["trace_id"].as_str().unwrap();
                let before = lines.0.len();
                lines.0.retain(|line| !line.contains(id));
                assert_eq!(lines.0.len(), before - 1, "its document");
            },
            &["gap", "not_signed"],
        ),
        (
            "a swapped order",
            |lines| {
                let at = lines.at("link", 1);
                lines.0.swap(at, at + 1);
            },
            &["gap", "not_signed", "out_of_order"],
        ),
        (
            "a refusal that is called an allowance",
            |lines| lines.replace("link", lines.refusal(), "\"deny\"", "\"allow\""),
            &[
                "broken_chain",
                "not_signed",
                "two_notes",
                "wrong_content",
                "wrong_digest",
            ],
        ),
        (
            "the same with its digest worked out anew",
            |lines| {
                lines.edit("link", lines.refusal(), |line| {
                    line["header"]["action_type"] = json!("allow");
                    let header: aap::chain::Header =
                        serde_json::from_value(line["header"].clone()).unwrap();
                    line["digest"] = json!(header.digest());
                });
            },
            &["broken_chain", "not_signed", "two_notes", "wrong_content"],
        ),
        (
            "another key",
            |lines| {
                lines.edit("agent", 0, |line| {
                    let other = SigningKey::from_bytes(&[99; 32]).verifying_key();
                    line["public_key"] = json!(write_public_key(&other));
                });
            },
            &["bad_note", "not_signed", "wrong_key"],
        ),
        (
            "no key",
            |lines| lines.edit("agent", 0, |line| line["public_key"] = Value::Null),
            &["bad_note", "not_signed", "wrong_key"],
        ),
        (
            "no line of the agent",
            |lines| lines.cut("agent", 0),
            &["bad_note", "not_signed", "wrong_key"],
        ),
        (
            "a changed card",
            |lines| lines.replace("card", 0, "\"enforce\"", "\"observe\""),
            &["bad_card"],
        ),
        (
            "the end of a chain cut off",
            |lines| {
                let at = lines.at("document", 0) - 1;
                assert!(lines.0[at].starts_with("{\"kind\":\"link\""));
                lines.0.remove(at);
            },
            &["gap", "not_in_chain", "not_signed"],
        ),
        (
            "a chain left out",
            |lines| {
                let from = lines.at("stream", 1);
                let to = lines.at("document", 0);
                lines.0.drain(from..to);
            },
            &["not_in_chain"],
        ),
        (
            "a chain's first line left out",
            |lines| lines.cut("stream", 1),
            &["not_in_chain", "out_of_order"],
        ),
        (
            "a line that is none",
            |lines| lines.0.insert(2, "{\"kind\":\"link\"".to_owned()),
            &["unreadable_line"],
        ),
        (
            "a kind that is none",
            |lines| lines.0.insert(2, "{\"kind\":\"toString\"}".to_owned()),
            &["unreadable_line"],
        ),
        (
            "another format",
            |lines| lines.replace("manifest", 0, "archive/1", "archive/2"),
            &["not_an_archive"],
        ),
        (
            "a document of nobody's",
            |lines| {
                lines.edit("document", 0, |line| {
                    let metadata = line["document"]["context"]["metadata"]
                        .as_object_mut()
                        .unwrap();
                    for key in aap::chain::LINK_KEYS {
                        metadata.remove(key);
                    }
                });
            },
            &["left_out", "not_in_chain"],
        ),
        (
            "an absence of what is not in the chain",
            |lines| {
                let at = lines.at("document", 0);
                let id = "0193b5b0-7c4e-7a3c-9d39-1f2e3d4c5b6a";
                let line = json!({"kind": "missing", "trace_id": id, "stream": id, "seq": 1, "why": "erased"});
                lines.0.insert(at, line.to_string());
            },
            &["not_in_chain"],
        ),
    ];
    for (name, change, expected) in cases {
        let mut lines = good.clone();
        change(&mut lines);
        let report = verified(&home, &lines.write(&home));
        let found = faults(&report);
        let expected = expected.iter().map(|kind| (*kind).to_owned()).collect();
        assert_eq!(found, expected, "{name}: {report:#}");
    }
}

#[tokio::test]
async fn two_notes_for_one_place_are_the_agents_own_proof_against_it() {
    let home = Home::new();
    let up = acted(&home, 1).await;
    let (mut one, edge) = (Sender::new(4), up.edge.clone());
    let mut other = one.clone();
    one.act(3, &edge, &[]).await;
    let agent = one.id().to_string();
    let good = Lines::read(&exported(&home, &up, "good.ndjson", &["--agent", &agent]));
    let mut lines = good.clone();
    // What it says elsewhere, under its own key.
    let second = other.note_of(3);
    let at = lines
        .0
        .iter()
        .filter(|line| line.starts_with("{\"kind\":\"link\""))
        .count()
        - 1;
    lines.edit("link", at, |line| line["note"] = json!(second));
    let report = verified(&home, &lines.write(&home));
    assert_eq!(
        faults(&report),
        ["not_signed".to_owned(), "two_notes".to_owned()].into(),
        "{report:#}"
    );
    assert!(
        report["findings"][0]["what"]
            .as_str()
            .unwrap()
            .contains("signed another content for link 3")
    );
}

#[tokio::test]
async fn a_file_that_is_cut_anywhere_is_caught() {
    let home = Home::new();
    let up = acted(&home, 2).await;
    let good = exported(&home, &up, "good.ndjson", &["--denied"]);
    let bytes = std::fs::read(&good).unwrap();
    let path = home.path().join("cut.ndjson");
    let ends = (0..bytes.len())
        .filter(|at| bytes[*at] == b'\n')
        .map(|at| at + 1);
    let mut cuts: Vec<_> = ends.collect();
    assert_eq!(cuts.pop(), Some(bytes.len()));
    cuts.extend([1, bytes.len() / 3, bytes.len() / 2, bytes.len() - 20]);
    for cut in cuts {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let report = verified(&home, &path);
        let found = faults(&report);
        assert!(
            found.contains("truncated") || found.contains("not_an_archive"),
            "{cut}: {report:#}"
        );
    }
    let mut changed = bytes.clone();
    let at = changed
        .windows(6)
        .position(|window| window == b"source")
        .unwrap()
        + 10;
    changed[at] ^= 1;
    std::fs::write(&path, &changed).unwrap();
    assert_eq!(
        faults(&verified(&home, &path)),
        ["checksum".to_owned()].into()
    );
    changed[at] ^= 1;
    changed.extend_from_slice(b"{}\n");
    std::fs::write(&path, &changed).unwrap();
    assert_eq!(
        faults(&verified(&home, &path)),
        ["truncated".to_owned()].into()
    );
}
