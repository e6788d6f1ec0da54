//! Command lines that are told by their words alone: a table of forms for each program, each with what it does.
//!
//! In scope: package managers and registries, settings of git and its forges, services, kernel, accounts, firewalls, boot
//! and clock, and what makes something run again later. Not in scope: programs whose files, texts or addresses must be
//! followed (the sibling rooms do that, and read the same call after this one).

pub(crate) mod fetched;
mod git;
mod lasting;
mod machine;
mod packages;
mod sources;

use super::{args::Call, tree};
use crate::{
    effect::{Effect, EffectKind},
    shell::{Shell, flow::Flow},
};

/// One form of a command line.
///
/// Its terms stand between blanks, and all must be met. A term is words between `|`: one of the arguments must be one of
/// them. `1:` and `2:` before a term want it of the first and second operand, `!` wants that no argument is one of
/// them. `*` before or after a word stands for any text, `*` alone for itself.
type Form = (&'static str, EffectKind, &'static str);

/// Notes what the form of a command line says.
pub(crate) fn read(shell: &mut Shell<'_>, call: &Call<'_>) {
    // `python3 -m pip …` is `pip …`.
    if call.name.starts_with("python")
        && let [flag, module, rest @ ..] = call.args
        && flag.text == "-m"
    {
        let call = Call {
            name: module.text.as_str(),
            args: rest,
            stdin: call.stdin,
        };
        return read(shell, &call);
    }
    fetched::read(shell, call);
    let forms = [
        packages::forms(call.name),
        git::forms(call.name),
        machine::forms(call.name),
        lasting::forms(call.name),
    ];
    if forms.iter().all(|forms| forms.is_empty()) && !sources::knows(call.name) {
        return;
    }
    if tree::rehearsed(call) || call.any(&["-h", "--version"]) && call.args.len() == 1 {
        return;
    }
    let inner = git::inner(call);
    let call = inner.as_ref().unwrap_or(call);
    let operands = operands(call);
    for (words, kind, manner) in forms.iter().copied().flatten() {
        if meets(call, operands, words) {
            shell.emit(
                Effect::new(*kind, shown(call))
                    .manner(manner)
                    .program(call.name),
            );
            break;
        }
    }
    sources::read(shell, call);
    aliases(shell, call);
}

/// `gh alias set x '!command'`: a command under another name.
fn aliases(shell: &mut Shell<'_>, call: &Call<'_>) {
    if call.name == "gh" && call.operand(0) == "alias" && call.operand(1) == "set" {
        for arg in call.args.iter().filter(|arg| arg.text.contains(' ')) {
            let text = arg.text.trim_start_matches('!');
            if text.len() < arg.text.len() || call.any(&["-s", "--shell"]) {
                shell.subshell(text, &Flow::default());
            }
        }
    }
}

/// The command line in short, for people to read.
fn shown(call: &Call<'_>) -> String {
    let mut text = call.name.to_owned();
    for arg in call.args.iter().take(4) {
        text.push(' ');
        text.extend(arg.text.chars().take(60));
    }
    text
}

/// The first two operands of a call: what `1:` and `2:` are about.
fn operands<'a>(call: &Call<'a>) -> [Option<&'a str>; 2] {
    let mut operands = call
        .args
        .iter()
        .map(|arg| arg.text.as_str())
        .filter(|text| !text.starts_with('-'));
    [operands.next(), operands.next()]
}

/// Whether a call has a form.
fn meets(call: &Call<'_>, operands: [Option<&str>; 2], form: &str) -> bool {
    form.split(' ').all(|term| {
        let (place, words) = match term.as_bytes() {
            [b'1', b':', ..] => (Some(0), &term[2..]),
            [b'2', b':', ..] => (Some(1), &term[2..]),
            _ => (None, term),
        };
        if let Some(place) = place {
            return operands[place]
                .is_some_and(|operand| words.split('|').any(|word| like(word, operand)));
        }
        let (wanted, words) = match term.strip_prefix('!') {
            Some(words) => (false, words),
            None => (true, words),
        };
        let found = call
            .args
            .iter()
            .any(|arg| words.split('|').any(|word| like(word, &arg.text)));
        found == wanted
    })
}

/// Whether a text is a word, where `*` within it stands for any text.
fn like(word: &str, text: &str) -> bool {
    if word == "*" || !word.contains('*') {
        return word == text;
    }
    let mut parts = word.split('*');
    let Some(mut rest) = parts.next().and_then(|start| text.strip_prefix(start)) else {
        return false;
    };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::flow::Field;

    fn met(form: &str, line: &str) -> bool {
        let args: Vec<Field> = line.split(' ').map(Field::known).collect();
        let stdin = Flow::default();
        let call = Call {
            name: "x",
            args: &args,
            stdin: &stdin,
        };
        meets(&call, operands(&call), form)
    }

    #[test]
    fn forms_are_met_by_all_their_terms() {
        assert!(met("1:config 2:set strict-ssl", "-g config set strict-ssl"));
        assert!(!met("1:config 2:get", "config set get"));
        assert!(met("-P|--purge", "x --purge"));
        assert!(met("--prune=*", "--prune=now"));
        assert!(met("*evil*", "anevilword"));
        assert!(met("*.rpm", "a.rpm"));
        assert!(met("a*c*e", "abcde"));
        assert!(!met("a*c*e", "abde"));
        assert!(!met("a*a", "a"));
        assert!(!met("x !-n", "x -n"));
        assert!(met("x !-n", "x"));
        assert!(met("1:*", "*"));
        assert!(!met("1:*", "x"));
        assert!(met("1:**", "x"));
    }
}
