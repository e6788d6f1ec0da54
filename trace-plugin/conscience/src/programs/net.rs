//! Programs that talk to other machines: what they fetch, what they send.

use super::{
    args::Call,
    giving::{give, put, tunnel},
    request,
    transfer::transfer,
};
use crate::{
    effect::{Effect, EffectKind},
    host,
    shell::{
        Shell,
        flow::{Field, Flow, Taint},
    },
};

/// curl's options that take a value and are neither data nor a file of interest.
#[rustfmt::skip]
const CURL_VALUES: &[&str] = &[
    "-H", "--header", "-X", "--request", "-A", "--user-agent", "-e", "--referer", "-u", "--user", "-o", "--output",
    "-d", "--data", "--data-raw", "--data-binary", "--data-urlencode", "--data-ascii", "--json", "-F", "--form", "-T",
    "--upload-file", "-b", "--cookie", "-c", "--cookie-jar", "-m", "--max-time", "--connect-timeout", "--retry",
    "--retry-delay", "-w", "--write-out", "-x", "--proxy", "-K", "--config", "--cacert", "--cert", "--key", "-E",
    "--resolve", "--proto", "-r", "--range", "-D", "--dump-header", "--interface", "--output-dir", "-z", "-C",
    "--limit-rate", "--unix-socket", "--tlsv1", "--url",
];

const CURL_DATA: &[&str] = &[
    "-d",
    "--data",
    "--data-binary",
    "--data-urlencode",
    "--data-ascii",
    "--json",
    "-F",
    "--form",
    "--data-raw",
];

#[rustfmt::skip]
const WGET_VALUES: &[&str] = &[
    "-O", "--output-document", "-o", "-P", "--directory-prefix", "-t", "-T", "-U", "--user-agent", "--header", "-e",
    "--post-file", "--post-data", "--body-file", "--timeout", "--tries",
];

pub(super) fn read(shell: &mut Shell<'_>, call: &Call<'_>) -> Option<Flow> {
    Some(match call.name {
        "curl" | "curlie" => curl(shell, call),
        "wget" | "wget2" | "aria2c" | "axel" => wget(shell, call),
        "http" | "https" | "xh" | "lynx" | "w3m" | "GET" | "fetch" | "lwp-request" | "iwr"
        | "irm" | "Invoke-WebRequest" | "Invoke-RestMethod" => other_client(shell, call),
        "iex" | "Invoke-Expression" => {
            let mut flow = call.stdin.clone();
            call.args
                .iter()
                .for_each(|arg| flow.taint.merge(&arg.taint));
            if [
                "iwr",
                "irm",
                "Invoke-WebRequest",
                "Net.WebClient",
                "DownloadString",
            ]
            .iter()
            .any(|word| call.joined().contains(word))
            {
                flow.taint.downloaded = Some("the network".to_owned());
            }
            shell.execute(&flow, call.name)
        }
        "nc" | "ncat" | "netcat" | "socat" | "telnet" | "nc.traditional" | "nc.openbsd" => {
            socket(shell, call)
        }
        "scp" | "rsync" | "rclone" => transfer(shell, call),
        "sftp" | "ftp" | "lftp" | "ncftp" | "tftp" | "smbclient" => put(shell, call),
        "croc" | "ffsend" | "wormhole" | "magic-wormhole" | "transfer" | "transfer.sh"
        | "bashupload" | "wush" | "portal" | "tailscale"
            if call.any(&["send", "upload", "cp"])
                || !matches!(call.name, "croc" | "wormhole" | "tailscale") =>
        {
            give(shell, call)
        }
        "ngrok" | "cloudflared" | "chisel" | "bore" | "frpc" | "localtunnel" | "lt" | "serveo" => {
            tunnel(shell, call)
        }
        "mail" | "mailx" | "sendmail" | "mutt" | "msmtp" | "swaks" => {
            let mut flow = call.stdin.clone();
            for file in call.values(&["-a", "-A", "--attach"]) {
                flow.taint.merge(&shell.read(&file, call.name).taint);
            }
            let to = call
                .operands(&["-s", "-a", "-A", "-c", "-b", "-r"])
                .last()
                .map_or("mail", |field| field.text.as_str())
                .to_owned();
            shell.send(&to, &flow, call.name);
            Flow::text("")
        }
        "dig" | "nslookup" | "host" | "ping" | "whois" | "drill" | "traceroute" => {
            let mut flow = call.stdin.clone();
            for arg in call.args {
                flow.taint.merge(&arg.taint);
                // What the machine and its user are called, as a name to be looked up.
                let told = [
                    "$(hostname",
                    "$(whoami",
                    "$(id",
                    "$(uname",
                    "$HOSTNAME",
                    "$USER",
                ];
                if arg.text.contains(").") && told.iter().any(|word| arg.text.contains(word)) {
                    flow.taint.bulk = Some("the machine's names");
                }
            }
            shell.send("a name server", &flow, call.name);
            Flow::unforeseen()
        }
        _ => return None,
    })
}

impl Shell<'_> {
    /// Notes that `flow` leaves for `host`.
    pub(crate) fn send(&mut self, host: &str, flow: &Flow, program: &str) {
        let effect = |manner: &'static str| {
            Effect::new(EffectKind::SendData, host)
                .manner(manner)
                .program(program)
        };
        if flow.taint.bulk == Some("a shell") {
            self.emit(Effect::new(EffectKind::RemoteShell, host).program(program));
        }
        if !flow.taint.secrets.is_empty() {
            self.emit(effect("secret"));
        } else if let Some(bulk) = flow.taint.bulk {
            let ordinary = bulk == "endless data"
                || bulk == "a shell"
                || bulk == "an archive" && program == "ssh";
            if !ordinary && !host::is_local(host) {
                self.emit(effect("bulk"));
            }
        }
    }

    /// Notes that data with nothing secret known of it leaves for `host`: for rules about what a session has read before.
    pub(crate) fn send_plain(&mut self, host: &str, program: &str) {
        let manner = if host::is_local(host) {
            "local"
        } else {
            "plain"
        };
        self.emit(
            Effect::new(EffectKind::SendData, host)
                .manner(manner)
                .program(program),
        );
    }

    /// Notes a request to `host`; answers the name of the secret store if it is one that hands out credentials.
    pub(crate) fn request(&mut self, host: &str, program: &str) -> Option<String> {
        if !host::is_metadata(host) {
            return None;
        }
        self.emit(
            Effect::new(EffectKind::ReadSecret, host)
                .manner("metadata")
                .program(program),
        );
        Some(host.to_owned())
    }
}

/// The flow that a fetch from `url` gives.
fn fetched(shell: &mut Shell<'_>, url: &Field, program: &str) -> (String, Flow) {
    if let Some(path) = url.text.strip_prefix("file://") {
        return (String::new(), shell.read(&Field::known(path), program));
    }
    let host = host::of_url(&url.text);
    let mut taint = Taint {
        downloaded: Some(host.clone()),
        unforeseen: true,
        ..Taint::default()
    };
    taint.secrets.extend(shell.request(&host, program));
    if !url.taint.secrets.is_empty() || url.taint.bulk.is_some() {
        shell.send(&host, &Flow::tainted(url.taint.clone()), program);
    }
    (host, Flow::tainted(taint))
}

fn curl(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    let mut urls: Vec<Field> = call.operands(CURL_VALUES).into_iter().cloned().collect();
    urls.extend(call.values(&["--url"]));
    let mut out = Flow::unforeseen();
    let mut hosts = Vec::new();
    for url in &urls {
        let (host, flow) = fetched(shell, url, call.name);
        out.taint.merge(&flow.taint);
        hosts.push(host);
    }
    let host = hosts.first().cloned().unwrap_or_default();
    // Where the address of the request is said elsewhere.
    for route in call.values(&["--connect-to", "--resolve"]) {
        for part in route.text.split(':') {
            shell.request(part.trim_matches(['[', ']', '+']), call.name);
        }
    }
    let mut sent = Flow::default();
    let encoded = call.word("--data-urlencode");
    for data in call.values(CURL_DATA) {
        sent.connected = true;
        sent.taint.merge(&data.taint);
        let file = data
            .text
            .strip_prefix('@')
            .or_else(|| data.text.split_once("=@").map(|(_, file)| file))
            .or_else(|| {
                data.text
                    .split_once('@')
                    .map(|(_, file)| file)
                    .filter(|_| encoded)
            })
            .or_else(|| data.text.split_once("=<").map(|(_, file)| file));
        if let Some(file) = file {
            attach(shell, call, file, &mut sent);
        }
    }
    for file in call.values(&["-T", "--upload-file"]) {
        sent.connected = true;
        attach(shell, call, &file.text, &mut sent);
    }
    // A token of one's own in a header is how one signs in, where it was given for; the content of a key file is not.
    for header in call.values(&[
        "-H",
        "--header",
        "-A",
        "--user-agent",
        "-e",
        "--referer",
        "-b",
        "--cookie",
    ]) {
        sent.taint.secrets.extend(
            header
                .taint
                .secrets
                .iter()
                .filter(|name| !name.starts_with('$') || !host::takes_token(name, &host))
                .cloned(),
        );
    }
    let addresses: Vec<&str> = urls.iter().map(|url| url.text.as_str()).collect();
    request::note(shell, call, &addresses, sent.connected);
    shell.send(&host, &sent, call.name);
    if sent.connected && sent.taint.secrets.is_empty() && sent.taint.bulk.is_none() {
        shell.send_plain(&host, call.name);
    }
    let mut files = call.values(&["-o", "--output"]);
    if call.has('O', "remote-name") {
        files.extend(urls.iter().map(|url| Field::known(base_name(&url.text))));
    }
    save(shell, &files, out, call.name)
}

/// The file, or standard input, that an option names with `@`.
fn attach(shell: &mut Shell<'_>, call: &Call<'_>, file: &str, sent: &mut Flow) {
    let file = file.split(';').next().unwrap_or(file);
    if matches!(file, "-" | "." | "/dev/stdin") {
        sent.taint.merge(&call.stdin.taint);
    } else {
        let read = call
            .args
            .iter()
            .find_map(|arg| arg.file.as_ref())
            .map_or_else(
                || shell.read(&Field::known(file), call.name),
                |flow| (**flow).clone(),
            );
        sent.taint.merge(&read.taint);
    }
}

/// Downloads that go to files are remembered there.
fn save(shell: &mut Shell<'_>, files: &[Field], out: Flow, program: &str) -> Flow {
    let kept: Vec<&Field> = files
        .iter()
        .filter(|file| file.text != "-" && file.text != "/dev/stdout")
        .collect();
    if kept.is_empty() {
        return out;
    }
    for file in kept {
        shell.write(file, false, &out, program);
    }
    Flow::text("")
}

fn base_name(url: &str) -> String {
    url.split(['?', '#'])
        .next()
        .unwrap_or(url)
        .rsplit('/')
        .next()
        .unwrap_or("index.html")
        .to_owned()
}

fn wget(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    let urls: Vec<Field> = call.operands(WGET_VALUES).into_iter().cloned().collect();
    let mut out = Flow::unforeseen();
    let mut host = String::new();
    for url in &urls {
        let (name, flow) = fetched(shell, url, call.name);
        out.taint.merge(&flow.taint);
        host = name;
    }
    let addresses: Vec<&str> = urls.iter().map(|url| url.text.as_str()).collect();
    request::note(shell, call, &addresses, false);
    let mut sent = Flow::default();
    for file in call.values(&["--post-file", "--body-file"]) {
        let read = shell.read(&file, call.name);
        sent.taint.merge(&read.taint);
    }
    for data in call.values(&["--post-data", "--body-data"]) {
        sent.taint.merge(&data.taint);
    }
    shell.send(&host, &sent, call.name);
    if !call
        .values(&["--post-file", "--body-file", "--post-data", "--body-data"])
        .is_empty()
    {
        shell.send_plain(&host, call.name);
    }
    // `-qO-`, `-O -`, `-O file`.
    let mut files = call.values(&["-O", "--output-document"]);
    for arg in call.args {
        if let Some((flags, file)) = arg.text.split_once('O').filter(|(flags, _)| {
            flags.len() > 1 && flags.starts_with('-') && !flags.starts_with("--")
        }) {
            let _ = flags;
            if file.is_empty() {
                let at = call
                    .args
                    .iter()
                    .position(|other| std::ptr::eq(other, arg))
                    .unwrap_or_default();
                files.extend(call.args.get(at + 1).cloned());
            } else {
                files.push(Field::known(file));
            }
        }
    }
    if files.is_empty() {
        files = urls
            .iter()
            .map(|url| Field::known(base_name(&url.text)))
            .collect();
        if let Some(folder) = call.values(&["-P", "--directory-prefix", "-d"]).first() {
            for file in &mut files {
                file.text = format!("{}/{}", folder.text, file.text);
            }
        }
    }
    save(shell, &files, out, call.name)
}

fn other_client(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    let mut out = Flow::unforeseen();
    let mut sent = call.stdin.clone();
    let mut to = String::new();
    for arg in call.operands(&[]) {
        if arg.text.contains("://")
            || arg.text.contains('.') && to.is_empty() && !arg.text.contains('@')
        {
            let (host, flow) = fetched(shell, arg, call.name);
            out.taint.merge(&flow.taint);
            to = host;
        } else if let Some((_, file)) = arg
            .text
            .split_once('@')
            .filter(|(name, _)| !name.contains(':'))
        {
            sent.taint
                .merge(&shell.read(&Field::known(file), call.name).taint);
        }
        sent.taint.secrets.extend(
            arg.taint
                .secrets
                .iter()
                .filter(|name| !name.starts_with('$'))
                .cloned(),
        );
    }
    shell.send(&to, &sent, call.name);
    let addresses: Vec<&str> = call
        .operands(&["-Method", "-Headers", "-Body", "-InFile", "-OutFile"])
        .iter()
        .map(|arg| arg.text.as_str())
        .filter(|text| text.contains(['.', ':']) && !text.contains('='))
        .collect();
    request::note(shell, call, &addresses, sent.connected);
    let sends = call.args.iter().any(|arg| {
        matches!(
            arg.text.to_ascii_lowercase().as_str(),
            "post" | "put" | "patch" | "-body" | "-infile"
        )
    });
    if sends && !to.is_empty() {
        shell.send_plain(&to, call.name);
    }
    out
}

fn socket(shell: &mut Shell<'_>, call: &Call<'_>) -> Flow {
    let operands = call.operands(&[
        "-p",
        "-w",
        "-s",
        "-x",
        "-X",
        "-i",
        "-e",
        "-c",
        "--exec",
        "--sh-exec",
        "-q",
    ]);
    let joined = call.joined();
    let peer = if call.name == "socat" {
        operands
            .iter()
            .find_map(|field| {
                field
                    .text
                    .to_ascii_lowercase()
                    .contains("tcp")
                    .then(|| field.text.split(':').nth(1).unwrap_or_default().to_owned())
            })
            .unwrap_or_default()
    } else {
        operands
            .first()
            .map_or_else(|| "whoever connects".to_owned(), |field| field.text.clone())
    };
    let executes = call.name != "socat"
        && call.name != "telnet"
        && (call.has('e', "exec")
            || call.has('\0', "sh-exec")
            || call.has('c', "") && joined.contains("sh"));
    if executes
        || call.name == "socat" && joined.to_ascii_lowercase().contains("exec:")
        || call.name == "socat" && joined.to_ascii_lowercase().contains("system:")
    {
        shell.emit(Effect::new(EffectKind::RemoteShell, peer.clone()).program(call.name));
    }
    shell.request(&host::of_url(&peer), call.name);
    shell.send(&peer, call.stdin, call.name);
    let quiet = call.stdin.text.is_some()
        || call.stdin.taint.bulk.is_some()
        || !call.stdin.taint.secrets.is_empty()
        || call.has('z', "")
        || !call.stdin.connected;
    if call.stdin.connected && !call.has('z', "") {
        shell.send_plain(&peer, call.name);
    }
    if !quiet && call.name != "telnet" && !host::is_local(&peer) {
        shell.emit(
            Effect::new(EffectKind::SendData, peer.clone())
                .manner("raw")
                .program(call.name),
        );
    }
    Flow::tainted(Taint {
        downloaded: Some(peer),
        unforeseen: true,
        ..Taint::default()
    })
}
