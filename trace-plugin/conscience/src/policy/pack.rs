//! The packs that the built-in rules come in, and which of them are on.

use std::fmt;

/// A pack of built-in rules, which is switched on and off as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pack {
    /// Files, disks, rights, processes, hidden code, and the conscience itself. Always on.
    Core,
    /// Work that git throws away, history that it rewrites.
    Git,
    /// Keys, tokens and passwords that are read.
    Secrets,
    /// Data that leaves the machine.
    Network,
    /// Clouds, hosted services, registries, container engines.
    Cloud,
    /// Databases that are dropped or emptied.
    Database,
    /// Clusters of containers.
    Kubernetes,
    /// Asks for whatever cannot be told beforehand. Off unless chosen.
    Paranoid,
}

impl Pack {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Core,
        Self::Git,
        Self::Secrets,
        Self::Network,
        Self::Cloud,
        Self::Database,
        Self::Kubernetes,
        Self::Paranoid,
    ];

    /// The word for it in `conscience.packs`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Git => "git",
            Self::Secrets => "secrets",
            Self::Network => "network",
            Self::Cloud => "cloud",
            Self::Database => "database",
            Self::Kubernetes => "kubernetes",
            Self::Paranoid => "paranoid",
        }
    }

    /// The pack of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pack| pack.as_str() == name)
    }

    /// What its rules look after, for listings.
    pub fn about(self) -> &'static str {
        match self {
            Self::Core => {
                "files, disks, rights, processes, hidden code, the conscience itself; always on"
            }
            Self::Git => "work that git throws away, history that it rewrites",
            Self::Secrets => "keys, tokens and passwords that are read",
            Self::Network => "data that leaves the machine",
            Self::Cloud => "clouds, hosted services, registries, container engines",
            Self::Database => "databases that are dropped or emptied",
            Self::Kubernetes => "clusters of containers",
            Self::Paranoid => "asks for whatever cannot be told beforehand; off unless chosen",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Pack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of packs. `core` is in every one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packs(u8);

impl Packs {
    /// Every pack, `paranoid` too.
    pub const ALL: Self = Self(u8::MAX);

    /// `core` and these.
    pub fn of(packs: impl IntoIterator<Item = Pack>) -> Self {
        let bits = packs.into_iter().fold(0, |bits, pack| bits | pack.bit());
        Self(bits | Pack::Core.bit())
    }

    /// Whether `pack` is on.
    pub fn has(self, pack: Pack) -> bool {
        self.0 & pack.bit() != 0
    }

    /// The packs that are on.
    pub fn iter(self) -> impl Iterator<Item = Pack> {
        Pack::ALL.into_iter().filter(move |pack| self.has(*pack))
    }
}

impl Default for Packs {
    /// All but `paranoid`.
    fn default() -> Self {
        Self::of(Pack::ALL.into_iter().filter(|pack| *pack != Pack::Paranoid))
    }
}

/// A list of packs that cannot be taken, in words that say what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PacksError {
    /// A name that no pack has.
    #[error("`{name}` is no pack; there are {known}", name = .0, known = names())]
    Unknown(String),
    /// A list without `core`.
    #[error("`core` cannot be switched off: put it into the list")]
    WithoutCore,
}

fn names() -> String {
    Pack::ALL.map(Pack::as_str).join(", ")
}

impl Packs {
    /// The packs of these names, exactly.
    ///
    /// # Errors
    /// [`PacksError`] for a name that no pack has, and for a list without `core`.
    pub fn parse<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Result<Self, PacksError> {
        let mut packs = Vec::new();
        for name in names {
            let name = name.as_ref().trim();
            packs.push(Pack::parse(name).ok_or_else(|| PacksError::Unknown(name.to_owned()))?);
        }
        if packs.contains(&Pack::Core) {
            Ok(Self::of(packs))
        } else {
            Err(PacksError::WithoutCore)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_paranoid_are_on_by_default_and_core_always() {
        let default: Vec<Pack> = Packs::default().iter().collect();
        assert_eq!(default.len(), Pack::ALL.len() - 1);
        assert!(!Packs::default().has(Pack::Paranoid));
        assert!(Packs::of([]).has(Pack::Core) && !Packs::of([]).has(Pack::Git));
        assert!(Packs::ALL.iter().eq(Pack::ALL));
    }

    #[test]
    fn names_are_taken_as_they_are_and_wrong_ones_named() {
        let packs = Packs::parse(["core", " git "]).expect("both are packs");
        assert!(packs.iter().eq([Pack::Core, Pack::Git]));
        let error = Packs::parse(["core", "gti"]).expect_err("no such pack");
        assert!(
            error
                .to_string()
                .starts_with("`gti` is no pack; there are core, git")
        );
        assert_eq!(Packs::parse(["git"]), Err(PacksError::WithoutCore));
        for pack in Pack::ALL {
            assert_eq!(Pack::parse(pack.as_str()), Some(pack));
        }
    }
}
