//! Clouds, hosting services and their like: what is taken away, taken out of service, opened to others or shown, told from
//! the tree of their command lines.
//!
//! Not in scope: containers, clusters and forges, which have words of their own (`service`), brokers (`brokers`).

use super::{
    args::Call,
    tree::{self, Branch},
};
use crate::{
    effect::{Effect, EffectKind},
    shell::{
        Shell,
        flow::{Field, Flow},
    },
    verbs::{self, Doing},
};

/// Programs that are read as trees, and what is gone when something of theirs is: the manner of `destroy_service`.
#[rustfmt::skip]
const TREES: &[(&str, &str)] = &[
    ("aliyun", "cloud"), ("amplify", "cloud"), ("appwrite", "cloud"), ("argocd", "release"), ("aws", "cloud"),
    ("az", "cloud"), ("b2", "storage"), ("borg", "backups"), ("cdk", "infrastructure"), ("cdktf", "infrastructure"),
    ("cf", "cloud"), ("civo", "cloud"), ("cloudflared", "cloud"), ("contabo", "cloud"), ("copilot", "cloud"),
    ("dokku", "cloud"), ("doctl", "cloud"), ("eb", "cloud"), ("eksctl", "cluster"), ("exo", "cloud"),
    ("firebase", "cloud"), ("fly", "cloud"), ("flyctl", "cloud"), ("flux", "release"), ("gcloud", "cloud"),
    ("govc", "machine"), ("hcloud", "cloud"), ("helmfile", "release"), ("heroku", "cloud"), ("ibmcloud", "cloud"),
    ("incus", "machine"), ("istioctl", "cluster"), ("juju", "infrastructure"), ("k3d", "cluster"), ("kamal", "cloud"),
    ("koyeb", "cloud"), ("kops", "cluster"), ("kubeadm", "cluster"), ("k3s-uninstall.sh", "cluster"),
    ("limactl", "machine"), ("linkerd", "cluster"), ("linode-cli", "cloud"), ("lxc", "machine"), ("mc", "storage"),
    ("multipass", "machine"), ("neonctl", "cloud"), ("neon", "cloud"), ("netlify", "cloud"), ("nomad", "cluster"),
    ("ntl", "cloud"), ("oci", "cloud"), ("openstack", "cloud"), ("packer", "cloud"), ("pct", "machine"),
    ("planetscale", "cloud"), ("prlctl", "machine"), ("pscale", "cloud"), ("pulumi", "infrastructure"),
    ("qm", "machine"), ("railway", "cloud"), ("rancher", "cluster"), ("rclone", "storage"), ("render", "cloud"),
    ("restic", "backups"), ("s3cmd", "storage"), ("s5cmd", "storage"), ("sam", "infrastructure"), ("scw", "cloud"),
    ("serverless", "infrastructure"), ("skaffold", "release"), ("sls", "infrastructure"), ("sst", "infrastructure"),
    ("supabase", "cloud"), ("tccli", "cloud"), ("tkn", "cluster"), ("turso", "cloud"), ("upctl", "cloud"),
    ("vagrant", "machine"), ("VBoxManage", "machine"), ("vboxmanage", "machine"), ("velero", "backups"),
    ("vercel", "cloud"), ("vc", "cloud"), ("virsh", "machine"), ("vmrun", "machine"), ("vultr-cli", "cloud"),
    ("wrangler", "cloud"), ("xo-cli", "machine"), ("yc", "cloud"), ("akamai", "cloud"), ("fastly", "cloud"),
    ("ovhcloud", "cloud"), ("tailscale", "cloud"), ("convex", "cloud"), ("fauna", "cloud"), ("encore", "cloud"),
    ("porter", "cloud"), ("sfdx", "cloud"), ("sf", "cloud"), ("shopify", "cloud"), ("stripe", "cloud"),
    ("twilio", "cloud"), ("okta", "cloud"), ("auth0", "cloud"), ("algolia", "cloud"), ("contentful", "cloud"),
    ("sanity", "cloud"), ("sentry-cli", "cloud"), ("datadog-ci", "cloud"), ("gsutil", "storage"),
    ("azcopy", "storage"), ("vault", "cloud"), ("boundary", "cloud"),
];

/// Machines and clusters of one's own that come and go.
const OWN: &[&str] = &["k3d", "vagrant"];

/// Whether `name` is read as a tree here.
pub(super) fn knows(name: &str) -> bool {
    TREES.iter().any(|(known, _)| *known == name)
}

/// Reads a command line of a cloud; the target and manner of what it destroys.
pub(super) fn read(shell: &mut Shell<'_>, call: &Call<'_>) -> Option<(String, &'static str)> {
    let (_, manner) = TREES.iter().find(|(name, _)| *name == call.name)?;
    carried(shell, call);
    uploads(shell, call);
    if tree::rehearsed(call) {
        return None;
    }
    let text = call.joined();
    if let Some(target) = opens(call, &text) {
        shell.emit(
            Effect::new(EffectKind::RaisePrivileges, target)
                .manner("service")
                .program(call.name),
        );
    }
    let Some(branch) = tree::branch(call) else {
        return special(call, &text).or_else(|| to_nothing(call, &text));
    };
    let found = match branch.doing {
        Doing::Destroys => Some((branch.shown(), *manner)),
        Doing::Removes if harmless(call, &branch) => None,
        Doing::Removes => Some((branch.shown(), *manner)),
        Doing::Stops => Some((branch.shown(), "stop")),
        Doing::Grants => {
            shell.emit(
                Effect::new(EffectKind::RaisePrivileges, branch.shown())
                    .manner("service")
                    .program(call.name),
            );
            None
        }
        Doing::Pays => Some((branch.shown(), "pay")),
        _ => None,
    };
    let found =
        found.filter(|_| !OWN.contains(&call.name) || call.any(&["--all", "-a", "-f", "--force"]));
    found
        .or_else(|| special(call, &text))
        .or_else(|| to_nothing(call, &text))
}

/// As [`read`], for programs that have other readers too.
pub(super) fn note(shell: &mut Shell<'_>, call: &Call<'_>) {
    if let Some((target, manner)) = read(shell, call) {
        shell.emit(
            Effect::new(EffectKind::DestroyService, target)
                .manner(manner)
                .forced(tree::forced(call))
                .program(call.name),
        );
    }
}

/// Command lines for many machines at once: what their modules do.
pub(super) fn fleet(shell: &mut Shell<'_>, call: &Call<'_>) {
    if tree::rehearsed(call) || call.has('C', "check") {
        return;
    }
    let emit = |shell: &mut Shell<'_>, kind: EffectKind, target: &str, manner: &'static str| {
        shell.emit(Effect::new(kind, target).manner(manner).program(call.name));
    };
    let hosts = call.operand(0);
    if call.name == "ansible-playbook" {
        let books = call.operands(&["-i", "-e", "-l", "-t", "-u", "--tags", "--limit"]);
        for book in books {
            let stem = book.text.rsplit('/').next().unwrap_or(&book.text);
            if matches!(
                verbs::verb_of(&verbs::words(stem)),
                Some((0, Doing::Destroys))
            ) {
                emit(
                    shell,
                    EffectKind::DestroyService,
                    &book.text,
                    "apply_unseen",
                );
            }
        }
        return;
    }
    let text = call.joined();
    if call.name == "ansible" {
        let module = call.values(&["-m", "--module-name"]);
        let module = module.first().map_or("", |module| module.text.as_str());
        match module.rsplit('.').next().unwrap_or(module) {
            "reboot" | "shutdown" => emit(shell, EffectKind::StopSystem, hosts, "halt"),
            _ if text.contains("state=absent") || text.contains("state=stopped") => {
                emit(shell, EffectKind::DestroyService, hosts, "apply_unseen");
            }
            _ => {}
        }
        return;
    }
    let words = call.operands(&["-C", "-L", "-E", "-G", "-N", "-b", "-t"]);
    let Some(function) = words.get(1).or(words.first()) else {
        return;
    };
    if function.text.starts_with("cmd.") {
        for command in words.iter().skip(2) {
            shell.subshell(&command.text, &Flow::default());
        }
    } else if matches!(
        function.text.as_str(),
        "system.reboot" | "system.poweroff" | "system.halt" | "system.shutdown"
    ) {
        emit(shell, EffectKind::StopSystem, hosts, "halt");
    } else if let Some((_, verb)) = function.text.split_once('.')
        && matches!(
            verbs::verb_of(&verbs::words(verb)),
            Some((_, Doing::Destroys | Doing::Removes))
        )
    {
        emit(shell, EffectKind::DestroyService, hosts, "apply_unseen");
    }
}

/// Removals that everybody does all day.
fn harmless(call: &Call<'_>, branch: &Branch<'_>) -> bool {
    let path = branch.path.as_slice();
    match (call.name, path) {
        ("supabase", ["db", "reset", ..]) => !call.any(&["--linked", "--db-url"]),
        ("restic" | "borg", ["prune" | "forget", ..]) => {
            call.name == "borg" && !call.word("--force") && call.operand(0) == "prune"
        }
        ("gcloud" | "az" | "aws", ["config" | "configure", ..]) => true,
        ("tailscale" | "cloudflared" | "railway", ["logout" | "unlink", ..]) => true,
        ("aws", [_, verb, ..]) => verb.starts_with("cancel-"),
        ("mc" | "s5cmd", ["rm", what, ..]) => !call.has('r', "recursive") && !what.contains('*'),
        ("s3cmd", ["del" | "rm", ..]) => !call.has('r', "recursive"),
        ("gsutil", ["rm", what, ..]) => {
            !call.has('r', "recursive") && !call.has('R', "") && !what.contains('*')
        }
        _ => false,
    }
}

/// Commands without a verb that says it.
fn special(call: &Call<'_>, text: &str) -> Option<(String, &'static str)> {
    let path = tree::path(call);
    let shown = || path.iter().take(6).copied().collect::<Vec<_>>().join(" ");
    match (call.name, path.as_slice()) {
        ("heroku", ["maintenance:on", ..]) => Some((shown(), "stop")),
        (
            "heroku",
            [
                "pg:push" | "pg:restore" | "pg:backups:restore" | "pg:promote",
                ..,
            ],
        ) => Some((shown(), "cloud")),
        ("railway" | "render", ["down", ..]) => Some((shown(), "cloud")),
        ("aws", ["s3", "sync" | "mirror", ..]) if call.word("--delete") => {
            Some((shown(), "storage"))
        }
        ("aws", ["s3", "rm", _, ..]) => Some((shown(), "storage")),
        ("aws", ["ec2", verb, ..]) if verb.starts_with("release-") => Some((shown(), "cloud")),
        ("aws", [_, "close-account" | "leave-organization", ..]) => Some((shown(), "cloud")),
        ("aws", [_, "change-resource-record-sets", ..]) if text.contains("DELETE") => {
            Some((shown(), "cloud"))
        }
        ("aws", ["s3api", "put-bucket-versioning", ..]) if text.contains("Suspended") => {
            Some((shown(), "stop"))
        }
        (
            "gsutil" | "rclone" | "mc" | "gcloud",
            [.., "rsync" | "sync" | "mirror", _, _] | ["rsync" | "sync" | "mirror", ..],
        ) if call.name == "rclone"
            || call.any(&[
                "-d",
                "--delete",
                "--remove",
                "--delete-unmatched-destination-objects",
            ]) =>
        {
            Some((shown(), "storage"))
        }
        ("argocd", ["app", "sync", ..]) if call.any(&["--prune", "--force", "--replace"]) => {
            Some((shown(), "apply_unseen"))
        }
        ("az", ["deployment", ..]) if text.contains("Complete") => Some((shown(), "apply_unseen")),
        ("cdk", ["deploy", ..]) if text.contains("--require-approval never") => {
            Some((shown(), "apply_unseen"))
        }
        ("pulumi", ["up" | "update" | "refresh", ..])
            if call.any(&["--yes", "-y", "--skip-preview", "-f"]) =>
        {
            Some((shown(), "apply_unseen"))
        }
        (_, _)
            if text.contains("--no-deletion-protection")
                || text.contains("--no-disable-api-termination")
                || text.contains("--no-enable-termination-protection")
                || text.contains("--disable-deletion-protection") =>
        {
            Some((shown(), "stop"))
        }
        _ => None,
    }
}

/// Whether something running is brought to nothing: `ps:scale web=0`, `--desired-count 0`.
fn to_nothing(call: &Call<'_>, text: &str) -> Option<(String, &'static str)> {
    let scales = [
        "scale",
        "concurrency",
        "concurrent",
        "desired",
        "replicas",
        "resize",
        "max-size",
        "min-instances",
    ]
    .iter()
    .any(|word| text.contains(word));
    let zero = call
        .args
        .iter()
        .any(|arg| arg.text == "0" || arg.text.ends_with("=0"));
    (scales && zero).then(|| {
        (
            tree::path(call)
                .into_iter()
                .take(6)
                .collect::<Vec<_>>()
                .join(" "),
            "stop",
        )
    })
}

/// Whether a command opens something to everybody, or gives someone power; what.
fn opens(call: &Call<'_>, text: &str) -> Option<String> {
    let path = tree::path(call);
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let reads = tree::branch(call).is_some_and(|branch| branch.doing == Doing::Reads);
    if reads || says(&["revoke-", "remove-iam", "delete"]) {
        return None;
    }
    let world = says(&[
        "0.0.0.0/0",
        "Group=all",
        "::/0",
        "allUsers",
        "allAuthenticatedUsers",
        "public-read",
        "\"Principal\":\"*\"",
        "\"Principal\": \"*\"",
        "\"AWS\":\"*\"",
        "--source-address-prefixes *",
        "--source-address-prefix *",
        "--public-access blob",
        "--public-access container",
        "BlockPublicAcls=false",
        "BlockPublicPolicy=false",
        "--allow-unauthenticated",
        "--allow-blob-public-access true",
    ]);
    let power = says(&[
        "add-iam-policy-binding",
        "set-iam-policy",
        "role assignment create",
        "create-for-rbac",
        "add-user-to-group",
        "create-access-key",
        "create-login-profile",
        "update-login-profile",
        "put-user-policy",
        "put-role-policy",
        "put-group-policy",
        "attach-user-policy",
        "attach-role-policy",
        "attach-group-policy",
        "update-assume-role-policy",
        "create-policy-version",
        "set-default-policy-version",
        "service-accounts keys create",
        "add-permission",
        "access:add",
        "collaborators:add",
        "orgs:members",
        "iam ch",
        "acl ch",
        "acl set",
        "iam user create",
        "iam api-key create",
        "api-key create",
        "auth:token",
        "signups enable",
    ]);
    (world || power).then(|| path.into_iter().take(6).collect::<Vec<_>>().join(" "))
}

/// Files that go to a store in the cloud.
fn uploads(shell: &mut Shell<'_>, call: &Call<'_>) {
    let path = tree::path(call);
    let copies = path.iter().take(4).any(|word| {
        matches!(
            *word,
            "cp" | "copy"
                | "copyto"
                | "put"
                | "upload"
                | "upload-batch"
                | "sync"
                | "mv"
                | "move"
                | "pipe"
        )
    });
    // `aws s3 cp` and `rclone` are read where their targets are known.
    if !copies || matches!(call.name, "aws" | "rclone") {
        return;
    }
    let mut files: Vec<Field> = call.values(&["-f", "--file", "--source", "-s", "--filename"]);
    let named: Vec<&str> = path
        .iter()
        .copied()
        .filter(|word| !word.contains("://"))
        .collect();
    files.extend(
        call.args
            .iter()
            .filter(|arg| named.contains(&arg.text.as_str()) && arg.text.contains(['/', '.', '~']))
            .cloned(),
    );
    for file in files {
        let flow = shell.read(&file, call.name);
        shell.send("the cloud", &flow, call.name);
    }
}

/// Command lines that are carried to a machine of the cloud.
fn carried(shell: &mut Shell<'_>, call: &Call<'_>) {
    let mut texts: Vec<String> = Vec::new();
    let path = tree::path(call);
    if path.iter().any(|word| {
        matches!(
            *word,
            "ssh" | "exec" | "execute" | "run-command" | "invoke" | "send-command" | "console"
        )
    }) {
        for value in call.values(&["--command", "--scripts", "-C", "--cmd"]) {
            texts.push(value.text);
        }
        if let Some(at) = call.args.iter().position(|arg| arg.text == "--") {
            let words: Vec<&str> = call.args[at + 1..]
                .iter()
                .map(|arg| arg.text.as_str())
                .collect();
            texts.push(words.join(" "));
        }
    }
    for arg in call.args {
        if let Some(command) = arg.text.strip_prefix("commands=") {
            texts.push(command.trim_matches(['[', ']', '"', '\'']).to_owned());
        }
    }
    if call.name == "heroku"
        && let Some(at) = call
            .args
            .iter()
            .position(|arg| matches!(arg.text.as_str(), "run" | "run:detached"))
    {
        let words: Vec<&str> = call.args[at + 1..]
            .iter()
            .map(|arg| arg.text.as_str())
            .collect();
        texts.push(words.join(" "));
    }
    for text in texts {
        shell.subshell(&text, &Flow::default());
    }
    // `wrangler d1 execute`, `turso db shell`: statements.
    let local = call.word("--local");
    if !local
        && path
            .iter()
            .any(|word| matches!(*word, "d1" | "sql" | "query" | "db"))
    {
        for value in call.values(&["--command", "--sql", "-c", "--query", "-q"]) {
            crate::sql::read(shell, &value.text, call.name);
        }
        for word in path.iter().filter(|word| word.contains(' ')) {
            crate::sql::read(shell, word, call.name);
        }
    }
}
