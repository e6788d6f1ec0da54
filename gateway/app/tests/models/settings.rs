//! What is said about a configuration, good or bad.

use std::fs;

use nix::sys::signal::Signal;

use crate::support::{Home, Up, stderr, stdout};

#[test]
fn without_a_provider_everything_says_how_to_get_one() {
    let home = Home::new();
    let up = home.up();
    let line = up.said.iter().find(|line| line.starts_with("model "));
    assert!(
        line.is_some_and(|line| line.contains("none: set ANTHROPIC_API_KEY")),
        "{:?}",
        up.said
    );
    for command in ["status", "doctor"] {
        let told = stdout(&home.run(&[command]));
        assert!(told.contains("ANTHROPIC_API_KEY"), "{told}");
    }
    assert_eq!(up.stop(Signal::SIGTERM), Some(0));
}

#[test]
fn what_is_wrong_stops_the_start_and_is_told_by_the_others() {
    let home = Home::new();
    assert!(home.run(&["init", "--json"]).status.success());
    home.run(&["down"]);
    for (toml, vars, problem) in [
        ("[providers.groq]\n", &[][..], "providers.groq: has no key"),
        (
            "[agent]\nmodel = \"groq/x\"\n",
            &[],
            "smoltbot.toml:2:1: agent.model: is groq/x, but no provider is configured",
        ),
        (
            "[agent]\nmodel = \"openai/x\"\n[providers.groq]\napi_key = \"gsk-hunter2\"\nmodel = \"a\"\n[providers.xai]\napi_key = \"hunter2\"\n",
            &[],
            "agent.model: no provider is known to have openai/x",
        ),
        (
            "[providers.groq]\napi_key = \"gsk-hunter2\"\n",
            &[("AI_PROVIDER_PRIORITY", "openrouter")],
            "AI_PROVIDER_PRIORITY: names `openrouter`",
        ),
    ] {
        fs::write(home.path().join("smoltbot.toml"), toml).unwrap();
        let run = |arguments: &[&str]| {
            let mut command = home.smoltbot(arguments);
            command.envs(vars.iter().copied());
            command.output().unwrap()
        };
        let up = run(&["up"]);
        assert!(!up.status.success());
        assert!(stderr(&up).contains(problem), "{}", stderr(&up));
        let status = run(&["status"]);
        assert!(status.status.success(), "{}", stderr(&status));
        assert!(stdout(&status).contains(problem), "{}", stdout(&status));
        let doctor = run(&["doctor"]);
        assert!(stdout(&doctor).contains(problem), "{}", stdout(&doctor));
        for output in [up, status, doctor] {
            let told = format!("{}{}", stdout(&output), stderr(&output));
            assert!(!told.contains("hunter2"), "{told}");
        }
    }
}

#[test]
fn a_workspace_and_a_database_of_ones_own_are_used() {
    let home = Home::new();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path()).unwrap();
    let (work, database) = (
        elsewhere.path().join("work"),
        elsewhere.path().join("chat.db"),
    );
    let toml = format!(
        "[agent]\nworkspace = \"{}\"\n[gateway]\ndatabase = \"{}\"\n",
        work.display(),
        database.display()
    );
    fs::write(home.path().join("smoltbot.toml"), toml).unwrap();
    let up = Up::start(home.smoltbot(&["up"]));
    assert!(work.is_dir() && database.is_file());
    assert!(!home.path().join("gateway.db").exists());
    assert!(!home.path().join("workspace").exists());
    assert_eq!(up.stop(Signal::SIGTERM), Some(0));
    // Conversations are the user's, whoever the agent is.
    let reset = home.run(&["reset", "--force"]);
    assert!(
        stdout(&reset).contains(&format!("chats      stay in {}", database.display())),
        "{}{}",
        stdout(&reset),
        stderr(&reset)
    );
}
