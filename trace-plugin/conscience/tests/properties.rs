//! Properties: nothing panics, and how a command is quoted or wrapped does not change the verdict.

#![allow(clippy::format_collect)]

mod common;

use aap::{Decision, ToolCall};
use common::shell;
use conscience::{Conscience, NoWorld};
use proptest::prelude::*;
use serde_json::{Value, json};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        line().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let key = prop_oneof![
            Just("command"),
            Just("path"),
            Just("args"),
            Just("query"),
            Just("url"),
            Just("input"),
            Just("action"),
            Just("env"),
            Just("x")
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key, inner), 0..6).prop_map(|pairs| pairs
                .into_iter()
                .map(|(k, v)| (k.to_owned(), v))
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    })
}

/// Text that is nearly shell.
fn line() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("rm -rf "),
        Just("/"),
        Just("~"),
        Just("$("),
        Just(")"),
        Just("`"),
        Just("'"),
        Just("\""),
        Just("\\"),
        Just("${"),
        Just("}"),
        Just("{a,b}"),
        Just("<<EOF\n"),
        Just("\nEOF\n"),
        Just("|"),
        Just("&&"),
        Just(";"),
        Just("&"),
        Just(">"),
        Just("<("),
        Just("$'"),
        Just("x=1 "),
        Just("if "),
        Just("then "),
        Just("fi"),
        Just("for i in "),
        Just("do "),
        Just("done"),
        Just("case "),
        Just("in "),
        Just("esac"),
        Just("f() {"),
        Just("curl "),
        Just("sh "),
        Just("-c "),
        Just("python -c "),
        Just("find . -exec "),
        Just("99999999999999999999"),
        Just("~99999999999999999999"),
        Just("{1..99999999999999999999}"),
        Just("$((1+"),
        Just("))"),
        Just("[["),
        Just("]]"),
        Just("é"),
        Just("\0"),
        Just(" "),
        Just("\n"),
        Just("git push "),
        Just("sed -i "),
        Just("${x:0:-5}"),
        Just("${x//a/b}"),
        Just("tr a b"),
        Just("base64 -d"),
        Just("tar cf "),
        Just("--"),
        Just("-"),
        Just("=")
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_line_makes_it_panic(line in line()) {
        Conscience::builtin().judge(&shell(&line), &NoWorld);
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), cwd in proptest::option::of(any::<String>())) {
        let mut call = shell(&text);
        call.cwd = cwd;
        Conscience::builtin().explain(&call, &NoWorld);
        for program in ["python3 -c ", "awk ", "perl -e ", "node -e ", "psql -c ", "printf ", "chmod ", "dd "] {
            Conscience::builtin().judge(&ToolCall::new("t", "exec", json!({"command": [program.trim(), "-c", text]})), &NoWorld);
            Conscience::builtin().judge(&shell(&format!("{program}{text}")), &NoWorld);
        }
    }

    #[test]
    fn no_parameters_make_it_panic(tool in prop_oneof![Just("exec".to_owned()), Just("read".to_owned()), Just("write".to_owned()), Just("delete".to_owned()), Just("move".to_owned()),
        Just("apply_patch".to_owned()), Just("web_fetch".to_owned()), Just("sql".to_owned()), ".{0,20}"], params in value()) {
        Conscience::builtin().judge(&ToolCall::new("test", tool, params), &NoWorld);
    }

    #[test]
    fn quoting_changes_nothing(
        command in prop::sample::select(vec!["rm -rf /", "rm -rf ./target", "git push --force origin main", "cat /etc/shadow", "ls -la", "dd if=/dev/zero of=/dev/sda", "git status", "chmod -R 777 /"]),
        style in prop::collection::vec(0usize..6, 6),
        wrapper in prop::sample::select(vec!["", "sudo ", "env A=1 ", "nohup ", "timeout 5 ", "true && ", "false || ", "ls; ", "{ "]),
    ) {
        let conscience = Conscience::builtin();
        let plain = conscience.judge(&shell(command), &NoWorld);
        let quoted: Vec<String> = command.split(' ').zip(style.iter().cycle()).map(|(word, style)| quote(word, *style)).collect();
        let mut line = format!("{wrapper}{}", quoted.join(" "));
        if wrapper == "{ " {
            line.push_str("; }");
        }
        let other = conscience.judge(&shell(&line), &NoWorld);
        prop_assert_eq!(plain, other, "{}", line);
    }

    #[test]
    fn what_is_echoed_is_only_said(text in "[a-z /.~-]{0,20}") {
        let verdict = Conscience::builtin().judge(&shell(&format!("echo 'rm -rf / {text}'")), &NoWorld);
        prop_assert_eq!(verdict.decision, Decision::Allow);
    }
}

fn quote(word: &str, style: usize) -> String {
    match style {
        0 => word.to_owned(),
        1 => format!("'{word}'"),
        2 => format!("\"{word}\""),
        3 => word.chars().map(|c| format!("\\{c}")).collect(),
        4 => format!(
            "$'{}'",
            word.bytes()
                .map(|b| format!("\\x{b:02x}"))
                .collect::<String>()
        ),
        _ => word.chars().map(|c| format!("{c}''")).collect(),
    }
}
