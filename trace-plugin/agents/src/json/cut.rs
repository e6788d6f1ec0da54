//! What is taken out again, one item at a time.

use std::ops::Range;

use jsonc_parser::ast::Value as Node;
use jsonc_parser::common::{Range as Place, Ranged};

use super::layout::{lead, skip_trivia};
use super::{EditError, Undo, parse};

/// The next thing of ours in `text`, as the pieces to cut out; none when nothing of ours is left.
pub(super) fn next(text: &str, undo: &Undo) -> Result<Option<Vec<Range<usize>>>, EditError> {
    let Some(root) = parse(text)? else {
        return Ok(None);
    };
    let mut path = Vec::new();
    Ok(find(text, &root, undo, &mut path))
}

/// Looks for something of ours in `node`, to which `path` leads.
fn find(
    text: &str,
    node: &Node<'_>,
    undo: &Undo,
    path: &mut Vec<String>,
) -> Option<Vec<Range<usize>>> {
    match node {
        Node::Object(object) => {
            let items: Vec<Place> = object.properties.iter().map(Ranged::range).collect();
            for (index, property) in object.properties.iter().enumerate() {
                let later = &object.properties[index + 1..];
                let name = property.name.as_str();
                // Only the last of one name counts, and only there we have put something.
                if later.iter().any(|other| other.name.as_str() == name) {
                    continue;
                }
                path.push(property.name.as_str().to_owned());
                let ours = undo.keys.contains(path)
                    || (is_empty(&property.value) && undo.made.contains(path));
                let found = if ours {
                    Some(without(text, object.range, &items, index))
                } else {
                    find(text, &property.value, undo, path)
                };
                path.pop();
                if found.is_some() {
                    return found;
                }
            }
            None
        }
        Node::Array(array) => {
            let items: Vec<Place> = array.elements.iter().map(Ranged::range).collect();
            for (index, element) in array.elements.iter().enumerate() {
                let found = if is_ours(element, undo) {
                    Some(without(text, array.range, &items, index))
                } else {
                    find(text, element, undo, path)
                };
                if found.is_some() {
                    return found;
                }
            }
            None
        }
        _ => None,
    }
}

fn is_empty(node: &Node<'_>) -> bool {
    match node {
        Node::Object(object) => object.properties.is_empty(),
        Node::Array(array) => array.elements.is_empty(),
        _ => false,
    }
}

/// Whether an array's element is ours: a marked string, an object with a marked string among its members, or an object that
/// holds an array of nothing but such elements. An element that somebody else's hook was put into is not: ours is taken out of
/// it.
fn is_ours(element: &Node<'_>, undo: &Undo) -> bool {
    let marked = |node: &Node<'_>| matches!(node, Node::StringLit(string) if undo.marks.iter().any(|mark| *mark == string.value));
    match element {
        Node::Object(object) => {
            let values = || object.properties.iter().map(|property| &property.value);
            let mut arrays = values().filter_map(Node::as_array).peekable();
            values().any(marked)
                || (arrays.peek().is_some()
                    && arrays.all(|array| {
                        let mut elements = array.elements.iter();
                        !array.elements.is_empty() && elements.all(|element| is_ours(element, undo))
                    }))
        }
        element => marked(element),
    }
}

/// The pieces to cut so that the item at `index` of the object or array at `outer` goes, with one comma.
fn without(text: &str, outer: Place, items: &[Place], index: usize) -> Vec<Range<usize>> {
    let item = items[index];
    let start = lead(text, item.start);
    let next = skip_trivia(text, item.end);
    let comma_behind = text[next..].starts_with(',').then_some(next);
    if items.len() == 1 {
        let before = &text[outer.start + 1..start];
        let behind = comma_behind.map_or(item.end, |comma| comma + 1);
        let after = &text[behind..outer.end - 1];
        if before.trim().is_empty()
            && after.trim().is_empty()
            && comma_behind.is_none_or(|comma| comma == item.end)
        {
            // Nobody else is in here: the brackets close on each other again.
            let inside = outer.start + 1..outer.end - 1;
            return Vec::from([inside]);
        }
    }
    let piece = start..item.end;
    match comma_behind {
        Some(comma) => vec![piece, comma..comma + 1],
        None if index > 0 => {
            let comma = skip_trivia(text, items[index - 1].end);
            vec![comma..comma + 1, piece]
        }
        None => vec![piece],
    }
}
