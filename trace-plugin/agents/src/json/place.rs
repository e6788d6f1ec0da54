//! Where something new goes, and how it is written there.

use jsonc_parser::ast::Value as Node;
use jsonc_parser::common::{Range as Place, Ranged as _};
use serde_json::{Map, Value};

use super::layout::{self, Splice, Style};
use super::{EditError, Undo, Want, holds, member, parse, wrong_shape};

/// What to put into `text` so that `want` is there; nothing where it is.
pub(super) fn splices(text: &str, want: &Want, undo: &mut Undo) -> Result<Vec<Splice>, EditError> {
    let (path, leaf) = match want {
        Want::Element { path, value, mark } => {
            undo.marks.push(mark.clone());
            (path, Value::Array(vec![value.clone()]))
        }
        Want::Key { path, value } => (path, value.clone()),
    };
    let Some(root) = parse(text)? else {
        note(undo, want, path, 0);
        return Ok(vec![whole(text, &nested(path, leaf))]);
    };
    let style = style(text, &root);
    let mut node = &root;
    for (depth, key) in path.iter().enumerate() {
        let Node::Object(object) = node else {
            return Err(wrong_shape(text, node, &path[..depth], "an object"));
        };
        let Some(next) = member(object, key) else {
            note(undo, want, path, depth + 1);
            let value = nested(&path[depth + 1..], leaf);
            let items: Vec<Place> = object
                .properties
                .iter()
                .map(jsonc_parser::common::Ranged::range)
                .collect();
            let name = Value::from(key.as_str()).to_string();
            return Ok(within(
                text,
                &style,
                object.range,
                &items,
                |style, indent| {
                    let colon = if style.unit.is_some() { ": " } else { ":" };
                    format!("{name}{colon}{}", style.write(&value, indent))
                },
            ));
        };
        node = next;
    }
    let Want::Element { value, mark, .. } = want else {
        return Ok(Vec::new());
    };
    let Node::Array(array) = node else {
        return Err(wrong_shape(text, node, path, "an array"));
    };
    if array.elements.iter().any(|element| holds(element, mark)) {
        return Ok(Vec::new());
    }
    let items: Vec<Place> = array
        .elements
        .iter()
        .map(jsonc_parser::common::Ranged::range)
        .collect();
    Ok(within(
        text,
        &style,
        array.range,
        &items,
        |style, indent| style.write(value, indent),
    ))
}

/// Remembers what of `path` was not there: all of it from its `from`th key on.
fn note(undo: &mut Undo, want: &Want, path: &[String], from: usize) {
    let made = match want {
        Want::Element { .. } => path.len(),
        Want::Key { .. } => {
            undo.keys.push(path.to_vec());
            path.len() - 1
        }
    };
    for length in from.max(1)..=made {
        undo.made.push(path[..length].to_vec());
    }
}

/// `leaf` at the end of `path`.
fn nested(path: &[String], leaf: Value) -> Value {
    path.iter().rev().fold(leaf, |value, key| {
        Value::Object(Map::from_iter([(key.clone(), value)]))
    })
}

/// `value` as the content of a text that has none.
fn whole(text: &str, value: &Value) -> Splice {
    let newline = layout::newline(text);
    let style = Style {
        newline,
        unit: Some("  ".to_owned()),
    };
    let before = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        newline
    };
    Splice {
        at: text.len(),
        text: format!("{before}{}{newline}", style.write(value, "")),
    }
}

/// The style of `text`: what its first member is indented by, or all in one line.
fn style(text: &str, root: &Node<'_>) -> Style {
    let inside = &text[root.range().start..root.range().end];
    let first = match root {
        Node::Object(object) => object.properties.first().map(|first| first.range.start),
        _ => None,
    };
    let unit = match first {
        Some(at) if layout::begins_line(text, at) => {
            let outer = layout::indent_at(text, root.range().start);
            let indent = layout::indent_at(text, at);
            let unit = indent.strip_prefix(outer).unwrap_or(indent);
            Some(if unit.is_empty() { "  " } else { unit }.to_owned())
        }
        Some(_) if !inside.contains('\n') => None,
        _ => Some("  ".to_owned()),
    };
    Style {
        newline: layout::newline(text),
        unit,
    }
}

/// Puts a new item behind the `items` of the object or array at `outer`.
fn within(
    text: &str,
    style: &Style,
    outer: Place,
    items: &[Place],
    write: impl Fn(&Style, &str) -> String,
) -> Vec<Splice> {
    match items.last() {
        Some(last) => behind(text, style, *last, write),
        None => vec![into_empty(text, style, outer, write)],
    }
}

fn behind(
    text: &str,
    style: &Style,
    last: Place,
    write: impl Fn(&Style, &str) -> String,
) -> Vec<Splice> {
    let next = layout::skip_trivia(text, last.end);
    let comma = text[next..].starts_with(',');
    let from = if comma { next + 1 } else { last.end };
    let at = layout::after_comments_of_line(text, from);
    let own_line = layout::begins_line(text, last.start);
    let indent = layout::indent_at(text, last.start);
    // A line that ends in a comment cannot be gone on with.
    let item = if own_line || at != from {
        let style = Style {
            newline: style.newline,
            unit: Some(style.unit.clone().unwrap_or_else(|| "  ".to_owned())),
        };
        format!("{}{indent}{}", style.newline, write(&style, indent))
    } else {
        let style = Style {
            newline: style.newline,
            unit: None,
        };
        let blank = if style_is_tight(text, last.start) {
            ""
        } else {
            " "
        };
        format!("{blank}{}", write(&style, indent))
    };
    if comma {
        return vec![Splice {
            at,
            text: format!("{item},"),
        }];
    }
    let comma = Splice {
        at: last.end,
        text: ",".to_owned(),
    };
    vec![comma, Splice { at, text: item }]
}

/// Whether the item at `start` stands right behind what comes before it, as in a text without blanks.
fn style_is_tight(text: &str, start: usize) -> bool {
    !text[..start].ends_with([' ', '\t'])
}

fn into_empty(
    text: &str,
    style: &Style,
    outer: Place,
    write: impl Fn(&Style, &str) -> String,
) -> Splice {
    let inside = &text[outer.start + 1..outer.end - 1];
    let kept = inside.trim_end();
    let at = outer.start + 1 + kept.len();
    let indent = layout::indent_at(text, outer.start);
    let unit = match &style.unit {
        Some(unit) => unit,
        None if kept.is_empty() && !inside.contains('\n') => {
            return Splice {
                at,
                text: write(style, indent),
            };
        }
        None => "  ",
    };
    let style = Style {
        newline: style.newline,
        unit: Some(unit.to_owned()),
    };
    let newline = style.newline;
    let inner = format!("{indent}{unit}");
    let item = write(&style, &inner);
    // The closing bracket has a line of its own already, or gets one.
    let end = if inside[kept.len()..].contains('\n') {
        String::new()
    } else {
        format!("{newline}{indent}")
    };
    Splice {
        at,
        text: format!("{newline}{inner}{item}{end}"),
    }
}
