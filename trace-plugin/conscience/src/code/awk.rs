//! Awk's pipes and redirections within `print` and `getline`.

use super::{
    calls::filled,
    eval::{Arg, Reader},
    token::Token,
    value::Value,
};

impl Reader<'_, '_> {
    /// `print a, b`, `printf "format", a`: what is said goes on, into a file, or to a command.
    pub(super) fn awk_print(&mut self, formatted: bool) {
        self.printing = true;
        let mut values = Vec::new();
        while !matches!(
            self.peek(),
            None | Some(Token::Close(_) | Token::End | Token::Sign('>' | '|'))
        ) && values.len() < 64
        {
            let before = self.at;
            values.push(Arg {
                name: None,
                value: self.expression(),
            });
            self.at += usize::from(self.peek() == Some(&Token::Comma) || self.at == before);
        }
        let said = match values.split_first() {
            None => self.line_of_input(),
            Some((pattern, rest)) if formatted && pattern.value.text().is_some() => {
                filled(pattern.value.text().unwrap_or_default(), rest)
            }
            Some((first, rest)) => rest.iter().fold(first.value.clone(), |all, next| {
                all.joined(" ", &next.value)
            }),
        };
        match self.peek() {
            Some(Token::Sign('>')) => self.awk_write(&said),
            Some(Token::Sign('|')) => {
                self.at += 1;
                self.printing = false;
                self.awk_pipe(&said);
            }
            _ => self.print(&said, true),
        }
        self.printing = false;
    }

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
