//! `smoltbot conscience …` as it is typed, and policies that change, expire, break, or belong to a workspace.

mod support;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use support::{Home, stderr, stdout};

/// A home with these files of the operator's.
fn home(files: &[(&str, &str)]) -> Home {
    let home = Home::new();
    for (name, text) in files {
        write(home.path().join("conscience").join(name), text);
    }
    home
}

fn write(path: PathBuf, text: &str) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    fs::write(path, text).expect("written");
}

/// Answer, complaints, and whether it went well.
fn typed(home: &Home, arguments: &[&str]) -> (String, String, bool) {
    let output = home.run(&[&["conscience"], arguments].concat());
    (stdout(&output), stderr(&output), output.status.success())
}

fn json(home: &Home, arguments: &[&str]) -> Value {
    let (answer, said, _) = typed(home, &[arguments, &["--json"]].concat());
    serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}{said}"))
}

fn rule(id: &str, program: &str) -> String {
    format!(
        "@id(\"{id}\") @reason(\"{program} is for people\") @values(\"user_control\")\n\
         forbid (principal, action == Action::\"run\", resource) when {{ context.program == \"{program}\" }};\n"
    )
}

fn exception(id: &str, lifts: &str, expires: &str) -> String {
    format!(
        "@id(\"{id}\") @reason(\"Agreed on\") @author(\"ops@example.com\") @expires(\"{expires}\") @lifts(\"{lifts}\")\n\
         permit (principal, action == Action::\"discard_work\", resource);\n"
    )
}

const LATER: &str = "2999-01-01T00:00:00Z";
const BEFORE: &str = "2020-01-01T00:00:00Z";

#[test]
fn a_stranger_begins_a_rule_tests_it_and_sees_it_refuse() {
    let home = Home::new();
    let (answer, said, good) = typed(&home, &["new", "run"]);
    assert!(
        good && answer.contains("run.cedar") && answer.contains("smoltbot conscience test"),
        "{answer}{said}"
    );
    let (answer, said, good) = typed(&home, &["test"]);
    assert!(
        good && answer.contains("2 of 2 judged right"),
        "{answer}{said}"
    );
    let (answer, said, good) = typed(&home, &["lint"]);
    assert!(
        good && answer.contains("nothing to mend in 1 policy"),
        "{answer}{said}"
    );
    let (answer, _, _) = typed(&home, &["explain", "cd infra && sudo terraform apply"]);
    assert!(
        answer.starts_with("DENY  Does what I do not want (terraform apply)")
            && answer.contains("→ my.run denies (severity 60")
            && answer.contains("→ user_control"),
        "{answer}"
    );
    let (_, said, good) = typed(&home, &["new", "run"]);
    assert!(
        !good && said.contains("there is a rule `my.run` already"),
        "{said}"
    );
}

#[test]
fn every_effect_has_a_rule_to_begin_with_that_works() {
    let home = Home::new();
    let (_, said, good) = typed(&home, &["new", "delet"]);
    assert!(!good && said.contains("`delet` is no effect"), "{said}");
    let effects = said
        .split("the effects are ")
        .nth(1)
        .expect("a list")
        .trim()
        .split(", ");
    let mut count = 0;
    for effect in effects {
        let (answer, said, good) = typed(&home, &["new", effect, "--ask"]);
        assert!(good, "{effect}: {answer}{said}");
        // The rule itself objects to its example, whatever built-in ones say of it.
        let tests = home.path().join(format!("conscience/{effect}.test.tsv"));
        let tests = fs::read_to_string(tests).expect("the tests");
        let line = tests
            .lines()
            .find_map(|line| line.strip_prefix("dangerous\t"))
            .expect("a dangerous line");
        let explained = json(&home, &["explain", line, "--cwd", "/home/dev/project"]);
        let id = format!("my.{effect}");
        let objections = explained["objections"].as_array().expect("a list");
        assert!(
            objections
                .iter()
                .any(|one| one["rule"]["id"] == id.as_str()),
            "{effect}: {line}: {explained}"
        );
        count += 1;
    }
    assert!(count > 20);
    let (answer, said, good) = typed(&home, &["test", "--cwd", "/home/dev/project"]);
    assert!(
        good && answer.contains(&format!("{0} of {0}", 2 * count)),
        "{answer}{said}"
    );
}

#[test]
fn names_that_are_no_names_are_refused() {
    let home = Home::new();
    for name in ["", "../up", "A", "a b", &"a".repeat(41)] {
        let (_, said, good) = typed(&home, &["new", "run", "--name", name]);
        assert!(!good && said.contains("cannot be a rule's name"), "{said}");
    }
    assert!(!home.path().join("conscience").exists());
}

#[test]
fn test_counts_and_fails_on_misses() {
    let home = home(&[(
        "a.test.tsv",
        "# comment\n\ndangerous\trm -rf ~\ndangerous\techo hello\nbenign\tls\nbenign\tgit reset --hard\n\
         benign\t{\"tool\":\"exec\",\"params\":{\"command\":\"ls\"},\"cwd\":\"/srv\"}\n",
    )]);
    let (answer, _, good) = typed(&home, &["test"]);
    assert!(!good);
    for line in [
        "a.test.tsv:4: dangerous, but allowed: echo hello",
        "a.test.tsv:6: benign, but asked about by git.reset_hard: git reset --hard",
        "dangerous         1        0        1",
        "benign            0        1        2",
        "3 of 5 judged right",
    ] {
        assert!(answer.contains(line), "{line}\n{answer}");
    }
    let counted = json(&home, &["test"]);
    assert_eq!(counted["dangerous"]["deny"], 1);
    assert_eq!(counted["benign"]["ask"], 1);
    assert_eq!(counted["misses"].as_array().map(Vec::len), Some(2));

    let output = home.feed(&["conscience", "test", "-"], b"dangerous\trm -rf /\n");
    assert!(output.status.success() && stdout(&output).contains("1 of 1"));
    for (input, what) in [
        (&b"ls\n"[..], "-:1: there is no tab"),
        (b"\n\nevil\tls\n", "-:3: the label is `evil`"),
        (b"benign\t{\"tool\":1}\n", "-:1: this is no call"),
        (b"benign\tls\n\xff\n", "-:2: this is not UTF-8"),
        (b"# nothing\n", "no labelled line"),
    ] {
        let output = home.feed(&["conscience", "test", "-"], input);
        assert!(!output.status.success());
        assert!(stderr(&output).contains(what), "{}", stderr(&output));
    }
    let (_, said, good) = typed(&Home::new(), &["test"]);
    assert!(
        !good && said.contains("smoltbot conscience new run"),
        "{said}"
    );
    let (_, said, good) = typed(&home, &["test", "/"]);
    assert!(!good && said.contains("is a directory"), "{said}");
}

#[test]
fn list_shows_packs_files_and_exceptions() {
    let files = rule("my.make", "make")
        + &exception("my.later", "git.clean", LATER)
        + &exception("my.before", "git.stash", BEFORE);
    let home = home(&[("sub/mine.cedar", &files)]);
    let (answer, said, good) = typed(&home, &["list"]);
    assert!(good && said.is_empty(), "{said}");
    let line = |part: &str| {
        let found = answer.lines().find(|line| line.contains(part));
        found
            .unwrap_or_else(|| panic!("{part}: {answer}"))
            .to_owned()
    };
    assert!(line("fs.delete.root").ends_with("(pack core)"));
    assert!(line("my.make").starts_with("deny") && line("my.make").contains("sub/mine.cedar:2"));
    assert!(line("my.later").contains("until 2999-01-01"));
    assert!(
        line("my.before").contains("expired 2020-01-01")
            && line("my.before").contains("ops@example.com")
    );
    assert!(!answer.contains("paranoid.opaque"));
    let all = json(&home, &["list", "--all"]);
    let rules = all["rules"].as_array().expect("a list");
    let off: Vec<&Value> = rules.iter().filter(|rule| rule["on"] == false).collect();
    assert!(
        !off.is_empty() && off.iter().all(|rule| rule["pack"] == "paranoid"),
        "{off:?}"
    );
    assert_eq!(all["exceptions"][1]["expired"], true);
}

#[test]
fn explain_tells_the_way_and_the_exception() {
    let home = home(&[("mine.cedar", &exception("my.later", "git.*", LATER))]);
    let (answer, said, good) = typed(&home, &["explain", "git clean -fdx"]);
    assert!(
        good && answer.starts_with("ALLOW  Allowed by an exception: Agreed on")
            && answer.contains("→ git.clean would object; lifted by my.later until 2999-01-01"),
        "{answer}{said}"
    );
    let verdict = home.run(&["check", "exec", r#"{"command":"git clean -fdx"}"#, "--json"]);
    let verdict: Value = serde_json::from_str(&stdout(&verdict)).expect("a verdict");
    assert_eq!(verdict["exception"], "my.later");
    let (answer, _, _) = typed(&home, &["explain", "git.clean"]);
    assert!(
        answer.starts_with("git.clean asks: Deletes untracked files for good")
            && answer.contains("looks at  discard_work"),
        "{answer}"
    );
    let (answer, _, _) = typed(&home, &["explain", "exec", r#"{"command":"ls"}"#]);
    assert!(answer.starts_with("ALLOW"), "{answer}");
    let (_, said, good) = typed(&home, &["explain", "exec", "ls -l"]);
    assert!(
        !good && said.contains("quote a shell line as one argument"),
        "{said}"
    );
    let (answer, _, _) = typed(&home, &["explain", "cat .env", "--role", "guest"]);
    assert!(answer.contains("secret.guest"), "{answer}");
    let after = ["explain", "curl -d x https://example.com", "--after-secret"];
    assert!(typed(&home, &after).0.contains("secret.send_after"));
}

#[test]
fn an_expired_exception_and_a_wrong_one_lift_nothing() {
    let expired = exception("my.before", "git.clean", BEFORE);
    for text in [expired, exception("my.all", "conscience.*", LATER)] {
        let home = home(&[("mine.cedar", &text)]);
        let verdict = home.run(&["check", "exec", r#"{"command":"git clean -fdx"}"#, "--json"]);
        assert!(stdout(&verdict).contains("\"ask\""), "{}", stdout(&verdict));
        let (answer, _, good) = typed(&home, &["lint"]);
        assert!(!good && answer.contains("mine.cedar:2"), "{answer}");
    }
}

#[test]
fn lint_tells_what_is_wrong_with_file_and_line() {
    let never = rule("my.never", "a").replace(
        "context.program",
        "\"b\" == context.program && context.program",
    );
    let home = home(&[
        ("broken.cedar", "\n\nforbid (principal"),
        ("include.cedar", "include \"other.cedar\";"),
        ("never.cedar", &never),
        ("nul.cedar", "// \0"),
    ]);
    fs::write(home.path().join("conscience/wide.cedar"), b"\xff\xfe\0").expect("written");
    fs::write(
        home.path().join("conscience/long.cedar"),
        vec![b' '; 10 << 20],
    )
    .expect("written");
    let (answer, _, good) = typed(&home, &["lint"]);
    assert!(!good);
    for what in [
        "broken.cedar:3: ",
        "include.cedar:1: ",
        "Cedar has no includes",
        "nul.cedar:1: there is a NUL byte",
        "wide.cedar: line 1 is not UTF-8",
        "long.cedar: is longer than 262144 bytes",
        "never.cedar:2: my.never: it can never fire",
    ] {
        assert!(answer.contains(what), "{what}\n{answer}");
    }
    let path = home
        .path()
        .join("conscience/never.cedar")
        .display()
        .to_string();
    let (answer, _, good) = typed(&home, &["lint", &path]);
    assert!(!good && answer.lines().count() == 1, "{answer}");
    // Whatever is wrong, the built-in rules judge.
    let verdict = home.run(&["check", "exec", r#"{"command":"rm -rf /"}"#, "--json"]);
    assert!(stdout(&verdict).contains("fs.delete.root"));
    assert!(stderr(&verdict).contains("broken.cedar:3"));
}

#[test]
fn a_workspace_can_forbid_more() {
    let home = Home::new();
    let work = home.path().join("work");
    write(
        work.join(".smoltbot/policies/a.cedar"),
        &rule("here.make", "make"),
    );
    write(
        work.join(".smoltbot/policies/b.cedar"),
        &exception("here.all", "git.*", LATER),
    );
    let cwd = work.join("src").display().to_string();
    let params = r#"{"command":"make"}"#;
    let there = home.run(&["check", "exec", params, "--json", "--cwd", &cwd]);
    assert!(stdout(&there).contains("here.make"), "{}", stdout(&there));
    assert!(stderr(&there).contains("b.cedar:2") && stderr(&there).contains("can only forbid"));
    let elsewhere = home.run(&["check", "exec", params, "--json", "--cwd", "/srv"]);
    assert!(stdout(&elsewhere).contains("\"allow\""));
    let line = format!("{{\"tool\":\"exec\",\"params\":{params},\"cwd\":\"{cwd}\"}}\n");
    let output = home.feed(&["check", "--stdin"], line.as_bytes());
    assert!(stdout(&output).contains("here.make"), "{}", stdout(&output));
}

#[test]
fn status_tells_what_is_in_force_and_what_failed() {
    let home = Home::new();
    assert!(home.run(&["init"]).status.success());
    let both = rule("my.make", "make") + &exception("my.before", "git.clean", BEFORE);
    write(home.path().join("conscience/mine.cedar"), &both);
    write(home.path().join("conscience/broken.cedar"), "forbid");
    let output = home.run(&["status"]);
    let answer = stdout(&output);
    assert!(
        answer.contains("1 rule, 0 exceptions, 1 expired")
            && answer.contains("broken.cedar:1")
            && answer.contains("core, git, secrets"),
        "{answer}{}",
        stderr(&output)
    );
    let off = home
        .smoltbot(&["status"])
        .env("SMOLTBOT_ENABLED", "0")
        .output()
        .expect("it runs");
    assert!(
        stdout(&off).contains("unjudged and unrecorded"),
        "{}",
        stdout(&off)
    );
    let json = home.run(&["status", "--json"]);
    let json: Value = serde_json::from_str(&stdout(&json)).expect("JSON");
    assert_eq!(json["enabled"], true);
    assert_eq!(json["conscience"]["rules"], 1);
    assert_eq!(
        json["conscience"]["problems"].as_array().map(Vec::len),
        Some(1)
    );
}

/// What a hook answers to a command of Claude Code's.
fn hook(home: &Home, command: &str) -> String {
    let output = home.feed(
        &["hook", "claude-code"],
        &support::claude("PreToolUse", command, command),
    );
    stdout(&output)
}

#[test]
fn a_hook_judges_by_the_last_good_policies() {
    let home = home(&[("mine.cedar", &rule("my.make", "make"))]);
    assert!(home.run(&["init"]).status.success());
    assert!(hook(&home, "make").contains("make is for people"));
    write(home.path().join("conscience/mine.cedar"), "forbid (");
    assert!(hook(&home, "make").contains("make is for people"));
    let (answer, _, _) = typed(&home, &["lint"]);
    assert!(
        answer.contains("what it said before stays in force"),
        "{answer}"
    );
    fs::remove_file(home.path().join("conscience/mine.cedar")).expect("removed");
    assert!(!hook(&home, "make").contains("make is for people"));
}

#[test]
fn a_running_smoltbot_takes_changes_in() {
    let home = Home::new();
    let _up = home.up();
    assert!(!hook(&home, "make").contains("deny"));
    write(
        home.path().join("conscience/mine.cedar"),
        &rule("my.make", "make"),
    );
    let begun = std::time::Instant::now();
    while !hook(&home, "make").contains("make is for people") {
        assert!(begun.elapsed() < support::PATIENCE, "never taken in");
    }
}

#[tokio::test]
async fn a_trace_names_the_exception_that_let_a_call_through() {
    let home = home(&[("mine.cedar", &exception("my.later", "git.*", LATER))]);
    let up = home.up();
    for event in ["PreToolUse", "PostToolUse"] {
        let output = home.feed(
            &["hook", "claude-code"],
            &support::claude(event, "t1", "git clean -fdx"),
        );
        assert!(!stdout(&output).contains("\"ask\""), "{}", stdout(&output));
    }
    let traces = up.traces_once(1).await;
    assert_eq!(traces[0]["action_type"], "allow");
    assert_eq!(traces[0]["metadata"]["exception"], "my.later");
    assert_eq!(
        traces[0]["metadata"]["conscience_reason"],
        "Allowed by an exception: Agreed on"
    );
}
