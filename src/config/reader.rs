//! Reading tables of a TOML document: every value by its schema, every problem with its place.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub(super) use crate::config::document::Document;
use crate::config::{schema, units};
use crate::domain::money::MicroUsd;
use crate::domain::time::DurationMs;

/// A value with its place.
pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// One table of the document, whose keys are those of a section of the schema.
pub(super) struct Section<'d, 't> {
    pub(super) document: &'d Document<'t>,
    section: &'static str,
    /// Path for people: `agents.ann`.
    path: String,
    table: Option<&'d DeTable<'t>>,
    span: Range<usize>,
}

/// What a value is called in a sentence.
fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with decimals",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

impl<'d, 't> Section<'d, 't> {
    /// A table, whose unknown keys are problems.
    pub(super) fn new(
        document: &'d Document<'t>,
        section: &'static str,
        path: &str,
        table: Option<&'d DeTable<'t>>,
        span: Range<usize>,
    ) -> Self {
        let this = Self {
            document,
            section,
            path: path.to_owned(),
            table,
            span,
        };
        for key in table.into_iter().flat_map(DeTable::keys) {
            let name: &str = key.get_ref();
            if !schema::names(section).any(|known| known == name) {
                document.problem(key.span(), this.unknown(name));
            }
        }
        this
    }

    fn unknown(&self, name: &str) -> String {
        let full = self.full(name);
        let hint = match nearest(name, schema::names(self.section)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => {
                let all: Vec<_> = schema::names(self.section).collect();
                format!("known are {}", all.join(", "))
            }
        };
        // A key that exists in another section is in the wrong place.
        let elsewhere = schema::keys()
            .find(|key| key.name == name && key.section != self.section && !key.section.is_empty());
        match elsewhere {
            Some(key) if nearest(name, schema::names(self.section)).is_none() => {
                format!(
                    "`{full}` is not a key; `{name}` belongs into [{}]",
                    key.section
                )
            }
            _ => format!("`{full}` is not a key; {hint}"),
        }
    }

    fn full(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// A table inside the document's top level.
    pub(super) fn sub(&self, name: &'static str) -> Self {
        let value = self.get(name);
        let table = value.and_then(|v| self.table_of(name, v));
        let span = value.map_or(self.span.clone(), Spanned::span);
        Self::new(self.document, name, name, table, span)
    }

    fn table_of(&self, name: &str, value: &'d Value<'t>) -> Option<&'d DeTable<'t>> {
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.wrong(name, value, "a table");
        }
        table
    }

    pub(super) fn get(&self, name: &str) -> Option<&'d Value<'t>> {
        debug_assert!(
            schema::names(self.section).any(|known| known == name),
            "{name} is in the schema"
        );
        self.table?.get(name)
    }

    fn wrong(&self, name: &str, value: &Value<'t>, wanted: &str) {
        let what = format!(
            "`{}` must be {wanted}, and is {}",
            self.full(name),
            kind_of(value.get_ref())
        );
        self.document.problem(value.span(), what);
    }

    /// Notes a problem with the value of a key, or with the table if the key is absent.
    pub(super) fn bad(&self, name: &str, what: &str) {
        let span = self
            .table
            .and_then(|table| table.get(name))
            .map_or(self.span.clone(), Spanned::span);
        self.document
            .problem(span, format!("`{}`: {what}", self.full(name)));
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        let value = self.get(name)?;
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(name, value, "a text");
            return None;
        };
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            self.bad(name, "it is empty or holds control characters");
            return None;
        }
        Some(text.to_owned())
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        let value = self.get(name)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong(name, value, "true or false");
        }
        flag
    }

    /// A whole number in a range.
    pub(super) fn number(&self, name: &str, range: Range<u32>) -> Option<u32> {
        let value = self.get(name)?;
        let Some(number) = value.get_ref().as_integer() else {
            self.wrong(name, value, "a whole number");
            return None;
        };
        let parsed = u32::from_str_radix(number.as_str(), number.radix()).ok();
        let fits = parsed.filter(|n| range.contains(n));
        if fits.is_none() {
            let what = format!("it must be from {} to {}", range.start, range.end - 1);
            self.bad(name, &what);
        }
        fits
    }

    /// A text or number that `parse` understands.
    fn parsed<T>(
        &self,
        name: &str,
        wanted: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.get(name)?;
        let result = match value.get_ref() {
            DeValue::String(text) => parse(text),
            DeValue::Integer(number) if number.radix() == 10 => parse(number.as_str()),
            DeValue::Float(number) => parse(number.as_str()),
            _ => {
                self.wrong(name, value, wanted);
                return None;
            }
        };
        result.map_err(|what| self.bad(name, &what)).ok()
    }

    pub(super) fn duration(&self, name: &str) -> Option<DurationMs> {
        let value = self.get(name)?;
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(name, value, "a duration such as \"15m\"");
            return None;
        };
        units::duration(text)
            .map_err(|what| self.bad(name, &what))
            .ok()
    }

    pub(super) fn money(&self, name: &str) -> Option<MicroUsd> {
        self.parsed(name, "dollars such as \"5.00\"", units::money)
    }

    pub(super) fn bytes(&self, name: &str) -> Option<u64> {
        self.parsed(name, "a size such as \"4 MiB\"", units::bytes)
    }

    /// A list of texts, each with its place.
    pub(super) fn spanned_texts(&self, name: &str) -> Option<Vec<(String, Range<usize>)>> {
        let value = self.get(name)?;
        let Some(list) = value.get_ref().as_array() else {
            self.wrong(name, value, "a list of texts");
            return None;
        };
        let mut texts = Vec::new();
        for element in list {
            match element.get_ref().as_str() {
                Some(text) => texts.push((text.to_owned(), element.span())),
                None => self.wrong(name, element, "a list of texts"),
            }
        }
        Some(texts)
    }

    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        let texts = self.spanned_texts(name)?;
        Some(texts.into_iter().map(|(text, _)| text).collect())
    }

    /// A list of valid path globs.
    pub(super) fn globs(&self, name: &str) -> Option<Vec<String>> {
        let texts = self.spanned_texts(name)?;
        for (glob, span) in &texts {
            let built = globset::GlobBuilder::new(glob)
                .literal_separator(true)
                .build();
            let what = match built {
                Err(error) => error.kind().to_string(),
                Ok(_) if glob.is_empty() => "it is empty".to_owned(),
                Ok(_) if glob.starts_with('/') => {
                    "paths are relative to the top of the repository".to_owned()
                }
                Ok(_) => continue,
            };
            let what = format!("`{}`: `{glob}` is not a path glob: {what}", self.full(name));
            self.document.problem(span.clone(), what);
        }
        Some(texts.into_iter().map(|(text, _)| text).collect())
    }

    /// One of these names.
    pub(super) fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let found = choices.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let words = || choices.iter().map(|(word, _)| *word);
            let hint = match nearest(&text, words()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("it is one of {}", words().collect::<Vec<_>>().join(", ")),
            };
            self.bad(name, &format!("`{text}` is not one of its values; {hint}"));
        }
        found.map(|(_, value)| *value)
    }

    /// A table of texts.
    pub(super) fn text_map(&self, name: &str) -> Option<Vec<(String, String)>> {
        let value = self.get(name)?;
        let table = self.table_of(name, value)?;
        let mut map = Vec::new();
        for (key, value) in table {
            match value.get_ref().as_str() {
                Some(text) => map.push((key.get_ref().to_string(), text.to_owned())),
                None => self.wrong(&format!("{name}.{}", key.get_ref()), value, "a text"),
            }
        }
        Some(map)
    }

    /// The tables of `[[name]]`.
    pub(super) fn each(&self, name: &'static str, section: &'static str) -> Vec<Self> {
        let Some(value) = self.get(name) else {
            return Vec::new();
        };
        let Some(list) = value.get_ref().as_array() else {
            self.wrong(
                name,
                value,
                &format!("a list of tables, written [[{name}]]"),
            );
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (at, element) in list.iter().enumerate() {
            let path = format!("{name}[{}]", at + 1);
            if let Some(table) = self.table_of(&path, element) {
                let span = element.span();
                tables.push(Self::new(self.document, section, &path, Some(table), span));
            }
        }
        tables
    }

    /// The tables of `[name.<key>]`, by key.
    pub(super) fn named(&self, name: &'static str, section: &'static str) -> Vec<(String, Self)> {
        let Some(table) = self.get(name).and_then(|value| self.table_of(name, value)) else {
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (key, value) in table {
            let path = format!("{name}.{}", key.get_ref());
            if let Some(inner) = self.table_of(&path, value) {
                let sub = Self::new(self.document, section, &path, Some(inner), key.span());
                tables.push((key.get_ref().to_string(), sub));
            }
        }
        tables
    }
}

/// The known word that `word` most probably means: at most a third of its letters differ.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = (word.chars().count() / 3).max(1);
    known
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, delete, replace) between two words.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replace = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
