//! Comments that speak to fleet, by people who may write to the repository.

use crate::domain::time::Timestamp;
use crate::forge::github::answers::Comment;
use crate::forge::github::api::{Api, Ask, parse};
use crate::forge::github::batch::Said;
use crate::forge::github::people::{is_person, may_write};
use crate::forge::github::refusal;
use crate::forge::github::reviews::FEEDBACK_MAX_BYTES;
use crate::forge::github::text::bounded;
use crate::ports::forge::{ForgeError, ForgeRemark};

/// The word that a comment for fleet begins with.
const WORD: &str = "/fleet";

/// True if the first word is fleet's.
pub(super) fn is_command(text: &str) -> bool {
    text.split_whitespace().next() == Some(WORD)
}

/// The stable name of a comment.
pub(super) fn key(id: u64) -> String {
    format!("comment:{id}")
}

/// Those comments that speak to fleet and are not on record.
pub(super) fn commands<'a>(said: &'a [Said], known: &[String]) -> Vec<&'a Said> {
    said.iter()
        .filter(|said| is_command(&said.text) && !known.contains(&key(said.id)))
        .collect()
}

/// Those of people who may write; the forge is asked.
pub(super) fn by_writers(
    api: &mut Api<'_>,
    said: Vec<&Said>,
) -> Result<Vec<ForgeRemark>, ForgeError> {
    let mut remarks = Vec::new();
    for said in said {
        if may_write(api, &said.by)? {
            remarks.push(ForgeRemark {
                key: key(said.id),
                by: said.by.clone(),
                text: bounded(&said.text, FEEDBACK_MAX_BYTES),
                at: time(&said.at),
            });
        }
    }
    Ok(remarks)
}

/// By REST: the first and the last hundred comments of an issue or pull request.
pub(super) fn on(
    api: &mut Api<'_>,
    number: u64,
    known: &[String],
) -> Result<Vec<ForgeRemark>, ForgeError> {
    let what = format!(
        "cannot read the comments on #{number} of {}",
        api.names.repo
    );
    let route = format!(
        "/repos/{}/issues/{number}/comments?per_page=100",
        api.names.repo
    );
    let mut said = Vec::new();
    let mut page = 1;
    loop {
        let answer = api.call(&what, Ask::Get, &format!("{route}&page={page}"))?;
        if !answer.is_success() {
            api.note(refusal::refused(&what, &answer, api.names).to_string());
            break;
        }
        let comments: Vec<Comment> = parse(&what, &answer)?;
        said.extend(comments.into_iter().filter_map(said_by));
        match answer.last_page {
            Some(last) if page == 1 && last > 1 => page = last,
            _ => break,
        }
    }
    let commands = commands(&said, known);
    by_writers(api, commands)
}

fn said_by(comment: Comment) -> Option<Said> {
    let author = comment.user.filter(is_person)?;
    Some(Said {
        id: comment.id,
        by: author.login,
        text: comment.body.unwrap_or_default(),
        at: comment.created_at.unwrap_or_default(),
    })
}

/// The forge's time, or the beginning of all times if it told none.
pub(super) fn time(text: &str) -> Timestamp {
    let read = chrono::DateTime::parse_from_rfc3339(text).ok();
    let ms = read.and_then(|time| u64::try_from(time.timestamp_millis()).ok());
    Timestamp(ms.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::{is_command, time};
    use crate::domain::time::Timestamp;

    #[test]
    fn only_the_first_word_speaks_to_fleet() {
        for text in [
            "/fleet retry",
            "/fleet",
            "  \n/fleet\tstop",
            "/fleet\nanswer",
        ] {
            assert!(is_command(text), "{text}");
        }
        for text in [
            "",
            "/fleets",
            "> /fleet stop",
            "please /fleet stop",
            "/Fleet stop",
            "`/fleet`",
        ] {
            assert!(!is_command(text), "{text}");
        }
    }

    #[test]
    fn a_time_is_the_forge_s_or_none() {
        assert_eq!(time("1970-01-01T00:00:01Z"), Timestamp(1000));
        assert_eq!(time("yesterday"), Timestamp(0));
    }
}
