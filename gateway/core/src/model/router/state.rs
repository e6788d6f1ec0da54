//! What the router remembers between answers: who cools down, and who answered whom.

use std::collections::HashMap;

use tokio::time::Instant;

use super::cooling::{self, Cooling};
use super::names::Candidate;
use crate::limits::MAX_STICKY_SESSIONS;
use crate::model::ModelError;

#[derive(Debug, Default)]
pub(super) struct State {
    providers: HashMap<usize, Cooling>,
    models: HashMap<Candidate, Cooling>,
    /// Who answered a session last, and when in the order of all answers.
    winners: HashMap<String, (Candidate, u64)>,
    answers: u64,
}

impl State {
    /// What keeps `candidate` from being asked, if something does.
    pub(super) fn cooling(&self, candidate: &Candidate, now: Instant) -> Option<&Cooling> {
        let of = [self.providers.get(&candidate.0), self.models.get(candidate)];
        let cooling = of.into_iter().flatten().filter(|of| of.until > now);
        cooling.max_by_key(|of| of.until)
    }

    /// Whether it is left alone for a while now.
    pub(super) fn failed(
        &mut self,
        candidate: &Candidate,
        error: &ModelError,
        now: Instant,
    ) -> bool {
        let Some(time) = cooling::time(error) else {
            return false;
        };
        let cooling = Cooling {
            until: now + time,
            kind: error.kind,
            message: error.message.clone(),
        };
        if cooling::is_of_provider(error.kind) {
            self.providers.insert(candidate.0, cooling);
        } else {
            // Names come from requests: what is over must not stay.
            self.models.retain(|_, of| of.until > now);
            self.models.insert(candidate.clone(), cooling);
        }
        true
    }

    pub(super) fn answered(&mut self, session: &str, candidate: &Candidate) {
        self.providers.remove(&candidate.0);
        self.models.remove(candidate);
        if session.is_empty() {
            return;
        }
        self.answers += 1;
        if self.winners.len() >= MAX_STICKY_SESSIONS && !self.winners.contains_key(session) {
            let oldest = self.winners.iter().min_by_key(|(_, (_, at))| *at);
            let oldest = oldest.map(|(session, _)| session.clone());
            oldest.and_then(|session| self.winners.remove(&session));
        }
        let winner = (candidate.clone(), self.answers);
        self.winners.insert(session.to_owned(), winner);
    }

    pub(super) fn winner(&self, session: &str) -> Option<&Candidate> {
        self.winners.get(session).map(|(candidate, _)| candidate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_that_was_quiet_longest_is_forgotten() {
        let mut state = State::default();
        let winner = (0, "m".to_owned());
        for session in 0..MAX_STICKY_SESSIONS {
            state.answered(&session.to_string(), &winner);
        }
        state.answered("0", &winner);
        state.answered("new", &winner);
        assert_eq!(state.winners.len(), MAX_STICKY_SESSIONS);
        assert!(state.winner("0").is_some());
        assert!(state.winner("1").is_none());
        assert!(state.winner("new").is_some());
    }
}
