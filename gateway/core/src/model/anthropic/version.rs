//! What a model of Anthropic's takes, by the version in its name.
//!
//! Versions rather than a list of names, so that a new model is served on its first day. Sources: Anthropic's pages on adaptive
//! thinking, on effort, and its migration guides for 4.7 and 5.5.

/// A version: 4.5 is (4, 5).
pub(super) type Version = (u32, u32);

/// The version in a name such as `claude-opus-4-7`, `claude-3-7-sonnet-20250219` or `claude-sonnet-4-20250514`; none in others.
pub(super) fn of(model: &str) -> Option<Version> {
    if !model.starts_with("claude-") {
        return None;
    }
    let numbers = |word: &str| word.parse().ok().filter(|number: &u32| *number < 100);
    let words = model.split(['-', '.', '@']).skip(1);
    let mut found = words
        .skip_while(|word| numbers(word).is_none())
        .map(numbers);
    let major = found.next()??;
    let minor = found.next().flatten().unwrap_or(0);
    Some((major, minor))
}

/// Whether it decides itself how long it thinks, as it is told how much effort to make; a budget of tokens is then refused or on its
/// way out.
pub(super) fn thinks_adaptively(version: Option<Version>) -> bool {
    version.is_some_and(|version| version >= (4, 6))
}

/// Whether it refuses `temperature` and `top_p`, and keeps its thoughts to itself unless asked.
pub(super) fn is_strict(version: Option<Version>) -> bool {
    version.is_some_and(|version| version >= (4, 7))
}

/// Whether it thinks unless told not to, and can be told.
pub(super) fn must_be_told_not_to_think(model: &str, version: Option<Version>) -> bool {
    match version {
        Some((5, 0)) => model.contains("-opus-") || model.contains("-sonnet-"),
        Some((5.., 1..) | (6.., _)) => model.contains("-haiku-"),
        _ => false,
    }
}

/// Tokens of its longest answer, thoughts included; for names without a version what all but the oldest can.
pub(super) fn longest_answer(version: Option<Version>) -> u32 {
    match version {
        Some(version) if version < (3, 7) => 4096,
        Some(version) if version >= (4, 5) => 64_000,
        _ => 32_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_every_form_of_name() {
        for (model, version) in [
            ("claude-opus-5-5", Some((5, 5))),
            ("claude-opus-5", Some((5, 0))),
            ("claude-fable-5-1", Some((5, 1))),
            ("claude-haiku-4-5-20251001", Some((4, 5))),
            ("claude-sonnet-4-20250514", Some((4, 0))),
            ("claude-3-7-sonnet-20250219", Some((3, 7))),
            ("claude-3-haiku-20240307", Some((3, 0))),
            ("claude-opus-4.6", Some((4, 6))),
            ("claude-opus-4-1@20250805", Some((4, 1))),
            ("claude-next", None),
            ("deepseek-chat", None),
            ("kimi-k2-5", None),
        ] {
            assert_eq!(of(model), version, "{model}");
        }
    }

    #[test]
    fn what_a_model_takes_goes_by_its_version() {
        let facts = |model: &str| {
            let version = of(model);
            (
                thinks_adaptively(version),
                is_strict(version),
                must_be_told_not_to_think(model, version),
                longest_answer(version),
            )
        };
        assert_eq!(facts("claude-opus-5-5"), (true, true, false, 64_000));
        assert_eq!(facts("claude-haiku-5-5"), (true, true, true, 64_000));
        assert_eq!(facts("claude-sonnet-5"), (true, true, true, 64_000));
        assert_eq!(facts("claude-opus-4-7"), (true, true, false, 64_000));
        assert_eq!(facts("claude-sonnet-4-6"), (true, false, false, 64_000));
        assert_eq!(facts("claude-haiku-4-5"), (false, false, false, 64_000));
        assert_eq!(facts("claude-opus-4-1"), (false, false, false, 32_000));
        assert_eq!(
            facts("claude-3-haiku-20240307"),
            (false, false, false, 4096)
        );
        assert_eq!(facts("other"), (false, false, false, 32_000));
    }
}
