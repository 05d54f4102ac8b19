//! HTML: comments, tags and what they hide.

use crate::engine::clean::Kind;
use crate::engine::clean::inline::shown_address;
use crate::engine::clean::lines::Reader;

/// Elements that the page shows, without their attributes.
const SHOWN: [&str; 70] = [
    "a",
    "abbr",
    "b",
    "bdo",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "font",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "main",
    "mark",
    "nav",
    "ol",
    "p",
    "picture",
    "pre",
    "q",
    "rt",
    "ruby",
    "s",
    "samp",
    "section",
    "small",
    "source",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "wbr",
    "article",
];

/// Elements of which the page shows nothing, or something else than their text.
const HIDING: [&str; 25] = [
    "applet",
    "audio",
    "canvas",
    "datalist",
    "dialog",
    "embed",
    "head",
    "iframe",
    "map",
    "math",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "option",
    "plaintext",
    "rp",
    "script",
    "select",
    "style",
    "svg",
    "template",
    "textarea",
    "title",
    "video",
];

impl Reader<'_, '_> {
    /// What begins with `<`.
    pub(super) fn angle(&mut self) {
        let rest = self.rest();
        if let Some(inside) = rest.strip_prefix("<!--") {
            let end = inside.find("-->").map_or(rest.len(), |at| at + 7);
            return self.leave_out(end, Kind::Comment);
        }
        let next = rest[1..].chars().next().unwrap_or(' ');
        let declares = rest.starts_with("<![CDATA[")
            || (next == '!' && rest[2..].starts_with(|c: char| c.is_ascii_alphabetic()));
        if next == '?' || declares || (next == '!' && self.lax()) {
            return self.declaration();
        }
        let end = if self.lax() {
            let named = next.is_ascii_alphabetic() || next == '/';
            named.then(|| lax_end(rest))
        } else {
            strict_end(self.paragraph())
        };
        match end {
            Some(end) => self.tag(end),
            None => self.keep(1),
        }
    }

    /// `<?…?>`, `<!X…>`, `<![CDATA[…]]>`: up to the farthest end that one of the grammars sees.
    fn declaration(&mut self) {
        let rest = self.rest();
        let ends = ["?>", "]]>"].into_iter();
        let ends = ends.filter_map(|end| rest.find(end).map(|at| at + end.len()));
        let of_kind = if rest.starts_with("<?") || rest.starts_with("<![") {
            ends.min()
        } else {
            None
        };
        let end = of_kind.or_else(|| rest.find('>').map(|at| at + 1));
        self.leave_out(end.unwrap_or(rest.len()), Kind::Comment);
    }

    /// A tag of `len` bytes.
    fn tag(&mut self, len: usize) {
        let tag = &self.rest()[..len];
        let closing = tag.starts_with("</");
        let inner = tag.trim_start_matches(['<', '/']);
        let name_len = inner
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
            .unwrap_or(inner.len());
        let name = inner[..name_len].to_ascii_lowercase();
        let attributes = inner[name_len..]
            .trim_end_matches('>')
            .trim_end_matches('/')
            .trim();
        if !closing && HIDING.contains(&name.as_str()) {
            let end = element_end(self.rest(), len, &name);
            return self.leave_out(end, Kind::Element);
        }
        if !closing && name == "details" && !has_attribute(attributes, "open") {
            let end = element_end(self.rest(), len, "details");
            self.out.push_str("[a collapsed section was left out]");
            return self.leave_out(end, Kind::Collapsed);
        }
        if !SHOWN.contains(&name.as_str()) {
            return self.leave_out(len, Kind::Tag);
        }
        if name == "pre" {
            self.pre = !closing;
        }
        self.out.push_str(if closing { "</" } else { "<" });
        self.out.push_str(&name);
        let mut address = None;
        if !closing && name == "a" {
            address = attribute(attributes, "href").map(shown_address);
        }
        if let Some(value) = address.filter(|value| !value.is_empty()) {
            self.out.push_str(&format!(" href=\"{value}\""));
        }
        self.out.push('>');
        if !attributes.is_empty() {
            self.left_out.add(Kind::Attributes);
        }
        self.pass_over(self.at + len);
    }
}

/// End of a tag by the grammar of HTML: a quoted value may hold anything. Without an end the tag
/// reaches to the end of the text.
fn lax_end(text: &str) -> usize {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '>') => return at + 1,
            (None, _) => {}
        }
    }
    text.len()
}

/// End of a tag by the grammar of Markdown; `None` if there is no tag.
fn strict_end(text: &str) -> Option<usize> {
    let closing = text.starts_with("</");
    let mut at = if closing { 2 } else { 1 };
    let name = text[at..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))?;
    if !text[at..].starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    at += name;
    loop {
        let blanks = text[at..].len() - text[at..].trim_start().len();
        let rest = &text[at + blanks..];
        if rest.starts_with('>') {
            return Some(at + blanks + 1);
        }
        if closing {
            return None;
        }
        if rest.starts_with("/>") {
            return Some(at + blanks + 2);
        }
        if blanks == 0 {
            return None;
        }
        at += blanks + attribute_len(rest)?;
    }
}

/// Length of one attribute by the grammar of Markdown.
fn attribute_len(text: &str) -> Option<usize> {
    let first = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | ':');
    let more = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.' | '-');
    if !text.starts_with(first) {
        return None;
    }
    let name = text.find(|c| !more(c)).unwrap_or(text.len());
    let blanks = text[name..].len() - text[name..].trim_start().len();
    let Some(value) = text[name + blanks..].strip_prefix('=') else {
        return Some(name);
    };
    let lead = value.len() - value.trim_start().len();
    let start = name + blanks + 1 + lead;
    let value = &text[start..];
    match value.chars().next()? {
        quote @ ('"' | '\'') => Some(start + 1 + value[1..].find(quote)? + 1),
        _ => {
            let bare =
                |c: char| !c.is_whitespace() && !matches!(c, '"' | '\'' | '=' | '<' | '>' | '`');
            let len = value.find(|c| !bare(c)).unwrap_or(value.len());
            (len > 0).then_some(start + len)
        }
    }
}

/// End of an element whose opening tag has `opening` bytes; elements of its own name inside it count.
/// One that is not closed reaches to the end of the text.
fn element_end(text: &str, opening: usize, name: &str) -> usize {
    let begins = |at: usize, word: &str| {
        let here = text.as_bytes().get(at..at + word.len());
        here.is_some_and(|here| here.eq_ignore_ascii_case(word.as_bytes()))
    };
    let (open, close) = (format!("<{name}"), format!("</{name}"));
    let (mut depth, mut at) = (1usize, opening);
    while let Some(next) = text[at..].find('<').map(|n| at + n) {
        at = next + 1;
        if begins(next, &close) {
            depth -= 1;
            if depth == 0 {
                return next + lax_end(&text[next..]);
            }
        } else if name == "details" && begins(next, &open) {
            depth += 1;
        }
    }
    text.len()
}

/// Name and value of each attribute.
fn attributes(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let name_len = rest
            .find(|c: char| c.is_whitespace() || c == '=')
            .unwrap_or(rest.len());
        let (name, after) = rest.split_at(name_len);
        let Some(value) = after.trim_start().strip_prefix('=') else {
            found.push((name, ""));
            rest = after.trim_start();
            continue;
        };
        let value = value.trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (value, after) = match quote {
            Some(quote) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            None => value.split_once(char::is_whitespace).unwrap_or((value, "")),
        };
        found.push((name, value));
        rest = after.trim_start();
    }
    found
}

fn attribute<'t>(text: &'t str, wanted: &str) -> Option<&'t str> {
    attributes(text)
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value)
}

fn has_attribute(text: &str, wanted: &str) -> bool {
    attribute(text, wanted).is_some()
}
