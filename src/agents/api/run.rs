//! What all conversations of one run share: its tools, its model, its money and its limits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::agents::api::Price;
use crate::agents::api::context::Count;
use crate::agents::api::tools::{Desk, Within};
use crate::agents::telling::Telling;
use crate::domain::money::{MicroUsd, Usage};
use crate::domain::policy::ApiBounds;
use crate::domain::session::FailureClass;
use crate::domain::time::Timestamp;
use crate::ports::model::Model;
use crate::ports::runner::Cancel;

/// Why a run ends without its model saying so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Halt {
    pub(crate) class: FailureClass,
    pub(crate) reason: String,
    pub(crate) retry_at: Option<Timestamp>,
    /// It concerns one conversation: a helper that fails so is answered to whoever asked for it.
    pub(crate) own: bool,
}

impl Halt {
    pub(crate) fn new(class: FailureClass, reason: impl Into<String>) -> Self {
        Self {
            class,
            reason: reason.into(),
            retry_at: None,
            own: false,
        }
    }

    /// One that a helper does not take the whole run down with.
    pub(crate) fn own(class: FailureClass, reason: impl Into<String>) -> Self {
        Self {
            own: true,
            ..Self::new(class, reason)
        }
    }
}

/// What ends a call from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Cancelled,
    Total,
    Idle,
}

/// One run.
pub(crate) struct Run<'a> {
    pub(crate) desk: Desk<'a>,
    pub(crate) model: Arc<dyn Model>,
    /// Name of the model that is asked for.
    pub(crate) wanted: String,
    /// Name of the model that answered.
    pub(crate) answered: Option<String>,
    pub(crate) window: u64,
    /// Counts tokens as its model has them.
    pub(crate) count: Count,
    pub(crate) bounds: ApiBounds,
    pub(crate) price: Price,
    pub(crate) teller: Telling<'a>,
    pub(crate) cancel: &'a Cancel,
    pub(crate) begun: Instant,
    /// Tokens of the run.
    pub(crate) usage: Usage,
    /// Money that the provider said it cost.
    pub(crate) cost: Option<MicroUsd>,
    /// Money as far as it can be reckoned, for the limit.
    reckoned: Option<MicroUsd>,
    /// Calls of the model.
    pub(crate) turns: u32,
    /// The last text of the main conversation.
    pub(crate) said: String,
}

/// What a run begins with.
pub(crate) struct Start<'a> {
    pub(crate) desk: Desk<'a>,
    pub(crate) model: Arc<dyn Model>,
    pub(crate) wanted: String,
    pub(crate) window: u64,
    /// Counts tokens as its model has them.
    pub(crate) count: Count,
    pub(crate) bounds: ApiBounds,
    pub(crate) price: Price,
    pub(crate) teller: Telling<'a>,
    pub(crate) cancel: &'a Cancel,
    pub(crate) begun: Instant,
}

impl<'a> Run<'a> {
    pub(crate) fn new(start: Start<'a>) -> Self {
        Self {
            desk: start.desk,
            model: start.model,
            wanted: start.wanted,
            answered: None,
            window: start.window,
            count: start.count,
            bounds: start.bounds,
            price: start.price,
            teller: start.teller,
            cancel: start.cancel,
            begun: start.begun,
            usage: Usage::default(),
            cost: None,
            reckoned: Some(MicroUsd(0)),
            turns: 0,
            said: String::new(),
        }
    }

    /// Time without news that ends a call.
    pub(crate) fn idle(&self) -> Duration {
        self.desk.request.agent.idle_timeout.std()
    }

    /// What is left of the run's time.
    pub(crate) fn left(&self) -> Duration {
        let total = self.desk.request.agent.total_timeout.std();
        total.saturating_sub(self.begun.elapsed())
    }

    /// Bounds of a tool call that begins now.
    pub(crate) fn within(&self) -> Within<'a> {
        Within {
            left: self.left(),
            cancel: self.cancel,
        }
    }

    /// Why a call was ended from outside, in words.
    pub(crate) fn stopped(&self, stop: Stop) -> Halt {
        let agent = &self.desk.request.agent;
        let secs = |ms: u64| format!("{} s", ms.div_ceil(1000));
        match stop {
            Stop::Cancelled => Halt::new(FailureClass::Cancelled, "stopped on request"),
            Stop::Total => Halt::new(
                FailureClass::Timeout,
                format!("ran longer than {}", secs(agent.total_timeout.0)),
            ),
            Stop::Idle => Halt::new(
                FailureClass::Timeout,
                format!("the model said nothing for {}", secs(agent.idle_timeout.0)),
            ),
        }
    }

    /// Whether another call may be made.
    ///
    /// # Errors
    /// The limit that is reached.
    pub(crate) fn within_limits(&self) -> Result<(), Halt> {
        if self.cancel.is_asked() {
            return Err(self.stopped(Stop::Cancelled));
        }
        if self.left().is_zero() {
            return Err(self.stopped(Stop::Total));
        }
        let over = |what: String| {
            let hint = format!(
                "raise it for agent `{}`, or make the task smaller",
                self.name()
            );
            Halt::new(FailureClass::Budget, format!("{what}; {hint}"))
        };
        if self.turns >= self.bounds.max_turns {
            return Err(over(format!(
                "it reached `max_turns` = {}",
                self.bounds.max_turns
            )));
        }
        if let Some(most) = self.bounds.max_tokens
            && self.usage.total() >= most
        {
            let used = self.usage.total();
            return Err(over(format!(
                "it reached `max_tokens` = {most} (used {used})"
            )));
        }
        if let Some(most) = self.bounds.max_cost
            && self.worth() >= most
        {
            return Err(over(format!(
                "it reached `max_cost` = {most} (spent {})",
                self.worth()
            )));
        }
        Ok(())
    }

    fn name(&self) -> &str {
        &self.desk.request.agent.name
    }

    /// Money of the run: what the provider said, else what the price table says, else what a run of
    /// this agent is reckoned to cost.
    pub(crate) fn worth(&self) -> MicroUsd {
        self.cost
            .or(self.reckoned)
            .unwrap_or(self.desk.request.agent.cost_estimate)
    }

    /// Share of the limits that is used, and which one that is; for a warning.
    pub(crate) fn nearest_limit(&self) -> (u64, &'static str) {
        let share = |used: u64, most: u64| used.saturating_mul(100) / most.max(1);
        let agent = &self.desk.request.agent;
        let elapsed = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let shares = [
            Some((
                share(u64::from(self.turns), u64::from(self.bounds.max_turns)),
                "turns",
            )),
            Some((share(elapsed, agent.total_timeout.0), "time")),
            self.bounds
                .max_tokens
                .map(|most| (share(self.usage.total(), most), "tokens")),
            self.bounds
                .max_cost
                .map(|most| (share(self.worth().0, most.0), "money")),
        ];
        shares.into_iter().flatten().max().unwrap_or((0, "turns"))
    }

    /// Adds what a call used, and tells the sum.
    pub(crate) fn pay(&mut self, model: &str, usage: Usage, cost: Option<MicroUsd>) {
        let provider = self.model.provider();
        // With the provider in front, a name is sure to mean that provider's price.
        let priced = (self.price)(&format!("{provider}/{model}"), usage);
        let first = self.usage == Usage::default();
        self.usage = self.usage.plus(usage);
        self.reckoned = match (self.reckoned, cost.or(priced)) {
            (Some(sum), Some(more)) => Some(sum.plus(more)),
            (sum, None) if usage == Usage::default() => sum,
            _ => None,
        };
        // A sum of some calls is no sum: if one did not tell, all are reckoned by the table.
        self.cost = match (self.cost, cost) {
            (Some(sum), Some(more)) => Some(sum.plus(more)),
            (None, Some(more)) if first => Some(more),
            (sum, None) if usage == Usage::default() => sum,
            _ => None,
        };
        self.teller.spent(self.usage, self.cost);
    }
}
