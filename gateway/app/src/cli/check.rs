//! What `check` takes.

use clap::Args;

/// What to check.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The tool's name; exec, bash, Bash, shell and `execute_command` are shells
    #[arg(required_unless_present = "stdin", requires = "params")]
    pub(crate) tool: Option<String>,
    /// Its parameters as a JSON object, such as '{"command":"rm -rf /"}'
    #[arg(required_unless_present = "stdin")]
    pub(crate) params: Option<String>,
    /// The directory that the call would run in
    #[arg(long)]
    pub(crate) cwd: Option<String>,
    /// Answer in JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Read NDJSON {"tool","params","cwd"} and answer a verdict a line
    #[arg(long, conflicts_with_all = ["tool", "params", "cwd"])]
    pub(crate) stdin: bool,
}
