//! Shells that stay open: what they keep, how they end, and that only what was judged runs in them.

use std::time::Duration;

use aap::OutcomeKind;
use gateway::limits::{
    MAX_OUTPUT_BYTES, MAX_SHELL_NAME_CHARS, MAX_SHELLS, MAX_TIMEOUT_MS, SHELL_IDLE, SHELL_START,
};
use serde_json::{Value, json};

use crate::house::{House, TOKEN, closed, opened};

/// Runs a line in a chat session.
async fn line(house: &House, params: Value) -> Value {
    let body = json!({"message": format!("/run bash {params}"), "session_id": "web-one"});
    let sent = house.message("").body(body.to_string()).send();
    let text = sent.await.unwrap().text().await.unwrap();
    serde_json::from_str(&text).unwrap()
}

async fn output(house: &House, command: &str) -> String {
    let answer = line(house, json!({ "command": command })).await;
    assert_eq!(answer["kind"], "result", "{answer}");
    answer["result"]["output"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn directory_and_variables_last_and_are_judged() {
    let mut house = House::open().await;
    std::fs::create_dir_all(house.path("sub/it's")).unwrap();
    let answer = line(
        &house,
        json!({"command": "X='a b'; f() { echo f:$1; }; cd \"sub/it's\"; false"}),
    )
    .await;
    assert_eq!(answer["exit_code"], 1, "{answer}");
    assert_eq!(
        answer["cwd"],
        json!(house.root()),
        "it was judged where it began"
    );
    let real = house.path("sub/it's");
    assert_eq!(answer["result"], json!({"output": "", "cwd": real}));
    assert_eq!(
        output(&house, "echo \"$X\"; f 1; pwd\n# comment").await,
        format!("a b\nf:1\n{}\n", real.display())
    );
    house.ended().await;
    let (call, _, outcome) = house.ended().await;
    assert_eq!(call.cwd.as_deref(), real.to_str());
    assert_eq!(
        (outcome.kind, outcome.exit_code),
        (OutcomeKind::Completed, Some(0))
    );
    let answer = line(&house, json!({"command": "pwd", "session": "other"})).await;
    assert_eq!(
        answer["result"]["output"],
        format!("{}\n", house.root().display())
    );
    let answer = house.run("bash", json!({"command": "echo \"[$X]\""})).await;
    assert_eq!(
        answer["result"]["output"], "[]\n",
        "another chat has another shell"
    );
}

#[tokio::test]
async fn output_is_that_of_a_terminal_and_cannot_pass_for_an_exit_code() {
    let house = House::open().await;
    assert_eq!(
        output(
            &house,
            "test -t 1 && echo terminal; echo e >&2; cat; echo after"
        )
        .await,
        "terminal\ne\nafter\n"
    );
    assert_eq!(
        output(&house, "printf '\\033[31mred\\033[0m\\r\\n10%%\\r99%%\\n'").await,
        "red\n99%\n"
    );
    let answer = line(
        &house,
        json!({"command": "printf '0\\0'; printf '0\\0' >&2; (exit 7)"}),
    )
    .await;
    assert_eq!(
        (&answer["exit_code"], &answer["result"]["output"]),
        (&json!(7), &json!("00"))
    );
    let answer = line(&house, json!({"command": "echo 'unclosed"})).await;
    assert_eq!(answer["kind"], "result", "{answer}");
    assert_ne!(answer["exit_code"], 0);
    assert_eq!(
        output(&house, "echo still here; echo !!").await,
        "still here\n!!\n"
    );
    let long = output(
        &house,
        "echo start; yes äöü | head -c 2999997; echo; echo end",
    )
    .await;
    assert!(
        long.starts_with("start\n") && long.ends_with("\nend\n") && long.contains("bytes cut here")
    );
    assert!(long.len() <= MAX_OUTPUT_BYTES + 64 && !long.contains('\u{fffd}'));
    assert_eq!(
        output(&house, &format!("echo {} | wc -c", "x".repeat(60_000))).await,
        "60001\n"
    );
}

#[tokio::test]
async fn nothing_of_the_gateway_is_in_its_environment() {
    let house = House::open().await;
    let env = output(&house, "env").await;
    assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
    assert!(!env.contains("CARGO") && !env.contains(TOKEN), "{env}");
}

#[tokio::test]
async fn a_line_whose_time_is_up_is_interrupted_and_the_shell_goes_on() {
    let house = House::open().await;
    output(&house, "X=kept").await;
    for command in [
        "echo before; sleep 1000",
        "echo before; while :; do :; done",
    ] {
        let answer = line(&house, json!({"command": command, "timeout_ms": 500})).await;
        let error = answer["error"].as_str().unwrap();
        assert!(
            error.contains("not done after 500 ms: it was interrupted; the shell goes on"),
            "{error}"
        );
        let output = answer["result"]["output"].as_str().unwrap();
        assert_eq!(output.trim_end(), "before", "bash may end the line");
    }
    assert_eq!(output(&house, "echo $X").await, "kept\n");
    // Who does not listen takes the shell along.
    let held = opened(house.pipe("held"));
    let stubborn = "bash -c 'trap \"\" INT; exec 3> held; while :; do sleep 1000; done'";
    let answer = line(&house, json!({"command": stubborn, "timeout_ms": 500})).await;
    assert!(
        answer["error"]
            .as_str()
            .unwrap()
            .contains("was ended with everything"),
        "{answer}"
    );
    closed(held.await.unwrap()).await;
    assert_eq!(output(&house, "echo \"[$X]\"").await, "[]\n");
}

#[tokio::test]
async fn a_shell_that_ends_says_so() {
    let house = House::open().await;
    let held = opened(house.pipe("held"));
    let answer = line(
        &house,
        json!({"command": "sleep 1000 > held & echo bye; exit 3"}),
    )
    .await;
    assert_eq!(answer["exit_code"], 3, "{answer}");
    assert!(
        answer["result"]["output"]
            .as_str()
            .unwrap()
            .contains("bye\n")
    );
    assert!(
        answer["result"]["shell"]
            .as_str()
            .unwrap()
            .contains("starts a new one")
    );
    closed(held.await.unwrap()).await;
    assert_eq!(output(&house, "echo new").await, "new\n");
}

#[tokio::test]
async fn a_directory_that_changes_while_it_is_judged_stops_the_line() {
    let house = House::open().await;
    std::fs::create_dir(house.path("one")).unwrap();
    output(&house, "cd one").await;
    let root = house.root();
    house.while_judging(move |_| {
        let _ = std::fs::rename(root.join("one"), root.join("two"));
    });
    let answer = line(&house, json!({"command": "touch ran"})).await;
    assert!(
        answer["error"]
            .as_str()
            .unwrap()
            .contains("nothing was run"),
        "{answer}"
    );
    assert!(!house.path("two/ran").exists());
    house.while_judging(|_| ());
    assert_eq!(
        output(&house, "pwd -P").await,
        format!("{}\n", house.path("two").display())
    );
    let root = house.root();
    house.while_judging(move |_| {
        let _ = std::fs::remove_dir(root.join("two"));
    });
    let answer = line(&house, json!({"command": "echo ran"})).await;
    assert!(
        answer["error"].as_str().unwrap().contains("is gone"),
        "{answer}"
    );
    assert_eq!(
        output(&house, "pwd").await,
        format!("{}\n", house.root().display())
    );
}

#[tokio::test]
async fn one_line_at_a_time_and_who_goes_away_ends_it() {
    let mut house = House::open().await;
    let held = opened(house.pipe("held"));
    let body = json!({"message": "/run bash {\"command\": \"sleep 1000 > held\"}", "session_id": "web-one"});
    let sending = tokio::spawn(house.message("").body(body.to_string()).send());
    let held = held.await.unwrap();
    let answer = line(&house, json!({"command": "echo"})).await;
    assert!(
        answer["error"]
            .as_str()
            .unwrap()
            .contains("still runs a line"),
        "{answer}"
    );
    house.ended().await;
    sending.abort();
    assert_eq!(house.ended().await.2.kind, OutcomeKind::Abandoned);
    closed(held).await;
    assert_eq!(output(&house, "echo new").await, "new\n");
}

#[tokio::test]
async fn shells_are_few_and_end_when_nobody_uses_them() {
    let house = House::open().await;
    let open = |name: usize| {
        let held = opened(house.pipe(&format!("held{name}")));
        let params = json!({"command": format!("sleep 100000 > held{name} &"), "session": format!("s{name}")});
        let house = &house;
        async move {
            line(house, params).await;
            held.await.unwrap()
        }
    };
    let first = open(0).await;
    let mut rest = Vec::new();
    for number in 1..=MAX_SHELLS {
        rest.push(open(number).await);
    }
    closed(first).await;
    tokio::time::pause();
    tokio::time::advance(SHELL_IDLE + std::time::Duration::from_secs(1)).await;
    tokio::time::resume();
    for held in rest {
        closed(held).await;
    }
    for (params, named) in [
        (
            json!({"command": "echo", "session": ""}),
            "1 to 64 characters",
        ),
        (
            json!({"command": "echo", "session": "a\nb"}),
            "1 to 64 characters",
        ),
        (
            json!({"command": "echo", "session": "x".repeat(MAX_SHELL_NAME_CHARS + 1)}),
            "1 to 64 characters",
        ),
        (json!({"command": "echo", "timeout_ms": 0}), "600000"),
        (
            json!({"command": "echo", "timeout_ms": MAX_TIMEOUT_MS + 1}),
            "600000",
        ),
        (json!({"command": "echo \u{0}"}), "NUL"),
    ] {
        let answer = line(&house, params).await;
        assert!(
            answer["error"].as_str().unwrap().contains(named),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn shells_end_with_the_gateway() {
    let house = House::open().await;
    let held = opened(house.pipe("held"));
    // Job control gives each job a group of its own; ignoring SIGHUP does not save it.
    output(&house, "(trap '' HUP INT TERM; exec sleep 100000 > held) &").await;
    let held = held.await.unwrap();
    house.shutdown.cancel();
    house.serving.await.unwrap().unwrap();
    closed(held).await;
}

#[tokio::test]
async fn a_shell_that_takes_too_long_to_open_is_told() {
    let house = House::with(|options| options.tools.shell_start = Duration::from_nanos(1)).await;
    let answer = house.run("bash", json!({"command": "echo hello"})).await;
    assert_eq!(answer["kind"], "failure", "{answer}");
    let error = answer["error"].as_str().unwrap();
    assert!(error.contains("it took more than 0.000000001 s"), "{error}");
    assert_eq!(gateway::tools::Settings::default().shell_start, SHELL_START);
}
