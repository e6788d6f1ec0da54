//! Command lines of containers, clusters, clouds and hosting services: what they destroy and which secrets they show.

use super::{args::Call, brokers, cloud, files::bulk, tree};
use crate::{
    effect::{Effect, EffectKind},
    secret,
    shell::{
        Shell,
        flow::{Flow, Taint},
    },
    verbs::Doing,
};

#[expect(
    clippy::too_many_lines,
    reason = "one table: a line or two for each program"
)]
pub(super) fn read(shell: &mut Shell<'_>, call: &Call<'_>) -> Option<Flow> {
    // `docker rm -f` is forced; `docker compose -f` and `kubectl -f` name a file.
    let mut values = vec![
        "-n",
        "--namespace",
        "--context",
        "--profile",
        "--region",
        "--file",
        "--project",
        "-chdir",
        "-p",
    ];
    if !matches!(call.name, "docker" | "podman" | "nerdctl") || call.word("compose") {
        values.push("-f");
    }
    if matches!(call.name, "gh" | "glab" | "hub") {
        values.retain(|option| !matches!(*option, "-p" | "-f"));
    }
    // `yarn prisma migrate reset`: the project's own program.
    if matches!(call.name, "yarn" | "pnpm" | "bun" | "npm")
        && let Some(at) = call.args.iter().position(|arg| !arg.text.starts_with('-'))
        && (brokers::migrator(&call.args[at].text) || cloud::knows(&call.args[at].text))
    {
        return Some(shell.invoke(&call.args[at..], call.stdin));
    }
    if matches!(call.name, "yarn" | "pnpm" | "bun" | "npm")
        && matches!(call.operand(0), "run" | "run-script")
        && let Some(at) = call
            .args
            .iter()
            .position(|arg| brokers::migrator(&arg.text))
    {
        shell.invoke(&call.args[at..], call.stdin);
    }
    let words: Vec<&str> = call
        .operands(&values)
        .iter()
        .map(|field| field.text.as_str())
        .collect();
    if let Some(name) = shows_secret(call, &words) {
        shell.emit(
            Effect::new(EffectKind::ReadSecret, name)
                .manner(secret::STORE)
                .program(call.name),
        );
        return Some(Flow::tainted(Taint::secret(name)));
    }
    if let [.., "cp", from, _] = words.as_slice()
        && !from.contains(':')
        && matches!(
            call.name,
            "docker" | "podman" | "nerdctl" | "kubectl" | "oc" | "k"
        )
        && let Some(field) = call.args.iter().find(|arg| arg.text == *from)
    {
        shell.read(field, call.name);
    }
    takes_registry_password(shell, call, &words);
    let found = match call.name {
        "docker" | "podman" | "nerdctl" | "docker-compose" => container(call, &words),
        "kubectl" | "oc" | "k" => cluster(call, &words),
        "helm" => matches!(words.first(), Some(&("uninstall" | "delete" | "del")))
            .then(|| (joined(&words[1..]), "release"))
            .or_else(|| {
                (words.first() == Some(&"rollback")).then(|| (joined(&words[1..]), "release"))
            }),
        "terraform" | "tofu" | "terragrunt" => terraform(call, &words),
        "aws" => aws(shell, call, &words),
        "gh" | "glab" | "hub" => forge(shell, call, &words),
        "npm" | "pnpm" | "yarn" | "cargo" | "gem" | "twine" | "poetry" | "uv" | "vsce"
            if published(call, &words).is_some() =>
        {
            published(call, &words)
        }
        "npm" | "pnpm" | "yarn" | "cargo" => matches!(words.first(), Some(&("unpublish" | "yank")))
            .then(|| (joined(&words[1..]), "package")),
        "minikube" | "kind" => {
            let all = call.any(&["--all", "--purge", "clusters"]);
            (words.first() == Some(&"delete") && all).then(|| (joined(&words), "cluster"))
        }
        "crictl" | "ctr" => None,
        "ansible" | "ansible-playbook" | "salt" | "salt-call" => {
            cloud::fleet(shell, call);
            None
        }
        name if cloud::knows(name) => cloud::read(shell, call),
        _ => return None,
    };
    let found = found.or_else(|| match call.name {
        "aws" | "gcloud" => cloud::read(shell, call),
        "gh" | "glab" | "terraform" | "tofu" | "terragrunt" => {
            let branch = tree::branch(call)?;
            matches!(
                branch.doing,
                Doing::Destroys | Doing::Removes | Doing::Stops
            )
            .then(|| {
                (
                    branch.shown(),
                    if branch.doing == Doing::Stops {
                        "stop"
                    } else {
                        "apply_unseen"
                    },
                )
            })
        }
        _ => None,
    });
    let found = found.filter(|_| !tree::rehearsed(call));
    if let Some((target, manner)) = found {
        let forced = call.args.iter().any(|arg| {
            matches!(
                arg.text.as_str(),
                "-f" | "--force"
                    | "-y"
                    | "--yes"
                    | "-auto-approve"
                    | "--auto-approve"
                    | "--quiet"
                    | "-q"
            )
        });
        shell.emit(
            Effect::new(EffectKind::DestroyService, target)
                .manner(manner)
                .forced(forced)
                .program(call.name),
        );
    }
    if call.name == "docker" && words.first() == Some(&"save")
        || call.name == "kubectl" && words.first() == Some(&"cp")
    {
        return Some(bulk("an archive"));
    }
    let mut flow = Flow::unforeseen();
    flow.taint.merge(&call.stdin.taint);
    flow.taint.secrets.clear();
    if matches!(
        words.as_slice(),
        ["ps" | "images", ..] | ["container" | "image" | "volume", "ls", ..]
    ) {
        flow.taint.listing = Some(format!("$({} {})", call.name, call.joined()));
    }
    Some(flow)
}

fn joined(words: &[&str]) -> String {
    words.iter().take(6).copied().collect::<Vec<_>>().join(" ")
}

type Found = Option<(String, &'static str)>;

/// What is published cannot be taken back.
fn published(call: &Call<'_>, words: &[&str]) -> Found {
    let publishes = match (call.name, words) {
        ("gem", ["push", ..]) | ("twine", ["upload", ..]) | ("yarn", ["npm", "publish", ..]) => {
            true
        }
        ("gem" | "twine", _) => false,
        (_, ["publish", ..]) => true,
        _ => false,
    };
    let rehearsed = call.any(&["--dry-run", "-n", "--help"]);
    (publishes && !rehearsed).then(|| ("a package".to_owned(), "publish"))
}

fn container(call: &Call<'_>, words: &[&str]) -> Found {
    let volumes = call.word("--volumes") || call.word("-v");
    match words {
        ["system", "reset", ..] if call.name == "podman" => {
            Some(("every container and image".to_owned(), "prune"))
        }
        ["kill", all, ..] if all.starts_with("$(") => Some(("every container".to_owned(), "prune")),
        ["system", "prune", ..]
            if call.has('a', "all") || call.word("--volumes") || call.has('f', "force") =>
        {
            Some(("unused images and volumes".to_owned(), "prune"))
        }
        ["volume", "rm" | "prune", rest @ ..] => Some((
            if rest.is_empty() {
                "volumes".to_owned()
            } else {
                joined(rest)
            },
            "volumes",
        )),
        ["compose", "down", ..] | ["down", ..]
            if volumes && (call.name == "docker-compose" || words[0] == "compose") =>
        {
            Some(("the volumes of the project".to_owned(), "volumes"))
        }
        ["swarm", "leave", ..] if call.has('f', "force") => {
            Some(("the swarm".to_owned(), "cluster"))
        }
        ["stack" | "service" | "node", "rm", rest @ ..] => Some((joined(rest), "cluster")),
        [
            "rm" | "rmi" | "kill" | "stop" | "container" | "image",
            rest @ ..,
        ] if rest.iter().any(|word| {
            word.starts_with("$(") && (word.contains("ps") || word.contains("images"))
        }) && call.has('f', "force") =>
        {
            Some(("every container or image".to_owned(), "prune"))
        }
        _ => None,
    }
}

fn cluster(call: &Call<'_>, words: &[&str]) -> Found {
    match words {
        ["delete", kind, rest @ ..] => {
            let kind = kind.split('/').next().unwrap_or(kind);
            let target = format!("{kind} {}", joined(rest)).trim_end().to_owned();
            if matches!(
                kind,
                "ns" | "namespace"
                    | "namespaces"
                    | "node"
                    | "nodes"
                    | "no"
                    | "pv"
                    | "pvc"
                    | "persistentvolume"
                    | "persistentvolumeclaim"
                    | "crd"
                    | "all"
                    | "clusterrole"
            ) || call.word("--all")
                || call.has('A', "all-namespaces")
            {
                Some((target, "cluster"))
            } else if matches!(kind, "pod" | "pods" | "po" | "job" | "jobs") {
                None
            } else {
                Some((target, "workload"))
            }
        }
        ["patch", rest @ ..]
            if call.joined().contains("\"finalizers\":null")
                || call.joined().contains("finalizers\":[]") =>
        {
            Some((joined(rest), "cluster"))
        }
        ["create", "clusterrolebinding", rest @ ..] if call.joined().contains("cluster-admin") => {
            Some((joined(rest), "cluster"))
        }
        ["apply" | "create", ..]
            if call.word("--prune")
                || call
                    .values(&["-f", "--filename"])
                    .iter()
                    .any(|file| file.text.contains("://")) =>
        {
            Some(("what a file describes".to_owned(), "workload"))
        }
        ["delete"] => Some(("what a file describes".to_owned(), "workload")),
        ["scale", rest @ ..]
            if (call.word("--replicas=0")
                || call
                    .values(&["--replicas"])
                    .iter()
                    .any(|count| count.text == "0")) =>
        {
            Some((joined(rest), "workload"))
        }
        ["drain" | "cordon", node, ..] => Some((format!("node {node}"), "workload")),
        ["replace", ..] if call.word("--force") => {
            Some(("a running object".to_owned(), "workload"))
        }
        _ => None,
    }
}

fn terraform(call: &Call<'_>, words: &[&str]) -> Found {
    let all = call
        .args
        .iter()
        .any(|arg| matches!(arg.text.as_str(), "-destroy" | "--destroy"));
    match words {
        ["destroy", ..] => Some(("the infrastructure".to_owned(), "infrastructure")),
        ["run-all", "destroy", ..] => Some(("the infrastructure".to_owned(), "infrastructure")),
        ["apply", ..] if all => Some(("the infrastructure".to_owned(), "infrastructure")),
        ["apply", ..] if call.any(&["-auto-approve", "--auto-approve"]) => {
            Some(("the infrastructure".to_owned(), "apply_unseen"))
        }
        [
            "state",
            "rm" | "mv" | "push" | "replace-provider",
            rest @ ..,
        ]
        | ["taint" | "force-unlock" | "workspace", rest @ ..]
            if words[0] != "workspace" || rest.first() == Some(&"delete") =>
        {
            Some((joined(rest), "apply_unseen"))
        }
        _ => None,
    }
}

fn aws(shell: &mut Shell<'_>, call: &Call<'_>, words: &[&str]) -> Found {
    match words {
        ["s3", "cp" | "sync" | "mv", source, target, ..] => {
            if target.starts_with("s3://") && !source.starts_with("s3://") {
                let field = call.args.iter().find(|arg| arg.text == *source)?;
                let flow = if *source == "-" {
                    call.stdin.clone()
                } else {
                    shell.read(field, call.name)
                };
                shell.send(
                    target
                        .trim_start_matches("s3://")
                        .split('/')
                        .next()
                        .unwrap_or("s3"),
                    &flow,
                    call.name,
                );
            }
            (words[1] == "sync"
                && call.word("--delete")
                && target.matches('/').count() <= 3
                && target.starts_with("s3://"))
            .then(|| ((*target).to_owned(), "storage"))
        }
        ["s3", "rb", bucket, ..] => Some(((*bucket).to_owned(), "storage")),
        ["s3", "rm", what, ..] if call.word("--recursive") => Some(((*what).to_owned(), "storage")),
        _ => None,
    }
}

fn forge(shell: &mut Shell<'_>, call: &Call<'_>, words: &[&str]) -> Found {
    match words {
        ["gist", "create", files @ ..] => {
            let mut flow = call.stdin.clone();
            for file in files {
                if let Some(field) = call.args.iter().find(|arg| arg.text == *file) {
                    flow.taint.merge(&shell.read(field, call.name).taint);
                }
            }
            shell.send("gist.github.com", &flow, call.name);
            None
        }
        ["repo", "delete", rest @ ..] => {
            Some((format!("repository {}", joined(rest)), "repository"))
        }
        ["repo", "archive", rest @ ..] => {
            Some((format!("repository {}", joined(rest)), "repository"))
        }
        ["release", "delete", rest @ ..] | ["secret", "delete" | "remove", rest @ ..] => {
            Some((joined(rest), "repository"))
        }
        ["repo", "edit", ..] if call.joined().contains("--visibility public") => {
            Some(("the repository's privacy".to_owned(), "repository"))
        }
        ["api", ..] => {
            let text = call.joined();
            (text.contains("DELETE") && (text.contains("-X") || text.contains("--method")))
                .then(|| (joined(words), "repository"))
        }
        _ => None,
    }
}

/// What `aws ecr get-login-password` prints: made to be piped into `docker login`, and of use for nothing else.
const REGISTRY_PASSWORD: &str = "the registry's password";

/// A login that takes the registry's password from a pipe is the way that it is meant to go, so that reading it is no matter.
fn takes_registry_password(shell: &mut Shell<'_>, call: &Call<'_>, words: &[&str]) {
    let login = matches!(
        call.name,
        "docker" | "podman" | "nerdctl" | "buildah" | "skopeo" | "helm" | "oras" | "crane"
    ) && words.contains(&"login")
        && call.word("--password-stdin");
    let secrets = &call.stdin.taint.secrets;
    if login && secrets.len() == 1 && secrets[0] == REGISTRY_PASSWORD {
        shell.found.effects.retain(|effect| {
            effect.kind != EffectKind::ReadSecret || effect.target != REGISTRY_PASSWORD
        });
    }
}

/// Commands that print a credential.
fn shows_secret(call: &Call<'_>, words: &[&str]) -> Option<&'static str> {
    match (call.name, words) {
        (
            "aws",
            [
                "secretsmanager",
                "get-secret-value" | "batch-get-secret-value",
                ..,
            ],
        ) => Some("the cloud's secret store"),
        ("aws", ["ssm", "get-parameter" | "get-parameters", ..])
            if call.word("--with-decryption") =>
        {
            Some("the cloud's secret store")
        }
        ("aws", ["configure", "get", what, ..])
            if what.contains("secret") || what.contains("token") =>
        {
            Some("the cloud's credentials")
        }
        (
            "aws",
            ["configure", "export-credentials", ..]
            | ["sts", "get-session-token" | "assume-role", ..],
        ) => Some("the cloud's credentials"),
        ("aws", ["ecr", "get-login-password", ..]) => Some(REGISTRY_PASSWORD),
        (
            "gcloud",
            ["auth", "print-access-token" | "print-identity-token", ..]
            | ["auth", "application-default", "print-access-token", ..],
        ) => Some("the cloud's credentials"),
        ("gcloud", ["secrets", "versions", "access", ..]) => Some("the cloud's secret store"),
        (
            "az",
            ["account", "get-access-token", ..] | ["keyvault", "secret", "show" | "download", ..],
        ) => Some("the cloud's secret store"),
        ("gh", ["auth", "token", ..]) => Some("the forge's token"),
        ("heroku", ["config" | "auth:token", ..]) => Some("the application's settings"),
        ("kubectl" | "oc", ["get", what, ..])
            if what.starts_with("secret")
                && call
                    .args
                    .iter()
                    .any(|arg| arg.text.starts_with("-o") || arg.text.starts_with("--output"))
                && !call.any(&["name", "-oname", "--output=name"]) =>
        {
            Some("the cluster's secrets")
        }
        ("kubectl", ["config", "view", ..]) if call.word("--raw") => {
            Some("the cluster's credentials")
        }
        _ => None,
    }
}
