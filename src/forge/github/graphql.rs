//! GraphQL: many things in one call. What it does not answer, REST does.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::time::DurationMs;
use crate::forge::github::api::{Api, Ask, parse};
use crate::forge::github::refusal::Answer;
use crate::forge::github::text::fragment;
use crate::ports::forge::ForgeError;

/// What came back.
#[derive(Debug)]
pub(super) enum Graph {
    /// Data, perhaps with holes; what made the holes.
    Data(Value, Vec<Problem>),
    /// GraphQL did not answer this; why, for a note. REST may.
    Nothing(String),
}

/// An error beside the data.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Problem {
    /// `NOT_FOUND`, `FORBIDDEN`, `RATE_LIMITED` …
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    #[serde(default)]
    pub(super) message: String,
    /// Where the hole is: names and indexes.
    #[serde(default)]
    pub(super) path: Vec<Value>,
}

#[derive(Deserialize)]
struct Whole {
    data: Option<Value>,
    #[serde(default)]
    errors: Vec<Problem>,
}

impl Api<'_> {
    /// One GraphQL call that only reads. After a refusal none is made for the rest of the tick.
    ///
    /// # Errors
    /// Limits, a refused token, and no answer at all: what REST would meet as well.
    pub(super) fn query(
        &mut self,
        what: &str,
        query: &str,
        variables: &Value,
    ) -> Result<Graph, ForgeError> {
        self.graph(what, query, variables, |request| Ask::Query(request))
    }

    /// One GraphQL call that changes something.
    ///
    /// # Errors
    /// As `query`, and every answer that leaves open whether it happened.
    pub(super) fn mutate(
        &mut self,
        what: &str,
        query: &str,
        variables: &Value,
    ) -> Result<Graph, ForgeError> {
        self.graph(what, query, variables, |request| Ask::Mutate(request))
    }

    fn graph(
        &mut self,
        what: &str,
        query: &str,
        variables: &Value,
        kind: for<'a> fn(&'a Value) -> Ask<'a>,
    ) -> Result<Graph, ForgeError> {
        if self.session.no_graphql {
            return Ok(Graph::Nothing("it was refused before".into()));
        }
        let request = json!({ "query": query, "variables": variables });
        let ask = kind(&request);
        let answer = match self.call(what, ask, "/graphql") {
            Ok(answer) => answer,
            // Answered, but not well: a query may be too much for a server on which REST works.
            Err(ForgeError::Unreachable { cause, .. })
                if self.session.answered && !ask.is_write() =>
            {
                return Ok(Graph::Nothing(cause));
            }
            Err(error) => return Err(error),
        };
        if !answer.is_success() {
            self.session.no_graphql = true;
            return Ok(Graph::Nothing(format!(
                "the forge answered {}",
                answer.status
            )));
        }
        let whole: Whole = match parse(what, &answer) {
            Ok(whole) => whole,
            Err(error) if ask.is_write() => return Err(error),
            Err(error) => return Ok(Graph::Nothing(error.to_string())),
        };
        if let Some(limited) = self.limited(what, &answer, &whole.errors) {
            return Err(limited);
        }
        match whole.data {
            Some(data) if !data.is_null() => Ok(Graph::Data(data, whole.errors)),
            _ => {
                let says = whole.errors.first().map(|error| fragment(&error.message));
                Ok(Graph::Nothing(
                    says.unwrap_or_else(|| "the answer is empty".into()),
                ))
            }
        }
    }

    /// GraphQL tells an exhausted quota with status 200.
    fn limited(&mut self, what: &str, answer: &Answer, errors: &[Problem]) -> Option<ForgeError> {
        let hit = errors
            .iter()
            .find(|error| error.kind.as_deref() == Some("RATE_LIMITED"))?;
        let now = self.clock.now();
        let reset = answer
            .rate_reset_s
            .map(|seconds| crate::domain::time::Timestamp(seconds.saturating_mul(1000)));
        let until = reset.unwrap_or_else(|| now.plus(DurationMs::mins(1)));
        self.limited_until(until);
        Some(ForgeError::RateLimited {
            what: what.to_owned(),
            cause: format!("it said: {}; come back at {until}", fragment(&hit.message)),
            retry_at_ms: Some(until.0),
        })
    }
}
