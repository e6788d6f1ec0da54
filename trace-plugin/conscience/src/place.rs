//! Where a path leads, and what sort of place that is. Secret stores are told in `secret`.

use crate::path::{Base, Path};

/// What sort of place a path is, from harmless to grave: when a path is several, or a link leads elsewhere, the
/// graver one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A file like any other.
    Ordinary,
    /// A directory right under `/` that is not the system's own.
    TopLevel,
    /// The working directory or a workspace as a whole, or something above it.
    Workspace,
    /// The repository itself (`.git`).
    VersionControl,
    /// System logs.
    Logs,
    /// A shell's or a client's history.
    History,
    /// A key, a token or a store of them.
    Secret,
    /// A directory of personal data or settings right under the home directory.
    HomeData,
    /// What a shell or a session runs when it starts.
    StartUp,
    /// What a scheduler or service manager runs.
    Schedule,
    /// System settings under `/etc`.
    SystemConfig,
    /// A home directory as a whole.
    Home,
    /// Who may log in: `authorized_keys`.
    LoginKeys,
    /// The operating system's own files and accounts.
    System,
    /// Settings of an agent, which decide what it may do.
    AgentConfig,
    /// A device file.
    Device,
    /// The conscience's own files.
    Conscience,
    /// The root directory.
    Root,
}

impl Place {
    /// All of them, from harmless to grave.
    pub const ALL: [Self; 18] = [
        Self::Ordinary,
        Self::TopLevel,
        Self::Workspace,
        Self::VersionControl,
        Self::Logs,
        Self::History,
        Self::Secret,
        Self::HomeData,
        Self::StartUp,
        Self::Schedule,
        Self::SystemConfig,
        Self::Home,
        Self::LoginKeys,
        Self::System,
        Self::AgentConfig,
        Self::Device,
        Self::Conscience,
        Self::Root,
    ];

    /// The word that policies compare `context.place` with.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ordinary => "ordinary",
            Self::TopLevel => "top_level",
            Self::Workspace => "workspace",
            Self::VersionControl => "version_control",
            Self::Logs => "logs",
            Self::History => "history",
            Self::Secret => "secret",
            Self::HomeData => "home_data",
            Self::StartUp => "start_up",
            Self::Schedule => "schedule",
            Self::SystemConfig => "system_config",
            Self::Home => "home",
            Self::LoginKeys => "login_keys",
            Self::System => "system",
            Self::AgentConfig => "agent_config",
            Self::Device => "device",
            Self::Conscience => "conscience",
            Self::Root => "root",
        }
    }
}

/// Directories under `/` that belong to the operating system.
const SYSTEM_DIRS: &[&str] = &[
    "bin",
    "boot",
    "dev",
    "etc",
    "home",
    "lib",
    "lib32",
    "lib64",
    "media",
    "mnt",
    "opt",
    "proc",
    "root",
    "run",
    "sbin",
    "srv",
    "sys",
    "usr",
    "var",
    "Applications",
    "Library",
    "System",
    "Users",
    "Volumes",
    "private",
    "Windows",
    "Program Files",
    "ProgramData",
];

/// Personal directories and settings right under a home directory.
const HOME_DATA: &[&str] = &[
    ".aws",
    ".azure",
    ".config",
    ".docker",
    ".gnupg",
    ".kube",
    ".local",
    ".mozilla",
    ".password-store",
    ".ssh",
    ".thunderbird",
    "AppData",
    "Applications",
    "Desktop",
    "Documents",
    "Downloads",
    "Dropbox",
    "Library",
    "Movies",
    "Music",
    "OneDrive",
    "Pictures",
    "Projects",
    "Videos",
    "code",
    "dev",
    "projects",
    "repos",
    "src",
    "work",
    "workspace",
];

/// Files that a shell or a session runs when it starts.
const START_UP: &[&str] = &[
    ".bash_aliases",
    ".bash_login",
    ".bash_logout",
    ".bash_profile",
    ".bashrc",
    ".cshrc",
    ".inputrc",
    ".kshrc",
    ".login",
    ".profile",
    ".pam_environment",
    ".tcshrc",
    ".xinitrc",
    ".xprofile",
    ".xsession",
    ".zlogin",
    ".zprofile",
    ".zshenv",
    ".zshrc",
    "config.fish",
    "profile.ps1",
    "Microsoft.PowerShell_profile.ps1",
];

/// Settings right under a home directory that name programs to run, or where packages come from.
#[rustfmt::skip]
const HOME_START_UP: &[&str] = &[
    ".gitconfig", ".config/git/config", ".vimrc", ".config/nvim/init.vim", ".config/nvim/init.lua", ".emacs", ".emacs.d/init.el", ".tmux.conf",
    ".npmrc", ".yarnrc", ".yarnrc.yml", ".config/pip/pip.conf", ".pip/pip.conf", ".pypirc", ".cargo/config", ".cargo/config.toml", ".m2/settings.xml",
    ".gradle/init.gradle", ".gradle/gradle.properties", ".gemrc", ".bundle/config", ".condarc", ".config/go/env", ".Rprofile", ".Renviron", ".pythonrc",
    ".gdbinit", ".lldbinit", ".curlrc", ".wgetrc", ".hgrc", ".config/fish/fish_variables", ".config/kitty/kitty.conf", ".xsessionrc", ".screenrc", ".envrc",
    ".config/i3/config", ".config/sway/config", ".config/hypr/hyprland.conf", ".config/openbox/autostart", ".config/bspwm/bspwmrc", ".config/awesome/rc.lua", ".xbindkeysrc", ".config/user-dirs.dirs",
];

/// Histories of shells and clients.
#[rustfmt::skip]
const HISTORIES: &[&str] = &[
    ".bash_history", ".zsh_history", ".history", ".sh_history", "fish_history", ".mysql_history",
    ".psql_history", ".python_history", ".node_repl_history", ".rediscli_history", ".sqlite_history",
    ".lesshst", ".viminfo", ".zhistory", "ConsoleHost_history.txt",
];

/// Settings of agents, as the end of a path: what decides what an agent may do and which hooks see it.
const AGENT_SETTINGS: &[&[&str]] = &[
    &[".claude", "settings.json"],
    &[".claude", "settings.local.json"],
    &[".claude.json"],
    &[".openclaw", "openclaw.json"],
    &[".openclaw", "exec-approvals.json"],
    &[".clawdbot", "clawdbot.json"],
    &[".codex", "config.toml"],
    &[".codex", "hooks.json"],
    &[".gemini", "settings.json"],
    &[".cursor", "hooks.json"],
    &[".cursor", "cli-config.json"],
    &[".cursor", "permissions.json"],
    &[".copilot", "config.json"],
    &[".mcp.json"],
    &[".cursor", "mcp.json"],
    &[".vscode", "mcp.json"],
    &[".gemini", "extensions"],
    &[".aider.conf.yml"],
    &[".windsurf", "mcp_config.json"],
    &[".codeium", "windsurf", "mcp_config.json"],
    &["claude_desktop_config.json"],
    &[".kiro", "settings", "mcp.json"],
    &[".roo", "mcp.json"],
    &[".qwen", "settings.json"],
    &[".moltbot", "moltbot.json"],
    &[".clawdbot", "exec-approvals.json"],
    &["opencode.json"],
    &["opencode", "opencode.jsonc"],
    &[".github", "hooks"],
    &["opencode", "opencode.json"],
    &["claude-code", "managed-settings.json"],
];

/// Directories of runtimes right under the home.
const RUNTIME_HOMES: &[&str] = &[
    ".claude",
    ".openclaw",
    ".clawdbot",
    ".moltbot",
    ".codex",
    ".gemini",
    ".cursor",
    ".copilot",
];

/// Whether a path is the conscience's own: its directory, its program where programs are kept, its service, its plugin.
fn is_conscience(parts: &[String]) -> bool {
    let Some((last, above)) = parts.split_last() else {
        return false;
    };
    let folder = above.last().map_or("", String::as_str);
    let installed = matches!(folder, "bin" | "sbin" | ".bin")
        && matches!(last.as_str(), "smoltbot" | "smoltbot.exe");
    let service = last.contains("smoltbot")
        && matches!(
            last.rsplit_once('.').map_or("", |(_, ending)| ending),
            "service" | "plist" | "socket" | "timer"
        )
        && above
            .iter()
            .any(|part| matches!(part.as_str(), "systemd" | "LaunchAgents" | "LaunchDaemons"));
    let plugin = parts.iter().any(|part| part.contains("smoltbot"))
        && above
            .iter()
            .any(|part| RUNTIME_HOMES.contains(&part.as_str()));
    let folder = parts.iter().enumerate().any(|(at, part)| {
        let own = part == ".smoltbot" || part.starts_with(".smoltbot") && !part.ends_with(".toml");
        own && !is_workspace(&parts[at..])
    });
    folder || installed || service || plugin
}

/// Whether `parts`, from smoltbot's home on, lead into the directory in it that is the agent's to work in, and not only to it.
pub(crate) fn is_workspace(parts: &[String]) -> bool {
    matches!(parts, [home, workspace, _, ..] if home == ".smoltbot" && workspace == "workspace")
}

/// What sort of place it would be to delete or overwrite `path`. `roots` are the workspaces.
pub(crate) fn place_of(path: &Path, roots: &[Path]) -> Place {
    let named = by_name(path);
    if named > Place::Ordinary {
        return named.max(by_position(path));
    }
    if roots
        .iter()
        .any(|root| path.strictly_inside(root) && by_position(root) < Place::System)
    {
        return if path.last() == Some(".git") {
            Place::VersionControl
        } else {
            Place::Ordinary
        };
    }
    let position = by_position(path);
    if roots.iter().any(|root| root.inside(path)) {
        return position.max(Place::Workspace);
    }
    position
}

/// Places that are known by their name, wherever they stand.
fn by_name(path: &Path) -> Place {
    let parts = path.parts();
    let last = path.last().unwrap_or_default();
    if is_conscience(parts) {
        return Place::Conscience;
    }
    if AGENT_SETTINGS.iter().any(|tail| path.ends_with(tail)) {
        return Place::AgentConfig;
    }
    // All plugins of a runtime, among them the one that judges.
    if matches!(parts, [.., home, folder] if folder == "extensions" && RUNTIME_HOMES.contains(&home.as_str()))
        || matches!(parts, [.., home, folder, all] if folder == "extensions" && RUNTIME_HOMES.contains(&home.as_str()) && Path::is_glob(all))
    {
        return Place::AgentConfig;
    }
    if path.ends_with(&[".openclaw"])
        || RUNTIME_HOMES.contains(&last) && path.home_rest().is_some_and(|rest| rest.len() == 1)
        || parts
            .windows(2)
            .any(|pair| pair[0] == ".claude" && matches!(pair[1].as_str(), "hooks" | "plugins"))
    {
        return Place::AgentConfig;
    }
    if parts
        .iter()
        .any(|part| RUNTIME_HOMES.contains(&part.as_str()))
        && last.ends_with(".jsonl")
    {
        return Place::History;
    }
    if parts
        .windows(3)
        .any(|part| part[0] == ".git" && part[1] == "hooks" && !part[2].ends_with(".sample"))
    {
        return Place::StartUp;
    }
    if matches!(last, "usercustomize.py" | "sitecustomize.py")
        || last.ends_with(".pth") && parts.iter().any(|part| part.ends_with("-packages"))
    {
        return Place::StartUp;
    }
    if path.home_rest().is_some_and(shadows) {
        return Place::StartUp;
    }
    if matches!(parts, [.., folder, what] if folder == ".git" && matches!(what.as_str(), "refs" | "objects" | "logs" | "HEAD" | "packed-refs"))
    {
        return Place::VersionControl;
    }
    if last == "authorized_keys" || last == "authorized_keys2" {
        return Place::LoginKeys;
    }
    if HISTORIES.contains(&last) {
        return Place::History;
    }
    if START_UP.contains(&last)
        || path.ends_with(&[".ssh", "rc"])
        || path.ends_with(&[".ssh", "config"])
    {
        return Place::StartUp;
    }
    if let Some(rest) = path.home_rest()
        && HOME_START_UP.contains(&rest.join("/").as_str())
    {
        return Place::StartUp;
    }
    let folded = path.joined() + "/";
    if [
        "/.config/systemd/user/",
        "/.config/autostart/",
        "/.local/share/applications/",
        "/LaunchAgents/",
        "/LaunchDaemons/",
        "/.config/cron",
        "/.config/autostart-scripts/",
        "/.config/environment.d/",
        "/.config/lxsession/",
        "/.config/plasma-workspace/env/",
        "/.config/fish/conf.d/",
        "/.local/share/dbus-1/services/",
        "/.git-templates/hooks/",
        "/Start Menu/Programs/Startup/",
        "/Start Menu/Programs/StartUp/",
    ]
    .iter()
    .any(|part| folded.contains(part))
    {
        return Place::Schedule;
    }
    Place::Ordinary
}

/// Whether a path under the home is found before the system's own program of the same name.
fn shadows(rest: &[String]) -> bool {
    let words: Vec<&str> = rest.iter().map(String::as_str).collect();
    matches!(
        words.as_slice(),
        ["bin", name] | [".local", "bin", name]
            if matches!(*name, "sudo" | "ssh" | "git" | "ls" | "cat" | "bash" | "sh" | "ps" | "curl" | "su" | "login" | "scp" | "gpg")
    ) || matches!(
        words.as_slice(),
        [".vim", "plugin" | "autoload", _] | [".config", "nvim", "plugin", _]
    )
}

/// Places that are known by where they stand.
fn by_position(path: &Path) -> Place {
    if let Some(rest) = path.home_rest() {
        return match rest {
            [] => Place::Home,
            [one] if Path::is_glob(one) => Place::Home,
            [one] if HOME_DATA.contains(&one.as_str()) => Place::HomeData,
            [.., last] if last == ".git" => Place::VersionControl,
            _ => Place::Ordinary,
        };
    }
    let parts = path.parts();
    match path.base() {
        Base::Cwd if parts.is_empty() => Place::Workspace,
        Base::Cwd | Base::Home => match parts {
            [.., last] if last == ".git" => Place::VersionControl,
            _ => Place::Ordinary,
        },
        Base::Root => in_root(parts),
    }
}

fn in_root(parts: &[String]) -> Place {
    let words: Vec<&str> = parts.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => Place::Root,
        [
            "dev",
            "null" | "zero" | "full" | "random" | "urandom" | "stdin" | "stdout" | "stderr" | "tty",
        ]
        | ["dev", "fd" | "shm" | "pts" | "tcp" | "udp", ..]
        | ["tmp" | "var", "tmp", ..]
        | [
            "tmp" | "srv" | "opt" | "mnt" | "media" | "Volumes" | "Applications",
            _,
            ..,
        ]
        | ["private", "tmp" | "var", _, ..]
        | ["var", "cache" | "folders", _, ..]
        | ["var", "lib", "apt", "lists", ..]
        | ["run", "user", _, _, ..]
        | ["usr", "src", _, ..]
        | ["var", "www" | "app" | "task", _, _, ..] => Place::Ordinary,
        // A program put before the system's own of the same name.
        [
            "usr",
            "local",
            "bin" | "sbin",
            "git" | "sudo" | "ssh" | "ls" | "cat" | "bash" | "sh" | "ps" | "curl" | "sshd" | "su"
            | "login",
        ] => Place::System,
        ["dev", ..] => Place::Device,
        ["usr", "local", _, _, ..] => Place::Ordinary,
        ["proc", "sysrq-trigger"] => Place::System,
        ["var", "log", ..] => Place::Logs,
        ["var", "spool", "cron", ..] | ["etc", "crontab" | "anacrontab" | "rc.local"] => {
            Place::Schedule
        }
        [
            "etc",
            "systemd" | "init.d" | "cron.d" | "cron.daily" | "cron.hourly" | "cron.weekly"
            | "cron.monthly",
            _,
            ..,
        ] => Place::Schedule,
        ["usr" | "lib", "lib" | "systemd", "systemd" | "system", ..] => Place::Schedule,
        [
            "etc",
            "profile" | "bash.bashrc" | "bashrc" | "zshrc" | "environment",
        ]
        | ["etc", "profile.d", _, ..] => Place::StartUp,
        [
            "etc",
            "passwd" | "shadow" | "group" | "gshadow" | "sudoers" | "sudoers.d" | "fstab" | "hosts"
            | "ssh" | "pam.d" | "ld.so.preload" | "resolv.conf" | "security" | "selinux" | "apt"
            | "ssl" | "nsswitch.conf" | "inittab" | "default",
            ..,
        ] => Place::System,
        ["etc", _, ..] => Place::SystemConfig,
        [one] if Path::is_glob(one) => Place::Root,
        [first, ..] if SYSTEM_DIRS.contains(first) => Place::System,
        [_] => Place::TopLevel,
        _ => Place::Ordinary,
    }
}
