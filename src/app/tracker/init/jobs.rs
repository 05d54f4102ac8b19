//! Files by which the forge's CI runs ticks. The first line of each seals what follows, so that a
//! later fleet knows its own text from an edited one.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::app::tracker::error::TrackerError;
use crate::app::tracker::report::InitStep;
use crate::app::tracker::request::Mode;
use crate::domain::policy::Policy;
use crate::ports::forge_setup::JobProgram;
use crate::ports::site::Site;

const SEAL: &str = "# Written by fleet; an edited file is left alone. sha256 of what follows: ";
/// Most lines of each side that are shown of a difference.
const SHOWN: usize = 4;

/// Writes them; one that somebody edited is left alone, and how it differs is told.
pub(super) fn write(
    site: &dyn Site,
    policy: &Policy,
    program: &JobProgram,
    mode: Mode,
) -> Result<Vec<InitStep>, TrackerError> {
    let files = site
        .job_files(policy, program)
        .map_err(|what| TrackerError::Invalid {
            what,
            hint: "`fleet init --help` shows an example".to_owned(),
        })?;
    let failed = |path: &str, cause: String| TrackerError::Write(format!("write {path}: {cause}"));
    let mut steps = Vec::new();
    for file in files {
        let path = &file.path;
        let text = sealed(&file.text);
        let there = site.read(path).map_err(|cause| failed(path, cause))?;
        let mut step = InitStep::new(path.clone(), there.is_none());
        match there {
            None if mode == Mode::Do => {
                step.created = site
                    .put_new(path, &text)
                    .map_err(|cause| failed(path, cause))?;
            }
            None => {}
            Some(there) if there == text => {}
            Some(there) if is_as_written(&there) => {
                step.updated = true;
                if mode == Mode::Do {
                    site.rewrite(path, &text)
                        .map_err(|cause| failed(path, cause))?;
                }
            }
            Some(there) => step.differs = differs(&there, &text),
        }
        steps.push(step);
    }
    Ok(steps)
}

fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The text with its seal.
pub(super) fn sealed(text: &str) -> String {
    format!("{SEAL}{}\n{text}", digest(text))
}

/// Whether nobody has edited it since fleet wrote it. Line ends may have changed on the way.
fn is_as_written(text: &str) -> bool {
    let text = text.replace("\r\n", "\n");
    text.split_once('\n').is_some_and(|(first, rest)| {
        first
            .strip_prefix(SEAL)
            .is_some_and(|seal| seal == digest(rest))
    })
}

/// Where two texts differ, without what they begin and end with alike and without their seals.
fn differs(there: &str, ours: &str) -> Vec<String> {
    let lines = |text: &'_ str| -> Vec<String> {
        let own = text.lines().filter(|line| !line.starts_with(SEAL));
        own.map(str::to_owned).collect()
    };
    let (there, ours) = (lines(there), lines(ours));
    let same = there.iter().zip(&ours).take_while(|(a, b)| a == b).count();
    let (a, b) = (&there[same..], &ours[same..]);
    let ends = a.iter().rev().zip(b.iter().rev());
    let alike = ends.take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - alike], &b[..b.len() - alike]);
    let mut told = Vec::new();
    for (mark, side) in [("-", a), ("+", b)] {
        told.extend(side.iter().take(SHOWN).map(|line| format!("{mark} {line}")));
        if side.len() > SHOWN {
            told.push(format!("{mark} … {} lines more", side.len() - SHOWN));
        }
    }
    if told.is_empty() {
        told.push("only in its first line".to_owned());
    }
    told
}

#[cfg(test)]
mod tests {
    use super::{differs, is_as_written, sealed};

    #[test]
    fn a_text_is_known_as_written_until_somebody_edits_it() {
        let text = sealed("name: fleet\non: push\n");
        assert!(is_as_written(&text));
        assert!(is_as_written(&text.replace('\n', "\r\n")));
        assert!(!is_as_written(&text.replace("push", "pull")));
        assert!(!is_as_written("name: fleet\n"));
    }

    #[test]
    fn a_difference_is_told_without_what_is_alike() {
        let ours = sealed("a\nb\nc\nd\n");
        let there = ours.replace("b\n", "x\ny\n");
        assert_eq!(differs(&there, &ours), ["- x", "- y", "+ b"]);
        assert_eq!(differs("a\nb\nc\nd\n", &ours), ["only in its first line"]);
    }
}
