//! Log lines for Cloudflare's console: one line an event, its message and its fields. Spans are not kept.

use std::fmt::{self, Write as _};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Writes every event of `INFO` and above.
#[derive(Debug, Clone, Copy)]
pub struct Lines<W>(pub W);

impl<W: Fn(Level, &str) + Send + Sync + 'static> Subscriber for Lines<W> {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let level = *event.metadata().level();
        let target = event.metadata().target();
        (self.0)(
            level,
            &format!("{level} {target}: {}{}", line.message, line.fields),
        );
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a String cannot fail.
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn a_line_tells_level_message_and_fields() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let write = move |_, line: &str| sink.lock().unwrap().push(line.to_owned());
        tracing::subscriber::with_default(Lines(write), || {
            let _span = tracing::info_span!("unseen").entered();
            tracing::error!(answer = 42, name = %"x", "it broke");
            tracing::debug!("nobody reads this");
        });
        let lines = lines.lock().unwrap();
        assert_eq!(lines.len(), 1);
        let told = "it broke answer=42 name=x";
        assert!(
            lines[0].starts_with("ERROR ") && lines[0].ends_with(told),
            "{lines:?}"
        );
    }
}
