//! Command lines that read `program resource verb name --option value`: which verb it is, and what it is on. One reader
//! for the command lines of clouds, hosting services, message brokers and databases, however deep their trees are.
//!
//! In scope: the way from the words to a verb. Not in scope: what single programs mean by it (`cloud`, `service`,
//! `brokers`), the verbs themselves (`verbs`).

use super::args::Call;
use crate::verbs::{self, Doing};

/// Options that take no value, whatever the program.
#[rustfmt::skip]
const FLAGS: &[&str] = &[
    "--all", "--auto-approve", "--assume-yes", "--cascade", "--debug", "--force", "--global", "--help", "--json",
    "--no-wait", "--no-input", "--no-prompt", "--no-prompts", "--non-interactive", "--prune", "--purge", "--quiet",
    "--recursive", "--silent", "--skip-confirmation", "--verbose", "--wait", "--yes", "-auto-approve", "-d", "-f",
    "-fq", "-h", "-m", "-q", "-qf", "-r", "-rf", "-v", "-vv", "-y", "--remote", "--local", "--prod", "--production",
    "--execute", "--wide", "--watch", "--remove-all-storage", "-purge",
];
/// Words that say what is done, and that nothing is taken away: what follows are names.
#[rustfmt::skip]
const NEUTRAL: &[&str] = &[
    "checkout", "comment", "annotate", "apply", "cat", "chat", "commit", "connect", "cp", "edit", "enable", "exec",
    "install", "invoke", "label", "login", "logout", "logs", "mv", "open", "patch", "port-forward", "post", "pull",
    "push", "put", "serve", "set", "ssh", "submit", "sync", "tag", "update", "upgrade", "upload", "use", "console",
    "ask", "proxy", "resume", "rename", "log",
];
/// Words that are things as often as they are verbs.
#[rustfmt::skip]
const NOUNS: &[&str] = &[
    "api", "backup", "backups", "dump", "export", "label", "log", "logs", "monitor", "patch", "plan", "preview",
    "proxy", "query", "release", "releases", "share", "status", "tag", "test", "trash", "tree", "version", "versions",
    "lock", "order", "email", "search",
];
/// Nouns right after the program that would read like verbs.
#[rustfmt::skip]
const DEEP: &[&str] = &[
    "aws", "gcloud", "az", "oci", "aliyun", "tccli", "openstack", "ibmcloud", "yc", "scw", "exo", "gsutil-",
];

/// What a subcommand does, and the words that lead to it.
pub(super) struct Branch<'a> {
    pub(super) doing: Doing,
    /// The words before the first option, and the names after them, at most [`MAX_PATH`].
    pub(super) path: Vec<&'a str>,
}

/// How many words of a command line are looked at for its verb.
const MAX_PATH: usize = 12;

impl Branch<'_> {
    /// The command line in short, for people to read.
    pub(super) fn shown(&self) -> String {
        self.path
            .iter()
            .take(6)
            .copied()
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// The words of a command line that are neither options nor their values, as far as that can be told.
pub(super) fn path<'a>(call: &Call<'a>) -> Vec<&'a str> {
    let mut path = Vec::new();
    let mut args = call.args.iter().map(|arg| arg.text.as_str()).peekable();
    while let Some(text) = args.next() {
        if text == "--" || path.len() == MAX_PATH {
            break;
        }
        if !text.starts_with('-') || text.len() < 2 {
            path.push(text);
        } else if !text.contains('=')
            && !FLAGS.contains(&text)
            && !text.starts_with("--no-")
            && args.peek().is_some_and(|next| !next.starts_with('-'))
        {
            args.next();
        }
    }
    path
}

/// The verb of a command line; none if there is none, or one that takes nothing away.
pub(super) fn branch<'a>(call: &Call<'a>) -> Option<Branch<'a>> {
    let path = path(call);
    if rehearsed(call) {
        return Some(Branch {
            doing: Doing::Reads,
            path,
        });
    }
    let skip = usize::from(DEEP.contains(&call.name) && path.len() > 1);
    for (at, word) in path.iter().enumerate().skip(skip) {
        // Paths, addresses, files and assignments are names.
        if word.contains(['/', '.', '=', '$', '*', '{']) {
            continue;
        }
        // `logging logs delete`, `keys versions destroy`: a noun that might be a verb, and then the verb.
        let next = path.get(at + 1).and_then(|next| verbs::doing(next));
        let noun = NOUNS.contains(word)
            && matches!(next, Some(Doing::Destroys | Doing::Removes | Doing::Stops));
        if noun {
            continue;
        }
        if NEUTRAL.contains(word) {
            return None;
        }
        let words = verbs::words(word);
        if let Some((_, doing)) = verbs::verb_of(&words) {
            return Some(Branch { doing, path });
        }
    }
    None
}

/// Whether a command line asks for help, or only for what would be done.
pub(super) fn rehearsed(call: &Call<'_>) -> bool {
    call.args.iter().any(|arg| {
        let text = arg.text.as_str();
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        matches!(
            name,
            "--dry-run"
                | "--dryrun"
                | "--dry_run"
                | "-dry-run"
                | "--preview"
                | "--preview-only"
                | "--what-if"
                | "--noop"
                | "--simulate"
                | "--plan"
                | "--help"
                | "--no-execute"
                | "--check"
                | "--no-execute-changeset"
                | "--dry"
                | "--just-print"
        ) && !matches!(value, "none" | "false")
    }) || call
        .args
        .last()
        .is_some_and(|arg| arg.text == "help" || arg.text == "-h")
}

/// Verbs after which nothing is left, whatever they are on.
const GRAVE: &[&str] = &[
    "delete",
    "destroy",
    "terminate",
    "purge",
    "wipe",
    "drop",
    "erase",
    "nuke",
    "teardown",
    "undeploy",
    "obliterate",
    "delete-all",
    "destroy-all",
];
/// Programs whose words are words.
#[rustfmt::skip]
const TALKERS: &[&str] = &[
    "man", "tldr", "apropos", "look", "say", "espeak", "cowsay", "figlet", "notify-send", "logger", "wall", "locate",
    "plocate", "whatis", "help", "dict", "wn", "trans", "gum", "dialog", "zenity", "fd", "fdfind", "expr", "test",
    "[", "seq", "let", "llm", "ollama", "simctl", "xcrun",
];

/// What a program nobody told us about destroys, by its own name (`./destroy-prod.sh`) or by its subcommand
/// (`tool delete thing`, `tool thing delete`).
pub(super) fn destroys_unknown(call: &Call<'_>) -> Option<String> {
    if TALKERS.contains(&call.name) || rehearsed(call) {
        return None;
    }
    let path = path(call);
    let own = verbs::words(
        call.name
            .rsplit_once('.')
            .map_or(call.name, |(stem, _)| stem),
    );
    let by_name = own
        .first()
        .is_some_and(|verb| GRAVE.contains(&verb.as_str()))
        && (verbs::lasting(&own)
            || own
                .iter()
                .any(|word| matches!(word.as_str(), "prod" | "production" | "all")));
    let at = path.iter().take(2).position(|word| GRAVE.contains(word));
    let verbs_before = at == Some(1) && verbs::doing(path[0]).is_some();
    let by_verb = at
        .is_some_and(|at| path.len() > at + 1 || at == 1 || call.args.len() > path.len())
        && !verbs_before;
    (by_name || by_verb).then(|| {
        let words: Vec<&str> = std::iter::once(call.name).chain(path).take(5).collect();
        words.join(" ")
    })
}

/// Whether a safety is switched off.
pub(super) fn forced(call: &Call<'_>) -> bool {
    call.any(&[
        "-f",
        "--force",
        "-y",
        "--yes",
        "-auto-approve",
        "--auto-approve",
        "--quiet",
        "-q",
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::flow::{Field, Flow};

    fn doing(line: &str) -> Option<Doing> {
        let mut words = line.split(' ');
        let name = words.next().expect("a program");
        let args: Vec<Field> = words.map(Field::known).collect();
        let stdin = Flow::default();
        branch(&Call {
            name,
            args: &args,
            stdin: &stdin,
        })
        .map(|branch| branch.doing)
    }

    #[test]
    fn finds_the_verb_in_any_tree() {
        for line in [
            "gcloud --project p compute instances delete web-1 -q",
            "gcloud compute instances --zone z delete web-1",
            "az monitor diagnostic-settings delete -n x",
            "aws --profile p ec2 terminate-instances --instance-ids i",
            "aws deploy delete-application --name x",
            "heroku addons:destroy postgresql -a shop",
            "netlify api deleteSite --data {}",
            "fly volumes destroy vol_1 -y",
            "cf delete shop -f",
            "aliyun ecs DeleteInstance --InstanceId i",
            "pulumi -C infra destroy -s prod",
        ] {
            assert_eq!(doing(line), Some(Doing::Destroys), "{line}");
        }
        for line in [
            "gcloud compute instances describe delete-me",
            "gcloud compute instances delete x --help",
            "aws ec2 terminate-instances --dry-run",
            "aws logs filter-log-events --filter-pattern delete",
            "aws s3 cp delete.txt s3://b/",
            "gh pr checkout delete-users",
            "heroku ps -a destroy",
            "vercel inspect remove",
        ] {
            assert_ne!(doing(line), Some(Doing::Destroys), "{line}");
            assert_ne!(doing(line), Some(Doing::Removes), "{line}");
        }
    }
}
