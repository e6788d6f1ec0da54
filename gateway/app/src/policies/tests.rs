//! Rules that change while agents run.

use std::fs;
use std::os::unix::fs::symlink;

use aap::Decision;
use conscience::NoWorld;
use serde_json::json;

use super::*;

/// A home with policies, and a clock.
struct House {
    dir: tempfile::TempDir,
    policies: Policies,
    now: Instant,
}

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir_all(dir.path().join("home/conscience")).expect("made");
        fs::create_dir_all(dir.path().join("work/sub")).expect("made");
        let policies = Policies::new(&config(dir.path()), None);
        Self {
            dir,
            policies,
            now: Instant::now(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes a file anew, under another inode, so that no clock's coarseness hides it.
    fn write(&self, name: &str, text: &str) {
        let draft = self.path("draft");
        fs::create_dir_all(self.path(name).parent().expect("a parent")).expect("made");
        fs::write(&draft, text).expect("written");
        fs::rename(draft, self.path(name)).expect("moved");
    }

    /// What a call of `program` in `cwd` comes to, once files have been looked at again.
    fn decision(&mut self, program: &str, cwd: &str) -> Decision {
        self.now += LOOK_EVERY;
        decision(&self.policies, program, &self.path(cwd), self.now)
    }

    fn complaints(&self, cwd: &str) -> Vec<String> {
        let cwd = self.path(cwd).display().to_string();
        // The clock of `told` is the real one; what it finds is of now all the same.
        self.policies.told(Some(&cwd)).1
    }
}

fn config(dir: &Path) -> Config {
    let home = dir.join("home").display().to_string();
    let variables = HashMap::from([("SMOLTBOT_HOME".to_owned(), home)]);
    Config::load(&variables).expect("a configuration")
}

fn decision(policies: &Policies, program: &str, cwd: &Path, now: Instant) -> Decision {
    let cwd = cwd.display().to_string();
    let mut call = ToolCall::new("test", "exec", json!({ "command": program }));
    let conscience = policies.at(Some(&cwd), now);
    call.cwd = Some(cwd);
    conscience.judge(&call, &NoWorld).decision
}

fn rule(program: &str) -> String {
    format!(
        "@id(\"my.{program}\") @reason(\"r\") @values(\"user_control\")\n\
         forbid (principal, action == Action::\"run\", resource) when {{ context.program == \"{program}\" }};\n"
    )
}

const MINE: &str = "home/conscience/mine.cedar";

#[test]
fn files_that_change_are_in_force_at_the_next_look() {
    let mut house = House::new();
    assert_eq!(house.decision("make", "work"), Decision::Allow);
    house.write(MINE, &rule("make"));
    // Not before: a call does not pay for looking each time.
    let early = decision(&house.policies, "make", &house.path("work"), house.now);
    assert_eq!(early, Decision::Allow);
    assert_eq!(house.decision("make", "work"), Decision::Deny);
    house.write(MINE, &rule("cmake"));
    assert_eq!(house.decision("make", "work"), Decision::Allow);
    assert_eq!(house.decision("cmake", "work"), Decision::Deny);
    fs::remove_file(house.path(MINE)).expect("removed");
    assert_eq!(house.decision("cmake", "work"), Decision::Allow);
}

#[test]
fn the_same_files_are_not_read_again() {
    let mut house = House::new();
    house.write(MINE, &rule("make"));
    let first = house.policies.at(None, house.now);
    house.now += LOOK_EVERY;
    assert!(Arc::ptr_eq(&first, &house.policies.at(None, house.now)));
}

#[test]
fn what_a_file_said_before_it_broke_stays_in_force() {
    let mut house = House::new();
    house.write(MINE, &rule("make"));
    house.write("home/conscience/sub/other.cedar", &rule("cmake"));
    assert_eq!(house.decision("make", "work"), Decision::Deny);
    for broken in ["forbid (", "\0", "permit (principal, action, resource);"] {
        house.write(MINE, broken);
        assert_eq!(house.decision("make", "work"), Decision::Deny, "{broken:?}");
        assert_eq!(house.decision("cmake", "work"), Decision::Deny);
        let complaints = house.complaints("work");
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        assert!(
            complaints[0].contains("mine.cedar:1: ")
                && complaints[0].ends_with("what it said before stays in force"),
            "{complaints:?}"
        );
    }
    // Also for the next process, and when the whole directory leads elsewhere.
    fs::rename(house.path("home/conscience"), house.path("aside")).expect("moved");
    symlink("/", house.path("home/conscience")).expect("linked");
    let next = Policies::new(&config(house.dir.path()), None);
    for program in ["make", "cmake"] {
        let work = house.path("work");
        assert_eq!(decision(&next, program, &work, house.now), Decision::Deny);
    }
    let (_, complaints) = next.told(None);
    assert!(
        complaints.len() == 1
            && complaints[0].contains("no directory of its own")
            && complaints[0].ends_with("what its files said before stays in force"),
        "{complaints:?}"
    );
    // An operator who takes a file away takes its rules away.
    fs::remove_file(house.path("home/conscience")).expect("removed");
    fs::rename(house.path("aside"), house.path("home/conscience")).expect("moved");
    fs::remove_file(house.path(MINE)).expect("removed");
    assert_eq!(house.decision("make", "work"), Decision::Allow);
    assert_eq!(house.decision("cmake", "work"), Decision::Deny);
    house.write(MINE, "forbid (");
    assert_eq!(house.decision("make", "work"), Decision::Allow);
    let complaints = house.complaints("work");
    assert!(
        complaints[0].ends_with("no rule of it is in force, all others are"),
        "{complaints:?}"
    );
}

#[test]
fn looking_writes_nothing() {
    let house = House::new();
    house.write(MINE, &rule("make"));
    let looked = Policies::looked_at(&config(house.dir.path()), None);
    assert_eq!(looked.report().rules, 1);
    assert!(!house.path("home/conscience.good").exists());
    house.policies.at(None, house.now);
    assert!(house.path("home/conscience.good/mine.cedar").exists());
}

#[test]
fn a_workspace_forbids_more_for_calls_in_it() {
    let mut house = House::new();
    house.write("work/.smoltbot/policies/here.cedar", &rule("make"));
    house.write(MINE, &rule("cmake"));
    assert_eq!(house.decision("make", "work"), Decision::Deny);
    assert_eq!(house.decision("make", "work/sub"), Decision::Deny);
    assert_eq!(house.decision("cmake", "work/sub"), Decision::Deny);
    assert_eq!(house.decision("make", "home"), Decision::Allow);
    // The operator's rules change under it.
    house.write(MINE, &rule("ninja"));
    assert_eq!(house.decision("cmake", "work"), Decision::Allow);
    assert_eq!(house.decision("ninja", "work"), Decision::Deny);
    assert_eq!(house.decision("make", "work"), Decision::Deny);
    // It breaks, and cannot permit.
    house.write(
        "work/.smoltbot/policies/here.cedar",
        "permit (principal, action, resource);",
    );
    assert_eq!(house.decision("make", "work"), Decision::Deny);
    let complaints = house.complaints("work");
    assert!(
        complaints.len() == 1 && complaints[0].contains("can only forbid"),
        "{complaints:?}"
    );
    fs::remove_dir_all(house.path("work/.smoltbot")).expect("removed");
    assert_eq!(house.decision("make", "work"), Decision::Allow);
}

#[test]
fn many_workspaces_are_not_all_remembered() {
    let mut house = House::new();
    for number in 0..MAX_WORKSPACES + 2 {
        house.decision("make", &format!("work/{number}"));
    }
    let state = house.policies.state.lock().expect("not poisoned");
    assert_eq!(state.places.len(), 2);
}

#[test]
fn a_workspace_is_the_nearest_that_has_policies() {
    let dir = tempfile::tempdir().expect("a directory");
    let make = |name: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(&path).expect("made");
        path
    };
    let (home, deep) = (make("home"), make("home/a/b/c"));
    let found = |cwd: &Path| project_dir(cwd, Some(&home));
    assert_eq!(found(&deep), None);
    make("home/.smoltbot/policies");
    assert_eq!(found(&deep), None, "the home is no workspace");
    let outer = make("home/a/.smoltbot/policies");
    assert_eq!(found(&deep), Some(outer.clone()));
    let inner = make("home/a/b/.smoltbot/policies");
    assert_eq!(found(&deep), Some(inner));
    assert_eq!(found(&dir.path().join("home/a/gone")), Some(outer));
}

#[test]
fn the_configuration_and_the_conscience_know_the_same_packs() {
    assert_eq!(
        smoltbot_config::PACKS,
        conscience::Pack::ALL.map(conscience::Pack::as_str)
    );
}
