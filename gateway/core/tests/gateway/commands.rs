//! Commands: exactly what was judged, with an end.

use std::os::unix::fs::symlink;

use aap::OutcomeKind;
use gateway::limits::{MAX_OUTPUT_BYTES, MAX_TIMEOUT_MS};
use serde_json::json;

use crate::house::{House, closed, opened};

#[tokio::test]
async fn output_and_exit_code_are_reported() {
    let mut house = House::open().await;
    let answer = house
        .run(
            "execute_command",
            json!({"command": "echo out; echo err >&2; exit 3"}),
        )
        .await;
    assert_eq!(answer["kind"], "result", "a non-zero exit still completed");
    assert_eq!(answer["exit_code"], 3);
    assert_eq!(
        answer["result"],
        json!({"stdout": "out\n", "stderr": "err\n"})
    );
    let (_, _, outcome) = house.ended().await;
    assert_eq!(
        (outcome.kind, outcome.exit_code),
        (OutcomeKind::Completed, Some(3))
    );

    let answer = house
        .run("execute_command", json!({"command": "kill -9 $$"}))
        .await;
    assert_eq!(
        (&answer["exit_code"], &answer["result"]["signal"]),
        (&json!(137), &json!(9))
    );
    let answer = house
        .run("execute_command", json!({"command": "cat; echo $?"}))
        .await;
    assert_eq!(answer["result"]["stdout"], "0\n", "the input is empty");
    let answer = house.run("execute_command", json!({"command": "-e"})).await;
    assert_eq!(
        answer["exit_code"], 127,
        "a command is never an option of sh"
    );
    let answer = house
        .run("execute_command", json!({"command": "echo \u{0}"}))
        .await;
    assert_eq!(answer["kind"], "failure");
}

#[tokio::test]
async fn it_runs_in_the_directory_that_was_judged() {
    let mut house = House::open().await;
    std::fs::create_dir_all(house.path("sub/deep")).unwrap();
    symlink("sub", house.path("near")).unwrap();
    let real = house.path("sub/deep");
    let answer = house
        .run(
            "execute_command",
            json!({"command": "pwd; pwd -P", "cwd": "near/deep"}),
        )
        .await;
    let (call, ..) = house.ended().await;
    assert_eq!(call.cwd.as_deref(), real.to_str());
    assert_eq!(answer["cwd"], json!(real));
    assert_eq!(
        answer["result"]["stdout"],
        format!("{0}\n{0}\n", real.display())
    );

    for cwd in ["..", "/", "missing"] {
        let answer = house
            .run(
                "execute_command",
                json!({"command": "touch ran", "cwd": cwd}),
            )
            .await;
        assert_eq!(answer["kind"], "failure", "{cwd}");
        assert_eq!(house.ended().await.2.kind, OutcomeKind::Failed);
    }
    assert!(!house.path("ran").exists() && !house.path("../ran").exists());
}

#[tokio::test]
async fn a_directory_that_changes_while_it_is_judged_stops_the_call() {
    let house = House::open().await;
    std::fs::create_dir(house.path("one")).unwrap();
    std::fs::create_dir(house.path("two")).unwrap();
    let root = house.root();
    house.while_judging(move |_| {
        std::fs::remove_dir(root.join("one")).unwrap();
        symlink("two", root.join("one")).unwrap();
    });
    let answer = house
        .run(
            "execute_command",
            json!({"command": "touch ran", "cwd": "one"}),
        )
        .await;
    assert_eq!(answer["kind"], "failure");
    assert!(
        answer["error"]
            .as_str()
            .unwrap()
            .contains("nothing was run"),
        "{answer}"
    );
    assert!(!house.path("two/ran").exists());
}

#[tokio::test]
async fn the_environment_is_told_by_name() {
    let house = House::open().await;
    let answer = house
        .run("execute_command", json!({"command": "env"}))
        .await;
    let stdout = answer["result"]["stdout"].as_str().unwrap();
    let names: Vec<&str> = stdout
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    assert!(
        names.contains(&"PATH") && names.contains(&"PWD"),
        "{stdout}"
    );
    // cargo sets CARGO_PKG_NAME and many more for this test: none of them arrives.
    assert!(std::env::var_os("CARGO_PKG_NAME").is_some());
    let allowed = [
        "PATH", "HOME", "LANG", "LC_ALL", "TERM", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ",
        "PWD", "OLDPWD", "SHLVL", "_",
    ];
    assert!(names.iter().all(|name| allowed.contains(name)), "{names:?}");
}

#[tokio::test]
async fn long_output_is_drained_and_cut_in_the_middle() {
    let house = House::open().await;
    let command = "echo start; yes äöü | head -c 5000000; echo; echo end";
    let answer = house
        .run("execute_command", json!({ "command": command }))
        .await;
    assert_eq!(answer["exit_code"], 0);
    let stdout = answer["result"]["stdout"].as_str().unwrap();
    assert!(stdout.starts_with("start\n") && stdout.ends_with("\nend\n"));
    assert!(stdout.len() <= MAX_OUTPUT_BYTES + 64, "{}", stdout.len());
    let cut = answer["result"]["bytes_cut"].as_u64().unwrap();
    assert!(cut > 4_900_000);
    assert!(stdout.contains(&format!("[{cut} bytes cut here]")));
}

#[tokio::test]
async fn a_timeout_ends_everything_that_was_started() {
    let mut house = House::open().await;
    let held = opened(house.pipe("held"));
    let command = "echo before; sh -c 'sleep 100000' > held & sleep 100000 > held";
    let answer = house
        .run(
            "execute_command",
            json!({"command": command, "timeout_ms": 300}),
        )
        .await;
    assert_eq!(answer["kind"], "failure");
    assert!(
        answer["error"]
            .as_str()
            .unwrap()
            .contains("not done after 300 ms")
    );
    assert_eq!(
        answer["result"]["stdout"], "before\n",
        "what came until then is shown"
    );
    assert_eq!(house.ended().await.2.kind, OutcomeKind::Failed);
    closed(held.await.unwrap()).await;
    for timeout in [0, MAX_TIMEOUT_MS + 1] {
        let answer = house
            .run(
                "execute_command",
                json!({"command": "touch ran", "timeout_ms": timeout}),
            )
            .await;
        assert!(
            answer["error"].as_str().unwrap().contains("600000"),
            "{answer}"
        );
    }
    assert!(!house.path("ran").exists());
}

#[tokio::test]
async fn what_a_command_leaves_behind_ends_with_it() {
    let house = House::open().await;
    let held = opened(house.pipe("held"));
    let answer = house
        .run(
            "execute_command",
            json!({"command": "exec 3> held; sleep 100000 & echo done"}),
        )
        .await;
    assert_eq!(answer["result"]["stdout"], "done\n");
    closed(held.await.unwrap()).await;
}

#[tokio::test]
async fn who_left_the_group_does_not_hold_the_answer() {
    let house = House::open().await;
    let gate = house.pipe("gate");
    house.pipe("ready");
    // It holds the standard output until somebody opens the gate.
    let command = "setsid sh -c 'echo out > ready; cat gate' & cat ready";
    let answer = house
        .run("execute_command", json!({ "command": command }))
        .await;
    assert_eq!(answer["exit_code"], 0);
    assert_eq!(answer["result"]["stdout"], "out\n");
    // Both ends at once never wait; closing them lets the reader see the end.
    drop(
        std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open(gate)
            .unwrap(),
    );
}

#[tokio::test]
async fn a_client_that_goes_away_abandons_its_call_and_ends_it() {
    let mut house = House::open().await;
    for streams in [true, false] {
        let pipe = house.pipe(if streams { "one" } else { "two" });
        let name = pipe.file_name().unwrap().to_str().unwrap().to_owned();
        let params = json!({"command": format!("(sleep 100000) > {name} & sleep 100000 > {name}")});
        let held = opened(pipe);
        let held = if streams {
            let running = house.start("execute_command", params).await;
            let held = held.await.unwrap();
            drop(running);
            held
        } else {
            let message = house.message(&format!("/run execute_command {params}"));
            let sending = tokio::spawn(message.send());
            let held = held.await.unwrap();
            sending.abort();
            held
        };
        let (_, _, outcome) = house.ended().await;
        assert_eq!(outcome.kind, OutcomeKind::Abandoned);
        closed(held).await;
    }
}
