//! What was fetched in the same text, and then installed, loaded or run by a program that is no shell; and commands that
//! print what lies on another machine.

use crate::{
    effect::{Effect, EffectKind},
    host,
    programs::args::Call,
    shell::{
        Shell,
        flow::{Field, Flow, Taint},
    },
};

use super::sources;

/// What the entries among the written files are called that keep where a tree of files came from; no path is called so.
const TREE: &str = "fetched tree ";

/// Programs that run or install what they are given as a file or on standard input.
#[rustfmt::skip]
const RUNNERS: &[&str] = &[
    "java", "dpkg", "rpm", "dnf", "yum", "apt", "apt-get", "apk", "pacman", "zypper", "installer", "msiexec", "snap", "flatpak",
    "pip", "pip3", "gem", "make", "gmake", "gdb", "lldb", "psql", "mysql", "mariadb", "sqlite3", "ansible-playbook", "wine", "mono",
    "vim", "nvim", "emacs", "crontab", "insmod", "gcc", "cc", "code", "Rscript", "R", "octave", "gnuplot", "expect", "tclsh",
    "wish", "jshell", "groovy", "scala", "kotlin", "qemu-system-x86_64", "load", "wasmtime", "wasmer", "appimage-run", "docker",
];

/// Notes what a command does with what the same text has fetched.
pub(super) fn read(shell: &mut Shell<'_>, call: &Call<'_>) {
    if RUNNERS.contains(&call.name)
        && (call.name != "docker" || call.operand(0) == "load")
        && (call.name != "vim" || call.any(&["-S", "-s"]))
    {
        let given = call
            .args
            .iter()
            .find_map(|arg| host_of(shell, arg))
            .or_else(|| call.stdin.taint.downloaded.clone());
        if let Some(from) = given {
            shell.emit(Effect::new(EffectKind::RunDownloaded, from).program(call.name));
        }
    }
    match call.name {
        "tar" | "bsdtar" | "unzip" | "7z" | "7za" | "unrar" | "cpio" => {
            let from = call
                .args
                .iter()
                .find_map(|arg| host_of(shell, arg))
                .or_else(|| call.stdin.taint.downloaded.clone());
            if let Some(from) = from {
                came(shell, TREE.to_owned(), from);
            }
        }
        "git" | "hg" | "svn" => cloned(shell, call),
        // `curl … | ssh host bash`
        "ssh"
            if call.any(&[
                "sh",
                "bash",
                "bash -s",
                "sh -s",
                "sudo bash",
                "bash -",
                "zsh",
            ]) =>
        {
            if let Some(from) = call.stdin.taint.downloaded.clone() {
                shell.emit(Effect::new(EffectKind::RunDownloaded, from).program(call.name));
            }
        }
        "sftp" | "tftp" | "lwp-download" | "http" | "https" | "xh" | "certutil" | "bitsadmin"
        | "gh" => {
            saved(shell, call);
        }
        "sh" | "bash" | "zsh" | "dash" | "ksh" | "source" | "." | "sudo" => {
            if let Some(script) = call.operands(&["-u"]).first() {
                run(shell, &script.text.clone());
            }
        }
        _ => {}
    }
}

/// Notes that a file is run, if it lies in a tree that was fetched by the same text.
pub(crate) fn run(shell: &mut Shell<'_>, text: &str) {
    let name = text.rsplit('/').next().unwrap_or(text);
    let script = name.ends_with(".sh")
        || [
            "install",
            "setup",
            "bootstrap",
            "run",
            "configure",
            "payload",
            "init",
        ]
        .iter()
        .any(|word| name.starts_with(word));
    if !script || text.starts_with('-') || text.contains(' ') {
        return;
    }
    if shell.written.is_empty() {
        return;
    }
    let known = |shell: &Shell<'_>, key: &str| shell.written.get(key)?.taint.downloaded.clone();
    let path = shell.path(text);
    let from = path
        .parts()
        .iter()
        .rev()
        .skip(1)
        .find_map(|part| known(shell, &format!("{TREE}{part}")))
        .or_else(|| {
            known(shell, TREE).filter(|_| !text.starts_with(['/', '~']) && text.contains('/'))
        });
    if let Some(from) = from {
        shell.emit(Effect::new(EffectKind::RunDownloaded, from).program(name));
    }
}

/// Notes where a file came from, or a tree of files.
fn came(shell: &mut Shell<'_>, what: String, from: String) {
    let flow = Flow::tainted(Taint {
        downloaded: Some(from),
        unforeseen: true,
        ..Taint::default()
    });
    shell.written.insert(what, flow);
}

/// Files that programs save under names of their own.
fn saved(shell: &mut Shell<'_>, call: &Call<'_>) {
    let file = match call.name {
        "sftp" => call.operand(0),
        "tftp" => match call
            .args
            .iter()
            .position(|arg| matches!(arg.text.as_str(), "get" | "-r"))
        {
            Some(at) => call.args.get(at + 1).map_or("", |arg| arg.text.as_str()),
            None => "",
        },
        "lwp-download" => call.operand(0),
        "http" | "https" | "xh" if call.any(&["-d", "--download"]) => call.operand(0),
        "certutil" if call.any(&["-urlcache", "/urlcache"]) => {
            call.args.last().map_or("", |arg| arg.text.as_str())
        }
        "bitsadmin" => call.args.last().map_or("", |arg| arg.text.as_str()),
        "gh" if call.operand(0) == "release"
            && call.operand(1) == "download"
            && call.any(&["-R", "--repo"]) =>
        {
            match call
                .args
                .iter()
                .position(|arg| matches!(arg.text.as_str(), "-p" | "--pattern"))
            {
                Some(at) => call.args.get(at + 1).map_or("", |arg| arg.text.as_str()),
                None => "",
            }
        }
        _ => "",
    };
    let file = file.rsplit(['/', ':']).next().unwrap_or(file);
    if !file.is_empty() {
        let path = shell.path(file).display();
        came(shell, path, "the network".to_owned());
    }
}

/// The host that a word's file came from.
fn host_of(shell: &Shell<'_>, arg: &Field) -> Option<String> {
    if let Some(file) = &arg.file {
        return file.taint.downloaded.clone();
    }
    if shell.written.is_empty() || arg.text.is_empty() {
        return None;
    }
    let text = arg
        .text
        .rsplit_once('=')
        .map_or(arg.text.as_str(), |(_, file)| file);
    shell
        .written
        .get(&shell.path(text).display())?
        .taint
        .downloaded
        .clone()
}

/// `git clone URL [directory]`: what lies in that directory is a stranger's.
fn cloned(shell: &mut Shell<'_>, call: &Call<'_>) {
    let words = call.operands(&[
        "-b", "--branch", "--depth", "-c", "--config", "-o", "-C", "-j", "-r",
    ]);
    let [verb, url, rest @ ..] = words.as_slice() else {
        return;
    };
    if !matches!(verb.text.as_str(), "clone" | "checkout" | "co" | "export")
        || !url.text.contains("://") && !url.text.starts_with("git@")
        || sources::trusted(&url.text)
        || host::is_local(&host::of_url(&url.text))
    {
        return;
    }
    let folder = rest
        .first()
        .map_or(url.text.as_str(), |field| field.text.as_str());
    let folder = folder.trim_end_matches('/').trim_end_matches(".git");
    let folder = folder
        .rsplit(['/', ':'])
        .next()
        .unwrap_or(folder)
        .to_owned();
    let from = host::of_url(&url.text);
    came(shell, format!("{TREE}{folder}"), from);
}

/// Marks what a command prints that lies on another machine.
pub(crate) fn mark(call: &Call<'_>, flow: &mut Flow) {
    let has = |words: &[&str]| call.any(words);
    let from = match call.name {
        "svn" | "gsutil" | "rclone" | "ipfs" | "mc" | "s3cmd" | "hdfs" if has(&["cat"]) => {
            call.operand(1)
        }
        "gcloud" if has(&["storage"]) && has(&["cat"]) => "a bucket",
        "aws" if has(&["s3"]) && has(&["cp"]) && has(&["-"]) => "a bucket",
        "gh" if call.operand(0) == "gist" && call.operand(1) == "view" => "gist.github.com",
        "gh" if call.operand(0) == "api" => "the forge",
        "dig" | "host" | "nslookup" | "drill" | "kdig" => "a name server",
        "links" | "elinks" | "links2" | "lwp-download" | "finger" | "whois" => "the network",
        "ssh" if !call.args.is_empty() => call.operand(0),
        "ftp" if has(&["-o", "-o-"]) => "the network",
        // What takes a script out of something else.
        "ar" | "steghide" | "dd" | "zsteg" | "binwalk" | "exiftool" | "pdftotext" => {
            flow.taint.decoded |= flow.text.is_none();
            return;
        }
        "tar" | "bsdtar"
            if call.args.iter().any(|arg| {
                arg.text == "--to-stdout" || arg.text.contains('O') && !arg.text.contains('.')
            }) =>
        {
            flow.taint.decoded |= flow.text.is_none();
            return;
        }
        "redis-cli" if has(&["get", "GET"]) => "a server",
        _ => return,
    };
    if flow.text.is_none() && flow.taint.downloaded.is_none() {
        flow.taint.downloaded = Some(from.to_owned());
    }
}
