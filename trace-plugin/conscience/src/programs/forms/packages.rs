//! Package managers and registries: what is put out for everybody or taken back, checks that are switched off, and what is
//! taken from the machine. Where packages come from is told in `sources`.

use super::Form;
use crate::effect::EffectKind::{
    Delete, DestroyService, LowerDefences, Persistence, RunDownloaded,
};

/// The forms of a package manager.
#[rustfmt::skip]
pub(super) fn forms(name: &str) -> &'static [Form] {
    match name {
        "pip" | "pip3" | "pipx" => &[
            ("--trusted-host|--trusted-host=*", LowerDefences, "certificates"),
            ("1:config 2:set *.trusted-host", LowerDefences, "certificates"),
            ("1:uninstall -r|--requirement|*$(*|*/site-packages*", Delete, "package"),
            ("1:uninstall pip|setuptools !--help", Delete, "package"),
        ],
        "uv" => &[
            ("--allow-insecure-host|--allow-insecure-host=*|--trusted-host", LowerDefences, "certificates"),
        ],
        "poetry" => &[("1:config certificates.*.cert|certificates.*.verify false", LowerDefences, "certificates")],
        "conda" | "mamba" | "micromamba" => &[
            ("1:config ssl_verify|*ssl_verify=* false|no|*=false", LowerDefences, "certificates"),
            ("1:env|remove remove|--all base|*/base", Delete, "package"),
            ("--insecure|-k", LowerDefences, "certificates"),
        ],
        "flit" | "hatch" | "pdm" | "maturin" | "rye" | "jsr" | "ovsx" | "opam" | "lerna" | "np" | "semantic-release"
        | "changeset" => &[("1:publish|unpublish", DestroyService, "publish")],
        "deno" => &[("1:publish", DestroyService, "publish")],
        "npm" | "pnpm" | "yarn" | "bun" => &[
            ("config|set strict-ssl|strict-ssl=false|enableStrictSsl|strictSsl false|strict-ssl=false", LowerDefences, "certificates"),
            ("--strict-ssl=false|--no-strict-ssl", LowerDefences, "certificates"),
            ("config|set ignore-scripts|ignore-scripts=false|enableScripts false|true|ignore-scripts=false !get|list|ls|--ignore-scripts|ignore-scripts=true !delete", LowerDefences, "scripts"),
            ("config|set script-shell|prefix|node-options|script-shell=*|init-module|git|onload-script !get|list|ls|delete", Persistence, "schedule"),
            ("config|set ca|cafile|proxy|https-proxy|audit|audit=false !get|list|ls|delete *://*|false|null|/*|*=false", LowerDefences, "certificates"),
            ("1:deprecate|undeprecate|unpublish", DestroyService, "package"),
            ("1:owner|author 2:add|rm|remove", DestroyService, "package"),
            ("1:dist-tag|dist-tags|tag 2:add|rm|remove", DestroyService, "publish"),
            ("1:access 2:public|restricted|grant|revoke|set", DestroyService, "publish"),
            ("1:team 2:add|rm|create|destroy", DestroyService, "package"),
            ("1:token 2:create|revoke|delete", DestroyService, "package"),
            ("1:org 2:set|rm", DestroyService, "package"),
            ("1:publish|pub !--dry-run", DestroyService, "publish"),
            ("publish -r|--recursive|--filter|-ws|--workspaces", DestroyService, "publish"),
            ("1:pm 2:trust", LowerDefences, "scripts"),
            ("1:approve-builds --all", LowerDefences, "scripts"),
            ("--dangerously-allow-all-builds", LowerDefences, "scripts"),
            ("1:uninstall|rm|remove|r|un npm -g|--global|--location=global", Delete, "package"),
        ],
        "cargo" => &[
            ("1:owner -a|--add|-r|--remove|--add=*|--remove=*", DestroyService, "package"),
            ("1:owner 2:add|remove", DestroyService, "package"),
            ("1:release --execute|-x", DestroyService, "publish"),
            ("1:yank", DestroyService, "package"),
        ],
        "rustup" => &[("1:self 2:uninstall", Delete, "package")],
        "go" => &[
            ("1:env -w GOINSECURE=*|GONOSUMDB=*|GONOSUMCHECK=*|GOSUMDB=off|GOFLAGS=*insecure*", LowerDefences, "certificates"),
            ("1:get -insecure", LowerDefences, "certificates"),
        ],
        "gem" => &[
            ("1:yank", DestroyService, "package"),
            ("1:owner -a|--add|-r|--remove", DestroyService, "package"),
            ("1:push", DestroyService, "publish"),
            ("-P NoSecurity", LowerDefences, "certificates"),
        ],
        "rake" => &[("1:release", DestroyService, "publish")],
        "bundle" | "bundler" => &[("1:config *ssl_verify_mode|*SSL_VERIFY_MODE 0", LowerDefences, "certificates")],
        "composer" => &[
            ("config secure-http false|0", LowerDefences, "certificates"),
            ("config disable-tls true|1", LowerDefences, "certificates"),
            ("config allow-plugins|allow-plugins.* true|1", LowerDefences, "scripts"),
            ("--no-secure-http", LowerDefences, "certificates"),
        ],
        "apt" | "apt-get" | "aptitude" => &[
            ("--allow-unauthenticated|--force-yes|--allow-insecure-repositories|*AllowInsecureRepositories=*|*AllowUnauthenticated=*|*Verify-Peer=false*|*Verify-Host=false*|*AllowWeakRepositories=*|--allow-downgrade-to-insecure-repositories", LowerDefences, "certificates"),
            ("--allow-remove-essential", Delete, "package"),
            ("remove|purge|autoremove|autopurge *$(*|*linux-image*|*linux-headers-$(*|*?*|.*|~i !-s|--simulate", Delete, "package"),
        ],
        "apt-key" => &[("1:add|adv", LowerDefences, "certificates")],
        "add-apt-repository" | "apt-add-repository" => &[
            ("ppa:*|*://*|deb !-r|--remove", LowerDefences, "repository"),
            ("deb* !-r|--remove", LowerDefences, "repository"),
        ],
        "dpkg" => &[
            ("--force-all|--force-remove-essential|--force-depends|--force-bad-verify|--force-remove-reinstreq|--force-remove-protected|--force-overwrite", Delete, "package"),
        ],
        "dpkg-divert" => &[("--rename|--add !--remove|--list", LowerDefences, "package")],
        "dnf" | "yum" | "microdnf" | "tdnf" | "rpm-ostree" => &[
            ("1:swap systemd|glibc|bash|sudo", Delete, "package"),
            ("--nogpgcheck|--no-gpgchecks|--setopt=*gpgcheck=0|--setopt=*sslverify=0|--setopt=*sslverify=false", LowerDefences, "certificates"),
            ("1:copr 2:enable", LowerDefences, "repository"),
            ("1:history 2:undo|rollback", Delete, "package"),
        ],
        "rpm" => &[
            ("--nosignature|--nodigest|--nogpg", LowerDefences, "certificates"),
            ("-e|--erase|-evh --nodeps|--justdb", Delete, "package"),
            ("--import *://*", LowerDefences, "certificates"),
            ("--rebuilddb|--initdb", Delete, "package"),
        ],
        "pacman" | "yay" | "paru" => &[
            ("-Rdd|-Rddn|-Rddns|-Rc|-Rcs|-Rcns|-Rsc|-Rnsc|-Rscn|-Rsnc|-Rscnu", Delete, "package"),
            ("-R* *$(*", Delete, "package"),
            ("--overwrite *|/*|'*'", Delete, "package"),
        ],
        "pacman-key" => &[("-a|--add|-r|--recv-keys|--lsign-key|-d|--delete|--init", LowerDefences, "certificates")],
        "apk" => &[
            ("--allow-untrusted", LowerDefences, "certificates"),
            ("--force-broken-world", Delete, "package"),
        ],
        "zypper" => &[
            ("--no-gpg-checks|--allow-unsigned-rpm|--gpg-auto-import-keys", LowerDefences, "certificates"),
            ("1:ar|addrepo -G|--no-gpgcheck", LowerDefences, "certificates"),
        ],
        "emerge" => &[("-C|--unmerge", Delete, "package")],
        "brew" => &[
            ("1:uninstall|remove|rm --ignore-dependencies|--zap", Delete, "package"),
            ("1:uninstall|remove|rm *$(*", Delete, "package"),
        ],
        "port" => &[("uninstall installed|all", Delete, "package")],
        "snap" => &[
            ("1:install --dangerous|--devmode|--jailmode", LowerDefences, "certificates"),
            ("1:remove --purge", Delete, "package"),
            ("1:remove core|core18|core20|core22|core24|snapd", Delete, "package"),
        ],
        "flatpak" => &[
            ("--no-gpg-verify", LowerDefences, "certificates"),
            ("1:uninstall|remove --all|--delete-data", Delete, "package"),
            ("1:override --filesystem=host|--filesystem=home|--filesystem=/", LowerDefences, "sandbox"),
        ],
        "nix-env" => &[("-e|--uninstall *|.*|'*'", Delete, "package")],
        "nix-channel" => &[("--add", LowerDefences, "repository"), ("--remove nixpkgs|nixos", Delete, "package")],
        "nix-collect-garbage" => &[("-d|--delete-old", Delete, "package")],
        "nix" | "nix-build" | "nix-shell" | "nixos-rebuild" => &[
            ("--no-require-sigs|--no-check-sigs", LowerDefences, "certificates"),
            ("require-sigs false", LowerDefences, "certificates"),
            ("sandbox false", LowerDefences, "sandbox"),
            ("1:profile 2:wipe-history", Delete, "package"),
        ],
        "winget" => &[
            ("--ignore-security-hash|--skip-dependencies-check", LowerDefences, "certificates"),
            ("1:settings --enable", LowerDefences, "certificates"),
            ("1:source 2:add|reset", LowerDefences, "repository"),
            ("1:uninstall|remove --all|Microsoft.*", Delete, "package"),
        ],
        "choco" | "chocolatey" => &[
            ("--ignore-checksums|--ignore-checksum|--ignorechecksum|--allow-empty-checksums|--allowemptychecksum", LowerDefences, "certificates"),
            ("1:feature 2:enable *mptyChecksum*|*lobalConfirmation*", LowerDefences, "certificates"),
            ("1:feature 2:disable *hecksum*", LowerDefences, "certificates"),
            ("1:source|sources 2:add", LowerDefences, "repository"),
            ("1:uninstall all|chocolatey", Delete, "package"),
            ("1:push", DestroyService, "publish"),
        ],
        "scoop" => &[
            ("1:uninstall scoop|*", Delete, "package"),
            ("-s|--skip-hash-check|--skip", LowerDefences, "certificates"),
        ],
        "nuget" => &[("1:push", DestroyService, "publish"), ("1:delete", DestroyService, "package")],
        "dotnet" => &[("1:nuget 2:push", DestroyService, "publish"), ("1:nuget 2:delete", DestroyService, "package")],
        "mvn" | "mvnw" => &[
            ("deploy|release:perform|site-deploy|deploy:deploy|deploy:deploy-file|nexus-staging:release !-DaltDeploymentRepository=*file:*", DestroyService, "publish"),
            ("-Dmaven.wagon.http.ssl.insecure=true|-Daether.connector.https.securityMode=insecure", LowerDefences, "certificates"),
        ],
        "gradle" | "gradlew" => &[(
            "publish|publishPlugins|*:publish|publishTo* !publishToMavenLocal|*:publishToMavenLocal|-m", DestroyService, "publish",
        )],
        "sbt" => &[("publish|publishSigned|+publish|+publishSigned|sonatypeRelease|ci-release", DestroyService, "publish")],
        "mix" => &[
            ("1:hex.publish|hex.retire|hex.owner !--dry-run|list", DestroyService, "publish"),
            ("1:hex.config unsafe_https true", LowerDefences, "certificates"),
        ],
        "dart" | "flutter" => &[("1:pub 2:publish|uploader !--dry-run|-n", DestroyService, "publish")],
        "pod" => &[("1:trunk 2:push|delete|deprecate|add-owner|remove-owner", DestroyService, "publish")],
        "cabal" => &[("1:upload --publish", DestroyService, "publish")],
        "stack" => &[("1:upload", DestroyService, "publish")],
        "luarocks" => &[("1:upload", DestroyService, "publish")],
        "vsce" => &[("1:unpublish|publish", DestroyService, "publish")],
        "pulp" | "elm" | "spago" | "clojars" => &[("1:publish", DestroyService, "publish")],
        "lein" => &[("1:deploy", DestroyService, "publish")],
        "goreleaser" => &[("1:release !--snapshot|--skip-publish|--skip=publish", DestroyService, "publish")],
        "chart" | "cm-push" => &[("1:push", DestroyService, "publish")],
        "gh" => &[("1:extension|ext|extensions 2:install", RunDownloaded, "package")],
        "krew" => &[("1:install", RunDownloaded, "package")],
        "do-release-upgrade" => &[("-f|-d|--frontend=*|-f*", Delete, "package")],
        _ => &[],
    }
}
