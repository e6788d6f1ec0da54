//! Commands that show or set how the agent answers: `/model`, `/think`, `/new`, `/status`.

use super::answer::Reply;
use super::command::Setting;
use super::run::Run;
use super::{Agent, words};
use crate::model::Thinking;
use crate::sessions::{Patch, SessionsError};

impl Agent {
    pub(super) async fn set(&self, run: &Run, setting: Setting) -> Reply {
        let done = match setting {
            Setting::Model(None) => self.which_model().await,
            Setting::Model(Some(name)) => self.choose_model(&name).await,
            Setting::Think(None) => self.how_long(run).await,
            Setting::Think(Some(level)) => self.think(run, &level).await,
            Setting::New => self.begin_anew(run).await,
            Setting::Status => self.status(run).await,
        };
        done.unwrap_or_else(|error| words::error(error.to_string()))
    }

    async fn which_model(&self) -> Result<Reply, SessionsError> {
        let text = match self.default_model().await? {
            Some(model) => format!("The model is {model}."),
            None => "The model is the first provider's own.".to_owned(),
        };
        Ok(words::message(format!("{text}\n\n{}", self.choice())))
    }

    async fn choose_model(&self, name: &str) -> Result<Reply, SessionsError> {
        let found = self.model.as_ref().and_then(|model| model.resolve(name));
        let Some(model) = found else {
            let text = format!(
                "There is no model `{name}`; nothing was changed.\n\n{}",
                self.choice()
            );
            return Ok(words::error(text));
        };
        self.set_default_model(Some(model.clone())).await?;
        Ok(words::message(format!("From now on the model is {model}.")))
    }

    /// Which models there are.
    fn choice(&self) -> String {
        let models = self.models();
        if self.model.is_none() {
            "No language model is configured.".to_owned()
        } else if models.is_empty() {
            "Choose another with /model NAME.".to_owned()
        } else {
            format!("Choose with /model NAME among:\n{}", models.join("\n"))
        }
    }

    async fn how_long(&self, run: &Run) -> Result<Reply, SessionsError> {
        let session = self.sessions.get(run.session()).await?;
        let level = session
            .and_then(|session| session.thinking)
            .unwrap_or_default();
        Ok(words::message(format!(
            "The model's thinking is {} here. Change it with /think LEVEL, one of {}.",
            level.name(),
            levels()
        )))
    }

    async fn think(&self, run: &Run, name: &str) -> Result<Reply, SessionsError> {
        let Some(level) = Thinking::ALL.into_iter().find(|level| level.name() == name) else {
            return Ok(words::error(format!(
                "`{name}` is no level; there are {}. Nothing was changed.",
                levels()
            )));
        };
        let patch = Patch {
            thinking: Some(Some(level)),
            ..Patch::default()
        };
        self.sessions
            .patch(run.session(), run.channel(), patch)
            .await?;
        Ok(words::message(match level {
            Thinking::Off => "The model answers without thinking first.".to_owned(),
            level => format!(
                "The model may think for up to {} tokens ({}) before it answers.",
                level.budget(),
                level.name()
            ),
        }))
    }

    async fn begin_anew(&self, run: &Run) -> Result<Reply, SessionsError> {
        let text = match self.sessions.reset(run.session()).await? {
            Some(_) => {
                "This conversation begins anew. What was done before stays on the dashboard."
            }
            None => "This conversation has only begun.",
        };
        Ok(words::message(text.to_owned()))
    }

    async fn status(&self, run: &Run) -> Result<Reply, SessionsError> {
        let model = match self.default_model().await? {
            Some(model) => model,
            None if self.model.is_some() => "the first provider's own".to_owned(),
            None => "none is configured".to_owned(),
        };
        let mut lines = vec![format!("Model: {model}")];
        if let Some(session) = self.sessions.get(run.session()).await? {
            lines.push(format!(
                "Thinking: {}",
                session.thinking.unwrap_or_default().name()
            ));
            lines.push(format!(
                "Conversation: {} messages kept, {} tokens read ({} of them from the provider's cache), {} written",
                session.messages,
                session.usage.prompt_tokens(),
                session.usage.cache_read_tokens,
                session.usage.output_tokens
            ));
        }
        let others = self.under_way().len().saturating_sub(1);
        lines.push(format!("Other messages being answered: {others}"));
        lines.push(format!(
            "What I did and what was refused: {}",
            self.dashboard_url
        ));
        Ok(words::message(lines.join("\n")))
    }
}

fn levels() -> String {
    Thinking::ALL.map(Thinking::name).join(", ")
}
