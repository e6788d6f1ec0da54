//! Commands that run another command with more rights: sudo, su. What they run is read in turn.

use super::{
    Shell,
    flow::{Field, Flow, flow_of},
};
use crate::{
    effect::{Effect, EffectKind},
    programs::{
        Call,
        args::{after_options, is_assignment},
    },
};

impl Shell<'_> {
    pub(super) fn sudo(&mut self, call: &Call<'_>) -> Flow {
        let values = &[
            "-u", "-g", "-h", "-p", "-C", "-r", "-t", "-T", "-U", "-D", "-R", "--user", "--group",
            "--host", "--prompt", "--chdir",
        ];
        let before: Vec<&str> = call
            .args
            .iter()
            .map(|arg| arg.text.as_str())
            .take_while(|text| text.starts_with('-'))
            .collect();
        if before.iter().any(|text| {
            matches!(
                *text,
                "-l" | "-v" | "-K" | "-V" | "--list" | "--validate" | "--version"
            )
        }) {
            return Flow::unforeseen();
        }
        for arg in call.args {
            match arg.text.split_once('=') {
                Some((name, value)) if is_assignment(&arg.text) => {
                    self.assigned(name, &Field::known(value));
                }
                _ if arg.text.starts_with('-') => {}
                _ => break,
            }
        }
        let inner = after_options(call.args, values, true, 0);
        if before.contains(&"-e") {
            inner
                .iter()
                .for_each(|file| self.write(file, false, &Flow::unforeseen(), "sudo"));
            return Flow::unforeseen();
        }
        if inner.is_empty() {
            if before
                .iter()
                .any(|text| matches!(*text, "-i" | "-s" | "--login" | "--shell"))
            {
                self.emit(
                    Effect::new(EffectKind::RaisePrivileges, "root")
                        .manner("root_shell")
                        .program("sudo"),
                );
                if call.stdin.connected {
                    return self.execute(&call.stdin.clone(), "sudo");
                }
            }
            return Flow::unforeseen();
        }
        let plain_shell = matches!(
            inner[0].text.rsplit('/').next(),
            Some("bash" | "sh" | "zsh" | "fish" | "su")
        );
        if plain_shell && inner.len() == 1 && !call.stdin.connected {
            self.emit(
                Effect::new(EffectKind::RaisePrivileges, "root")
                    .manner("root_shell")
                    .program("sudo"),
            );
        }
        self.inner(inner, call.stdin)
    }

    pub(super) fn su(&mut self, call: &Call<'_>) -> Flow {
        let texts = call.values(&["-c", "--command"]);
        for text in &texts {
            self.execute(&flow_of(text), call.name);
        }
        if call.name == "runuser" && texts.is_empty() {
            return self.inner(
                after_options(call.args, &["-u", "-g"], false, 0),
                call.stdin,
            );
        }
        if texts.is_empty() {
            if call.stdin.connected {
                return self.execute(&call.stdin.clone(), call.name);
            }
            let user = call
                .operands(&[])
                .iter()
                .find(|field| field.text != "-")
                .map_or("root", |field| field.text.as_str());
            if user == "root" {
                self.emit(
                    Effect::new(EffectKind::RaisePrivileges, "root")
                        .manner("root_shell")
                        .program(call.name),
                );
            }
        }
        Flow::unforeseen()
    }
}
