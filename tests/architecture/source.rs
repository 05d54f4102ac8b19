//! Reads Rust source far enough to see its imports, attributes and test code.
//!
//! A small lexer, not a parser: comments and literals are gone, everything else is tokens with line
//! numbers. That is enough to resolve grouped and nested `use`, plain paths and inline modules, and it
//! keeps the check free of dependencies.

use std::collections::BTreeSet;

/// One token: an identifier, `::`, a literal (always `""`), or a single punctuation character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
    /// Part of an item under `#[cfg(test)]`.
    pub(crate) test: bool,
}

/// A path as written, resolved to where it points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathUse {
    pub(crate) target: Target,
    pub(crate) line: usize,
    pub(crate) test: bool,
}

/// Where a path points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Segments below the crate root, as in `crate::store::codec`.
    Ours(Vec<String>),
    /// A path that begins with a name of another crate or of the local scope.
    Foreign(Vec<String>),
    /// `super::super`, which hides where it goes.
    SuperSuper,
}

/// One lexed file.
pub(crate) struct Source {
    /// Path relative to the package, with `/`.
    pub(crate) file: String,
    pub(crate) text: String,
    pub(crate) tokens: Vec<Token>,
    /// Module path below the crate root; empty for `lib.rs` and `main.rs`.
    pub(crate) module: Vec<String>,
    /// The whole file is test code.
    pub(crate) test: bool,
}

impl Source {
    pub(crate) fn new(file: &str, text: &str) -> Self {
        let mut tokens = lex(text);
        mark_tests(&mut tokens);
        let module = module_of(file);
        let named_tests = module.last().is_some_and(|name| name == "tests");
        let test = named_tests || !file.starts_with("src/");
        Self {
            file: file.into(),
            text: text.into(),
            tokens,
            module,
            test,
        }
    }

    /// The first module segment: `store` for `src/store/codec.rs`, `main` and `lib` for the roots.
    pub(crate) fn room(&self) -> &str {
        match self.module.first() {
            Some(room) => room,
            None if self.file.ends_with("main.rs") => "main",
            None => "lib",
        }
    }

    /// Lines that are not inside an item under `#[cfg(test)]`.
    pub(crate) fn product_lines(&self) -> usize {
        let test_lines: BTreeSet<usize> = self
            .tokens
            .windows(2)
            .filter(|pair| pair[0].test && pair[1].test)
            .flat_map(|pair| pair[0].line..=pair[1].line)
            .collect();
        self.text.lines().count() - test_lines.len()
    }

    /// Every path in the file; test code says so in `PathUse::test`.
    pub(crate) fn paths(&self) -> Vec<PathUse> {
        PathReader {
            source: self,
            modules: Vec::new(),
            depth: 0,
            found: Vec::new(),
        }
        .read()
    }

    /// Attributes as `(line, text without spaces)`: `cfg(test)`, `expect(dead_code,reason="")`; inner
    /// attributes begin with `!`.
    pub(crate) fn attributes(&self) -> Vec<(usize, String, bool)> {
        let mut found = Vec::new();
        for at in 0..self.tokens.len() {
            if let Some((start, end)) = attribute_at(&self.tokens, at) {
                let inner = self.tokens[at + 1].text == "!";
                let body: String = self.tokens[start..end]
                    .iter()
                    .map(|token| token.text.as_str())
                    .collect();
                let text = if inner { format!("!{body}") } else { body };
                found.push((
                    self.tokens[at].line,
                    text,
                    self.test || self.tokens[at].test,
                ));
            }
        }
        found
    }

    /// Lines where the tokens stand one after the other: `&[".", "unlock", "("]`.
    pub(crate) fn lines_with(&self, sequence: &[&str]) -> Vec<(usize, bool)> {
        self.tokens
            .windows(sequence.len())
            .filter(|run| {
                run.iter()
                    .zip(sequence)
                    .all(|(token, text)| token.text == *text)
            })
            .map(|run| (run[0].line, self.test || run[0].test))
            .collect()
    }

    /// Modules declared here as `#[cfg(test)] mod name;`, by full module path.
    pub(crate) fn test_modules(&self) -> Vec<Vec<String>> {
        self.tokens
            .windows(3)
            .filter(|run| run[0].test && run[0].text == "mod" && run[2].text == ";")
            .map(|run| {
                let mut path = self.module.clone();
                path.push(run[1].text.clone());
                path
            })
            .collect()
    }
}

/// `src/a/b.rs` and `src/a/b/mod.rs` are both `a::b`.
fn module_of(file: &str) -> Vec<String> {
    let inside = file.strip_prefix("src/").unwrap_or(file);
    let mut parts: Vec<String> = inside
        .trim_end_matches(".rs")
        .split('/')
        .map(str::to_owned)
        .collect();
    if matches!(
        parts.last().map(String::as_str),
        Some("mod" | "lib" | "main")
    ) {
        parts.pop();
    }
    parts
}

/// The body of the attribute that begins at `at`, as a token range without `#`, `!` and brackets.
fn attribute_at(tokens: &[Token], at: usize) -> Option<(usize, usize)> {
    if tokens.get(at)?.text != "#" {
        return None;
    }
    let open = if tokens.get(at + 1)?.text == "!" {
        at + 2
    } else {
        at + 1
    };
    (tokens.get(open)?.text == "[").then(|| (open + 1, closing(tokens, open)))
}

/// Index of the bracket that closes the one at `open`, or the end of the file.
fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}

fn mark_tests(tokens: &mut [Token]) {
    for at in 0..tokens.len() {
        let Some((start, end)) = attribute_at(tokens, at) else {
            continue;
        };
        let body: String = tokens[start..end]
            .iter()
            .map(|token| token.text.as_str())
            .collect();
        if tokens[at + 1].text != "!" && (body == "cfg(test)" || body.starts_with("cfg(all(test")) {
            let last = item_end(tokens, end + 1).min(tokens.len() - 1);
            for token in &mut tokens[at..=last] {
                token.test = true;
            }
        }
    }
}

/// Index of the last token of the item whose attributes or first word stand at `at`.
fn item_end(tokens: &[Token], mut at: usize) -> usize {
    while let Some((_, end)) = attribute_at(tokens, at) {
        at = end + 1;
    }
    let is_use = tokens.get(at).is_some_and(|token| token.text == "use")
        || tokens.get(at + 1).is_some_and(|token| token.text == "use");
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            ";" => return at,
            "{" if !is_use => return closing(tokens, at),
            "(" | "[" | "{" => at = closing(tokens, at) + 1,
            _ => at += 1,
        }
    }
    tokens.len()
}

struct PathReader<'a> {
    source: &'a Source,
    /// Inline modules around the current token, with the brace depth inside each.
    modules: Vec<(String, usize)>,
    depth: usize,
    found: Vec<PathUse>,
}

impl PathReader<'_> {
    fn read(mut self) -> Vec<PathUse> {
        let mut at = 0;
        while at < self.source.tokens.len() {
            at = self.step(at);
        }
        self.found
    }

    fn text(&self, at: usize) -> &str {
        self.source
            .tokens
            .get(at)
            .map_or("", |token| token.text.as_str())
    }

    fn step(&mut self, at: usize) -> usize {
        match self.text(at) {
            "mod" if self.text(at + 2) == "{" => {
                self.depth += 1;
                self.modules
                    .push((self.text(at + 1).to_owned(), self.depth));
                at + 3
            }
            "{" => {
                self.depth += 1;
                at + 1
            }
            "}" => {
                if self
                    .modules
                    .last()
                    .is_some_and(|(_, depth)| *depth == self.depth)
                {
                    self.modules.pop();
                }
                self.depth = self.depth.saturating_sub(1);
                at + 1
            }
            "use" if self.text(at + 1) != "<" => self.use_tree(at + 1, &[]),
            word if is_word(word) && self.text(at + 1) == "::" => self.plain_path(at),
            _ => at + 1,
        }
    }

    fn plain_path(&mut self, start: usize) -> usize {
        let mut segments = vec![self.text(start).to_owned()];
        let mut at = start + 1;
        while self.text(at) == "::" && is_word(self.text(at + 1)) {
            segments.push(self.text(at + 1).to_owned());
            at += 2;
        }
        self.emit(segments, start);
        at
    }

    /// One branch of a `use`, from `at`; gives the index after it.
    fn use_tree(&mut self, start: usize, prefix: &[String]) -> usize {
        let mut segments = prefix.to_vec();
        let mut at = start;
        loop {
            match self.text(at) {
                "::" => at += 1,
                "{" => {
                    at += 1;
                    while !matches!(self.text(at), "}" | "") {
                        at = self.use_tree(at, &segments);
                        if self.text(at) == "," {
                            at += 1;
                        }
                    }
                    return at + 1;
                }
                word if word == "*" || is_word(word) => {
                    segments.push(word.to_owned());
                    at += 1;
                    if self.text(at) == "::" {
                        continue;
                    }
                    if self.text(at) == "as" {
                        at += 2;
                    }
                    self.emit(segments, start);
                    return at;
                }
                _ => return at + 1,
            }
        }
    }

    fn emit(&mut self, segments: Vec<String>, at: usize) {
        let token = &self.source.tokens[at];
        let mut here = self.source.module.clone();
        here.extend(self.modules.iter().map(|(name, _)| name.clone()));
        self.found.push(PathUse {
            target: resolve(&segments, here, self.source.room() == "main"),
            line: token.line,
            test: self.source.test || token.test,
        });
    }
}

fn resolve(segments: &[String], mut here: Vec<String>, in_main: bool) -> Target {
    let supers = segments
        .iter()
        .filter(|segment| *segment == "super")
        .count();
    if supers > 1 {
        return Target::SuperSuper;
    }
    let rest = |from: usize| {
        segments[from..]
            .iter()
            .filter(|segment| *segment != "self")
            .cloned()
            .collect::<Vec<_>>()
    };
    match segments
        .iter()
        .find(|segment| *segment != "self")
        .map(String::as_str)
    {
        Some("crate") => Target::Ours(rest(1)),
        Some("fleet") if in_main => Target::Ours(rest(1)),
        Some("super") => {
            here.pop();
            here.extend(rest(0).into_iter().filter(|segment| segment != "super"));
            Target::Ours(here)
        }
        _ if segments[0] == "self" => {
            here.extend(rest(0));
            Target::Ours(here)
        }
        _ => Target::Foreign(rest(0)),
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Tokens of `text` without comments; every literal becomes `""`.
fn lex(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let start = at;
        let word = match chars[at] {
            '/' if chars.get(at + 1) == Some(&'/') => {
                at = find(&chars, at, '\n');
                None
            }
            '/' if chars.get(at + 1) == Some(&'*') => {
                at = block_comment_end(&chars, at);
                None
            }
            '"' => {
                at = string_end(&chars, at);
                Some("\"\"".to_owned())
            }
            '\'' => {
                at = quote_end(&chars, at);
                Some("\"\"".to_owned())
            }
            ':' if chars.get(at + 1) == Some(&':') => {
                at += 2;
                Some("::".to_owned())
            }
            first if first.is_alphanumeric() || first == '_' => {
                at = word_end(&chars, at);
                let word: String = chars[start..at].iter().collect();
                match literal_end(&chars, at, &word) {
                    Some(end) => {
                        at = end;
                        Some("\"\"".to_owned())
                    }
                    None => Some(word),
                }
            }
            other => {
                at += 1;
                (!other.is_whitespace()).then(|| other.to_string())
            }
        };
        tokens.extend(word.map(|text| Token {
            text,
            line,
            test: false,
        }));
        line += chars[start..at].iter().filter(|c| **c == '\n').count();
    }
    tokens
}

fn find(chars: &[char], from: usize, wanted: char) -> usize {
    chars[from..]
        .iter()
        .position(|c| *c == wanted)
        .map_or(chars.len(), |offset| from + offset)
}

fn word_end(chars: &[char], from: usize) -> usize {
    chars[from..]
        .iter()
        .position(|c| !c.is_alphanumeric() && *c != '_')
        .map_or(chars.len(), |offset| from + offset)
}

fn block_comment_end(chars: &[char], from: usize) -> usize {
    let (mut at, mut depth) = (from, 0_usize);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at.min(chars.len())
}

/// Index after the closing quote of the string that opens at `from`.
fn string_end(chars: &[char], from: usize) -> usize {
    let mut at = from + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// Index after the character literal or lifetime at `from`.
fn quote_end(chars: &[char], from: usize) -> usize {
    match (chars.get(from + 1), chars.get(from + 2)) {
        (Some('\\'), _) => (find(chars, (from + 3).min(chars.len()), '\'') + 1).min(chars.len()),
        (Some(_), Some('\'')) => from + 3,
        _ => word_end(chars, from + 1),
    }
}

/// The end of a prefixed literal (`b"`, `r#"`, `br"`, `c"`, `b'`), when `word` is such a prefix.
fn literal_end(chars: &[char], at: usize, word: &str) -> Option<usize> {
    if !matches!(word, "b" | "r" | "br" | "c" | "cr") {
        return None;
    }
    match chars.get(at)? {
        '\'' if word == "b" => Some(quote_end(chars, at)),
        '"' if !word.contains('r') => Some(string_end(chars, at)),
        '"' | '#' if word.contains('r') => {
            let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
            if chars.get(at + hashes) != Some(&'"') {
                return None; // a raw identifier, `r#type`
            }
            let mut end = at + hashes + 1;
            loop {
                end = find(chars, end, '"') + 1;
                if end > chars.len() {
                    return Some(chars.len());
                }
                let closing = chars[end..].iter().take_while(|c| **c == '#').count();
                if closing >= hashes {
                    return Some(end + hashes);
                }
            }
        }
        _ => None,
    }
}
