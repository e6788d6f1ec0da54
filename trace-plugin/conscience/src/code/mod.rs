//! Programs in Python, Perl, Ruby, JavaScript, PHP, Lua, awk and others that come with the line itself. Their values are
//! followed through names, texts and calls as far as that can be done without running them.

mod acts;
mod awk;
mod calls;
mod eval;
mod files;
mod language;
mod literals;
mod member;
mod names;
mod table;
mod token;
pub(crate) mod value;
mod whole;

pub(crate) use language::{Language, language};

use crate::{
    effect::{Effect, EffectKind},
    host,
    limits::MAX_TEXT_BYTES,
    programs::Call,
    shell::{
        Shell,
        flow::{Field, Flow, Taint},
    },
};
use eval::Reader;

/// What an interpreter is given: its programs, and the words that they are called with.
struct Given {
    codes: Vec<Field>,
    words: Vec<Field>,
    /// Awk's `-v name=value`.
    assigned: Vec<(String, Field)>,
}

/// The code on the line of an interpreter, and what follows it.
fn given(call: &Call<'_>, language: Language) -> Given {
    let options = language.code_options();
    let clusters = match language {
        Language::Python => "c",
        Language::Perl => "eE",
        Language::Ruby => "e",
        _ => "",
    };
    let mut out = Given {
        codes: Vec::new(),
        words: Vec::new(),
        assigned: Vec::new(),
    };
    let mut args = call.args.iter();
    let mut ended = false;
    while let Some(arg) = args.next() {
        let text = arg.text.as_str();
        let cluster = text.len() > 2
            && text.starts_with('-')
            && !text.starts_with("--")
            && text.ends_with(|c: char| clusters.contains(c));
        if !ended
            && (options.contains(&text) || cluster && (flags(text) || language == Language::Python))
        {
            out.codes.extend(args.next().cloned());
            // Python's code ends its options.
            ended = language == Language::Python;
        } else if let Some(code) = options
            .iter()
            .filter(|option| option.starts_with("--"))
            .find_map(|option| text.strip_prefix(option)?.strip_prefix('='))
        {
            out.codes.push(Field {
                text: code.to_owned(),
                ..arg.clone()
            });
        } else if !ended
            && text.len() > 2
            && text.starts_with("-e")
            && clusters.contains('e')
            && text.contains(' ')
        {
            out.codes.push(Field {
                text: text[2..].to_owned(),
                ..arg.clone()
            });
        } else if ended || !text.starts_with('-') || text == "-" {
            out.words.push(arg.clone());
        } else if matches!(
            text,
            "-F" | "-v" | "-f" | "--file" | "-W" | "-X" | "-r" | "--require" | "--input-type"
        ) && language != Language::Perl
            && !(language == Language::Ruby && text == "-r" && !text.is_empty() && text.len() > 2)
        {
            let value = args.next();
            if language == Language::Awk
                && text == "-v"
                && let Some((name, value, field)) = value.and_then(|field| {
                    let (name, value) = field.text.split_once('=')?;
                    Some((name.to_owned(), value.to_owned(), field.clone()))
                })
            {
                out.assigned.push((
                    name,
                    Field {
                        text: value,
                        ..field
                    },
                ));
            }
        }
    }
    if language == Language::Awk && out.codes.is_empty() && !out.words.is_empty() {
        out.codes.push(out.words.remove(0));
    }
    out
}

/// Whether an option is a cluster of one-letter flags, such as `-lane`.
fn flags(text: &str) -> bool {
    !text.starts_with("-M")
        && !text.starts_with("-I")
        && !text.starts_with("-m")
        && !text.starts_with("-r")
        && text
            .chars()
            .skip(1)
            .all(|c| c.is_ascii_alphanumeric() || c == '.')
}

impl Shell<'_> {
    /// An interpreter with its arguments: code on the line, in a file that the line has written, or on standard input.
    pub(crate) fn interpreter(&mut self, call: &Call<'_>, language: Language) -> Flow {
        let given = given(call, language);
        let in_place = matches!(language, Language::Perl | Language::Ruby)
            && call.args.iter().any(|arg| {
                arg.text.starts_with("-i") || arg.text.starts_with("-p") && arg.text.contains('i')
            });
        if in_place {
            for file in &given.words {
                self.write(file, false, &Flow::unforeseen(), call.name);
            }
        }
        let mut input = call.stdin.clone();
        // What the program goes through line by line.
        let lines = language == Language::Awk
            || matches!(language, Language::Perl | Language::Ruby)
                && call.args.iter().any(|arg| {
                    flags(&arg.text) && arg.text.starts_with('-') && arg.text.contains(['n', 'p'])
                });
        if lines && !given.codes.is_empty() {
            for file in given.words.iter().filter(|word| !word.text.contains('=')) {
                input = input.then(&self.read(file, call.name));
            }
        }
        let mut out = Flow::text("");
        for code in &given.codes {
            self.code_taint(&code.taint, call.name);
            let said = self.program_text(
                &code.text,
                language,
                call.name,
                &input,
                &given.words,
                &given.assigned,
            );
            out = out.then(&said);
        }
        if !given.codes.is_empty() || call.word("-m") {
            if call.any(&["timeit"]) {
                for code in &given.words {
                    self.read_code(&code.text, language, call.name);
                }
            }
            out.taint.merge(&input.taint);
            let followed = input.text.is_some()
                || (input.taint.listing.as_ref()).is_some_and(|listing| listing.contains('/'));
            if given.codes.is_empty() || lines && !followed {
                out.text = None;
                out.taint.unforeseen = true;
            }
            return out;
        }
        let skipped = ["run", "-"];
        let file = given
            .words
            .iter()
            .find(|word| !skipped.contains(&word.text.as_str()));
        match file {
            Some(file)
                if file.text != "/dev/stdin"
                    && !given.words.iter().any(|word| word.text == "-") =>
            {
                if let Some(flow) = self.script(file) {
                    return self.run_code(&flow, language, call.name);
                }
                let peer = host::of_url(&file.text);
                if file.text.contains("://") && !host::is_local(&peer) {
                    self.emit(Effect::new(EffectKind::RunDownloaded, peer).program(call.name));
                }
                for (ending, name) in [
                    ("manage.py", "manage.py"),
                    ("artisan", "artisan"),
                    ("bin/console", "console"),
                ] {
                    if file.text.ends_with(ending) {
                        let tool = Call {
                            name,
                            args: call.args,
                            stdin: call.stdin,
                        };
                        return crate::programs::read(self, &tool);
                    }
                }
                Flow::unforeseen()
            }
            _ if call.stdin.connected => self.run_code(&call.stdin.clone(), language, call.name),
            _ => Flow::unforeseen(),
        }
    }

    pub(crate) fn code_taint(&mut self, taint: &Taint, program: &str) {
        if let Some(host) = &taint.downloaded {
            self.emit(Effect::new(EffectKind::RunDownloaded, host.clone()).program(program));
        }
        if taint.decoded {
            self.emit(Effect::new(EffectKind::RunHidden, "").program(program));
        }
    }

    fn run_code(&mut self, flow: &Flow, language: Language, program: &str) -> Flow {
        self.code_taint(&flow.taint, program);
        match &flow.text {
            Some(text) => self.program_text(
                &text.clone(),
                language,
                program,
                &Flow::unforeseen(),
                &[],
                &[],
            ),
            None => Flow::unforeseen(),
        }
    }

    /// Notes the effects of a program's text.
    pub(crate) fn read_code(&mut self, code: &str, language: Language, program: &str) {
        self.program_text(code, language, program, &Flow::unforeseen(), &[], &[]);
    }

    /// Code that another program hands to its interpreter.
    fn nested_code(&mut self, text: &str, language: Language, program: &str) {
        if self.deeper() {
            self.read_code(text, language, program);
        }
        self.shallower();
    }

    /// Reads a program that is given `input` and `words`; answers what it prints.
    fn program_text(
        &mut self,
        code: &str,
        language: Language,
        program: &str,
        input: &Flow,
        words: &[Field],
        assigned: &[(String, Field)],
    ) -> Flow {
        if code.len() > MAX_TEXT_BYTES {
            self.opaque("too_long", program);
            return Flow::unforeseen();
        }
        // A line for the shell in an interactive interpreter.
        if language == Language::Python && program.starts_with("ipython") {
            for line in code
                .lines()
                .filter_map(|line| line.trim().strip_prefix('!'))
            {
                self.subshell(line, &Flow::default());
            }
        }
        if !self.work(code.len() / 16) {
            return Flow::unforeseen();
        }
        self.look_at_whole(code, language, program);
        let cwd = self.scope.cwd.clone();
        let mut reader = Reader::new(self, language, program);
        reader.input = input.clone();
        reader.given = words.to_vec();
        for (name, field) in assigned {
            let value = value::Value::Text(Box::new(field.clone()));
            reader.names.insert(name.clone(), value);
        }
        let said = reader.program(code);
        self.scope.cwd = cwd;
        said
    }
}
