//! What an expression of a program comes to, as far as it can be foreseen.

use crate::shell::flow::{Field, Flow, Taint, flow_of};

/// Longest text that is built up from others, in bytes, and most elements of a list.
const MAX_TEXT: usize = 4096;
const MAX_ELEMENTS: usize = 64;

#[derive(Debug, Clone, Default)]
pub(crate) enum Value {
    /// Nothing is known, not even where it came from.
    #[default]
    Unknown,
    /// A text, or something that one comes from: a path, a file, a response. What is unknown of it has no text.
    Text(Box<Field>),
    List(Vec<Value>),
    /// A module, a function, a class: `os.path`.
    Name(String),
}

impl Value {
    pub(crate) fn known(text: impl Into<String>) -> Self {
        Self::Text(Box::new(Field::known(text)))
    }

    /// Something of unknown text with a past.
    pub(crate) fn tainted(taint: Taint) -> Self {
        if taint == Taint::default() || taint == Taint::unforeseen() {
            return Self::Unknown;
        }
        let mut field = Field {
            taint,
            ..Field::default()
        };
        field.push_unknown("", false);
        Self::Text(Box::new(field))
    }

    pub(crate) fn of_flow(flow: &Flow) -> Self {
        match &flow.text {
            Some(text) if text.len() <= MAX_TEXT => Self::Text(Box::new(Field {
                taint: flow.taint.clone(),
                ..Field::known(text)
            })),
            _ => Self::tainted(flow.taint.clone()),
        }
    }

    pub(crate) fn list(mut values: Vec<Self>) -> Self {
        values.truncate(MAX_ELEMENTS);
        Self::List(values)
    }

    /// Where it came from.
    pub(crate) fn taint(&self) -> Taint {
        match self {
            Self::Text(field) => field.taint.clone(),
            Self::List(values) => values.iter().fold(Taint::default(), |mut all, value| {
                all.merge(&value.taint());
                all
            }),
            Self::Name(name) if is_environment(name) => Taint {
                bulk: Some("the environment"),
                ..Taint::default()
            },
            Self::Name(_) | Self::Unknown => Taint::default(),
        }
    }

    /// How much text it holds, in bytes, elements counted as some.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Text(field) => 64 + field.text.len(),
            Self::List(values) => values.iter().map(Self::weight).sum(),
            Self::Name(name) => name.len(),
            Self::Unknown => 0,
        }
    }

    /// The text with what is known of it, where there is any.
    pub(crate) fn field(&self) -> Option<&Field> {
        match self {
            Self::Text(field) if !field.text.is_empty() => Some(field),
            _ => None,
        }
    }

    /// The whole text, where it is known.
    pub(crate) fn text(&self) -> Option<&str> {
        self.field()
            .filter(|field| field.is_known())
            .map(|field| field.text.as_str())
    }

    pub(crate) fn flow(&self) -> Flow {
        match self {
            Self::Text(field) => flow_of(field),
            other => Flow::tainted(other.taint()),
        }
    }

    /// The words that a list, or a text, comes to.
    pub(crate) fn words(&self) -> Vec<Field> {
        match self {
            Self::List(values) => values.iter().flat_map(Self::words).collect(),
            Self::Text(field) => vec![(**field).clone()],
            Self::Unknown | Self::Name(_) => {
                let mut field = Field::default();
                field.push_unknown("$value", true);
                vec![field]
            }
        }
    }

    /// What a loop over it gives.
    pub(crate) fn element(&self) -> Self {
        match self {
            Self::List(values) if values.len() == 1 => values[0].clone(),
            // All of them at once: what is done to one is done to each.
            other => other.clone(),
        }
    }

    /// Some of what a listing names: a condition leaves the others out.
    pub(crate) fn narrowed(self) -> Self {
        match self {
            Self::Text(mut field) if field.glob && field.text.ends_with("/*") => {
                field.text.push_str(".some");
                Self::Text(field)
            }
            Self::List(values) => Self::List(values.into_iter().map(Self::narrowed).collect()),
            other => other,
        }
    }

    /// Two texts after each other, with `between`.
    pub(crate) fn joined(self, between: &str, next: &Self) -> Self {
        if let Self::List(values) = next
            && !matches!(self, Self::List(_))
            && values.iter().all(|value| matches!(value, Self::Text(_)))
        {
            return Self::list(
                values
                    .iter()
                    .map(|value| self.clone().joined(between, value))
                    .collect(),
            );
        }
        if let Self::List(values) = self {
            if matches!(next, Self::List(_)) {
                return Self::list(values);
            }
            return Self::list(
                values
                    .into_iter()
                    .map(|value| value.joined(between, next))
                    .collect(),
            );
        }
        let mut field = match self {
            Self::Text(field) => field,
            other => {
                let mut field = Field {
                    taint: other.taint(),
                    ..Field::default()
                };
                field.push_unknown("$value", true);
                Box::new(field)
            }
        };
        field.taint.merge(&next.taint());
        if field.text.len() > MAX_TEXT {
            return Self::tainted(field.taint);
        }
        field.push(between);
        match next {
            // `"/etc/" + name`, where the names are what a listing of `/etc` gives.
            Self::Text(next)
                if next.glob
                    && between.is_empty()
                    && field.text.ends_with('/')
                    && next.text.starts_with(&field.text) =>
            {
                let rest = next.text[field.text.len()..].to_owned();
                field.glob = true;
                field.push(&rest);
            }
            Self::Text(next) if next.is_known() => {
                field.glob |= next.glob;
                field.push(&next.text);
            }
            Self::Text(next) if !next.text.is_empty() => field.push_unknown(&next.text, true),
            _ => field.push_unknown("$value", true),
        }
        Self::Text(field)
    }

    /// A path below this one; an absolute path stands for itself.
    pub(crate) fn below(self, next: &Self) -> Self {
        if next
            .field()
            .is_some_and(|next| next.text.starts_with('/') || next.text.starts_with('~'))
        {
            return next.clone();
        }
        let trimmed = match self {
            Self::Text(mut field) => {
                if field.is_known() {
                    let trimmed = field.text.trim_end_matches('/').len();
                    field.text.truncate(trimmed);
                }
                Self::Text(field)
            }
            other => other,
        };
        trimmed.joined("/", next)
    }
}

/// The names of the environment as a whole.
pub(crate) fn is_environment(name: &str) -> bool {
    matches!(
        name,
        "os.environ"
            | "ENVIRON"
            | "process.env"
            | "ENV"
            | "%ENV"
            | "$ENV"
            | "Deno.env"
            | "Bun.env"
            | "$_ENV"
            | "$_SERVER"
            | "import.meta.env"
    )
}
