//! Awk's pipes and redirections within `print` and `getline`.

use super::{eval::Reader, token::Token, value::Value};

impl Reader<'_, '_> {
    /// `"command" | getline` and `print … | "command"`.
    pub(super) fn awk_pipe(&mut self, value: &Value) -> Value {
        if self.peek() == Some(&Token::Sign('&')) {
            self.at += 1;
        }
        if self.word_at(0) == Some("getline") {
            self.at += 1;
            let said = self.run_text(value);
            if let Some(name) = self.word_at(0).map(str::to_owned) {
                self.at += 1;
                self.names.insert(name, said);
            } else {
                self.names.insert("$0".to_owned(), said);
            }
            return Value::Unknown;
        }
        let command = self.expression();
        if let Some(text) = command.text().map(str::to_owned) {
            let mut input = value.flow();
            input.connected = true;
            self.shell.subshell(&text, &input);
        } else {
            self.run_text(&command);
        }
        Value::Unknown
    }

    /// `print … > "file"`.
    pub(super) fn awk_write(&mut self, value: &Value) {
        self.at += 1;
        let append = self.peek() == Some(&Token::Sign('>'));
        self.at += usize::from(append);
        let target = self.operand();
        if let Some(field) = target.field().filter(|field| field.is_known()).cloned() {
            self.shell
                .write(&field, append, &value.flow(), self.program);
        }
    }
}
