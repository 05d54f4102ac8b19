//! Why a piece was not found in a file: what stands there instead.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::agents::lines::clip;

/// Lines of a file that are compared.
const LINES: usize = 50_000;
/// Bytes of a line that are compared.
const LINE_BYTES: usize = 300;
/// Places that are shown, and how many lines of each.
const PLACES: usize = 2;
const SHOWN_LINES: usize = 12;
/// Below this nothing is worth showing (0 = nothing alike, 1 = the same).
const ALIKE: f64 = 0.55;

/// A sentence, and the lines that come nearest.
pub(super) fn not_found(shown: &str, text: &str, old: &str) -> String {
    if let Some(plain) = without_numbers(old)
        && text.contains(&plain)
    {
        return format!(
            "`old` was not found in {shown}: it holds the line numbers that `read` shows. Leave \
             them, and the tab behind them, away"
        );
    }
    let lines: Vec<&str> = text.lines().take(LINES).collect();
    let wanted: Vec<&str> = old.trim_matches('\n').lines().collect();
    if let Some(at) = but_for_space(&lines, &wanted) {
        let mut out = format!(
            "`old` was not found in {shown}, but lines {} to {} differ from it only in white space \
             (indentation, tabs, spaces at the end, empty lines). They are, with tabs as ⇥ and \
             spaces at the end as ·:\n",
            at + 1,
            at + wanted.len()
        );
        show(&mut out, &lines, at, wanted.len(), true);
        return out;
    }
    let places = nearest(&lines, &wanted);
    if places.is_empty() {
        return format!(
            "`old` was not found in {shown}, nor anything like it: read the file, and copy the lines \
             as they are"
        );
    }
    let mut out =
        format!("`old` was not found in {shown}. What comes nearest, as it stands in the file:\n");
    for at in places {
        show(&mut out, &lines, at, wanted.len(), false);
        out.push('\n');
    }
    out.push_str("Copy the lines exactly, without their numbers");
    out
}

/// `old` without the numbers of `read`, if all its lines have them.
fn without_numbers(old: &str) -> Option<String> {
    let mut plain = Vec::new();
    for line in old.lines() {
        let (number, rest) = line.split_once('\t')?;
        let number = number.trim();
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        plain.push(rest);
    }
    Some(plain.join("\n"))
}

/// Where the lines stand if white space does not count.
fn but_for_space(lines: &[&str], wanted: &[&str]) -> Option<usize> {
    let squeeze = |line: &str| line.split_whitespace().collect::<String>();
    let wanted: Vec<String> = wanted.iter().map(|l| squeeze(l)).collect();
    if wanted.iter().all(String::is_empty) || wanted.len() > lines.len() {
        return None;
    }
    let lines: Vec<String> = lines.iter().map(|l| squeeze(l)).collect();
    lines
        .windows(wanted.len())
        .position(|window| window == wanted)
}

/// Starts of the places that are most like what is wanted, best first, not overlapping.
fn nearest(lines: &[&str], wanted: &[&str]) -> Vec<usize> {
    // The longest line says most about where it belongs.
    let Some((offset, anchor)) = wanted
        .iter()
        .enumerate()
        .max_by_key(|(_, line)| line.trim().len())
    else {
        return Vec::new();
    };
    let anchor = pairs(anchor);
    let mut scored: Vec<(f64, usize)> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| (alike(&anchor, &pairs(line)), at))
        .filter(|(score, _)| *score >= ALIKE)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut places: Vec<(f64, usize)> = Vec::new();
    for (_, at) in scored.into_iter().take(20) {
        let start = at.saturating_sub(offset);
        let whole: f64 = wanted
            .iter()
            .zip(lines.iter().skip(start))
            .take(SHOWN_LINES)
            .map(|(a, b)| alike(&pairs(a), &pairs(b)))
            .sum();
        if places
            .iter()
            .all(|(_, other)| other.abs_diff(start) >= wanted.len())
        {
            places.push((whole, start));
        }
    }
    places.sort_by(|a, b| b.0.total_cmp(&a.0));
    places.into_iter().take(PLACES).map(|(_, at)| at).collect()
}

/// Pairs of neighbouring characters and how often each stands in the line, white space aside.
fn pairs(line: &str) -> BTreeMap<(char, char), u32> {
    let chars: Vec<char> = line
        .chars()
        .filter(|c| !c.is_whitespace())
        .take(LINE_BYTES)
        .collect();
    let mut found = BTreeMap::new();
    for pair in chars.windows(2) {
        *found.entry((pair[0], pair[1])).or_insert(0) += 1;
    }
    found
}

/// Dice's coefficient: 1 for the same pairs, 0 for none in common.
fn alike(a: &BTreeMap<(char, char), u32>, b: &BTreeMap<(char, char), u32>) -> f64 {
    let all: u32 = a.values().sum::<u32>() + b.values().sum::<u32>();
    if all == 0 {
        return 0.0;
    }
    let common: u32 = a
        .iter()
        .filter_map(|(pair, n)| b.get(pair).map(|m| n.min(m)))
        .sum();
    f64::from(2 * common) / f64::from(all)
}

fn show(out: &mut String, lines: &[&str], at: usize, count: usize, marked: bool) {
    for (n, line) in lines
        .iter()
        .enumerate()
        .skip(at)
        .take(count.min(SHOWN_LINES))
    {
        let mut line = clip(line, LINE_BYTES);
        if marked {
            let end = line.trim_end_matches(' ').len();
            let spaces = line.len() - end;
            line.truncate(end);
            line = line.replace('\t', "⇥");
            line.extend(std::iter::repeat_n('·', spaces));
        }
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{:>6}\t{line}", n + 1);
    }
    if count > SHOWN_LINES {
        let _ = writeln!(out, "[… and {} more]", count - SHOWN_LINES);
    }
}
