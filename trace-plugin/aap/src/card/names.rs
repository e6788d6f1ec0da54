//! Matching a tool's name against the names on a card: the way AAP's verifiers do, and a safer way for judging.
//!
//! AAP compares whole entries, or what stands before `:` in them, to the letter. That decides what a trace may call
//! `bounded`. For what is forbidden or asked about that is too little: `mcp__github__delete_repo`, `github.delete_repo` and
//! `Delete_Repo` are one tool to whoever writes `delete_repo` on a card.

use super::{AlignmentCard, Condition};

/// AAP's matching of a tool's name against a list.
pub(crate) fn listed(list: &[String], name: &str) -> bool {
    list.iter()
        .any(|entry| entry == name || head(entry) == name)
}

/// What an entry names: all of it, or the part before `:`, behind which a description stands.
pub fn head(entry: &str) -> &str {
    entry.split(':').next().unwrap_or(entry).trim()
}

/// A name without what runtimes write differently: letter case, the separators of servers and tools, the prefix `mcp`.
pub fn plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len() + 2);
    for c in name.trim().chars() {
        match c {
            '.' | '/' | ':' => plain.push_str("__"),
            _ => plain.push(c.to_ascii_lowercase()),
        }
    }
    match plain.strip_prefix("mcp__") {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => plain,
    }
}

/// Whether the entry `mcp__server`, `mcp__server__*` or `name*` means more than one tool; its plain beginning, if so.
pub fn family(entry: &str) -> Option<String> {
    let entry = head(entry);
    if let Some(start) = entry.strip_suffix('*') {
        return Some(plain(start));
    }
    let server = entry.strip_prefix("mcp__")?;
    (!server.is_empty() && !server.contains("__")).then(|| format!("{}__", plain(server)))
}

/// The names that the tool `name` may be meant by: itself, and what stands behind each of its separators; `", "` joins
/// several tools in one name.
pub fn meanings(plain: &str) -> impl Iterator<Item = &str> {
    plain.split(", ").flat_map(|one| {
        let one = one.trim();
        let tails = one.match_indices("__").map(move |(at, _)| &one[at + 2..]);
        std::iter::once(one)
            .chain(tails)
            .filter(|name| !name.is_empty())
    })
}

/// Whether `entry` of a card means the tool whose [`plain`] name is `tool`, read the safer way.
pub fn means(entry: &str, tool: &str) -> bool {
    if let Some(start) = family(entry) {
        return tool.split(", ").any(|one| one.trim().starts_with(&start));
    }
    let entry = plain(head(entry));
    meanings(tool).any(|name| name == entry)
}

impl AlignmentCard {
    /// Whether the tool `name` is listed, the way AAP's verifiers match: the whole entry, or its part before `:`.
    pub fn allows(&self, name: &str) -> bool {
        listed(&self.autonomy.bounded_actions, name)
    }

    /// Whether the card says anything of the tool: that it may be used, must not, or must be asked about.
    pub fn knows(&self, tool: &str) -> bool {
        if self.allows(tool) {
            return true;
        }
        let tool = plain(tool);
        let autonomy = &self.autonomy;
        let named = autonomy
            .bounded_actions
            .iter()
            .chain(&autonomy.forbidden_actions);
        named.into_iter().any(|entry| means(entry, &tool))
            || autonomy.escalation_triggers.iter().any(|trigger| {
                matches!(Condition::parse(&trigger.condition), Ok(Condition::ActionType(name)) if means(&name, &tool))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_match_as_in_aap() {
        let list = ["exec: run a command".to_owned(), "read".to_owned()];
        assert!(listed(&list, "exec") && listed(&list, "read"));
        assert!(!listed(&list, "rea") && !listed(&list, "exec: run") && !listed(&list, "Read"));
    }

    #[test]
    fn the_safer_reading_knows_a_tool_by_its_other_names() {
        for (entry, tool, meant) in [
            ("delete_repo", "delete_repo", true),
            ("delete_repo", "Delete_Repo", true),
            ("delete_repo", "mcp__github__delete_repo", true),
            ("delete_repo", "github.delete_repo", true),
            ("delete_repo", "github/delete_repo", true),
            ("delete_repo: for good", "github__delete_repo", true),
            ("github.delete_repo", "mcp__github__delete_repo", true),
            ("mcp__github__delete_repo", "github.delete_repo", true),
            ("mcp__github", "mcp__github__delete_repo", true),
            ("mcp__github__*", "mcp__github__delete_repo", true),
            ("mcp__github", "mcp__githubber__delete_repo", false),
            ("delete_repo", "read, delete_repo", true),
            ("delete_repo", "undelete_repo", false),
            ("delete_repo", "delete_repo_draft", false),
            ("repo", "delete_repo", false),
            ("deploy", "deploy.status", false),
            ("exec*", "exec_remote", true),
            ("", "exec", false),
        ] {
            assert_eq!(means(entry, &plain(tool)), meant, "{entry} and {tool}");
        }
    }
}
