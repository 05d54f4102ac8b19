//! Room in the window for the next call.

use crate::agents::api::ask::NoReply;
use crate::agents::api::context::Room;
use crate::agents::api::prompt;
use crate::agents::api::run::{Halt, Run};
use crate::agents::api::talk::Talk;
use crate::domain::session::FailureClass;
use crate::ports::model::{ToolChoice, Turn};

impl Talk {
    /// Keeps the conversation inside the window.
    pub(super) fn make_room(&mut self, run: &mut Run<'_>) -> Result<(), Halt> {
        match self.context.make_room() {
            Room::Enough => Ok(()),
            Room::Cut(n) => {
                run.teller
                    .status(format!("{n} old tool results were cut to save room"));
                Ok(())
            }
            Room::Summary => self.summarise(run),
        }
    }

    /// The model's own summary in place of the conversation.
    pub(super) fn summarise(&mut self, run: &mut Run<'_>) -> Result<(), Halt> {
        if self.context.turns().len() < 3 {
            return Err(too_long());
        }
        run.teller
            .status("the conversation is summed up to save room");
        let mut request = self.request(run, ToolChoice::None);
        request.turns.push(Turn::User(prompt::SUMMARISE.to_owned()));
        request.max_output_tokens = request.max_output_tokens.min(8_192);
        let summary = if self.context.fits_with(prompt::SUMMARISE) {
            match self.ask(run, &request) {
                Ok(asked) => asked.reply.text(),
                Err(NoReply::TooLong) => String::new(),
                Err(NoReply::Halt(halt)) => return Err(halt),
            }
        } else {
            String::new()
        };
        self.restart(run, &summary, true)
    }

    pub(super) fn restart(
        &mut self,
        run: &mut Run<'_>,
        summary: &str,
        tail: bool,
    ) -> Result<(), Halt> {
        let mut text = if summary.trim().is_empty() {
            prompt::NO_SUMMARY.to_owned()
        } else {
            summary.trim().to_owned()
        };
        if self.helper.is_none() && !run.desk.plan.items.is_empty() {
            text = format!("{text}\n\nYour plan:\n{}", run.desk.plan.text());
        }
        // What it read is gone from its sight: it reads again before it replaces a file.
        run.desk.known.clear();
        if self.context.summarised(prompt::SUMMARY_HEAD, &text, tail) {
            return Ok(());
        }
        Err(too_long())
    }

    /// The provider says that it is too long though it was reckoned to fit.
    pub(super) fn squeeze(&mut self, run: &mut Run<'_>) -> Result<(), Halt> {
        self.squeezed += 1;
        run.teller
            .status("the provider says that the conversation is too long; cutting it");
        if self.squeezed == 1 && self.context.cut_hard() {
            return Ok(());
        }
        if self.squeezed > 3 || self.context.turns().len() < 2 {
            return Err(too_long());
        }
        self.restart(run, "", false)
    }
}

fn too_long() -> Halt {
    Halt::own(
        FailureClass::InvalidOutput,
        "the task does not fit into the model's window, even alone; set `context_window` if the model \
         has a larger one",
    )
}
