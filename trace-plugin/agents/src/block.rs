//! A block of lines at the end of a text, between two marks.

/// The first line of what is ours.
const BEGIN: &str =
    "# >>> smoltbot: put here by `smoltbot init`, taken out by `smoltbot uninstall`";
/// The last line of what is ours.
const END: &str = "# <<< smoltbot";

/// `text` with `lines` in a block at its end, in the place of a block that is there already.
pub(crate) fn insert(text: &str, lines: &str) -> String {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let block = format!("{BEGIN}\n{}\n{END}\n", lines.trim_end()).replace('\n', newline);
    if let Some((start, end)) = find(text) {
        return format!("{}{block}{}", &text[..start], &text[end..]);
    }
    let gap = match text {
        "" => "",
        text if text.ends_with('\n') => newline,
        // Without a newline at its end, `remove` knows it by the missing one before ours.
        _ => return format!("{text}{newline}{block}"),
    };
    format!("{text}{gap}{block}")
}

/// `text` without the block, and without the newline that was put before it.
pub(crate) fn remove(text: &str) -> String {
    let Some((start, end)) = find(text) else {
        return text.to_owned();
    };
    let before = &text[..start];
    let before = before
        .strip_suffix("\r\n")
        .or_else(|| before.strip_suffix('\n'))
        .unwrap_or(before);
    format!("{before}{}", &text[end..])
}

/// Where the block is.
fn find(text: &str) -> Option<(usize, usize)> {
    let start = text.find(BEGIN)?;
    let end = start + text[start..].find(END)? + END.len();
    let rest = &text[end..];
    let newline = if rest.starts_with("\r\n") {
        2
    } else {
        usize::from(rest.starts_with('\n'))
    };
    Some((start, end + newline))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_block_goes_as_it_came(text in "([a-z =#\\[\\]\"]{0,9}(\r\n|\n)){0,4}[a-z]{0,3}") {
            let with = insert(&text, "[[x]]\ny = 1\n");
            prop_assert!(with.starts_with(&text) && with.contains("[[x]]"));
            prop_assert_eq!(insert(&with, "[[x]]\ny = 1\n"), with.clone());
            prop_assert_eq!(remove(&with), text.clone());
            let other = insert(&with, "z = 2");
            prop_assert_eq!(remove(&other), text);
        }
    }
}
