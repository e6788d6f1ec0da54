//! Names: who comes first, and whom a model's name means.

use super::{RouterError, Slot};

/// Short names and the models that they mean today: Anthropic's latest of each size.
pub const ALIASES: [(&str, &str); 3] = [
    ("opus", "anthropic/claude-opus-5-5"),
    ("sonnet", "anthropic/claude-sonnet-5-5"),
    ("haiku", "anthropic/claude-haiku-5-5"),
];

/// How the names of a maker's models begin, for models that nobody listed.
const MAKERS: [(&str, &str); 12] = [
    ("claude-", "anthropic"),
    ("gpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("gemini-", "gemini"),
    ("grok-", "xai"),
    ("deepseek-", "deepseek"),
    ("mistral-", "mistral"),
    ("magistral-", "mistral"),
    ("codestral-", "mistral"),
    ("ministral-", "mistral"),
];

/// The providers of the config in the order in which they are asked: those that `priority` (`AI_PROVIDER_PRIORITY`: names with commas
/// or blanks between them) names come first, the others follow in the config's order.
///
/// # Errors
/// `priority` names somebody who isn't configured.
pub fn order<'a>(
    priority: Option<&str>,
    configured: &[&'a str],
) -> Result<Vec<&'a str>, RouterError> {
    let mut ordered: Vec<&'a str> = Vec::with_capacity(configured.len());
    let words = priority.unwrap_or_default();
    for word in words.split(|c: char| c == ',' || c.is_whitespace()) {
        if word.is_empty() {
            continue;
        }
        let mut known = configured.iter();
        let name = known.find(|name| name.eq_ignore_ascii_case(word));
        let name = name.ok_or_else(|| RouterError::UnknownProvider {
            name: word.to_owned(),
            known: configured.join(", "),
        })?;
        if !ordered.contains(name) {
            ordered.push(name);
        }
    }
    let rest = configured.iter().filter(|name| !ordered.contains(name));
    let rest: Vec<&'a str> = rest.copied().collect();
    ordered.extend(rest);
    Ok(ordered)
}

/// A model of a slot: what can be asked.
pub(super) type Candidate = (usize, String);

/// Whom `name` means, in order. An empty name means every slot's own models; any other only those that have it: who names a model
/// gets it, or is told why not.
pub(super) fn candidates(slots: &[Slot], name: &str) -> Result<Vec<Candidate>, String> {
    let name = name.trim();
    if name.is_empty() {
        let all = slots.iter().enumerate();
        let all =
            all.flat_map(|(at, slot)| slot.chain.iter().map(move |model| (at, model.clone())));
        return Ok(all.collect());
    }
    let alias = ALIASES
        .iter()
        .find(|(alias, _)| alias.eq_ignore_ascii_case(name));
    let name = alias.map_or(name, |(_, model)| model);
    let position = |provider: &str| slots.iter().position(|slot| slot.name() == provider);
    if let Some((provider, model)) = name.split_once('/')
        && let Some(at) = position(provider)
        && !model.is_empty()
    {
        return Ok(vec![(at, model.to_owned())]);
    }
    let listed = slots
        .iter()
        .enumerate()
        .filter(|(_, slot)| slot.lists(name));
    let listed: Vec<Candidate> = listed.map(|(at, _)| (at, name.to_owned())).collect();
    if !listed.is_empty() {
        return Ok(listed);
    }
    let maker = MAKERS.iter().find(|(start, _)| name.starts_with(start));
    // Who resells writes the maker before the model.
    let maker = if name.contains('/') {
        Some("openrouter")
    } else {
        maker.map(|(_, maker)| *maker)
    };
    let at = maker.and_then(position);
    let at = at.or((slots.len() == 1 && alias.is_none()).then_some(0));
    at.map(|at| vec![(at, name.to_owned())]).ok_or_else(|| {
        let known: Vec<String> = slots
            .iter()
            .flat_map(|slot| {
                slot.chain
                    .iter()
                    .map(|model| format!("{}/{model}", slot.name()))
            })
            .collect();
        format!(
            "no provider is known to have {name}; there are {}",
            known.join(", ")
        )
    })
}
