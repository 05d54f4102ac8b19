//! `.orchestra/prices.toml`: what tokens cost, above the embedded table.

use toml::de::DeTable;

use crate::config::PRICES_PATH;
use crate::config::problems::Problem;
use crate::config::reader::{Document, Section};
use crate::domain::prices::{Dated, Price, PriceTable, Prices};
use crate::domain::time::Timestamp;

/// Public prices on the day that it names.
const EMBEDDED: &str = include_str!("prices.toml");

/// The embedded table, overlaid by the repository's own. What that one says of a model is all that
/// counts of it.
///
/// The own file is checked now; the table is made when it is first asked.
pub(super) fn read(own: &str, problems: &mut Vec<Problem>) -> Prices {
    if own.is_empty() {
        return Prices::later(|| table(""));
    }
    add(own, &mut PriceTable::default(), problems);
    let own = own.to_owned();
    Prices::later(move || table(&own))
}

fn table(own: &str) -> PriceTable {
    let mut table = PriceTable::default();
    // What is wrong with the own file was said when it was read; the embedded one is tested.
    let mut told = Vec::new();
    add(EMBEDDED, &mut table, &mut told);
    if !own.is_empty() {
        add(own, &mut table, &mut told);
    }
    table
}

fn add(text: &str, table: &mut PriceTable, problems: &mut Vec<Problem>) {
    let (parsed, syntax) = DeTable::parse_recoverable(text);
    let document = Document::new(PRICES_PATH, text);
    for error in &syntax {
        document.problem(error.span().unwrap_or(0..0), error.message().to_owned());
    }
    let top = Section::new(&document, "prices", "", Some(parsed.get_ref()), 0..0);
    // Only a date that readers of the file may trust: prices hold from their own `from` on.
    let _ = day(&top, "as_of");
    let sections = top.each("price", "prices[]");
    for section in &sections {
        for model in section.texts("models").unwrap_or_default() {
            table.forget(section.text("provider").as_deref(), &model);
        }
    }
    for section in &sections {
        price(section, table);
    }
    problems.extend(document.into_problems());
}

fn price(section: &Section<'_, '_>, table: &mut PriceTable) {
    let models = section.texts("models").unwrap_or_default();
    if models.is_empty() {
        section.bad("models", "it is required: a list of names of models");
    }
    for key in ["input", "output"] {
        if section.get(key).is_none() {
            section.bad(key, "it is required: dollars per million tokens");
        }
    }
    // A dollar per million tokens is a micro-dollar per token.
    let dollars = |key| section.money(key).map(|money| money.0);
    let from = day(section, "from").unwrap_or(Timestamp(0));
    let (Some(input), Some(output)) = (dollars("input"), dollars("output")) else {
        return;
    };
    let price = Price {
        input,
        output,
        cache_read: dollars("cache_read").unwrap_or(input),
        cache_write: dollars("cache_write").unwrap_or(input),
    };
    let provider = section.text("provider");
    for model in models {
        table.add(provider.as_deref(), &model, Dated { from, price });
    }
}

/// A day such as `"2026-07-02"`.
fn day(section: &Section<'_, '_>, key: &str) -> Option<Timestamp> {
    let text = section.text(key)?;
    let parsed = format!("{text}T00:00:00Z").parse().ok();
    if parsed.is_none() {
        section.bad(
            key,
            &format!("`{text}` is not a day such as \"2026-07-02\""),
        );
    }
    parsed
}
