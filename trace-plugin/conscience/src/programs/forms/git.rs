//! git's rarer commands, other version control and forges: work that is thrown away, history that is replaced, and what a
//! repository lets others see. The common commands of git are read by `programs::git`.

use super::Form;
use crate::{
    effect::EffectKind::{
        DestroyService, DiscardWork, Opaque, Persistence, RaisePrivileges, ReadSecret,
        RewriteHistory, SendData,
    },
    programs::args::{Call, after_options},
};

/// The forms of version control and of forges.
#[rustfmt::skip]
pub(super) fn forms(name: &str) -> &'static [Form] {
    match name {
        "git" => &[
            ("1:push --prune", RewriteHistory, "delete_remote"),
            ("1:push --receive-pack=*|--exec=*|--receive-pack", Opaque, "script"),
            ("1:fetch|pull|clone|ls-remote|archive|fetch-pack --upload-pack=*|--upload-pack|--exec=*", Opaque, "script"),
            ("1:clone -u", Opaque, "script"),
            ("1:fetch -f|--force|+* *:refs/heads/*|main:main|master:master", DiscardWork, "branch_delete"),
            ("1:branch -f|--force !-d|-D|--delete", DiscardWork, "branch_delete"),
            ("1:checkout -B main|master|develop|production|release|trunk", DiscardWork, "branch_delete"),
            ("1:switch -C|--force-create main|master|develop|production|release|trunk", DiscardWork, "branch_delete"),
            ("1:read-tree --reset", DiscardWork, "reset_hard"),
            ("1:checkout-index -f|--force|-af|-fa|-fu|-uf", DiscardWork, "restore"),
            ("1:prune !-n|--dry-run|-nv|-vn", RewriteHistory, "prune"),
            ("1:repack --unpack-unreachable=now|--cruft-expiration=now", RewriteHistory, "prune"),
            ("1:gc --prune=*now*|--prune=0*|--prune=all|--cruft-expiration=now", RewriteHistory, "prune"),
            ("1:update-ref --stdin", DiscardWork, "branch_delete"),
            ("1:update-ref 2:refs/heads/*|HEAD", DiscardWork, "branch_delete"),
            ("1:symbolic-ref -d|--delete", DiscardWork, "branch_delete"),
            ("1:symbolic-ref 2:HEAD refs/heads/*", DiscardWork, "branch_delete"),
            ("1:submodule 2:deinit -f|--force|--all", DiscardWork, "worktree_remove"),
            ("1:rebase --root", RewriteHistory, "filter"),
            ("1:replace --graft|-d|--delete|--convert-graft-file", RewriteHistory, "filter"),
            ("1:fast-import --force", RewriteHistory, "filter"),
            ("1:clone|init --template=/tmp/*|--template=/dev/shm/*", Persistence, "schedule"),
            ("1:clone|init --template /tmp/*|/dev/shm/*", Persistence, "schedule"),
            ("1:lfs 2:prune -f|--force", DiscardWork, "clean"),
            ("1:lfs 2:migrate import|export !info", RewriteHistory, "filter"),
            ("1:credential 2:fill", ReadSecret, "store"),
            ("1:credential-store|credential-cache|credential-osxkeychain|credential-libsecret|credential-manager get", ReadSecret, "store"),
            ("1:daemon --enable=receive-pack|--export-all", RaisePrivileges, "service"),
            ("1:maintenance 2:start", Persistence, "schedule"),
            ("1:remote 2:set-url *://*|*@*:* !*github*|*gitlab*|*bitbucket*|*codeberg.org*|*dev.azure.com*|*localhost*|*127.0.0.1*|--delete|*$*|*amazonaws*|file:*|*huggingface*", SendData, "repository"),
            ("1:worktree 2:prune --expire=now|--expire", DiscardWork, "worktree_remove"),
            ("1:annex 2:drop|dropunused|forget --force", DiscardWork, "clean"),
        ],
        "git-filter-repo" | "git-filter-branch" | "bfg" => &[("!--version|-V", RewriteHistory, "filter")],
        "java" => &[("-jar *bfg*", RewriteHistory, "filter")],
        "hg" => &[
            ("1:strip|rollback|histedit|debugstrip", RewriteHistory, "filter"),
            ("1:revert -a|--all", DiscardWork, "restore"),
            ("1:update|up|checkout|co|goto -C|--clean", DiscardWork, "checkout_force"),
            ("1:push -f|--force", RewriteHistory, "force_push"),
        ],
        "jj" => &[
            ("1:abandon all()|*::*|*..*|immutable()|mine()", DiscardWork, "branch_delete"),
            ("1:op|operation 2:abandon", RewriteHistory, "prune"),
            ("1:util 2:gc --expire=now", RewriteHistory, "prune"),
            ("1:git 2:push --deleted", RewriteHistory, "delete_remote"),
        ],
        "svn" => &[
            ("1:cleanup --remove-unversioned|--remove-ignored", DiscardWork, "clean"),
            ("1:delete|rm|remove|del *://*", RewriteHistory, "delete_remote"),
        ],
        "svnadmin" => &[("1:rmtxns|setrevprop|load|setuuid", RewriteHistory, "filter")],
        "bzr" | "fossil" => &[("1:uncommit|purge|scrub|shun", RewriteHistory, "filter"), ("1:revert --no-backup", DiscardWork, "restore")],
        "gh" => &[
            ("1:repo 2:edit --visibility=public|--visibility=internal", DestroyService, "repository"),
            ("1:repo 2:edit --visibility public|internal", DestroyService, "repository"),
            ("1:repo 2:edit --default-branch|--default-branch=*|--delete-branch-on-merge=*|--allow-forking=true", DestroyService, "repository"),
            ("1:repo 2:create --public --push", DestroyService, "publish"),
            ("1:repo 2:rename|archive|unarchive|transfer", DestroyService, "repository"),
            ("1:repo 2:sync --force", RewriteHistory, "force_push"),
            ("1:repo 2:deploy-key add|delete", RaisePrivileges, "service"),
            ("1:ssh-key|gpg-key 2:add|delete", RaisePrivileges, "service"),
            ("1:release 2:delete-asset", DestroyService, "repository"),
            ("1:api */collaborators/*|*/memberships/*|*/keys|*/hooks -X|--method|-XPUT|-XPOST|-f|-F", RaisePrivileges, "service"),
            ("1:api private=false|visibility=public|*archived=true", DestroyService, "repository"),
            ("1:api */protection*|*/rulesets* PUT|PATCH|-XPUT|-XPATCH|--method=PUT", DestroyService, "repository"),
            ("1:api */git/refs/* PATCH|-XPATCH *force=true*", RewriteHistory, "force_push"),
            ("1:pr 2:merge --admin", DestroyService, "repository"),
        ],
        "glab" => &[
            ("1:ssh-key|deploy-key 2:add|delete", RaisePrivileges, "service"),
            ("1:repo 2:archive|transfer", DestroyService, "repository"),
            ("1:api PUT|-XPUT *visibility=public*", DestroyService, "repository"),
        ],
        "hub" => &[("1:delete", DestroyService, "repository"), ("1:release 2:delete", DestroyService, "repository")],
        _ => &[],
    }
}

/// A command of git without the options before it.
pub(super) fn inner<'a>(call: &Call<'a>) -> Option<Call<'a>> {
    (call.name == "git").then(|| Call {
        args: after_options(
            call.args,
            &[
                "-C",
                "-c",
                "--git-dir",
                "--work-tree",
                "--namespace",
                "--exec-path",
                "--config-env",
            ],
            false,
            0,
        ),
        ..*call
    })
}
