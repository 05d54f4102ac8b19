//! Several texts in one body, and back.

/// Puts texts together: the first as it is, the others below a heading. A part that is `None` or
/// empty leaves no trace but its length.
pub(crate) fn compose(parts: &[Option<&str>], headings: &[&str]) -> (String, Vec<Option<u32>>) {
    let size: usize = parts.iter().flatten().map(|t| t.len() + 32).sum();
    let mut body = String::with_capacity(size);
    let mut lengths = Vec::new();
    for (part, heading) in parts.iter().zip(headings) {
        lengths.push(part.and_then(|text| u32::try_from(text.len()).ok()));
        let Some(text) = part.filter(|text| !text.is_empty()) else {
            continue;
        };
        body.push_str(&lead(&body, heading));
        body.push_str(text);
    }
    // Nothing but a first part is the rule, and needs no words.
    let plain = lengths.iter().skip(1).all(Option::is_none)
        && parts.first() != Some(&Some(""))
        && !headings.iter().skip(1).any(|heading| holds(&body, heading));
    (body, if plain { Vec::new() } else { lengths })
}

/// What stands between what is there and the next part.
fn lead(before: &str, heading: &str) -> String {
    match (before.is_empty(), heading.is_empty()) {
        (_, true) => String::new(),
        (true, false) => format!("## {heading}\n\n"),
        (false, false) => format!("\n\n## {heading}\n\n"),
    }
}

/// Takes a body apart again: by the lengths, if it is the body they were noted for, else by the
/// headings.
pub(crate) fn split(body: &str, lengths: &[Option<u32>], headings: &[&str]) -> Vec<Option<String>> {
    if lengths.is_empty() && !headings.iter().skip(1).any(|h| holds(body, h)) {
        let mut parts = vec![None; headings.len()];
        if let (Some(first), false) = (parts.first_mut(), body.is_empty()) {
            *first = Some(body.to_owned());
        }
        return parts;
    }
    by_length(body, lengths, headings).unwrap_or_else(|| by_heading(body, lengths, headings))
}

fn holds(body: &str, heading: &str) -> bool {
    body.contains(&format!("## {heading}\n\n"))
}

fn by_length(
    body: &str,
    lengths: &[Option<u32>],
    headings: &[&str],
) -> Option<Vec<Option<String>>> {
    if lengths.is_empty() {
        return Some(vec![Some(body.to_owned())]).filter(|_| headings.len() == 1);
    }
    let mut parts = Vec::new();
    let mut at = 0;
    for (length, heading) in lengths.iter().zip(headings) {
        let Some(length) = length else {
            parts.push(None);
            continue;
        };
        if *length == 0 {
            parts.push(Some(String::new()));
            continue;
        }
        let lead = lead(&body[..at], heading);
        let rest = body.get(at..)?.strip_prefix(&lead)?;
        let text = rest.get(..*length as usize)?;
        parts.push(Some(text.to_owned()));
        at += lead.len() + text.len();
    }
    (at == body.len()).then_some(parts)
}

fn by_heading(body: &str, lengths: &[Option<u32>], headings: &[&str]) -> Vec<Option<String>> {
    let mut parts: Vec<Option<String>> = vec![None; headings.len()];
    let mut rest = body;
    for (at, heading) in headings.iter().enumerate().skip(1).rev() {
        let mark = format!("## {heading}\n\n");
        let starts = |n: &usize| *n == 0 || rest[..*n].ends_with("\n\n");
        let Some(found) = rest.rfind(&mark).filter(starts) else {
            continue;
        };
        parts[at] = Some(rest[found + mark.len()..].to_owned());
        rest = rest[..found].trim_end_matches('\n');
    }
    let known_empty = lengths.first().is_some_and(Option::is_some);
    if let (Some(first), true) = (parts.first_mut(), !rest.is_empty() || known_empty) {
        *first = Some(rest.to_owned());
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADINGS: &[&str] = &["", "Design", "Notes"];

    #[test]
    fn texts_come_apart_as_they_were_put_together() {
        let cases: &[[Option<&str>; 3]] = &[
            [None, None, None],
            [Some(""), None, None],
            [Some("a"), None, None],
            [Some("a\n"), Some("b\n\n## Notes\n\nno"), Some("c ")],
            [None, Some("b"), Some("")],
            [Some(""), Some("b"), None],
            [Some("a\n\n## Design\n\nnot this"), None, Some("n")],
            [Some("a\n\n## Design\n\nnot this"), None, None],
        ];
        for parts in cases {
            let (body, lengths) = compose(parts, HEADINGS);
            let back = split(&body, &lengths, HEADINGS);
            let back: Vec<_> = back.iter().map(Option::as_deref).collect();
            assert_eq!(back, parts, "{body:?}");
        }
    }

    #[test]
    fn an_edited_body_comes_apart_by_its_headings() {
        let (body, lengths) = compose(&[Some("a"), Some("b"), None], HEADINGS);
        let edited = format!("more {body}");
        let back = split(&edited, &lengths, HEADINGS);
        assert_eq!(
            back,
            [Some("more a".to_owned()), Some("b".to_owned()), None]
        );
    }
}
