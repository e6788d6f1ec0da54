//! What makes something run again: schedulers, service managers, login items, keys that let others in.
//! Files that are run on start-up are told by their place (`place`).

use super::Form;
use crate::effect::EffectKind::{Persistence, RaisePrivileges, RemoteShell};

/// The forms of programs that keep something going.
#[rustfmt::skip]
pub(super) fn forms(name: &str) -> &'static [Form] {
    match name {
        "at" | "batch" => &[("!-l|-c|-V|-r|-d|--help", Persistence, "schedule")],
        "incrontab" | "fcrontab" | "dcrontab" => &[("!-l|--list|-V", Persistence, "schedule")],
        "crontab" => &[("-e", Persistence, "schedule")],
        "systemctl" => &[
            ("enable|reenable|link */*|*.timer|*.path|*@*", Persistence, "schedule"),
            // What distributions bring along is switched on by those who set a machine up.
            ("enable|reenable !nginx*|docker*|containerd*|postgresql*|redis*|mysql*|mariadb*|apache2*|httpd*|ssh|sshd|ssh.service|sshd.service|cron|crond|mongod*|kubelet*|grafana*|prometheus*|bluetooth*|NetworkManager*|rabbitmq*|elasticsearch*|php*|memcached*|chrony*|firewalld*|ufw*|fail2ban*|caddy*|haproxy*|tailscaled*|libvirtd*|podman*|snapd*|auditd*|cups*|avahi*|systemd-*|fstrim*|certbot*|rsyslog*|apparmor*|k3s*|smoltbot*|sysstat*|zerotier*|jenkins*|gdm*|sddm*|pipewire*|wireplumber*|unattended-upgrades*", Persistence, "schedule"),
            ("--user enable|reenable !pipewire*|podman*|docker*|smoltbot*|ssh-agent*|syncthing*|gpg-agent*|wireplumber*", Persistence, "schedule"),
            ("add-wants|add-requires|link|preset-all|set-environment|import-environment", Persistence, "schedule"),
        ],
        "systemd-run" => &[
            ("--on-boot|--on-boot=*|--on-startup=*|--on-active|--on-active=*|--on-unit-active=*|--on-unit-inactive=*|--on-calendar|--on-calendar=*|--timer-property|--timer-property=*|--path-property|--path-property=*|--on-startup|--socket-property=*", Persistence, "schedule"),
        ],
        "ssh-copy-id" => &[("root@*|*@localhost|*@127.0.0.1 !-n|-h", Persistence, "schedule")],
        "ssh-import-id" | "ssh-import-id-gh" | "ssh-import-id-lp" => &[("!-h|-r|--remove", RaisePrivileges, "grant")],
        "udevadm" => &[("1:control --reload*|-R", Persistence, "schedule")],
        "gsettings" | "dconf" => &[("set|write|load *custom-keybinding*|*autostart*|*media-keys*", Persistence, "schedule")],
        "xdg-mime" | "xdg-settings" => &[("default|set *.desktop", Persistence, "schedule")],
        "kwriteconfig5" | "kwriteconfig6" | "kwriteconfig" => &[("*autostart*|*startkde*|*ksmserver*|*kglobalshortcuts*", Persistence, "schedule")],
        "osascript" => &[("*login*item*", Persistence, "schedule")],
        "pm2" => &[("1:startup|save|unstartup", Persistence, "schedule")],
        "forever-service" | "node-windows" | "nssm" | "winsw" | "pm2-startup" => &[("1:install|set|create", Persistence, "schedule")],
        "brew" => &[("1:services 2:start --all", Persistence, "schedule")],
        "tailscale" => &[("1:up --ssh|--advertise-exit-node", RemoteShell, ""), ("1:set --ssh|--ssh=true", RemoteShell, ""), ("1:funnel", RemoteShell, "")],
        "cloudflared" => &[("1:service 2:install", Persistence, "schedule")],
        "teleport" | "gsocket" | "gs-netcat" | "tmate" | "sshx" | "ttyd" | "gotty" | "upterm" => &[("!--version|--help|list", RemoteShell, "")],
        "code" => &[("1:tunnel", RemoteShell, "")],
        "docker" | "podman" => &[("run|create --restart=always|--restart=unless-stopped --privileged|--pid=host|--net=host --privileged|-v", Persistence, "schedule")],
        "kubectl" => &[("1:create 2:cronjob !--dry-run=client|--dry-run=server|--dry-run", Persistence, "schedule")],
        "anacron" => &[("-f|-n|-u", Persistence, "schedule")],
        _ => &[],
    }
}
