//! Which language a program interprets, how it is given code on the line, and how the languages' texts differ.

/// A language, as far as its text differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Python,
    Perl,
    Ruby,
    JavaScript,
    Php,
    Lua,
    Awk,
    AppleScript,
    R,
    Julia,
    Elixir,
    Lisp,
    Groovy,
    /// Java, Scala, Kotlin, Swift, Go, Erlang, Haskell: calls with brackets, text in double quotes.
    Braces,
}

/// The language that a program interprets.
pub(crate) fn language(name: &str) -> Option<Language> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    Some(match stem {
        "python" | "pypy" | "ipython" | "bpython" | "micropython" | "jython" | "graalpy"
        | "sage" | "pythonw" | "py" => Language::Python,
        "perl" | "raku" | "rakudo" => Language::Perl,
        "ruby" | "irb" | "jruby" | "pry" | "truffleruby" => Language::Ruby,
        "node" | "nodejs" | "bun" | "deno" | "tsx" | "ts-node" | "qjs" | "osjs" | "jsc" => {
            Language::JavaScript
        }
        "php" | "php-cli" | "hhvm" => Language::Php,
        "lua" | "luajit" | "texlua" => Language::Lua,
        "awk" | "gawk" | "mawk" | "nawk" | "original-awk" | "goawk" => Language::Awk,
        "osascript" => Language::AppleScript,
        "Rscript" | "R" | "littler" => Language::R,
        "julia" => Language::Julia,
        "elixir" | "iex.bat" => Language::Elixir,
        "guile" | "sbcl" | "clisp" | "emacs" | "racket" | "bb" | "clojure" | "clj" | "scheme"
        | "chezscheme" | "newlisp" | "janet" | "emacsclient" => Language::Lisp,
        "groovy" | "gradle-groovy" => Language::Groovy,
        "scala" | "scala-cli" | "kotlin" | "swift" | "jshell" | "erl" | "ghc" | "runghc"
        | "runhaskell" | "octave" | "octave-cli" | "matlab" | "csi" | "dotnet-script"
        | "crystal" | "nim" | "v" | "dart" => Language::Braces,
        _ => return None,
    })
}

impl Language {
    /// Options whose value is code.
    pub(super) fn code_options(self) -> &'static [&'static str] {
        match self {
            Self::Python => &["-c"],
            Self::Perl => &[
                "-e", "-E", "-ne", "-pe", "-nE", "-le", "-lne", "-lane", "-ane", "-pi", "-ie",
                "-0777pe", "-0pe", "-pie", "-wle", "-we", "-wne", "-lE", "-nle", "-lpe",
            ],
            Self::Ruby => &["-e", "-ne", "-pe", "-ane", "-lane", "-we"],
            Self::Lua | Self::AppleScript | Self::Groovy => &["-e"],
            Self::JavaScript => &["-e", "--eval", "-p", "--print", "-pe", "eval"],
            Self::Php => &["-r", "--run", "-B", "-R", "-E"],
            Self::Awk => &["--source", "-e"],
            Self::R => &["-e", "--expression"],
            Self::Julia => &["-e", "--eval", "-E", "--print"],
            Self::Elixir => &["-e", "--eval", "--rpc-eval"],
            Self::Lisp => &["-c", "-e", "--eval", "-eval", "-x", "--execute", "-l", "-r"],
            Self::Braces => &[
                "-e", "-eval", "--eval", "-script", "eval", "-expr", "-batch", "-r",
            ],
        }
    }

    /// Whether `//` and `/*` start comments.
    pub(super) fn slashes(self) -> bool {
        matches!(
            self,
            Self::JavaScript | Self::Php | Self::Groovy | Self::Braces
        )
    }

    /// Whether `#` starts a comment.
    pub(super) fn hashes(self) -> bool {
        matches!(
            self,
            Self::Python
                | Self::Perl
                | Self::Ruby
                | Self::Php
                | Self::R
                | Self::Julia
                | Self::Elixir
                | Self::Awk
        )
    }

    /// Whether `/…/` is a pattern where a value is expected.
    pub(super) fn patterns(self) -> bool {
        matches!(
            self,
            Self::JavaScript | Self::Perl | Self::Ruby | Self::Groovy | Self::Awk
        )
    }

    /// Whether a name may start with `c`.
    pub(super) fn starts_name(self, c: char) -> bool {
        c.is_alphanumeric()
            || c == '_'
            || match self {
                Self::Perl => matches!(c, '$' | '@' | '%' | '&'),
                Self::Ruby => matches!(c, '$' | '@'),
                Self::Php | Self::JavaScript => c == '$',
                _ => false,
            }
    }
}
