//! Reads shell text by walking its syntax tree the way a shell would, with the data that can be foreseen, and notes
//! the effects on the way. Nothing is run. What single programs do is told in `programs`.

pub(crate) mod flow;
mod invoke;
mod parse;
mod plain;
mod redirect;
mod remote;
mod rights;
mod scan;
mod verbed;
mod walk;
mod word;
mod work;
mod wrap;

use std::{collections::HashMap, rc::Rc};

use brush_parser::ast::FunctionBody;

use crate::{
    effect::{Effect, EffectKind},
    limits::{MAX_COMMANDS, MAX_DEPTH, MAX_EFFECTS, MAX_WORK},
    path::Path,
    place::{Place, place_of},
    secret,
    world::World,
};
use flow::{Field, Flow, Taint};

/// A variable that the text itself has set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Variable {
    pub(crate) text: Option<String>,
    pub(crate) taint: Taint,
}

/// What a subshell gets a copy of.
#[derive(Clone)]
pub(crate) struct Scope {
    pub(crate) variables: HashMap<String, Variable>,
    pub(crate) functions: HashMap<String, Rc<FunctionBody>>,
    pub(crate) aliases: HashMap<String, String>,
    pub(crate) cwd: Path,
    pub(crate) positional: Vec<Field>,
}

/// What was found so far.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) effects: Vec<Effect>,
    /// Every command after unwrapping, as an effect of kind `run`.
    pub(crate) runs: Vec<Effect>,
}

/// Which shell's language a tool's lines are in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Dialect {
    #[default]
    Posix,
    PowerShell,
    /// cmd.exe.
    Prompt,
}

/// The reader. One for a call.
pub(crate) struct Shell<'a> {
    world: &'a dyn World,
    pub(crate) home: Option<String>,
    roots: Vec<Path>,
    /// Where the call starts: as dear as a workspace when it is deleted as a whole.
    start: Path,
    /// Links that the text has made, and where they lead.
    pub(crate) links: Vec<(Path, Path)>,
    /// Copies of programs that the text has made, and of what.
    pub(crate) copies: Vec<(Path, Path)>,
    /// What of this machine a container sees, and as what: the container's path first.
    pub(crate) mounts: Vec<(Path, Path)>,
    pub(crate) scope: Scope,
    pub(crate) found: Found,
    /// Files that the text has written, by their display path.
    pub(crate) written: HashMap<String, Flow>,
    /// The language of the tool's lines.
    pub(crate) dialect: Dialect,
    depth: usize,
    commands: usize,
    /// What is left of `MAX_WORK`.
    left: usize,
}

impl<'a> Shell<'a> {
    pub(crate) fn new(world: &'a dyn World, cwd: Option<&str>) -> Self {
        let home = world.home();
        let roots = world
            .workspace_roots()
            .iter()
            .map(|root| Path::parse(root, &Path::here(), home.as_deref()))
            .collect();
        let cwd = cwd.map_or_else(Path::here, |cwd| {
            Path::parse(cwd, &Path::here(), home.as_deref())
        });
        Self {
            world,
            home,
            roots,
            start: cwd.clone(),
            links: Vec::new(),
            copies: Vec::new(),
            mounts: Vec::new(),
            scope: Scope {
                variables: HashMap::new(),
                functions: HashMap::new(),
                aliases: HashMap::new(),
                cwd,
                positional: Vec::new(),
            },
            found: Found::default(),
            written: HashMap::new(),
            dialect: Dialect::default(),
            depth: 0,
            commands: 0,
            left: MAX_WORK,
        }
    }

    /// Reads `text` in the present scope, with `stdin` to read from; answers what it prints.
    pub(crate) fn run(&mut self, text: &str, stdin: &Flow) -> Flow {
        if self.depth >= MAX_DEPTH {
            self.opaque("too_complex", "");
            return Flow::unforeseen();
        }
        if !self.work_on_command(stdin.text.as_ref().map_or(0, String::len)) {
            return Flow::unforeseen();
        }
        match parse::parse(text, &mut self.left) {
            Ok(program) => {
                self.depth += 1;
                let mut out = Flow::text("");
                for list in &program.complete_commands {
                    out = out.then(&self.list(list, stdin));
                }
                self.depth -= 1;
                out
            }
            Err(unread) => {
                self.opaque(unread.as_str(), "");
                Flow::unforeseen()
            }
        }
    }

    /// Reads `text` in a scope of its own.
    pub(crate) fn subshell(&mut self, text: &str, stdin: &Flow) -> Flow {
        let scope = self.scope.clone();
        let out = self.run(text, stdin);
        self.scope = scope;
        out
    }

    /// Counts a command; false when there are too many to go on.
    fn spend(&mut self) -> bool {
        self.commands += 1;
        if self.commands == MAX_COMMANDS {
            self.opaque("too_complex", "");
        }
        self.commands < MAX_COMMANDS
    }

    /// Goes one level down into text within text; false when there are too many.
    pub(crate) fn deeper(&mut self) -> bool {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            self.opaque("too_complex", "");
            return false;
        }
        self.spend()
    }

    /// Comes back up from `deeper`.
    pub(crate) fn shallower(&mut self) {
        self.depth -= 1;
    }

    pub(crate) fn emit(&mut self, effect: Effect) {
        if self.found.effects.len() < MAX_EFFECTS {
            // Each is compared with those before it, and put to the policies.
            self.left = self.left.saturating_sub(20 + self.found.effects.len() / 8);
            if !self.found.effects.contains(&effect) {
                self.found.effects.push(effect);
            }
        } else if self.found.effects.len() == MAX_EFFECTS {
            self.found
                .effects
                .push(Effect::new(EffectKind::Opaque, "too_complex").manner("too_complex"));
        }
    }

    /// Something that cannot be told; `manner` says why.
    pub(crate) fn opaque(&mut self, manner: &'static str, program: &str) {
        self.emit(
            Effect::new(EffectKind::Opaque, manner)
                .manner(manner)
                .program(program),
        );
    }

    pub(crate) fn path(&self, text: &str) -> Path {
        let mut path = Path::parse(text, &self.scope.cwd, self.home.as_deref());
        if text.contains(['*', '?', '[']) {
            path = path.likely_match();
        }
        for (seen, target) in &self.mounts {
            path = path.rebased(seen, target);
        }
        for (link, target) in &self.links {
            if text.ends_with('/') || path.is_contents() || path != *link {
                path = path.rebased(link, target);
            }
        }
        path
    }

    /// Takes `directory` for the call's starting point, unless it lies within what is known to be the workspace.
    pub(crate) fn start_in(&mut self, directory: &str) {
        self.scope.cwd = self.path(directory);
        let within = self.scope.cwd.strictly_inside(&self.start)
            || self
                .roots
                .iter()
                .any(|root| self.scope.cwd.strictly_inside(root));
        if !within {
            self.start = self.scope.cwd.clone();
        }
    }

    /// What sort of place `path` is, through symbolic links; `follow_last` when the last part is followed too.
    pub(crate) fn place(&self, path: &Path, follow_last: bool) -> Place {
        let mut place = place_of(path, &self.roots);
        if self.start.inside(path) && !self.start.is_temporary() {
            place = place.max(Place::Workspace);
        }
        match path.resolved(self.world, self.home.as_deref(), follow_last) {
            Some(real) => place.max(place_of(&real, &self.roots)),
            None => place,
        }
    }

    /// Notes that `field` is deleted.
    pub(crate) fn delete(&mut self, field: &Field, recursive: bool, forced: bool, program: &str) {
        let path = self.path(&field.text);
        let follow = field.text.ends_with('/') || path.is_contents();
        let mut place = self.place(&path, follow);
        let mut manner = if path.is_contents() { "contents" } else { "" };
        if path.is_contents() && path.display() == "/tmp/*" {
            place = Place::Ordinary;
        }
        if let Some(empty) = &field.if_empty {
            // What is left when a variable is empty: `$DIR/*` becomes `/*`.
            let left = self.path(empty);
            if !empty.is_empty()
                && place < Place::Home
                && matches!(
                    self.place(&left, true),
                    Place::Root | Place::System | Place::Home
                )
            {
                manner = "unset";
            } else if field.taint.unforeseen {
                manner = "unforeseen";
            }
        }
        let secret = secret::secret_of(&path).is_some_and(|kind| kind == secret::STORE);
        if secret && place < Place::Secret {
            place = Place::Secret;
        }
        let target = if field.is_known() {
            path.display()
        } else {
            field.text.clone()
        };
        let kind = match place {
            Place::Conscience | Place::AgentConfig => EffectKind::TamperConscience,
            Place::History | Place::Logs => EffectKind::HideTracks,
            _ => EffectKind::Delete,
        };
        self.emit(
            Effect::new(kind, target)
                .place(place)
                .manner(manner)
                .recursive(recursive)
                .forced(forced)
                .program(program),
        );
    }

    /// Notes that `field` is written over, or added to, with `content`.
    pub(crate) fn write(&mut self, field: &Field, append: bool, content: &Flow, program: &str) {
        let mut path = self.path(&field.text);
        // Writing to a link writes to what it leads to; making one replaces what was there.
        if program != "ln"
            && let Some((_, target)) = self.links.iter().find(|(link, _)| *link == path)
        {
            path = target.clone();
        }
        let place = self.place(&path, true);
        let display = path.display();
        if !display.starts_with("/dev/") {
            let flow = match (append, self.written.get(&display)) {
                (true, Some(before)) => before.clone().then(content),
                _ => content.clone(),
            };
            self.written.insert(display.clone(), flow);
        }
        let place = if place == Place::Ordinary
            && path.home_rest().is_some()
            && secret::secret_of(&path) == Some(secret::STORE)
        {
            Place::Secret
        } else {
            place
        };
        if place == Place::Ordinary {
            return;
        }
        let manner = match (append, content.text.as_deref()) {
            (false, Some(text)) if text.trim().is_empty() => "empty",
            (true, Some(text)) if text.lines().all(plain_setting) => "append_plain",
            (true, _) => "append",
            (false, _) => "replace",
        };
        let kind = match place {
            Place::Device => EffectKind::DiskWrite,
            Place::Conscience | Place::AgentConfig => EffectKind::TamperConscience,
            Place::History => EffectKind::HideTracks,
            Place::Logs if !append && manner == "empty" => EffectKind::HideTracks,
            Place::StartUp | Place::Schedule | Place::LoginKeys => EffectKind::Persistence,
            _ => EffectKind::Overwrite,
        };
        if kind == EffectKind::HideTracks && append {
            return;
        }
        self.emit(
            Effect::new(kind, display)
                .place(place)
                .manner(manner)
                .program(program),
        );
    }

    /// Notes that `field` is read; answers what is known of its content.
    pub(crate) fn read(&mut self, field: &Field, program: &str) -> Flow {
        if let Some(flow) = &field.file {
            return (**flow).clone();
        }
        let path = self.path(&field.text);
        if let Some(flow) = self.written.get(&path.display()) {
            return flow.clone();
        }
        let mut flow = Flow::unforeseen();
        if let Some(name) = self.secret_at(&path, program) {
            flow.taint.secrets.push(name);
        }
        let display = path.display();
        if crate::place::place_of(&path, &[]) == Place::History {
            flow.taint.bulk = Some("the shell's history");
            self.emit(
                Effect::new(EffectKind::ReadSecret, display.clone())
                    .place(Place::History)
                    .manner(secret::SETTINGS)
                    .program(program),
            );
        } else if matches!(
            display.as_str(),
            "/etc/passwd" | "/etc/group" | "/etc/hosts"
        ) {
            flow.taint.bulk = Some("the system's account files");
        } else if path.home_rest().is_some_and(<[String]>::is_empty) || display == "/" {
            flow.taint.bulk = Some("a whole home or root directory");
        }
        flow
    }

    /// The display name of the secret at `path`, and the effect of reading it.
    pub(crate) fn secret_at(&mut self, path: &Path, program: &str) -> Option<String> {
        let mut found = secret::secret_of(path);
        if found.is_none() {
            found = path
                .resolved(self.world, self.home.as_deref(), true)
                .as_ref()
                .and_then(secret::secret_of);
        }
        let manner = found?;
        let name = path.display();
        self.emit(
            Effect::new(EffectKind::ReadSecret, name.clone())
                .place(Place::Secret)
                .manner(manner)
                .program(program),
        );
        Some(name)
    }
}

/// Whether a line added to a start-up file only sets a search path or a plain variable.
fn plain_setting(line: &str) -> bool {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return true;
    }
    let assignment = line.strip_prefix("export ").unwrap_or(line);
    let Some((name, value)) = assignment.split_once('=') else {
        return false;
    };
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !matches!(
            name,
            "PROMPT_COMMAND" | "BASH_ENV" | "ENV" | "PS1" | "HISTFILE" | "HISTSIZE"
        )
        && !name.starts_with("LD_")
        && !name.starts_with("SMOLTBOT_")
        && !name.starts_with("DYLD_")
        && !value.contains(['`', ';', '|', '&', '<', '>'])
        && !value.contains("$(")
        && !value.contains("/tmp")
}
