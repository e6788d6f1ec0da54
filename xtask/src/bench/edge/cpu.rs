//! CPU time of process trees.

use std::collections::BTreeMap;
use std::fs;
use std::ops::Sub;

use anyhow::{Context, Result, ensure};
use test_cluster::Cluster;

/// Ticks of the kernel's clock in a second; Linux shows times in these whatever it runs at.
const TICKS: f64 = 100.0;

/// One process of `/proc`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    name: String,
    parent: u32,
    /// Its own and those of its children that have ended.
    ticks: u64,
}

/// CPU time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::bench) struct Spent {
    all: f64,
    workerd: f64,
}

impl Spent {
    /// Seconds of the whole tree.
    pub(super) fn all_s(self) -> f64 {
        self.all
    }

    /// Seconds of its processes that are workerd.
    pub(super) fn workerd_s(self) -> f64 {
        self.workerd
    }
}

impl Sub for Spent {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            all: self.all - before.all,
            workerd: self.workerd - before.workerd,
        }
    }
}

/// What the process `root` and all below it have spent.
pub(super) fn tree(root: u32) -> Result<Spent> {
    let all = processes()?;
    ensure!(all.contains_key(&root), "process {root} has ended");
    let seconds = |wanted: &dyn Fn(&Process) -> bool| {
        let ids = descendants(&all, root).into_iter();
        let ticks: u64 = ids
            .map(|id| &all[&id])
            .filter(|one| wanted(one))
            .map(|one| one.ticks)
            .sum();
        // Exact up to 2^53.
        #[allow(clippy::cast_precision_loss)]
        let ticks = ticks as f64;
        ticks / TICKS
    };
    Ok(Spent {
        all: seconds(&|_| true),
        workerd: seconds(&|one| one.name == "workerd"),
    })
}

/// The process ids below `root` with this name, and `root` itself if it has it.
pub(super) fn named(root: u32, name: &str) -> Result<Vec<u32>> {
    let all = processes()?;
    let ids = descendants(&all, root).into_iter();
    Ok(ids.filter(|id| all[id].name == name).collect())
}

/// The cluster's first process: the parent of all that serve it.
pub(super) fn postmaster(cluster: &Cluster) -> Result<u32> {
    let sql = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'";
    let child: u32 = cluster.psql("postgres", sql)?.parse()?;
    let all = processes()?;
    Ok(all
        .get(&child)
        .context("the checkpointer has ended")?
        .parent)
}

fn descendants(all: &BTreeMap<u32, Process>, root: u32) -> Vec<u32> {
    let mut found = vec![root];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        found.extend(
            all.iter()
                .filter(|(_, one)| one.parent == parent)
                .map(|(id, _)| *id),
        );
        at += 1;
    }
    found
}

fn processes() -> Result<BTreeMap<u32, Process>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir("/proc").context("CPU times are read from /proc")? {
        let entry = entry?;
        let Some(id) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        // It may have ended since it was listed.
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        all.insert(
            id,
            parse(&stat).with_context(|| format!("process {id} shows `{stat}`"))?,
        );
    }
    Ok(all)
}

/// A line of `/proc/PID/stat`. The name stands in parentheses and may hold any character.
fn parse(stat: &str) -> Option<Process> {
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = tail.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Process {
        name,
        // proc(5) counts from 1 and has two fields before these: ppid is its 4th, utime to cstime are its 14th to 17th.
        parent: u32::try_from(number(1)?).ok()?,
        ticks: number(11)? + number(12)? + number(13)? + number(14)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let stat = "77 (a) b (c) S 12 1 1 0 -1 4194304 100 200 0 0 5 6 7 8 20 0 1 0 99 0 0";
        let expected = Process {
            name: "a) b (c".to_owned(),
            parent: 12,
            ticks: 26,
        };
        assert_eq!(parse(stat), Some(expected));
    }

    #[test]
    fn a_tree_has_all_below_it_and_nothing_else() {
        let one = |parent| Process {
            name: "x".to_owned(),
            parent,
            ticks: 1,
        };
        let all = BTreeMap::from([
            (1, one(0)),
            (2, one(1)),
            (3, one(2)),
            (4, one(0)),
            (5, one(3)),
        ]);
        assert_eq!(descendants(&all, 2), [2, 3, 5]);
    }

    #[test]
    fn work_shows() {
        let me = std::process::id();
        let before = tree(me).unwrap();
        let began = std::time::Instant::now();
        while began.elapsed() < std::time::Duration::from_millis(100) {
            std::hint::black_box(began);
        }
        let spent = tree(me).unwrap() - before;
        assert!(spent.all_s() >= 0.03, "{spent:?}");
        assert!(spent.workerd_s().abs() < 1e-9, "{spent:?}");
    }
}
