//! Commands that show or set how the agent answers: `/model`, `/think`, `/new`, `/status`.

use super::answer::{NO_MODEL, Reply, Step};
use super::command::Setting;
use super::run::Run;
use super::{Agent, DEFAULT_MODEL, words};
use crate::model::Thinking;
use crate::sessions::{Patch, SessionsError};

impl Agent {
    /// The full name of the model that is used where nobody says which, whoever chose it; none where there is no model.
    ///
    /// # Errors
    /// [`SessionsError`] when the database fails.
    pub async fn default_name(&self) -> Result<Option<String>, SessionsError> {
        let Some(model) = &self.model else {
            return Ok(None);
        };
        let chosen = self.default_model().await?;
        let known = chosen.and_then(|chosen| model.resolve(&chosen));
        Ok(Some(known.unwrap_or_else(|| self.full_name(""))))
    }

    /// Sets the model that is used where nobody says which, and tells its full name; none, and nothing was set, where there is no
    /// such model.
    ///
    /// # Errors
    /// [`SessionsError`] when the database fails.
    pub async fn choose_model(&self, name: &str) -> Result<Option<String>, SessionsError> {
        let found = self.model.as_ref().and_then(|model| model.resolve(name));
        if let Some(model) = &found {
            self.sessions
                .set(DEFAULT_MODEL, Some(model.clone()))
                .await?;
        }
        Ok(found)
    }

    /// The full name of the model that a request for `name` is put to first, as well as it can be told.
    pub(super) fn full_name(&self, name: &str) -> String {
        let Some(model) = &self.model else {
            return NO_MODEL.to_owned();
        };
        let found = model.resolve(name).filter(|found| !found.is_empty());
        let asked = || Some(name.to_owned()).filter(|name| !name.is_empty());
        found
            .or_else(asked)
            .unwrap_or_else(|| model.provider().to_owned())
    }

    /// Whether somebody may have a model of that name; of one provider alone only it knows.
    pub(crate) fn has_model(&self, name: &str) -> bool {
        let model = self.model.as_ref();
        model.is_some_and(|model| model.resolve(name).is_some())
    }

    /// The model that was chosen for a conversation, `own`, or else for all with `/model`; empty where none was. One that the
    /// configuration has no more is told of and left aside: whoever chose it did so before that, and is helped more by an answer.
    pub(super) async fn chosen_model(
        &self,
        run: &Run,
        own: Option<String>,
    ) -> Result<String, SessionsError> {
        for name in [own, self.default_model().await?].into_iter().flatten() {
            if self.has_model(&name) {
                return Ok(name);
            }
            tracing::warn!(
                model = name,
                "a model that was chosen is not configured any more"
            );
            let text = format!(
                "The model {name}, which was chosen before, is not configured any more, so another answers. Choose with /model NAME."
            );
            run.step(Step::Note { text });
        }
        Ok(String::new())
    }

    pub(super) async fn set(&self, run: &Run, setting: Setting) -> Reply {
        let done = match setting {
            Setting::Model(None) => self.which_model().await,
            Setting::Model(Some(name)) => self.change_model(&name).await,
            Setting::Think(None) => self.how_long(run).await,
            Setting::Think(Some(level)) => self.think(run, &level).await,
            Setting::New => self.begin_anew(run).await,
            Setting::Status => self.status(run).await,
        };
        done.unwrap_or_else(|error| words::error(error.to_string()))
    }

    async fn which_model(&self) -> Result<Reply, SessionsError> {
        let text = match self.default_name().await? {
            Some(model) => format!("The model is {model}.\n\n{}", self.choice()),
            None => self.choice(),
        };
        Ok(words::message(text))
    }

    async fn change_model(&self, name: &str) -> Result<Reply, SessionsError> {
        let Some(model) = self.choose_model(name).await? else {
            let text = format!(
                "There is no model `{name}`; nothing was changed.\n\n{}",
                self.choice()
            );
            return Ok(words::error(text));
        };
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
            .unwrap_or(self.thinking);
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
        let model = self.default_name().await?;
        let model = model.unwrap_or_else(|| "none is configured".to_owned());
        let mut lines = vec![format!("Model: {model}")];
        if let Some(session) = self.sessions.get(run.session()).await? {
            lines.push(format!(
                "Thinking: {}",
                session.thinking.unwrap_or(self.thinking).name()
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
