//! What the gateway itself says.

use super::answer::{Reply, ToolInfo};
use super::command::Unreadable;
use crate::tools::{Tool, Toolbox};

/// `/help`.
pub(super) fn help(toolbox: &Toolbox) -> String {
    format!(
        "You can call the agent's tools from here. Before a tool runs, the agent's conscience allows or refuses it; \
         either way the call leaves a trace on the dashboard.\n\n\
         /run TOOL JSON   calls a tool with these arguments\n\
         /tools           lists the tools and what they take\n\
         /model NAME      chooses the language model; without a name it lists them\n\
         /think LEVEL     sets how long the model thinks first\n\
         /new             begins this conversation anew\n\
         /status          tells how things stand\n\
         /help            shows this\n\n\
         For example:\n{}",
        examples(toolbox)
    )
}

/// The answer to plain talk.
pub(super) fn no_model(toolbox: &Toolbox) -> String {
    format!(
        "No language model is configured yet, so I can't talk. I can run tools for you, each through the conscience:\n\n\
         {}\n\nType /help for more.",
        examples(toolbox)
    )
}

/// `/tools`.
pub(super) fn tools(toolbox: &Toolbox) -> Reply {
    let lines: Vec<String> = toolbox
        .tools()
        .iter()
        .map(|tool| {
            format!(
                "{}\n  {}\n  {}",
                tool.name(),
                tool.description(),
                example(tool.as_ref())
            )
        })
        .collect();
    Reply::Tools {
        text: lines.join("\n\n"),
        tools: toolbox
            .tools()
            .iter()
            .map(|tool| ToolInfo {
                name: tool.name().to_owned(),
                description: tool.description().to_owned(),
                parameters: tool.schema(),
                example: example(tool.as_ref()),
            })
            .collect(),
    }
}

/// The answer to a command that cannot be read.
pub(super) fn unreadable(toolbox: &Toolbox, error: &Unreadable) -> Reply {
    let shown = match error.tool().and_then(|name| toolbox.find(name)) {
        Some(tool) => example(tool.as_ref()),
        None => examples(toolbox),
    };
    let hint = match error {
        Unreadable::Unknown(_) => "\n\n/help lists the commands. For example:",
        _ => "\n\nFor example:",
    };
    let (line, column) = error.place().unzip();
    Reply::Error {
        text: format!("{error}{hint}\n{shown}"),
        line,
        column,
    }
}

/// A message that calls `tool`.
pub(crate) fn example(tool: &dyn Tool) -> String {
    format!("/run {} {}", tool.name(), tool.example())
}

fn examples(toolbox: &Toolbox) -> String {
    let lines: Vec<String> = toolbox
        .tools()
        .iter()
        .map(|tool| example(tool.as_ref()))
        .collect();
    lines.join("\n")
}

/// Words of the gateway.
pub(super) fn message(text: String) -> Reply {
    Reply::Message { text }
}

/// What went wrong, in words of the gateway.
pub(super) fn error(text: String) -> Reply {
    Reply::Error {
        text,
        line: None,
        column: None,
    }
}
