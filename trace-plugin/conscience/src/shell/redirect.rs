//! Redirections: where standard input comes from and where output goes.

use brush_parser::ast::{
    IoFileRedirectKind as Kind, IoFileRedirectTarget as Target, IoRedirect, ProcessSubstitutionKind,
};

use super::{
    Shell,
    flow::{Field, Flow},
};
use crate::effect::{Effect, EffectKind};

/// The redirections of one command.
#[derive(Default)]
pub(super) struct Redirects {
    pub(super) stdin: Option<Flow>,
    /// Files that output goes to, and whether it is added.
    outs: Vec<(Field, bool)>,
    /// Files that only messages go to.
    messages: Vec<Field>,
    /// A host that input or output is connected to through `/dev/tcp`.
    socket: Option<String>,
}

impl Shell<'_> {
    pub(super) fn redirect(&mut self, redirect: &IoRedirect, all: &mut Redirects, stdin: &Flow) {
        match redirect {
            IoRedirect::HereDocument(_, document) => {
                let flow = if document.requires_expansion {
                    flow_of(self.expand_body(&document.doc.value))
                } else {
                    Flow::text(document.doc.value.clone())
                };
                all.stdin = Some(flow);
            }
            IoRedirect::HereString(_, word) => {
                all.stdin = Some(flow_of(self.expand_one(&word.value)));
            }
            IoRedirect::OutputAndError(word, append) => {
                let field = self.expand_one(&word.value);
                add_out(all, field, *append);
            }
            IoRedirect::File(fd, kind, target) => match target {
                Target::Filename(word) => {
                    let field = self.expand_one(&word.value);
                    match kind {
                        Kind::Read | Kind::DuplicateInput => self.input(all, &field),
                        // Messages on standard error are not the data.
                        _ if *fd == Some(2) && socket_host(&field.text).is_none() => {
                            all.messages.push(field);
                        }
                        Kind::Write
                        | Kind::Clobber
                        | Kind::ReadAndWrite
                        | Kind::DuplicateOutput => add_out(all, field, false),
                        Kind::Append => add_out(all, field, true),
                    }
                }
                Target::Duplicate(word) => {
                    let field = self.expand_one(&word.value);
                    if !field
                        .text
                        .trim_end_matches('-')
                        .chars()
                        .all(|c| c.is_ascii_digit())
                    {
                        if matches!(kind, Kind::DuplicateInput | Kind::Read) {
                            self.input(all, &field);
                        } else {
                            add_out(all, field, false);
                        }
                    }
                }
                Target::ProcessSubstitution(direction, inner) => {
                    let scope = self.scope.clone();
                    match direction {
                        ProcessSubstitutionKind::Read => {
                            all.stdin = Some(self.list(&inner.list, &Flow::default()));
                        }
                        ProcessSubstitutionKind::Write => {
                            self.list(&inner.list, stdin);
                        }
                    }
                    self.scope = scope;
                }
                Target::Fd(_) => {}
            },
        }
    }

    fn input(&mut self, all: &mut Redirects, field: &Field) {
        if let Some(host) = socket_host(&field.text) {
            all.socket = Some(host.clone());
            let mut flow = Flow::unforeseen();
            flow.taint.downloaded = Some(host);
            all.stdin = Some(flow);
        } else {
            all.stdin = Some(self.read(field, "<"));
        }
    }

    /// Sends `out` where the redirections say; answers what is left for the next command in the pipe.
    pub(super) fn deliver(&mut self, all: &Redirects, out: Flow, program: &str) -> Flow {
        if let Some(host) = &all.socket {
            let name = program.rsplit('/').next().unwrap_or(program);
            if matches!(
                name,
                "bash" | "sh" | "zsh" | "dash" | "ksh" | "exec" | "csh" | "tcsh" | "ash" | "shell"
            ) {
                self.emit(Effect::new(EffectKind::RemoteShell, host.clone()).program(name));
            }
            self.send(host, &out, program);
        }
        for field in &all.messages {
            self.write(field, false, &Flow::unforeseen(), program);
        }
        if all.outs.is_empty() {
            return out;
        }
        for (field, append) in &all.outs {
            self.write(field, *append, &out, program);
            self.fill(field, &out, program);
        }
        Flow::text("")
    }

    /// Endless data into a file fills the disk.
    fn fill(&mut self, field: &Field, out: &Flow, program: &str) {
        if out.taint.bulk == Some("endless data") && !field.text.starts_with("/dev/") {
            self.emit(
                Effect::new(EffectKind::Exhaust, "disk")
                    .manner("fill")
                    .program(program),
            );
        }
    }
}

fn flow_of(field: Field) -> Flow {
    let known = field.is_known();
    Flow {
        text: known.then_some(field.text),
        taint: field.taint,
        connected: true,
    }
}

fn add_out(all: &mut Redirects, field: Field, append: bool) {
    if let Some(host) = socket_host(&field.text) {
        all.socket = Some(host);
    } else {
        all.outs.push((field, append));
    }
}

/// `/dev/tcp/HOST/PORT` → `HOST`.
pub(crate) fn socket_host(path: &str) -> Option<String> {
    let rest = path
        .strip_prefix("/dev/tcp/")
        .or_else(|| path.strip_prefix("/dev/udp/"))?;
    Some(rest.split('/').next().unwrap_or(rest).to_owned())
}
