//! Files of this machine that servers' tools read, write, move, delete or send.
//!
//! Not in scope: a runtime's own file tools (`tools`), what else a server's tool does (`tools_server`, `tools_verdict`).

use serde_json::Value;

use crate::{
    secret,
    shell::{
        Shell,
        flow::{Field, Flow},
    },
    tools::{NEW_PATH_KEYS, PATH_KEYS, texts},
    tools_server::Tool,
    verbs::Doing,
};

/// Servers whose paths are those of another machine.
#[rustfmt::skip]
const REMOTE: &[&str] = &[
    "ftp", "sftp", "ssh", "s3", "gcs", "drive", "gdrive", "dropbox", "onedrive", "box", "nas", "webdav", "nextcloud", "sharepoint", "minio", "r2",
];
/// Arguments that show that a path is one of another machine.
#[rustfmt::skip]
const ELSEWHERE: &[&str] = &[
    "owner", "repo", "repository", "project_id", "projectId", "bucket", "branch", "sha", "fileId", "drive", "site",
    "workspace_id", "container", "share",
];

/// Files of this machine that a tool reads, writes, moves or deletes; true if that is all that it does.
pub(crate) fn paths(shell: &mut Shell<'_>, tool: &Tool<'_>, name: &str) -> bool {
    let params = &tool.call.params;
    let given: Vec<String> = texts(params, PATH_KEYS)
        .into_iter()
        .chain(texts(
            params,
            &[
                "attachments",
                "attachment",
                "media",
                "image",
                "document",
                "folder",
            ],
        ))
        .filter(|path| path.contains('/') || path.starts_with(['.', '~']))
        .filter(|path| !path.contains("://") && path.len() < 4096)
        .collect();
    let takes_elsewhere =
        tool.named(REMOTE) && matches!(tool.doing, Some(Doing::Destroys | Doing::Removes));
    if given.is_empty() || takes_elsewhere || ELSEWHERE.iter().any(|key| params.get(*key).is_some())
    {
        return false;
    }
    if tool.has(&["upload", "send", "attach", "share", "post", "email", "mail"])
        || params.get("to").is_some() && !tool.has(&["move", "rename", "mv", "copy"])
        || params.get("attachments").is_some()
    {
        for path in &given {
            let flow = shell.read(&Field::known(path.as_str()), name);
            shell.send(name, &flow, name);
        }
        return false;
    }
    let moves = tool.has(&["move", "rename", "mv"]);
    let files = tool.named(&[
        "file",
        "files",
        "directory",
        "folder",
        "path",
        "filesystem",
        "fs",
        "dir",
    ]);
    match tool.doing {
        _ if tool.rehearsal => {}
        Some(Doing::Destroys | Doing::Removes) => {
            given
                .iter()
                .for_each(|path| shell.delete(&Field::known(path.as_str()), true, false, name));
            return files;
        }
        _ if moves => {
            moved(shell, &given, name);
            for path in texts(params, NEW_PATH_KEYS) {
                shell.write(&Field::known(path), false, &Flow::unforeseen(), name);
            }
            return true;
        }
        Some(Doing::Makes) if tool.has(&["create", "write", "append", "insert", "new", "copy"]) => {
            written(shell, params, &given, name);
        }
        _ if tool.has(&[
            "edit", "update", "replace", "save", "patch", "modify", "set",
        ]) =>
        {
            written(shell, params, &given, name);
        }
        _ => given.iter().for_each(|path| {
            let path = shell.path(path);
            shell.secret_at(&path, name);
        }),
    }
    false
}

/// What is moved is gone where it was, where that matters.
pub(crate) fn moved(shell: &mut Shell<'_>, paths: &[String], name: &str) {
    for path in paths {
        let display = shell.path(path);
        let place = shell.place(&display, false);
        let dear = place >= crate::place::Place::Workspace
            || secret::secret_of(&display) == Some(secret::STORE);
        if dear {
            shell.delete(&Field::known(path.as_str()), true, false, name);
        }
    }
}

fn written(shell: &mut Shell<'_>, params: &Value, paths: &[String], name: &str) {
    let content = texts(params, &["content", "contents", "text", "data"]);
    let content = content.first().map_or_else(Flow::unforeseen, Flow::text);
    for path in paths {
        shell.write(&Field::known(path.as_str()), false, &content, name);
    }
}
