//! What a line of Claude Code's stream may hold.

use serde::Deserialize;

use crate::agents::cli::gist::Gist;
use crate::agents::cli::lax::{Amount, Count, Flag, List, Obj, Pairs, Text};
use crate::domain::money::Usage;

/// A line of the stream. One shape for all types: `type` need not be the first key.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Line<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) subtype: Text<'a>,
    #[serde(borrow)]
    pub(super) session_id: Text<'a>,
    #[serde(borrow)]
    pub(super) model: Text<'a>,
    #[serde(borrow)]
    pub(super) parent_tool_use_id: Text<'a>,
    #[serde(borrow)]
    pub(super) error: Option<Text<'a>>,
    pub(super) error_status: Option<Count>,
    pub(super) api_error_status: Option<Count>,
    pub(super) attempt: Count,
    pub(super) max_retries: Count,
    #[serde(borrow)]
    pub(super) message: Obj<Message<'a>>,
    #[serde(borrow)]
    pub(super) rate_limit_info: Obj<RateLimit<'a>>,
    #[serde(borrow)]
    pub(super) result: Text<'a>,
    pub(super) is_error: Flag,
    pub(super) total_cost_usd: Amount,
    pub(super) usage: Option<Obj<ApiUsage>>,
    #[serde(rename = "modelUsage")]
    pub(super) models: Pairs<ModelUsage>,
    #[serde(borrow)]
    pub(super) permission_denials: List<Obj<Denial<'a>>>,
    #[serde(borrow)]
    pub(super) errors: List<Text<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    pub(super) usage: Option<Obj<ApiUsage>>,
    #[serde(borrow)]
    pub(super) content: List<Obj<Block<'a>>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Block<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Text<'a>,
    #[serde(borrow)]
    pub(super) text: Text<'a>,
    #[serde(borrow)]
    pub(super) thinking: Text<'a>,
    #[serde(borrow)]
    pub(super) id: Text<'a>,
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    pub(super) input: Gist,
    #[serde(borrow)]
    pub(super) tool_use_id: Text<'a>,
    pub(super) content: Gist,
    pub(super) is_error: Flag,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct RateLimit<'a> {
    #[serde(borrow)]
    pub(super) status: Text<'a>,
    #[serde(rename = "resetsAt")]
    pub(super) resets_at: Count,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Denial<'a> {
    #[serde(borrow)]
    pub(super) tool_name: Text<'a>,
}

/// Usage as the API itself words it.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct ApiUsage {
    pub(super) input_tokens: Count,
    pub(super) output_tokens: Count,
    pub(super) cache_read_input_tokens: Count,
    pub(super) cache_creation_input_tokens: Count,
}

impl ApiUsage {
    pub(super) const fn usage(&self) -> Usage {
        Usage {
            input: self.input_tokens.0,
            output: self.output_tokens.0,
            cache_read: self.cache_read_input_tokens.0,
            cache_write: self.cache_creation_input_tokens.0,
            // The API counts thinking into the output and does not tell it apart.
            reasoning: 0,
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ModelUsage {
    pub(super) input_tokens: Count,
    pub(super) output_tokens: Count,
    pub(super) cache_read_input_tokens: Count,
    pub(super) cache_creation_input_tokens: Count,
}
