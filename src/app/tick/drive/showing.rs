//! What is shown and said at the forge, once the records are written.

use super::{Drive, Step};
use crate::app::tick::{replies, results, reviews};

impl Drive<'_, '_, '_> {
    /// Says what is owed to the people on reviews.
    pub(super) fn reply(&mut self) -> Step {
        let Some((state, plan)) = self.last.take() else {
            return Ok(());
        };
        let replied = replies::say(self.world, &state, self.end());
        let (newer, notes) = match replied {
            Ok(replied) => replied,
            Err(error) => {
                self.last = Some((state, plan));
                return Err(error);
            }
        };
        self.last = Some((newer.unwrap_or(state), plan));
        notes.into_iter().for_each(|note| self.note(note));
        Ok(())
    }

    /// Opens reviews of pushed work.
    pub(super) fn show(&mut self, due: &[reviews::Due]) -> Step {
        if due.is_empty() {
            return Ok(());
        }
        let end = self.end();
        let Some((state, _)) = &mut self.last else {
            return Ok(());
        };
        let (shown, newer) = reviews::open(self.world, state, due, end)?;
        if let Some(newer) = newer {
            *state = newer;
        }
        let mut notes = Vec::new();
        results::tell_reviews(shown, &mut self.report.sessions, &mut notes);
        for note in notes {
            self.note(note);
        }
        Ok(())
    }
}
