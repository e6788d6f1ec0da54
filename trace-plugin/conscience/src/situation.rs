//! What is known about a call besides its own words: when, for whom, by which channel, and what came before.
//!
//! In scope: the facts that policies may ask for. Not in scope: where they come from. Who keeps a session's memory
//! (crate `trace-plugin`) and who knows the users (crate `gateway`) hands them in; the conscience has no clock and
//! remembers nothing from one call to the next.

use aap::Timestamp;

/// The situation that a call is judged in. The default knows nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Situation {
    /// Now. None: time-bound exceptions are taken as expired, conditions on the time never hold.
    pub at: Option<Timestamp>,
    /// Role of the user on whose behalf the agent acts (`owner`, `member`, `guest`, …), where the runtime knows it.
    pub role: Option<String>,
    /// Channel that the request came by (`web`, `discord`, `telegram`, `cli`, …).
    pub channel: Option<String>,
    /// What this session has read that is secret, as effects' targets, newest last, at most
    /// [`MAX_SESSION_SECRETS`](crate::limits::MAX_SESSION_SECRETS).
    pub secrets_read: Vec<String>,
}

impl Situation {
    /// Takes in what one call of the session has read. The oldest are forgotten beyond the bound: that a session has
    /// read secrets is never forgotten.
    pub fn remember(&mut self, secrets: impl IntoIterator<Item = String>) {
        for secret in secrets {
            self.secrets_read.retain(|known| *known != secret);
            self.secrets_read.push(secret);
        }
        let over = self
            .secrets_read
            .len()
            .saturating_sub(crate::limits::MAX_SESSION_SECRETS);
        self.secrets_read.drain(..over);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_SESSION_SECRETS;

    #[test]
    fn a_session_remembers_the_newest_secrets_once_each() {
        let mut situation = Situation::default();
        situation.remember((0..MAX_SESSION_SECRETS + 5).map(|n| format!("~/.ssh/{n}")));
        assert_eq!(situation.secrets_read.len(), MAX_SESSION_SECRETS);
        assert_eq!(situation.secrets_read[0], "~/.ssh/5");
        situation.remember(["~/.ssh/5".to_owned()]);
        assert_eq!(situation.secrets_read.len(), MAX_SESSION_SECRETS);
        assert_eq!(
            situation.secrets_read.last().map(String::as_str),
            Some("~/.ssh/5")
        );
    }
}
