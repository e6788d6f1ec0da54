//! Walks the syntax tree: lists, pipelines, compound commands, simple commands.

use std::rc::Rc;

use brush_parser::ast::{
    AndOr, Assignment, AssignmentName, AssignmentValue, Command, CommandPrefixOrSuffixItem as Item,
    CompoundCommand, CompoundList, ExtendedTestExpr, FunctionDefinition, Pipeline,
    ProcessSubstitutionKind, RedirectList, SimpleCommand,
};

use super::{
    Shell, Variable,
    flow::{Field, Flow, Taint},
    redirect::Redirects,
};
use crate::{
    effect::{Effect, EffectKind},
    limits::{MAX_DEPTH, MAX_LOOP_VALUES},
    programs::carried,
};

impl Shell<'_> {
    pub(super) fn list(&mut self, list: &CompoundList, stdin: &Flow) -> Flow {
        let mut out = Flow::text("");
        for item in &list.0 {
            out = out.then(&self.pipeline(&item.0.first, stdin));
            for next in &item.0.additional {
                let (AndOr::And(pipeline) | AndOr::Or(pipeline)) = next;
                out = out.then(&self.pipeline(pipeline, stdin));
            }
        }
        out
    }

    fn pipeline(&mut self, pipeline: &Pipeline, stdin: &Flow) -> Flow {
        if let [only] = pipeline.seq.as_slice() {
            return self.command(only, stdin);
        }
        let mut flow = stdin.clone();
        for command in &pipeline.seq {
            let scope = self.scope.clone();
            flow = self.command(command, &flow);
            flow.connected = true;
            self.scope = scope;
        }
        flow
    }

    fn command(&mut self, command: &Command, stdin: &Flow) -> Flow {
        let bytes = stdin.text.as_ref().map_or(0, String::len);
        if !self.spend() || !self.work_on_command(bytes) {
            return Flow::unforeseen();
        }
        match command {
            Command::Simple(simple) => self.simple(simple, stdin),
            Command::Compound(compound, redirects) => {
                self.redirected(redirects.as_ref(), stdin, |shell, stdin| {
                    shell.compound(compound, stdin)
                })
            }
            Command::Function(function) => self.define(function),
            Command::ExtendedTest(test, redirects) => {
                self.redirected(redirects.as_ref(), stdin, |shell, _| {
                    shell.test(&test.expr);
                    Flow::text("")
                })
            }
        }
    }

    /// Applies redirections around `body`.
    fn redirected(
        &mut self,
        redirects: Option<&RedirectList>,
        stdin: &Flow,
        body: impl FnOnce(&mut Self, &Flow) -> Flow,
    ) -> Flow {
        let Some(redirects) = redirects else {
            return body(self, stdin);
        };
        let mut all = Redirects::default();
        for redirect in &redirects.0 {
            self.redirect(redirect, &mut all, stdin);
        }
        let input = all.stdin.clone().unwrap_or_else(|| stdin.clone());
        let out = body(self, &input);
        self.deliver(&all, out, "shell")
    }

    fn compound(&mut self, compound: &CompoundCommand, stdin: &Flow) -> Flow {
        match compound {
            CompoundCommand::BraceGroup(group) => self.list(&group.list, stdin),
            CompoundCommand::Subshell(subshell) => {
                let scope = self.scope.clone();
                let out = self.list(&subshell.list, stdin);
                self.scope = scope;
                out
            }
            CompoundCommand::ForClause(clause) => {
                let mut values = Vec::new();
                match &clause.values {
                    Some(words) => words
                        .iter()
                        .for_each(|word| values.extend(self.expand(&word.value))),
                    None => values.clone_from(&self.scope.positional),
                }
                let mut out = Flow::text("");
                for value in values.into_iter().take(MAX_LOOP_VALUES) {
                    self.set(&clause.variable_name, &value);
                    out = out.then(&self.list(&clause.body.list, stdin));
                }
                out
            }
            CompoundCommand::CaseClause(clause) => {
                self.expand_one(&clause.value.value);
                let mut out = Flow::text("");
                for case in &clause.cases {
                    if let Some(list) = &case.cmd {
                        out = out.then(&self.list(list, stdin));
                    }
                }
                out
            }
            CompoundCommand::IfClause(clause) => {
                let mut out = self
                    .list(&clause.condition, stdin)
                    .then(&self.list(&clause.then, stdin));
                for other in clause.elses.iter().flatten() {
                    if let Some(condition) = &other.condition {
                        out = out.then(&self.list(condition, stdin));
                    }
                    out = out.then(&self.list(&other.body, stdin));
                }
                out
            }
            CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => {
                if endless(&clause.0) && spawns_unchecked(&clause.1.list) {
                    self.emit(
                        Effect::new(EffectKind::Exhaust, "processes")
                            .manner("fork_bomb")
                            .program("while"),
                    );
                }
                let out = self.list(&clause.0, stdin);
                out.then(&self.list(&clause.1.list, stdin))
            }
            CompoundCommand::ArithmeticForClause(clause) => {
                self.scope.variables.clear_loop_counter(
                    clause.initializer.as_ref().map(|expr| expr.value.as_str()),
                );
                self.list(&clause.body.list, stdin)
            }
            CompoundCommand::Coprocess(clause) => self.command(&clause.body, stdin),
            CompoundCommand::Arithmetic(expression) => {
                self.expand_body(&expression.expr.value);
                Flow::text("")
            }
        }
    }

    fn test(&mut self, expression: &ExtendedTestExpr) {
        match expression {
            ExtendedTestExpr::And(a, b) | ExtendedTestExpr::Or(a, b) => {
                self.test(a);
                self.test(b);
            }
            ExtendedTestExpr::Not(inner) | ExtendedTestExpr::Parenthesized(inner) => {
                self.test(inner);
            }
            ExtendedTestExpr::UnaryTest(_, word) => {
                self.expand_one(&word.value);
            }
            ExtendedTestExpr::BinaryTest(_, a, b) => {
                self.expand_one(&a.value);
                self.expand_one(&b.value);
            }
        }
    }

    fn define(&mut self, function: &FunctionDefinition) -> Flow {
        let name = function.fname.value.clone();
        if name == "smoltbot" {
            self.emit(Effect::new(EffectKind::TamperConscience, "smoltbot").manner("switch_off"));
        }
        self.scope
            .functions
            .insert(name, Rc::new(function.body.clone()));
        Flow::text("")
    }

    /// Calls a function of the text's own. A function that calls itself twice in a pipe or in the background
    /// multiplies without end.
    pub(super) fn call_function(&mut self, name: &str, args: &[Field], stdin: &Flow) -> Flow {
        let Some(body) = self.scope.functions.get(name).cloned() else {
            return Flow::unforeseen();
        };
        if multiplies(name, &body.0) {
            self.emit(
                Effect::new(EffectKind::Exhaust, "processes")
                    .manner("fork_bomb")
                    .program(name),
            );
            return Flow::unforeseen();
        }
        // Its body is searched for calls of itself.
        if self.depth >= MAX_DEPTH || !self.work(100) {
            self.opaque("too_complex", name);
            return Flow::unforeseen();
        }
        self.depth += 1;
        let positional = std::mem::replace(&mut self.scope.positional, args.to_vec());
        let out = self.redirected(body.1.as_ref(), stdin, |shell, stdin| {
            shell.compound(&body.0, stdin)
        });
        self.scope.positional = positional;
        self.depth -= 1;
        out
    }

    fn simple(&mut self, simple: &SimpleCommand, stdin: &Flow) -> Flow {
        let mut redirects = Redirects::default();
        let mut assigned = Vec::new();
        let mut argv: Vec<Field> = Vec::new();
        for item in simple.prefix.iter().flat_map(|prefix| &prefix.0) {
            match item {
                Item::AssignmentWord(assignment, _) => assigned.push(self.assignment(assignment)),
                Item::IoRedirect(redirect) => self.redirect(redirect, &mut redirects, stdin),
                Item::Word(word) => argv.extend(self.expand(&word.value)),
                Item::ProcessSubstitution(kind, inner) => {
                    argv.push(self.process_substitution(kind, &inner.list, stdin));
                }
            }
        }
        if let Some(word) = &simple.word_or_name {
            argv.extend(self.expand(&word.value));
        }
        for item in simple.suffix.iter().flat_map(|suffix| &suffix.0) {
            match item {
                Item::Word(word) => argv.extend(self.expand(&word.value)),
                Item::AssignmentWord(assignment, word) => {
                    if matches!(assignment.value, AssignmentValue::Array(_)) {
                        assigned.push(self.assignment(assignment));
                    } else {
                        let one = self.assigned_word(&word.value);
                        argv.push(one);
                    }
                }
                Item::IoRedirect(redirect) => self.redirect(redirect, &mut redirects, stdin),
                Item::ProcessSubstitution(kind, inner) => {
                    argv.push(self.process_substitution(kind, &inner.list, stdin));
                }
            }
        }
        for (name, value) in &assigned {
            self.assigned(name, value);
        }
        if argv.is_empty() {
            for (name, value) in &assigned {
                self.set(name, value);
            }
            return self.deliver(&redirects, Flow::text(""), "shell");
        }
        let before = self.scope.variables.clone();
        for (name, value) in &assigned {
            self.set(name, value);
        }
        let input = redirects.stdin.clone().unwrap_or_else(|| stdin.clone());
        let program = argv[0].text.clone();
        let out = self.invoke(&argv, &input);
        if !assigned.is_empty()
            && !matches!(
                program.as_str(),
                "export" | "declare" | "local" | "readonly" | "typeset" | "eval" | "."
            )
        {
            self.scope.variables = before;
        }
        self.deliver(&redirects, out, &program)
    }

    fn process_substitution(
        &mut self,
        kind: &ProcessSubstitutionKind,
        list: &CompoundList,
        stdin: &Flow,
    ) -> Field {
        let scope = self.scope.clone();
        let flow = match kind {
            ProcessSubstitutionKind::Read => self.list(list, &Flow::default()),
            ProcessSubstitutionKind::Write => {
                self.list(list, stdin);
                Flow::unforeseen()
            }
        };
        self.scope = scope;
        Field {
            text: "/dev/fd/63".to_owned(),
            file: Some(Box::new(flow)),
            ..Field::default()
        }
    }

    /// `name=value` as an argument (`export X=…`, `dd of=…`): one field, and a tilde after the sign is expanded.
    fn assigned_word(&mut self, raw: &str) -> Field {
        let Some((name, value)) = raw.split_once('=') else {
            return self.expand_one(raw);
        };
        let value = self.expand_one(value);
        let mut field = Field::known(format!("{name}={}", value.text));
        field.if_empty = value.if_empty.map(|empty| format!("{name}={empty}"));
        field.taint = value.taint;
        field
    }

    fn assignment(&mut self, assignment: &Assignment) -> (String, Field) {
        let name = match &assignment.name {
            AssignmentName::VariableName(name) | AssignmentName::ArrayElementName(name, _) => {
                name.clone()
            }
        };
        let mut value = match &assignment.value {
            AssignmentValue::Scalar(word) => self.expand_one(&word.value),
            AssignmentValue::Array(items) => {
                let mut all = Field::default();
                for field in items
                    .iter()
                    .flat_map(|(_, word)| self.expand(&word.value))
                    .collect::<Vec<_>>()
                {
                    if !all.text.is_empty() {
                        all.push(" ");
                    }
                    if field.is_known() {
                        all.push(&field.text);
                    } else {
                        all.push_unknown(&field.text, false);
                    }
                    all.taint.merge(&field.taint);
                }
                all
            }
        };
        if assignment.append
            && let Some(before) = self.scope.variables.get(&name)
        {
            match &before.text {
                Some(text) if value.is_known() => value.text = format!("{text}{}", value.text),
                _ => value.push_unknown("", false),
            }
            value.taint.merge(&before.taint.clone());
        }
        (name, value)
    }

    pub(crate) fn set(&mut self, name: &str, value: &Field) {
        // A pattern stands for files that are not known here, but their place is.
        let text = value.is_known().then(|| value.text.clone());
        self.scope.variables.insert(
            name.to_owned(),
            Variable {
                text,
                taint: value.taint.clone(),
            },
        );
    }

    /// What setting a variable does by itself.
    pub(crate) fn assigned(&mut self, name: &str, value: &Field) {
        let off = matches!(value.text.as_str(), "0" | "false" | "no" | "off" | "");
        match name {
            "SMOLTBOT_ENABLED" if off => {
                self.emit(Effect::new(EffectKind::TamperConscience, name).manner("switch_off"));
            }
            name if name.starts_with("SMOLTBOT_") => crate::own::variable(self, name, &value.text),
            "HISTFILE" if value.text.is_empty() || value.text == "/dev/null" => {
                self.emit(Effect::new(EffectKind::HideTracks, name).manner("history_off"));
            }
            "HISTSIZE" | "HISTFILESIZE" if value.text == "0" => {
                self.emit(Effect::new(EffectKind::HideTracks, name).manner("history_off"));
            }
            name if carried::is_command_variable(name) && value.is_known() => {
                self.subshell(&value.text, &Flow::default());
            }
            "GIT_SSL_NO_VERIFY" if !off => {
                self.emit(Effect::new(EffectKind::LowerDefences, name).manner("certificates"));
            }
            "GOSUMDB" | "NPM_CONFIG_STRICT_SSL" | "npm_config_strict_ssl" if off => {
                self.emit(Effect::new(EffectKind::LowerDefences, name).manner("certificates"));
            }
            "GOINSECURE" | "PIP_TRUSTED_HOST" if !off => {
                self.emit(Effect::new(EffectKind::LowerDefences, name).manner("certificates"));
            }
            "LD_PRELOAD" | "DYLD_INSERT_LIBRARIES" | "BASH_ENV" | "ENV"
                if value.text.contains("/tmp/") || value.text.contains("/dev/shm/") =>
            {
                self.emit(
                    Effect::new(EffectKind::RaisePrivileges, value.text.clone()).manner("preload"),
                );
            }
            _ => {}
        }
    }
}

/// The counter of `for ((…))` is a number that changes.
trait LoopCounter {
    fn clear_loop_counter(&mut self, initializer: Option<&str>);
}

impl LoopCounter for std::collections::HashMap<String, Variable> {
    fn clear_loop_counter(&mut self, initializer: Option<&str>) {
        if let Some((name, _)) = initializer.and_then(|text| text.split_once('=')) {
            self.insert(
                name.trim().to_owned(),
                Variable {
                    text: Some("1".to_owned()),
                    taint: Taint::default(),
                },
            );
        }
    }
}

/// Whether a function calls itself in a pipeline or in the background.
fn multiplies(name: &str, body: &CompoundCommand) -> bool {
    let list = match body {
        CompoundCommand::BraceGroup(group) => &group.list,
        CompoundCommand::Subshell(subshell) => &subshell.list,
        CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => {
            &clause.1.list
        }
        _ => return false,
    };
    list.0.iter().any(|item| {
        let background = matches!(item.1, brush_parser::ast::SeparatorOperator::Async);
        let pipelines =
            std::iter::once(&item.0.first).chain(item.0.additional.iter().map(|next| {
                let (AndOr::And(pipeline) | AndOr::Or(pipeline)) = next;
                pipeline
            }));
        let mut calls = 0;
        for pipeline in pipelines {
            for command in &pipeline.seq {
                match command {
                    Command::Simple(simple)
                        if simple
                            .word_or_name
                            .as_ref()
                            .is_some_and(|word| word.value == name) =>
                    {
                        calls += 1;
                    }
                    Command::Compound(inner, _) if multiplies(name, inner) => return true,
                    _ => {}
                }
            }
        }
        calls >= 2 || calls == 1 && background
    })
}

/// The program words of a list's simple commands.
fn programs(list: &CompoundList) -> impl Iterator<Item = &str> {
    list.0
        .iter()
        .flat_map(|item| &item.0.first.seq)
        .filter_map(|command| match command {
            Command::Simple(simple) => simple.word_or_name.as_ref().map(|word| word.value.as_str()),
            _ => None,
        })
}

/// Whether a loop's condition always holds.
fn endless(condition: &CompoundList) -> bool {
    condition.0.len() == 1
        && programs(condition).all(|word| matches!(word, "true" | ":" | "/bin/true"))
}

/// Whether a loop's body starts something in the background and never waits.
fn spawns_unchecked(body: &CompoundList) -> bool {
    body.0
        .iter()
        .any(|item| matches!(item.1, brush_parser::ast::SeparatorOperator::Async))
        && !programs(body)
            .any(|word| matches!(word, "sleep" | "wait" | "read" | "break" | "inotifywait"))
}
