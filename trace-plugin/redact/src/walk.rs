//! Masks a JSON value at any nesting, and cuts it to a budget of bytes.

use serde_json::{Map, Value};

use crate::assign::is_harmless;
use crate::limits::{
    LOOKAHEAD_BYTES, MAX_CONTENT_DEPTH, MAX_KEY_BYTES, MAX_READ_BYTES, MAX_SAFE_INTEGER,
};
use crate::mask::{Hide, cut_mark, json_len, mask, mask_and_cut, placeholder};
use crate::names::{Named, named};
use crate::random::{random, stands_in};
use crate::redacted::Masks;
use crate::{argv, kubernetes, pii};

/// The key that tells how many members were cut.
pub(crate) const CUT_KEY: &str = "[cut]";
/// Bytes kept free in each object and array for its mark: `"[cut]":"18446744073709551615 more keys",` is 41.
const MARK_BYTES: usize = 48;
/// A value is begun only if this much room is left: an empty container with its mark, or a short string with one.
const MIN_VALUE_BYTES: usize = 96;

/// Room for what is put out.
pub(crate) struct Budget {
    /// Bytes of one string.
    pub(crate) string: usize,
    /// Bytes left.
    pub(crate) left: usize,
    /// Bytes of strings that may still be looked at.
    pub(crate) unread: usize,
}

/// A walk over one value.
pub(crate) struct Walk<'a> {
    pub(crate) hide: Hide<'a>,
    pub(crate) masks: &'a mut Masks,
    /// `None` to keep sizes and numbers as they are.
    pub(crate) budget: Option<Budget>,
    /// How deep arrays and objects may be nested.
    pub(crate) max_depth: usize,
}

/// Masks `value` and cuts it to `total` bytes, each string to `string`.
pub(crate) fn mask_within(
    value: &Value,
    total: usize,
    string: usize,
    hide: Hide<'_>,
    masks: &mut Masks,
) -> Value {
    let walk = |left: usize| {
        let mut masks = Masks::default();
        let mut walk = Walk {
            hide,
            masks: &mut masks,
            budget: Some(Budget {
                string,
                left,
                unread: MAX_READ_BYTES,
            }),
            max_depth: MAX_CONTENT_DEPTH,
        };
        (walk.value(value), masks)
    };
    // What fits needs no budget; and what was cut once fits, in whatever order its keys now are.
    let mut walked = fits(value, total).then(|| walk(usize::MAX));
    walked = walked.filter(|(value, _)| fits(value, total));
    let (value, found) = walked.unwrap_or_else(|| walk(total));
    masks.add_all(&found);
    value
}

/// Whether `value` has at most `max` bytes as JSON and is not nested too deep; reads no more of it than that.
fn fits(value: &Value, max: usize) -> bool {
    fn rest(value: &Value, left: usize, depth: usize) -> Option<usize> {
        let text = |text: &str, left: usize| {
            // Escapes only add; a text that is too long is not counted.
            let size = if text.len() > left {
                text.len()
            } else {
                json_len(text)
            };
            left.checked_sub(size + 2)
        };
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                left.checked_sub(value.to_string().len())
            }
            Value::String(string) => text(string, left),
            _ if depth == 0 => None,
            // Brackets, and a comma or colon an item.
            Value::Array(items) => items
                .iter()
                .try_fold(left.checked_sub(2 + items.len())?, |left, item| {
                    rest(item, left, depth - 1)
                }),
            Value::Object(members) => members.iter().try_fold(
                left.checked_sub(2 + 2 * members.len())?,
                |left, (key, value)| rest(value, text(key, left)?, depth - 1),
            ),
        }
    }
    rest(value, max, MAX_CONTENT_DEPTH).is_some()
}

/// Whether `value` is nested deeper than content may be.
pub(crate) fn is_too_deep(value: &Value) -> bool {
    fn deeper(value: &Value, depth: usize) -> bool {
        match value {
            Value::Array(items) => depth == 0 || items.iter().any(|item| deeper(item, depth - 1)),
            Value::Object(members) => {
                depth == 0 || members.values().any(|value| deeper(value, depth - 1))
            }
            _ => false,
        }
    }
    deeper(value, MAX_CONTENT_DEPTH)
}

impl Walk<'_> {
    /// The masked value.
    pub(crate) fn value(&mut self, value: &Value) -> Value {
        self.any(value, 0, None)
    }

    fn any(&mut self, value: &Value, depth: usize, name: Option<(Named, &str)>) -> Value {
        match value {
            Value::Null | Value::Bool(_) => self.charge(value.clone(), 5),
            Value::Number(_) if self.budget.is_some() => {
                if let Some((named, _)) = name.filter(|(named, _)| named.strong) {
                    return self.conceal(named);
                }
                match safe_number(value) {
                    text @ Value::String(_) => self.any(&text, depth, name),
                    number => self.charge(number, 26),
                }
            }
            Value::Number(_) => value.clone(),
            Value::String(text) => match name {
                Some((named, name)) if !stands_in(text) && !is_harmless(name, text) => {
                    self.conceal(named)
                }
                _ => self.string(text).into(),
            },
            Value::Array(_) | Value::Object(_) if depth >= self.max_depth => self.charge(
                format!("[cut, nested deeper than {}]", self.max_depth).into(),
                40,
            ),
            Value::Array(items) => self.items(items, depth, name),
            Value::Object(members) => self.members(members, depth),
        }
    }

    fn items(&mut self, items: &[Value], depth: usize, name: Option<(Named, &str)>) -> Value {
        self.spend(2 + MARK_BYTES);
        let line = argv::masked(items, self.hide, self.masks);
        let items = line.as_deref().unwrap_or(items);
        let mut masked = Vec::with_capacity(items.len().min(64));
        let header = header(items);
        let mut flag = None;
        for (at, item) in items.iter().enumerate() {
            if at + 1 == items.len() && is_cut_item(item) {
                masked.push(item.clone());
                break;
            }
            if self.is_spent(0) {
                masked.push(format!("[cut, {} more items]", items.len() - at).into());
                break;
            }
            self.spend(1);
            masked.push(self.any(
                item,
                depth + 1,
                name.or(flag).or(header.filter(|_| at == 1)),
            ));
            // `["--password", "x"]`: a flag names the argument behind it.
            flag = [Some(item), masked.last()]
                .into_iter()
                .filter_map(|item| item?.as_str().filter(|text| text.starts_with("--")))
                .find_map(|text| Some((named(text)?, "")));
        }
        Value::Array(masked)
    }

    fn members(&mut self, members: &Map<String, Value>, depth: usize) -> Value {
        self.spend(2 + MARK_BYTES);
        // `{"name": "DB_PASSWORD", "value": "x"}`, as containers list their environment.
        let pair = ["name", "key", "Name", "Key"]
            .iter()
            .find_map(|key| members.get(*key)?.as_str())
            .map(|text| {
                (
                    text,
                    mask_and_cut(text, MAX_KEY_BYTES, self.hide, &mut Masks::default()),
                )
            });
        let pair = pair.as_ref().and_then(|(text, masked)| {
            named(text)
                .or_else(|| named(masked))
                .map(|named| (named, *text))
        });
        let is_secret = kubernetes::is_secret(members);
        let mut masked = Map::new();
        for (at, (key, value)) in members.iter().enumerate() {
            if key == CUT_KEY && is_cut_count(value) {
                masked.insert(key.clone(), value.clone());
                continue;
            }
            let new_key = self.key(key);
            let key_len = json_len(&new_key) + 4;
            if self.is_spent(key_len) {
                mark_cut(&mut masked, members.len() - at);
                break;
            }
            self.spend(key_len);
            // What is put out decides as well, so that a second walk sees nothing new.
            let name = [key, &new_key]
                .into_iter()
                .find_map(|key| Some((named(key)?, key.as_str())));
            let name = name.or(pair.filter(|_| matches!(key.as_str(), "value" | "Value")));
            let name = name.or_else(|| self.personal(key));
            let value = match value {
                Value::Object(values)
                    if is_secret && kubernetes::MEMBERS.contains(&key.as_str()) =>
                {
                    self.values_of_secret(values)
                }
                _ => self.any(value, depth + 1, name),
            };
            insert(&mut masked, new_key, value);
        }
        Value::Object(masked)
    }

    /// What a key says of people, where that is masked.
    fn personal<'k>(&self, key: &'k str) -> Option<(Named, &'k str)> {
        let named = Named {
            rule: pii::NAMED,
            strong: true,
        };
        (self.hide.personal && pii::is_personal_name(key)).then_some((named, key))
    }

    /// The `data` of a Kubernetes Secret: its keys alone.
    fn values_of_secret(&mut self, values: &Map<String, Value>) -> Value {
        let named = Named {
            rule: kubernetes::RULE,
            strong: true,
        };
        let mut masked = Map::new();
        for (at, (key, value)) in values.iter().enumerate() {
            let key = self.key(key);
            if self.is_spent(json_len(&key)) {
                mark_cut(&mut masked, values.len() - at);
                break;
            }
            self.spend(json_len(&key) + 4);
            let value = match value {
                Value::String(text) if stands_in(text) => value.clone(),
                _ => self.conceal(named),
            };
            insert(&mut masked, key, value);
        }
        Value::Object(masked)
    }

    fn key(&mut self, key: &str) -> String {
        match self.budget {
            Some(_) => mask_and_cut(key, MAX_KEY_BYTES, self.hide, self.masks),
            None => mask(key, self.hide, self.masks).into_owned(),
        }
    }

    fn string(&mut self, text: &str) -> String {
        let max = self.budget.as_ref().map_or(usize::MAX, |budget| {
            budget.string.min(budget.left.max(MIN_VALUE_BYTES) - 2)
        });
        let read = text.len().min(max.saturating_add(LOOKAHEAD_BYTES));
        let text = match self.budget.as_mut() {
            Some(budget) if budget.unread < read => {
                budget.unread = 0;
                cut_mark(text.len())
            }
            Some(budget) => {
                budget.unread -= read;
                mask_and_cut(text, max, self.hide, self.masks)
            }
            None => mask(text, self.hide, self.masks).into_owned(),
        };
        self.spend(json_len(&text) + 2);
        text
    }

    fn conceal(&mut self, named: Named) -> Value {
        self.masks.add(named.rule);
        let hidden = placeholder(named.rule);
        let size = hidden.len() + 2;
        self.charge(hidden.into(), size)
    }

    fn charge(&mut self, value: Value, size: usize) -> Value {
        self.spend(size);
        value
    }

    fn spend(&mut self, size: usize) {
        if let Some(budget) = &mut self.budget {
            budget.left = budget.left.saturating_sub(size);
        }
    }

    /// Whether a value behind `more` bytes does not fit any more.
    fn is_spent(&self, more: usize) -> bool {
        self.budget
            .as_ref()
            .is_some_and(|budget| budget.left < more + MIN_VALUE_BYTES)
    }
}

/// `["Authorization", "Bearer …"]`, as headers are listed: the first names the second.
fn header(items: &[Value]) -> Option<(Named, &str)> {
    let [Value::String(name), Value::String(value)] = items else {
        return None;
    };
    let named = named(name).filter(|_| random(value))?;
    Some((named, name))
}

/// Integers that a double cannot hold become strings.
fn safe_number(value: &Value) -> Value {
    let beyond = match value {
        Value::Number(number) => {
            number.as_u64().is_some_and(|n| n > MAX_SAFE_INTEGER)
                || number
                    .as_i64()
                    .is_some_and(|n| n.unsigned_abs() > MAX_SAFE_INTEGER)
        }
        _ => false,
    };
    if beyond {
        value.to_string().into()
    } else {
        value.clone()
    }
}

/// Inserts; two keys that masking made equal are told apart.
pub(crate) fn insert(members: &mut Map<String, Value>, key: String, value: Value) {
    let mut unique = key;
    while members.contains_key(&unique) {
        unique.push('\'');
    }
    members.insert(unique, value);
}

/// Says that `count` members are missing.
pub(crate) fn mark_cut(members: &mut Map<String, Value>, count: usize) {
    members.insert(CUT_KEY.to_owned(), format!("{count} more keys").into());
}

pub(crate) fn is_cut_count(value: &Value) -> bool {
    value
        .as_str()
        .and_then(|text| text.strip_suffix(" more keys"))
        .is_some_and(is_count)
}

fn is_cut_item(value: &Value) -> bool {
    value
        .as_str()
        .and_then(|text| text.strip_prefix("[cut, ")?.strip_suffix(" more items]"))
        .is_some_and(is_count)
}

fn is_count(text: &str) -> bool {
    !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit())
}
