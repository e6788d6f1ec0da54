//! Whether a condition always holds: `1=1`, `true`, `id = id`, `NOT FALSE`, `x OR 1=1`.

use super::token::Token;

/// How deep brackets of a condition are looked into.
const MAX_BRACKETS: usize = 8;

/// Whether the rows of `table` that `condition` chooses are all of them.
pub(super) fn always(condition: &[Token<'_>], table: &str) -> bool {
    holds(condition, table, 0)
}

fn holds(condition: &[Token<'_>], table: &str, depth: usize) -> bool {
    if depth > MAX_BRACKETS {
        return false;
    }
    let parts = split(condition, &["OR"]);
    if parts.len() > 1 {
        return parts.iter().any(|part| holds(part, table, depth + 1));
    }
    if condition.iter().any(|token| token.is("BETWEEN")) {
        return false;
    }
    let parts = split(condition, &["AND"]);
    if parts.len() > 1 {
        return parts.iter().all(|part| holds(part, table, depth + 1));
    }
    if let [Token::Mark('('), inner @ .., Token::Mark(')')] = condition
        && closes_last(condition)
    {
        return holds(inner, table, depth + 1);
    }
    one(condition, table)
}

/// A condition without `AND` and `OR`.
fn one(condition: &[Token<'_>], table: &str) -> bool {
    match condition {
        [] => true,
        [word] if word.is("TRUE") => true,
        [Token::Number(number)] => number.parse::<f64>().is_ok_and(|number| number != 0.0),
        [Token::Text(text)] => text.parse::<f64>().is_ok_and(|number| number != 0.0),
        [not, rest] if not.is("NOT") => rest.is("FALSE") || matches!(rest, Token::Number("0")),
        [exists, Token::Mark('('), inner @ .., Token::Mark(')')] if exists.is("EXISTS") => {
            !inner.iter().any(|token| token.is("WHERE"))
        }
        [name, is, not, null] if is.is("IS") && not.is("NOT") && null.is("NULL") => is_key(name),
        [_, like, Token::Text(text)] if like.is_any(&["LIKE", "ILIKE", "RLIKE", "REGEXP"]) => {
            !text.is_empty() && text.trim_matches('%').is_empty() || *text == ".*"
        }
        [name, within, Token::Mark('('), inner @ .., Token::Mark(')')] if within.is("IN") => {
            let from = inner.iter().position(|token| token.is("FROM"));
            let own = from
                .and_then(|at| inner.get(at + 1))
                .and_then(Token::name)
                .is_some_and(|other| other.eq_ignore_ascii_case(table));
            own && inner.get(1) == Some(name)
                && !inner
                    .iter()
                    .any(|token| token.is_any(&["WHERE", "LIMIT", "HAVING"]))
        }
        [left, marks @ .., right] if !marks.is_empty() && marks.len() <= 2 => {
            let mut sign = String::new();
            for mark in marks {
                match mark {
                    Token::Mark(c @ ('=' | '<' | '>' | '!')) => sign.push(*c),
                    _ => return false,
                }
            }
            compare(left, &sign, right)
        }
        _ => {
            // `(1)=(1)`
            let bare: Vec<Token<'_>> = condition
                .iter()
                .filter(|token| !matches!(token, Token::Mark('(' | ')')))
                .copied()
                .collect();
            bare.len() < condition.len() && bare.len() == 3 && one(&bare, table)
        }
    }
}

fn compare(left: &Token<'_>, sign: &str, right: &Token<'_>) -> bool {
    let number = |token: &Token<'_>| match token {
        Token::Number(text) | Token::Text(text) => text.parse::<f64>().ok(),
        _ => None,
    };
    if let (Some(a), Some(b)) = (number(left), number(right)) {
        let same = (a - b).abs() < f64::EPSILON;
        return match sign {
            "=" | "==" => same,
            "<>" | "!=" => !same,
            "<" => a < b,
            "<=" => a < b || same,
            ">" => a > b,
            ">=" => a > b || same,
            _ => false,
        };
    }
    let equal = match (left, right) {
        (Token::Word(a), Token::Word(b)) => a.eq_ignore_ascii_case(b),
        _ => left == right,
    };
    let constant = |token: &Token<'_>| matches!(token, Token::Text(_));
    match sign {
        "=" | "==" | "<=" | ">=" if equal => true,
        "<>" | "!=" => constant(left) && constant(right) && !equal,
        ">" | ">=" => is_key(left) && number(right).is_some_and(|least| least <= 1.0),
        _ => false,
    }
}

/// Whether a name is that of a key, which every row has.
fn is_key(token: &Token<'_>) -> bool {
    token.name().is_some_and(|name| {
        let name = name.rsplit('.').next().unwrap_or(name);
        name.eq_ignore_ascii_case("id") || name.to_ascii_lowercase().ends_with("_id")
    })
}

/// Whether the bracket that opens a condition is closed by its last token.
fn closes_last(condition: &[Token<'_>]) -> bool {
    let mut depth = 0usize;
    for (at, token) in condition.iter().enumerate() {
        match token {
            Token::Mark('(') => depth += 1,
            Token::Mark(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1 == condition.len();
        }
    }
    false
}

/// The parts between `words` that stand outside of all brackets.
fn split<'t, 'a>(tokens: &'t [Token<'a>], words: &[&str]) -> Vec<&'t [Token<'a>]> {
    let mut parts = Vec::new();
    let mut depth = 0usize;
    let mut from = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Mark('(') => depth += 1,
            Token::Mark(')') => depth = depth.saturating_sub(1),
            _ if depth == 0 && token.is_any(words) => {
                parts.push(&tokens[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tokens[from..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::token::tokens;

    #[test]
    fn looks_through_brackets_around_single_words() {
        assert!(always(&tokens("(1)=(1)"), "users"));
        assert!(!always(&tokens("(id)=(1)"), "users"));
    }

    #[test]
    fn knows_conditions_that_choose_everything() {
        for text in [
            "1=1",
            "TRUE",
            "1",
            "'a'='a'",
            "(1 = 1)",
            "((true))",
            "NOT FALSE",
            "id = 5 OR 1=1",
            "1=1 AND true",
            "id = id",
            "id IS NOT NULL",
            "id > 0",
            "1 < 2",
            "name LIKE '%'",
            "EXISTS (SELECT 1)",
            "id IN (SELECT id FROM users)",
            "2 <> 1",
        ] {
            assert!(always(&tokens(text), "users"), "{text}");
        }
        for text in [
            "id = 1",
            "id = $1",
            "id = ?",
            "a = b",
            "1=1 AND id = 3",
            "NOT TRUE",
            "1 = 2",
            "name LIKE 'a%'",
            "x IS NOT NULL",
            "EXISTS (SELECT 1 FROM o WHERE o.id = u.id)",
            "id IN (SELECT id FROM old)",
            "id IN (1, 2)",
            "id > 100",
            "'a' = 'b'",
            "id BETWEEN 1 AND 2",
            "0",
            "f(1)",
        ] {
            assert!(!always(&tokens(text), "users"), "{text}");
        }
    }
}
