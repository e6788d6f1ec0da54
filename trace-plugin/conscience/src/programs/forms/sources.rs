//! Where packages come from: an index, a repository or an archive that is not the manager's own is a stranger's, and what
//! is installed from it runs as it is.

use crate::{
    effect::{Effect, EffectKind},
    host,
    programs::{args::Call, tree},
    shell::Shell,
};

/// The indexes that package managers use by themselves, those of large projects, and well-known mirrors.
#[rustfmt::skip]
const KNOWN: &[&str] = &[
    "pypi.org", "pythonhosted.org", "pytorch.org", "nvidia.com", "pyg.org", "npmjs.org", "npmjs.com", "npmmirror.com",
    "yarnpkg.com", "jsr.io", "rubygems.org", "crates.io", "golang.org", "goproxy.io", "goproxy.cn", "packagist.org", "anaconda.org",
    "anaconda.com", "nuget.org", "chocolatey.org", "alpinelinux.org", "debian.org", "ubuntu.com", "fedoraproject.org",
    "archlinux.org", "opensuse.org", "docker.com", "microsoft.com", "nodesource.com", "postgresql.org", "hashicorp.com",
    "google.com", "googleapis.com", "pkg.dev", "amazonaws.com", "azure.com", "visualstudio.com", "flathub.org",
    "nixos.org", "bitnami.com", "jetstack.io", "maven.org", "apache.org", "gradle.org", "hex.pm", "pub.dev", "luarocks.org",
    "tsinghua.edu.cn", "aliyun.com", "ustc.edu.cn", "huaweicloud.com", "jfrog.io", "cloudsmith.io", "gemfury.com", "gemfury.io",
    "helm.sh", "elastic.co", "grafana.com", "k8s.io", "grafana.github.io", "kubernetes.github.io", "prometheus-community.github.io",
    "npm.pkg.github.com", "deno.land", "esm.sh", "gitlab.com", "rpmfusion.org", "microsoftonline.com", "python.org", "conda.io",
];
/// Who keeps what most build on: their repositories are taken as they are.
#[rustfmt::skip]
const OWNERS: &[&str] = &[
    "aws", "azure", "apache", "anthropics", "actions", "astral-sh", "angular", "cli", "cloudflare", "cncf", "denoland", "django",
    "docker", "encode", "facebook", "facebookresearch", "fastapi", "github", "golang", "golangci", "google", "googleapis",
    "hashicorp", "huggingface", "jupyter", "kubernetes", "kubernetes-sigs", "langchain-ai", "microsoft", "mozilla", "nodejs",
    "nixos", "numpy", "nvidia", "openai", "oven-sh", "pallets", "pandas-dev", "psf", "pypa", "python", "pytorch", "pytest-dev",
    "rails", "redis", "rust-lang", "scikit-learn", "scipy", "tensorflow", "tokio-rs", "vercel", "vitejs", "vuejs", "wasm-bindgen",
    "nix-community", "numtide", "cachix",
];
/// Whether a program takes packages from somewhere.
#[rustfmt::skip]
pub(super) fn knows(name: &str) -> bool {
    matches!(
        name,
        "pip" | "pip3" | "uv" | "uvx" | "pipx" | "poetry" | "pdm" | "conda" | "mamba" | "micromamba" | "easy_install" | "npm"
        | "npx" | "pnpm" | "pnpx" | "yarn" | "bun" | "bunx" | "cargo" | "go" | "gem" | "bundle" | "composer" | "apt"
        | "apt-get" | "dnf" | "yum" | "yum-config-manager" | "rpm" | "pacman" | "apk" | "zypper" | "brew" | "flatpak" | "nix"
        | "nix-env" | "nix-shell" | "nix-build" | "guix" | "winget" | "choco" | "scoop" | "dotnet" | "nuget" | "luarocks" | "helm"
        | "code" | "deno" | "asdf" | "cargo-binstall" | "R" | "cpan" | "cpanm" | "mix" | "ansible-galaxy" | "ansible-pull"
    )
}

/// Verbs after which packages come, or the settings that say where from.
#[rustfmt::skip]
const TAKES: &[&str] = &[
    "install", "i", "add", "in", "isntall", "exec", "x", "dlx", "run", "get", "config", "set", "env", "source", "sources", "repo",
    "tap", "bucket", "plugin", "tool", "profile", "shell", "build", "pull", "package", "download", "ci", "localinstall", "reinstall",
    "upgrade", "update", "ar", "addrepo", "remote-add", "config-manager", "require", "develop", "create", "init", "global",
    "registry", "nuget", "inject", "sync", "eval", "-U", "-S", "-i", "-Uvh", "-ivh", "-Fvh", "--add", "-iA", "-if", "-I", "-p", "-f",
    "--install-extension", "--add-repo", "--from", "collection", "role", "switch", "-a", "create-channel",
];

/// Notes sources that are strangers'.
pub(super) fn read(shell: &mut Shell<'_>, call: &Call<'_>) {
    let runner = matches!(
        call.name,
        "npx"
            | "pnpx"
            | "bunx"
            | "uvx"
            | "easy_install"
            | "yum-config-manager"
            | "cpanm"
            | "ansible-pull"
            | "nix-shell"
    );
    if !knows(call.name) || !(runner || call.any(TAKES)) || tree::rehearsed(call) {
        return;
    }
    // What a script does with its own words is none of this: `npm run x -- https://…`.
    let script = matches!(
        call.operand(0),
        "run" | "run-script" | "test" | "start" | "view" | "info" | "search" | "audit"
    ) && !matches!(call.name, "nix" | "pipx" | "go" | "deno" | "bun" | "uv");
    if script
        || call.any(&["get-url", "list", "ls", "view", "search", "--show"])
            && call.any(&["config", "source", "sources"])
    {
        return;
    }
    for arg in call.args.iter().take_while(|arg| arg.text != "--").take(64) {
        if let Some(from) = stranger(call, &arg.text).or_else(|| short(call, &arg.text)) {
            let effect = Effect::new(EffectKind::RunDownloaded, from).program(call.name);
            shell.emit(effect.manner("package"));
            return;
        }
    }
}

/// The host or the owner that a word names, if it is a stranger.
fn stranger(call: &Call<'_>, word: &str) -> Option<String> {
    // `--index-url=https://…`, `name @ git+https://…`, `registry=https://…`.
    let word = match word.split_once('=') {
        Some((before, value)) if !before.contains("://") => value,
        _ => word,
    };
    let shorthand = ["github:", "gitlab:", "bitbucket:", "gist:", "git@", "gh:"]
        .iter()
        .find_map(|mark| word.strip_prefix(mark));
    if let Some(rest) = shorthand {
        let rest = rest.split_once(':').map_or(rest, |(_, path)| path);
        let owner = rest
            .split('/')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        return (!OWNERS.contains(&owner.as_str()) && !pinned(rest)).then(|| word.to_owned());
    }
    let at = word.find("://")?;
    let start = word[..at]
        .rfind(|c: char| !c.is_ascii_alphanumeric() && c != '+')
        .map_or(0, |before| before + 1);
    let url = &word[start..];
    let scheme = &word[start..at];
    if matches!(scheme, "file" | "git+file" | "socks5" | "oci") {
        return None;
    }
    let name = host::of_url(url);
    if host::is_local(&name) || name.contains('$') || name.is_empty() {
        return None;
    }
    let forge = matches!(
        name.as_str(),
        "github.com" | "gitlab.com" | "bitbucket.org" | "codeberg.org"
    );
    if forge {
        let path = url[scheme.len() + 3..]
            .split_once('/')
            .map_or("", |(_, path)| path);
        let owner = path
            .split('/')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        // Cargo builds from a lock file's commit, and a release's file stays what it is.
        let taken = OWNERS.contains(&owner.as_str())
            || pinned(path)
            || path.contains("/releases/download/")
            || matches!(
                call.name,
                "cargo" | "composer" | "asdf" | "helm" | "conda" | "ansible-galaxy"
            ) && scheme != "http";
        return (!taken).then(|| format!("{name}/{owner}"));
    }
    if name == "raw.githubusercontent.com"
        || name == "gist.github.com"
        || name == "gist.githubusercontent.com"
    {
        return Some(name);
    }
    let known = KNOWN.iter().any(|known| {
        name.strip_suffix(known)
            .is_some_and(|before| before.is_empty() || before.ends_with('.'))
    });
    (!known || scheme == "http" && !matches!(call.name, "apt" | "apt-get")).then_some(name)
}

/// `npm install user/repository`: the owner, if a stranger.
fn short(call: &Call<'_>, word: &str) -> Option<String> {
    let packages =
        matches!(call.name, "npm" | "pnpm" | "bun") && call.any(&["install", "i", "add"]);
    let (owner, repository) = word.split_once('/').filter(|_| packages)?;
    let plain = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '#'))
    };
    let folder = matches!(
        owner,
        "packages"
            | "libs"
            | "apps"
            | "lib"
            | "src"
            | "tools"
            | "modules"
            | "plugins"
            | "vendor"
            | "examples"
            | "dist"
    );
    let path = word.starts_with(['.', '-']) || word.ends_with(".tgz") || word.ends_with(".tar.gz");
    (plain(owner)
        && plain(repository)
        && !folder
        && !path
        && !OWNERS.contains(&owner)
        && !pinned(word))
    .then(|| format!("github.com/{owner}"))
}

/// Whether a repository's address is that of somebody whose work most build on.
pub(super) fn trusted(url: &str) -> bool {
    let path = url.split_once("://").map_or(url, |(_, rest)| rest);
    let owner = path.split(['/', ':']).nth(1).unwrap_or_default();
    OWNERS.contains(&owner.to_ascii_lowercase().as_str())
}

/// Whether a repository is named together with a version of it: a tag that is a version, or a commit.
fn pinned(path: &str) -> bool {
    path.rsplit_once(['@', '#'])
        .map(|(_, version)| version.split(['&', '#']).next().unwrap_or(version))
        .is_some_and(|version| {
            let version = version
                .trim_start_matches("semver:")
                .trim_start_matches('v');
            version.starts_with(|c: char| c.is_ascii_digit()) && version.contains('.')
                || version.len() >= 7 && version.chars().all(|c| c.is_ascii_hexdigit())
        })
}
