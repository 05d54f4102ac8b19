//! The price table: what tokens of a model cost, by date.
//!
//! A dollar per million tokens is a micro-dollar per token, so prices are whole millionths of a
//! micro-dollar per token (= micro-dollars per million tokens) and no float is involved. Entries are
//! dated: a price that changed has two, and a run is reckoned at the one of its day.
//!
//! Model names are written in many ways: `claude-sonnet-4-5`, `anthropic/claude-sonnet-4.5`,
//! `claude-sonnet-4-5-20250929`, `us.anthropic.claude-sonnet-4-5-20250929-v1:0`. A name is looked up
//! as it is, then without prefixes of providers and suffixes of versions; never by its beginning
//! alone, or `gpt-5-mini` would cost what `gpt-5` does.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::domain::money::{CostSource, MicroUsd, Usage};
use crate::domain::time::Timestamp;

/// Tokens that a price is for.
const PER: u128 = 1_000_000;

/// What tokens cost: micro-dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Price {
    /// Uncached prompt tokens.
    pub input: u64,
    /// Produced tokens, reasoning included.
    pub output: u64,
    /// Prompt tokens served from a cache.
    pub cache_read: u64,
    /// Prompt tokens written to a cache.
    pub cache_write: u64,
}

impl Price {
    /// What `usage` costs, rounded up to a whole micro-dollar, saturating.
    #[must_use]
    pub fn of(&self, usage: Usage) -> MicroUsd {
        let part = |tokens: u64, price: u64| u128::from(tokens) * u128::from(price);
        // Four products of two u64 can pass u128 only by their sum.
        let sum = part(usage.input, self.input)
            .saturating_add(part(usage.output, self.output))
            .saturating_add(part(usage.cache_read, self.cache_read))
            .saturating_add(part(usage.cache_write, self.cache_write));
        MicroUsd(u64::try_from(sum.div_ceil(PER)).unwrap_or(u64::MAX))
    }
}

/// A price and the day that it holds from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dated {
    /// From this time on, until a later entry of the same model.
    pub from: Timestamp,
    /// The price.
    pub price: Price,
}

/// The name under which the price of a model is looked up, where its provider is known: several sell
/// the same model.
#[must_use]
pub fn sold_by(provider: Option<&str>, model: &str) -> String {
    match provider {
        Some(provider) => format!("{provider}/{model}"),
        None => model.to_owned(),
    }
}

/// A price table that is made when it is first asked, which few commands do.
#[derive(Clone)]
pub struct Prices {
    made: Arc<OnceLock<PriceTable>>,
    make: Arc<dyn Fn() -> PriceTable + Send + Sync>,
}

impl Prices {
    /// The table that `make` gives, asked for once at most.
    #[must_use]
    pub fn later(make: impl Fn() -> PriceTable + Send + Sync + 'static) -> Self {
        Self {
            made: Arc::default(),
            make: Arc::new(make),
        }
    }
}

impl From<PriceTable> for Prices {
    fn from(table: PriceTable) -> Self {
        Self::later(move || table.clone())
    }
}

impl Default for Prices {
    fn default() -> Self {
        Self::later(PriceTable::default)
    }
}

impl Deref for Prices {
    type Target = PriceTable;

    fn deref(&self) -> &PriceTable {
        self.made.get_or_init(|| (self.make)())
    }
}

impl PartialEq for Prices {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl fmt::Debug for Prices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Prices").field(&self.made.get()).finish()
    }
}

/// Prices by model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PriceTable {
    /// By plain name ([`plain`]), and by `provider/name` where that provider has its own price;
    /// each in the order of time.
    entries: BTreeMap<String, Vec<Dated>>,
}

impl PriceTable {
    /// Adds an entry; one of the same model and day is replaced, so that a later file stands above
    /// an earlier one.
    pub fn add(&mut self, provider: Option<&str>, model: &str, dated: Dated) {
        let key = match provider {
            Some(provider) => format!("{}/{}", provider.to_ascii_lowercase(), plain(model)),
            None => plain(model),
        };
        let of_model = self.entries.entry(key).or_default();
        of_model.retain(|old| old.from != dated.from);
        of_model.push(dated);
        of_model.sort_by_key(|one| one.from);
    }

    /// Takes every entry of `models` away, so that another file may say all about them.
    pub fn forget(&mut self, provider: Option<&str>, model: &str) {
        let name = plain(model);
        match provider {
            Some(provider) => {
                let key = format!("{}/{name}", provider.to_ascii_lowercase());
                self.entries.remove(&key);
            }
            None => {
                let tail = format!("/{name}");
                self.entries
                    .retain(|key, _| *key != name && !key.ends_with(&tail));
            }
        }
    }

    /// What `usage` of `model` costs by the newest entry; `None` for a model that is not in the
    /// table. `model` may carry a provider (`groq/llama-3.3-70b-versatile`) and a version.
    #[must_use]
    pub fn estimate(&self, model: &str, usage: Usage) -> Option<MicroUsd> {
        self.estimate_at(model, usage, Timestamp(u64::MAX))
    }

    /// As [`Self::estimate`], at the price of the time `at`; the first known price before that.
    #[must_use]
    pub fn estimate_at(&self, model: &str, usage: Usage, at: Timestamp) -> Option<MicroUsd> {
        self.price_at(model, at).map(|price| price.of(usage))
    }

    /// What these tokens cost, and by whose word: as it was told; else by the table, if there are
    /// tokens and their model has a price.
    #[must_use]
    pub fn cost_of(
        &self,
        told: Option<MicroUsd>,
        model: Option<&str>,
        usage: Usage,
        at: Timestamp,
    ) -> Option<(MicroUsd, CostSource)> {
        if let Some(told) = told {
            return Some((told, CostSource::Reported));
        }
        let model = model.filter(|_| usage.total() > 0)?;
        let cost = self.estimate_at(model, usage, at)?;
        Some((cost, CostSource::Estimated))
    }

    /// The price of a model at a time.
    #[must_use]
    pub fn price_at(&self, model: &str, at: Timestamp) -> Option<Price> {
        let of_model = self.find(model)?;
        let held = of_model.iter().rev().find(|one| one.from <= at);
        held.or_else(|| of_model.first()).map(|one| one.price)
    }

    /// How many models are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True if nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn find(&self, model: &str) -> Option<&Vec<Dated>> {
        let whole = model.trim().to_ascii_lowercase();
        // `groq/openai/gpt-oss-120b`: the provider's own price first, then the name alone.
        if let Some((provider, rest)) = whole.split_once('/') {
            let key = format!("{provider}/{}", plain(rest));
            if let Some(found) = self.entries.get(&key) {
                return Some(found);
            }
        }
        self.entries.get(&plain(&whole))
    }
}

/// The plain name of a model: in small letters, without prefixes of providers and suffixes of
/// versions, with `-` for `.`.
#[must_use]
pub fn plain(model: &str) -> String {
    let lower = model.trim().to_ascii_lowercase();
    let mut name = lower.rsplit('/').next().unwrap_or(&lower);
    // Bedrock: `us.anthropic.claude-…`; a dot in a version number has a digit on one side.
    for vendor in ["anthropic.", "openai.", "meta.", "google."] {
        if let Some(at) = name.find(vendor) {
            name = &name[at + vendor.len()..];
        }
    }
    // Vertex: `claude-sonnet-4-5@20250929`; variants: `…:free`, `…-v1:0`. A free variant is a
    // price of its own, so it stays in the name.
    if !name.ends_with(":free") {
        name = name.split(['@', ':']).next().unwrap_or(name);
    }
    let mut name = name.replace('.', "-");
    while let Some(shorter) = without_version(&name) {
        name.truncate(shorter);
    }
    name
}

/// Length of the name without one suffix of a version: `-20250929`, `-2025-08-07`, `-latest`,
/// `-preview`, `-preview-09-2025`, `-exp`, `-001`, `-v1`.
fn without_version(name: &str) -> Option<usize> {
    let (head, last) = name.rsplit_once('-')?;
    let digits = |text: &str, n: usize| text.len() == n && text.bytes().all(|b| b.is_ascii_digit());
    if matches!(
        last,
        "latest" | "preview" | "exp" | "experimental" | "v1" | "v2"
    ) || digits(last, 8)
        || (digits(last, 3) && last.starts_with('0'))
    {
        return Some(head.len());
    }
    // `-2025-08-07`
    let parts: Vec<&str> = name.rsplitn(4, '-').collect();
    if let [day, month, year, rest] = parts[..]
        && digits(day, 2)
        && digits(month, 2)
        && digits(year, 4)
    {
        return Some(rest.len());
    }
    // `-preview-05-20`, `-preview-09-2025`
    if let [b, a, "preview", rest] = parts[..]
        && digits(a, 2)
        && (digits(b, 2) || digits(b, 4))
    {
        return Some(rest.len());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOLLAR: u64 = 1_000_000;

    fn table() -> PriceTable {
        let mut table = PriceTable::default();
        let price = |input, output| Price {
            input: input * DOLLAR,
            output: output * DOLLAR,
            cache_read: input * DOLLAR / 10,
            cache_write: input * DOLLAR * 5 / 4,
        };
        for (provider, model, from, input, output) in [
            (None, "claude-sonnet-4-5", 0, 3, 15),
            (None, "gpt-5", 0, 2, 10),
            (None, "gpt-5", 1000, 1, 8),
            (None, "llama-3.3-70b", 0, 1, 1),
            (Some("groq"), "llama-3.3-70b", 0, 5, 7),
        ] {
            let dated = Dated {
                from: Timestamp(from),
                price: price(input, output),
            };
            table.add(provider, model, dated);
        }
        table
    }

    #[test]
    fn a_model_is_found_under_every_way_to_write_it() {
        let table = table();
        let one = Usage {
            input: 1_000_000,
            ..Usage::default()
        };
        for name in [
            "claude-sonnet-4-5",
            "Claude-Sonnet-4.5",
            "anthropic/claude-sonnet-4.5",
            "openrouter/anthropic/claude-sonnet-4.5",
            "claude-sonnet-4-5-20250929",
            "claude-sonnet-4-5@20250929",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "claude-sonnet-4-5-latest",
        ] {
            let cost = table.estimate(name, one);
            assert_eq!(cost, Some(MicroUsd(3 * DOLLAR)), "{name}");
        }
        assert_eq!(
            plain("gemini-2.5-flash-preview-09-2025"),
            "gemini-2-5-flash"
        );
        assert_eq!(plain("gpt-5-2025-08-07"), "gpt-5");
        assert_eq!(plain("models/gemini-2.0-flash-001"), "gemini-2-0-flash");
    }

    #[test]
    fn a_name_that_only_begins_alike_is_another_model() {
        let table = table();
        for name in [
            "gpt-5-mini",
            "gpt-5-codex",
            "gpt",
            "",
            "/",
            "gpt-5:free",
            "-",
        ] {
            assert_eq!(table.estimate(name, Usage::default()), None, "{name}");
        }
        assert_eq!(plain("gpt-4-0613"), "gpt-4-0613", "no date, so it stays");
    }

    #[test]
    fn a_provider_with_its_own_price_is_reckoned_at_it() {
        let table = table();
        let one = Usage {
            output: 1_000_000,
            ..Usage::default()
        };
        let cost = |name| table.estimate(name, one).map(|c| c.0 / DOLLAR);
        assert_eq!(cost("groq/llama-3.3-70b"), Some(7));
        assert_eq!(cost("ollama/llama-3.3-70b"), Some(1));
        assert_eq!(cost("llama-3.3-70b"), Some(1));
    }

    #[test]
    fn a_run_costs_what_the_model_cost_on_its_day() {
        let table = table();
        let at = |ms| table.price_at("gpt-5", Timestamp(ms)).map(|p| p.output);
        assert_eq!(at(999), Some(10 * DOLLAR));
        assert_eq!(at(1000), Some(8 * DOLLAR));
        let newest = table.estimate(
            "gpt-5",
            Usage {
                output: 1_000_000,
                ..Usage::default()
            },
        );
        assert_eq!(newest, Some(MicroUsd(8 * DOLLAR)));
    }

    #[test]
    fn cost_is_rounded_up_and_never_overflows() {
        let price = Price {
            input: 75_000,
            output: u64::MAX,
            cache_read: u64::MAX,
            cache_write: u64::MAX,
        };
        let one = Usage {
            input: 1,
            ..Usage::default()
        };
        assert_eq!(price.of(one), MicroUsd(1), "0.075 of a micro-dollar");
        let all = Usage {
            input: u64::MAX,
            output: u64::MAX,
            cache_read: u64::MAX,
            cache_write: u64::MAX,
            reasoning: u64::MAX,
        };
        assert_eq!(price.of(all), MicroUsd(u64::MAX));
    }

    #[test]
    fn a_later_file_replaces_what_an_earlier_one_said() {
        let mut table = table();
        table.forget(None, "llama-3.3-70b");
        assert_eq!(table.price_at("groq/llama-3.3-70b", Timestamp(0)), None);
        assert_eq!(table.price_at("llama-3.3-70b", Timestamp(0)), None);
        table.forget(None, "gpt-5-latest");
        assert_eq!(table.price_at("gpt-5", Timestamp(0)), None);
    }
}
