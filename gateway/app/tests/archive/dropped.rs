//! Archives of what an edge keeps for a time only.

use serde_json::json;
use test_cluster::Cluster;

use crate::sender::Sender;
use crate::support::{Home, Up, stderr, stdout};
use crate::{exported, faults, verified};

/// Days after which the test's edge drops months: none of them is younger than this.
const KEEPS_DAYS: i64 = 60;
/// Days ago that are in a month which is dropped, whatever day it is.
const LONG_AGO: i64 = KEEPS_DAYS + 62;

#[tokio::test]
async fn a_chain_whose_beginning_was_dropped_holds_and_says_so() {
    let cluster = Cluster::shared();
    let url = cluster.fresh_database();
    let home = Home::new();
    let database = |arguments: &[&str]| {
        let output = home.run(&[&["db"], arguments, &["--database-url", &url]].concat());
        assert!(output.status.success(), "{}", stderr(&output));
    };
    let up = Up::start(home.smoltbot(&["up", "--database-url", &url]));

    // Calls end in another order than they began in: the fourth stays when those around it go.
    let mut sender = Sender::new(5);
    sender.refuse(&[LONG_AGO, LONG_AGO, 0], &up.edge).await;
    sender.refuse(&[0, LONG_AGO, 0], &up.edge).await;
    let mut lossy = Sender::new(6);
    lossy.refuse(&[LONG_AGO], &up.edge).await;
    lossy.note_of(1);
    lossy.refuse(&[0], &up.edge).await;
    let agent = sender.id().to_string();
    let whole = exported(&home, &up, "whole.ndjson", &["--denied", "--agent", &agent]);
    assert_eq!(verified(&home, &whole)["counts"]["proven_documents"], 6);
    database(&["partition", "--retention", &KEEPS_DAYS.to_string()]);

    let cut = exported(&home, &up, "cut.ndjson", &["--denied", "--agent", &agent]);
    let report = verified(&home, &cut);
    assert_eq!(report["ok"], true, "{report:#}");
    let counts = &report["counts"];
    assert_eq!(
        [
            &counts["links"],
            &counts["dropped"],
            &counts["proven_documents"],
            &counts["missing"]
        ],
        [&json!(2), &json!(4), &json!(2), &json!(1)],
        "{report:#}"
    );
    assert_eq!(report["chains"][0]["proven_to"], 6);
    let said = stdout(&home.run(&["verify", cut.to_str().unwrap()]));
    for words in [
        "This archive holds.",
        "Anything about 4 links of 1 stream",
        "dropped",
    ] {
        assert!(said.contains(words), "{said}");
    }

    // What never came is no less a gap where something was dropped.
    let agent = lossy.id().to_string();
    let gap = exported(&home, &up, "gap.ndjson", &["--denied", "--agent", &agent]);
    let report = verified(&home, &gap);
    assert!(
        report["ok"] == false && faults(&report).contains("gap"),
        "{report:#}"
    );
}
