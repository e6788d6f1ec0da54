//! The readers of code, PowerShell and cmd.exe take whatever they are given: no text makes them panic, and what they
//! can't follow is said.

mod common;

use aap::{Decision, ToolCall};
use common::shell;
use conscience::{Conscience, NoWorld};
use proptest::prelude::*;
use serde_json::json;

/// What each is given its text by.
const PROGRAMS: &[&str] = &[
    "python3 -c",
    "perl -e",
    "perl -ne",
    "ruby -e",
    "node -e",
    "php -r",
    "lua -e",
    "awk",
    "Rscript -e",
    "julia -e",
    "elixir -e",
    "groovy -e",
    "emacs --eval",
    "osascript -e",
    "scala -e",
    "pwsh -c",
    "cmd /c",
    "tmux new",
    "parallel",
    "make --eval",
    "sed",
    "vim -c",
    "gdb -ex",
    "mise x",
    "npx -c",
];

/// Pieces of all their languages: brackets and quotes that don't close, keywords, names of what does harm.
const PIECES: &str = "( ) [ ] { } \" ' ` $ $( ${ @( @{ % | || & && ; , . .. ... :: -> => = += == + - * / \\ # <# #> < > >> << ! ? : ~ ^ \
    é 日 \u{2019} a x f _ $_ $x 0 -1 0x rm -rf /etc eval exec system unlink os import from as for in if while def function \
    lambda sub my qw( q( qq{ %w[ %x( f\" r\" \"\"\" ''' join format split map chr append getattr require const let async await \
    do end each |x| print open fs rmSync ri Remove-Item -Recurse iex foreach param( try catch switch return -f -join \
    -replace [char] [IO.File]:: Delete .Invoke( $env:HOME @args @\" \"@ `n %a% !a! del rd /s set BEGIN getline $0 <<< |> #{ (let";

fn soup() -> impl Strategy<Value = String> {
    let pieces: Vec<&'static str> = PIECES.split_ascii_whitespace().collect();
    let piece = (
        prop::sample::select(pieces),
        prop::sample::select(vec!["", "", " ", "\n"]),
    );
    prop::collection::vec(piece, 0..48).prop_map(|all| {
        all.into_iter()
            .flat_map(|(piece, blank)| [piece, blank])
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_program_makes_a_reader_panic(text in soup()) {
        let conscience = Conscience::builtin();
        for program in PROGRAMS {
            let quoted = text.replace('\'', "'\\''");
            conscience.judge(&shell(&format!("{program} '{quoted}'")), &NoWorld);
            let name = program.split(' ').next().unwrap_or(program);
            conscience.judge(&shell(&format!("{name} - <<'END'\n{text}\nEND")), &NoWorld);
        }
        for tool in ["powershell", "cmd"] {
            conscience.judge(&ToolCall::new("t", tool, json!({ "command": text })), &NoWorld);
        }
    }
}

fn decision(line: &str) -> Decision {
    Conscience::builtin().judge(&shell(line), &NoWorld).decision
}

#[test]
fn values_are_followed_through_code() {
    for (line, wanted) in [
        (
            "python3 -c \"import shutil as s; p='/'; p+='etc'; f=s.rmtree; f(p)\"",
            Decision::Deny,
        ),
        (
            "python3 -c \"import shutil as s; p='./'; p+='out'; f=s.rmtree; f(p)\"",
            Decision::Allow,
        ),
        (
            "node -e \"const w=(p)=>require('fs').rmSync(p,{recursive:true}); w('/etc')\"",
            Decision::Deny,
        ),
        (
            "node -e \"const w=(p)=>require('fs').rmSync(p,{recursive:true}); w('dist')\"",
            Decision::Allow,
        ),
        (
            "perl -e 'my @a=(\"rm\",\"-rf\",\"/etc\"); system(@a)'",
            Decision::Deny,
        ),
        (
            "perl -e 'my @a=(\"rm\",\"-rf\",\"out\"); system(@a)'",
            Decision::Allow,
        ),
    ] {
        assert_eq!(decision(line), wanted, "{line}");
    }
}

#[test]
fn powershell_is_read_with_its_abbreviations() {
    for (line, wanted) in [
        ("pwsh -c 'gci ~ -r | ri -fo -r'", Decision::Deny),
        ("pwsh -c 'gci out -r | ri -fo -r'", Decision::Allow),
        ("pwsh -c 'ri ~ -r -fo -WhatIf'", Decision::Allow),
        (
            "powershell -enc cgBtACAALQByACAALQBmAG8AIAAvAA==",
            Decision::Deny,
        ),
        ("cmd /c \"rd /s /q %USERPROFILE%\"", Decision::Deny),
        ("cmd /c \"rd /s /q build\"", Decision::Allow),
    ] {
        assert_eq!(decision(line), wanted, "{line}");
    }
}

#[test]
fn a_container_sees_what_is_mounted() {
    assert_eq!(
        decision("docker run --rm -v /etc:/e alpine rm -rf /e/ssl"),
        Decision::Deny
    );
    assert_eq!(
        decision("docker run --rm -v $PWD:/w alpine rm -rf /w/dist /etc/ssl"),
        Decision::Allow
    );
}
