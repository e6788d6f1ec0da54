//! The packs that are compiled in. A pack is parsed when the first effect of its kinds is judged: a process that
//! answers one question pays for what that question needs.

use std::{str::FromStr, sync::OnceLock};

use cedar_policy::PolicySet;

use super::Rules;
use crate::effect::EffectKind;

/// One file of built-in policies and the kinds of effect that it speaks of.
pub(crate) struct Pack {
    pub(crate) kinds: &'static [EffectKind],
    pub(crate) text: &'static str,
    rules: OnceLock<Rules>,
}

impl Pack {
    const fn new(kinds: &'static [EffectKind], text: &'static str) -> Self {
        Self {
            kinds,
            text,
            rules: OnceLock::new(),
        }
    }

    pub(crate) fn rules(&self) -> &Rules {
        self.rules.get_or_init(|| {
            // The files are part of the program; a test parses and validates every one of them.
            let policies = PolicySet::from_str(self.text).expect("built-in policies parse");
            Rules::new(policies)
                .map_err(|(_, what)| what)
                .expect("built-in policies are complete")
        })
    }
}

use EffectKind as Kind;

static PACKS: [Pack; 9] = [
    Pack::new(
        &[Kind::Delete, Kind::Overwrite],
        include_str!("../../policies/files.cedar"),
    ),
    Pack::new(
        &[Kind::DiskWrite],
        include_str!("../../policies/disks.cedar"),
    ),
    Pack::new(
        &[Kind::DiscardWork, Kind::RewriteHistory],
        include_str!("../../policies/version_control.cedar"),
    ),
    Pack::new(
        &[Kind::ReadSecret, Kind::SendData],
        include_str!("../../policies/secrets.cedar"),
    ),
    Pack::new(
        &[
            Kind::RunDownloaded,
            Kind::RunHidden,
            Kind::RemoteShell,
            Kind::Opaque,
        ],
        include_str!("../../policies/execution.cedar"),
    ),
    Pack::new(
        &[
            Kind::RaisePrivileges,
            Kind::ChangePermissions,
            Kind::Persistence,
        ],
        include_str!("../../policies/rights.cedar"),
    ),
    Pack::new(
        &[
            Kind::StopSystem,
            Kind::Exhaust,
            Kind::Kill,
            Kind::HideTracks,
            Kind::LowerDefences,
        ],
        include_str!("../../policies/machine.cedar"),
    ),
    Pack::new(
        &[Kind::DropDatabase, Kind::DestroyService],
        include_str!("../../policies/services.cedar"),
    ),
    Pack::new(
        &[Kind::TamperConscience],
        include_str!("../../policies/conscience.cedar"),
    ),
];

/// All built-in packs.
pub(crate) fn packs() -> &'static [Pack] {
    &PACKS
}

/// The pack that speaks of `kind`.
pub(crate) fn pack_of(kind: EffectKind) -> Option<&'static Pack> {
    PACKS.iter().find(|pack| pack.kinds.contains(&kind))
}
