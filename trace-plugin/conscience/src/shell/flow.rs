//! What is known of a piece of data on its way through a line: its text, and where it came from.

/// Where data came from, as far as that matters.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Taint {
    /// The host it was fetched from.
    pub(crate) downloaded: Option<String>,
    /// Whether it went through a decoder (base64, hex, a cipher).
    pub(crate) decoded: bool,
    /// Secrets among it: `~/.ssh/id_rsa`, `$API_KEY`.
    pub(crate) secrets: Vec<String>,
    /// Sensitive bulk: the environment, a database, an archive, a history.
    pub(crate) bulk: Option<&'static str>,
    /// What a list of files or containers names, as a pattern: `/etc/*` for what `find /etc` prints.
    pub(crate) listing: Option<String>,
    /// Whether its text was left to something that cannot be foreseen (a file, a program's output).
    pub(crate) unforeseen: bool,
}

impl Taint {
    pub(crate) fn merge(&mut self, other: &Self) {
        if self.downloaded.is_none() {
            self.downloaded.clone_from(&other.downloaded);
        }
        if self.listing.is_none() {
            self.listing.clone_from(&other.listing);
        }
        self.decoded |= other.decoded;
        self.unforeseen |= other.unforeseen;
        if self.bulk.is_none() {
            self.bulk = other.bulk;
        }
        for secret in &other.secrets {
            if !self.secrets.contains(secret) {
                self.secrets.push(secret.clone());
            }
        }
    }

    pub(crate) fn secret(name: impl Into<String>) -> Self {
        Self {
            secrets: vec![name.into()],
            ..Self::default()
        }
    }

    pub(crate) fn unforeseen() -> Self {
        Self {
            unforeseen: true,
            ..Self::default()
        }
    }
}

/// Data on standard input or output, or in a file written by the same line.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Flow {
    /// The text, where it can be foreseen.
    pub(crate) text: Option<String>,
    /// Where it came from.
    pub(crate) taint: Taint,
    /// Whether there is any data at all: a command without a pipe or redirection has none.
    pub(crate) connected: bool,
}

impl Flow {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            taint: Taint::default(),
            connected: true,
        }
    }

    pub(crate) fn tainted(taint: Taint) -> Self {
        Self {
            text: None,
            taint,
            connected: true,
        }
    }

    /// Output of a program that is not followed further.
    pub(crate) fn unforeseen() -> Self {
        Self::tainted(Taint::unforeseen())
    }

    /// Two outputs after each other.
    pub(crate) fn then(mut self, next: &Self) -> Self {
        self.text = match (self.text.take(), &next.text) {
            (Some(first), Some(second)) => Some(first + second),
            _ => None,
        };
        self.taint.merge(&next.taint);
        self
    }
}

/// One word of a command after expansion.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Field {
    /// The text; what is unknown in it reads `$NAME` or `$(…)`.
    pub(crate) text: String,
    /// The text if all that is unknown turned out empty; none when nothing is unknown.
    pub(crate) if_empty: Option<String>,
    /// Whether an unquoted `*`, `?` or `[` is in it.
    pub(crate) glob: bool,
    /// Where its parts came from.
    pub(crate) taint: Taint,
    /// What reading it as a file gives, when it is a process substitution.
    pub(crate) file: Option<Box<Flow>>,
}

impl Field {
    pub(crate) fn known(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// A word that was too much to read.
    pub(crate) fn unread(raw: &str) -> Self {
        let mut field = Self::default();
        field.push_unknown(raw.get(..64).unwrap_or_default(), true);
        field
    }

    pub(crate) fn is_known(&self) -> bool {
        self.if_empty.is_none()
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
        if let Some(empty) = &mut self.if_empty {
            empty.push_str(text);
        }
    }

    /// Adds something unknown, shown as `shown`. `never_empty` is for what surely has some text.
    pub(crate) fn push_unknown(&mut self, shown: &str, never_empty: bool) {
        let mut empty = self.if_empty.take().unwrap_or_else(|| self.text.clone());
        if never_empty {
            empty.push('x');
        }
        self.text.push_str(shown);
        self.if_empty = Some(empty);
    }
}

/// A word as data.
pub(crate) fn flow_of(field: &Field) -> Flow {
    Flow {
        text: field.is_known().then(|| field.text.clone()),
        taint: field.taint.clone(),
        connected: true,
    }
}
