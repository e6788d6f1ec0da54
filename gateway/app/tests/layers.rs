//! The arrows between rooms go strictly down, and the rooms that must also run elsewhere have no driver inside.
//!
//! ARCHITECTURE.md draws the layers; this keeps them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

/// Each room with its level. A room may depend on rooms of lower levels only.
const LEVELS: [(&str, u8); 24] = [
    ("smoltbot", 5),
    ("gateway", 4),
    ("gateway-channels", 4),
    ("control-plane", 4),
    ("edge-worker", 4),
    ("edge-server", 4),
    ("worker-files", 4),
    ("trace-plugin", 3),
    ("edge-core", 3),
    ("agent-hooks", 2),
    ("conscience", 2),
    ("dashboard", 2),
    ("trace-store-sqlite", 2),
    ("trace-store-postgres", 2),
    ("trace-store", 1),
    ("otlp", 1),
    ("redact", 1),
    ("mcp-proxy", 1),
    ("smoltbot-config", 1),
    ("aap", 0),
    // For tests only: nothing that ships depends on it.
    ("model-upstream", 0),
    ("test-cluster", 0),
    ("edge-e2e", 1),
    ("delivery-oracle", 4),
];

/// Not a room: it builds, tests and measures them from outside.
const OUTSIDE: &str = "xtask";
/// What it may use: no rooms either, but servers to test against.
const TOOLS: [&str; 2] = ["model-upstream", "test-cluster"];

/// Rooms that see less than their level would let them.
const NARROW: [(&str, &[&str]); 2] = [
    // A gateway knows the hook's port; the app plugs the sidecar into it.
    ("gateway", &["aap"]),
    // What compiles for wasm32.
    (
        "edge-worker",
        &[
            "aap",
            "redact",
            "trace-store",
            "trace-store-postgres",
            "dashboard",
            "edge-core",
            "otlp",
        ],
    ),
];

/// Rooms without a driver, a clock or a random source inside.
const PURE: [&str; 7] = [
    "aap",
    "otlp",
    "redact",
    "conscience",
    "trace-store",
    "dashboard",
    "edge-core",
];

/// Crates that reach for the network, the disk, a thread pool or randomness.
const DRIVERS: [&str; 14] = [
    "chrono-tz",
    "deadpool",
    "getrandom",
    "hyper",
    "libsqlite3-sys",
    "mio",
    "native-tls",
    "openssl",
    "rayon",
    "reqwest",
    "rusqlite",
    "rustls",
    "socket2",
    "tokio-postgres",
];

/// Features that turn a crate without side effects into a driver.
const DRIVING_FEATURES: [(&str, &[&str]); 4] = [
    (
        "tokio",
        &[
            "fs",
            "net",
            "process",
            "rt",
            "rt-multi-thread",
            "signal",
            "time",
        ],
    ),
    ("chrono", &["clock", "now"]),
    ("time", &["local-offset"]),
    ("uuid", &["v1", "v4", "v6", "v7"]),
];

/// Crates that a pure room's tree holds by someone else's mistake, and which of its dependencies brings them.
const PRUNED: [(&str, &str); 1] = [
    // brush-parser lists the snapshot library of its tests among its normal dependencies.
    ("conscience", "insta"),
];

fn workspace() -> Metadata {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let mut command = MetadataCommand::new();
    command.manifest_path(manifest).no_deps();
    command.exec().expect("cargo metadata")
}

fn level(room: &str) -> u8 {
    LEVELS
        .iter()
        .find(|(name, _)| *name == room)
        .unwrap_or_else(|| panic!("`{room}` has no level: give it one here and in ARCHITECTURE.md"))
        .1
}

/// From each room to the rooms it depends on, by dependencies of `kinds`.
fn arrows(workspace: &Metadata, kinds: &[DependencyKind]) -> BTreeMap<String, BTreeSet<String>> {
    let rooms: BTreeSet<&str> = workspace
        .packages
        .iter()
        .map(|room| room.name.as_str())
        .collect();
    let targets = |room: &cargo_metadata::Package| {
        room.dependencies
            .iter()
            .filter(|on| kinds.contains(&on.kind) && rooms.contains(on.name.as_str()))
            .map(|on| on.name.clone())
            .collect()
    };
    workspace
        .packages
        .iter()
        .map(|room| (room.name.to_string(), targets(room)))
        .collect()
}

const SHIPPED: [DependencyKind; 2] = [DependencyKind::Normal, DependencyKind::Build];

#[test]
fn arrows_go_strictly_down() {
    for (from, to) in arrows(&workspace(), &SHIPPED) {
        if from == OUTSIDE {
            assert!(
                to.iter().all(|to| TOOLS.contains(&to.as_str())),
                "{OUTSIDE} depends on {to:?}; it works from outside"
            );
            continue;
        }
        for to in to {
            assert!(
                level(&from) > level(&to),
                "{from} (level {}) depends on {to} (level {})",
                level(&from),
                level(&to)
            );
        }
    }
}

#[test]
fn narrow_rooms_see_no_more_than_they_may() {
    let arrows = arrows(&workspace(), &SHIPPED);
    for (room, allowed) in NARROW {
        for to in arrows.get(room).into_iter().flatten() {
            assert!(
                allowed.contains(&to.as_str()),
                "{room} must not depend on {to}"
            );
        }
    }
}

/// Tests may reach sideways and up, but never in a circle: cargo would build such a crate twice, as two crates.
#[test]
fn dev_dependencies_make_no_circle() {
    let kinds = [SHIPPED[0], SHIPPED[1], DependencyKind::Development];
    let mut arrows = arrows(&workspace(), &kinds);
    // Take away what depends on nothing until nothing is left; a circle stays.
    loop {
        let done: BTreeSet<String> = arrows
            .iter()
            .filter(|(_, to)| to.is_empty())
            .map(|(from, _)| from.clone())
            .collect();
        if done.is_empty() {
            break;
        }
        arrows.retain(|from, _| !done.contains(from));
        for to in arrows.values_mut() {
            to.retain(|to| !done.contains(to));
        }
    }
    assert!(
        arrows.is_empty(),
        "rooms depend on each other in a circle: {arrows:?}"
    );
}

/// Every crate that `room` is built with, and its features; alone, as nobody else's choice of features counts.
fn tree(room: &str) -> Vec<(String, BTreeSet<String>)> {
    let pruned = PRUNED.iter().filter(|(of, _)| *of == room);
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", room, "--edges", "normal,no-proc-macro"])
        .args(["--prefix", "none", "--format", "{p}|{f}", "--locked"])
        .args(pruned.flat_map(|(_, name)| ["--prune", name]))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo tree starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree {room}: {error}");
    let text = String::from_utf8(output.stdout).expect("names are UTF-8");
    let crates = text.lines().map(|line| {
        let (package, features) = line.split_once('|').expect("package|features");
        let name = package.split(' ').next().expect("a name");
        // `(*)` marks a crate whose own tree was shown before.
        let features = features.trim_end_matches(" (*)").split(',');
        (name.to_owned(), features.map(str::to_owned).collect())
    });
    crates.collect()
}

#[test]
fn pure_rooms_have_no_driver_inside() {
    let existing = workspace();
    for room in PURE {
        assert!(
            existing.packages.iter().any(|package| package.name == room),
            "{room} is gone"
        );
        let crates = tree(room);
        assert!(
            crates.iter().any(|(name, _)| name == "serde"),
            "{room}: {crates:?}"
        );
        for (name, features) in crates {
            assert!(!DRIVERS.contains(&name.as_str()), "{room} reaches {name}");
            let driving = DRIVING_FEATURES.iter().filter(|(of, _)| *of == name);
            for feature in driving.flat_map(|(_, features)| *features) {
                assert!(
                    !features.contains(*feature),
                    "{room} turns on {name}'s `{feature}`"
                );
            }
        }
    }
}
