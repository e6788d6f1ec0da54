//! File name patterns.

/// A file name pattern of `*`, `?` and `[…]` against a name.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    fn step(pattern: &[char], name: &[char]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some(('*', rest)) => (0..=name.len()).any(|skip| step(rest, &name[skip..])),
            Some(('?', rest)) => !name.is_empty() && step(rest, &name[1..]),
            Some(('[', rest)) => match (rest.iter().position(|c| *c == ']'), name.split_first()) {
                (Some(end), Some((c, tail))) => {
                    rest[..end].contains(c) && step(&rest[end + 1..], tail)
                }
                _ => false,
            },
            Some((c, rest)) => name.first() == Some(c) && step(rest, &name[1..]),
        }
    }
    let pattern: Vec<char> = pattern.chars().take(32).collect();
    if pattern.iter().filter(|c| **c == '*').count() > 3
        || pattern.iter().all(|c| matches!(c, '*' | '?')) && pattern.contains(&'*')
    {
        return false;
    }
    step(&pattern, &name.chars().collect::<Vec<_>>())
}
