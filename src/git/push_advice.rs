//! What to change so that a refused push is taken: the remote's words → one plain sentence. Pure.
//!
//! The words that are matched are those of GitHub and of git itself. No sentence holds a command
//! that destroys something.

/// Words of a refusal, all in lower case, and what to change. The first that fits counts.
const ADVICE: &[(&[&str], &str)] = &[
    (
        &["refusing to allow", "workflow"],
        "the commits touch .github/workflows, which the credentials that git uses may not: leave those \
         files to a human, or give a classic token the scope `workflow` (an App: the permission \
         `workflows`)",
    ),
    (
        &["push protection"],
        "the forge saw a secret in the commits: take it out, and renew it where it came from",
    ),
    (
        &["cannot contain secrets"],
        "the forge saw a secret in the commits: take it out, and renew it where it came from",
    ),
    (
        &["gh013"],
        "a ruleset of the repository forbids it: let whoever runs fleet push to this branch (Settings \
         > Rules > Rulesets), and demand no pull request and no checks on the branch with the records",
    ),
    (
        &["rule violations"],
        "a ruleset of the repository forbids it: let whoever runs fleet push to this branch (Settings \
         > Rules > Rulesets), and demand no pull request and no checks on the branch with the records",
    ),
    (
        &["gh006"],
        "a branch protection forbids it: let whoever runs fleet push to this branch (Settings > \
         Branches), or keep the records on a branch of their own (state.branch)",
    ),
    (
        &["protected branch"],
        "a branch protection forbids it: let whoever runs fleet push to this branch (Settings > \
         Branches), or keep the records on a branch of their own (state.branch)",
    ),
    (
        &["saml"],
        "the organisation demands single sign-on: authorise the token or SSH key for it in its owner's \
         settings (Configure SSO)",
    ),
    (
        &["archived"],
        "the repository is archived and so read-only: unarchive it first",
    ),
    (
        &["shallow update not allowed"],
        "this clone lacks history: `git fetch --unshallow` brings it (in a workflow: `fetch-depth: 0`)",
    ),
    (
        &["gh001"],
        "a file is larger than the forge takes: lower diff.max_bytes, and keep such files elsewhere",
    ),
    (
        &["support for password authentication was removed"],
        "the forge takes no passwords: let git use a token or an SSH key",
    ),
    (
        &["write access", "not granted"],
        "the credentials that git uses may not write there: give them write access to the repository's \
         contents (in a workflow: `contents: write` under `permissions:`)",
    ),
    (
        &["permission to ", "denied to"],
        "the credentials that git uses may not write there: give them write access to the repository's \
         contents (in a workflow: `contents: write` under `permissions:`)",
    ),
];

/// What to change, if the words are known.
pub(super) fn advice(words: &str) -> Option<&'static str> {
    let words = words.to_ascii_lowercase();
    let fits = |(all, _): &&(&[&str], &str)| all.iter().all(|word| words.contains(word));
    ADVICE.iter().find(fits).map(|(_, advice)| *advice)
}

/// The words, with what to change if that is known.
pub(super) fn with_advice(words: String) -> String {
    match advice(&words) {
        Some(advice) => format!("{words}; {advice}"),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::{ADVICE, advice, with_advice};

    #[test]
    fn each_refusal_that_a_new_user_meets_says_what_to_change() {
        let told = [
            "! [remote rejected] agent/T-1 -> agent/T-1 (refusing to allow an OAuth App to create or update workflow `.github/workflows/x.yml` without `workflow` scope)",
            "GH013: Repository rule violations found for refs/heads/fleet/state.; Changes must be made through a pull request.",
            "GH013: Repository rule violations found; - GITHUB PUSH PROTECTION; Push cannot contain secrets",
            "GH006: Protected branch update failed for refs/heads/main.",
            "The 'octo' organization has enabled or enforced SAML SSO.",
            "Permission to octo/hello.git denied to github-actions[bot].",
            "Write access to repository not granted.",
            "This repository was archived so it is read-only.",
            "[rejected] (shallow update not allowed)",
            "GH001: Large files detected.",
            "Support for password authentication was removed on August 13, 2021.",
        ]
        .map(|words| format!("{words}\n  → {}", advice(words).unwrap_or("nothing")));
        insta::assert_snapshot!(told.join("\n"));
        assert_eq!(
            with_advice("frozen until Monday".into()),
            "frozen until Monday"
        );
    }

    #[test]
    fn no_advice_destroys_anything_and_all_words_can_be_found() {
        for (words, advice) in ADVICE {
            assert!(words.iter().all(|word| *word == word.to_ascii_lowercase()));
            for bad in ["--force", "reset", "rm ", "delete", "prune"] {
                assert!(!advice.contains(bad), "{advice}");
            }
        }
    }
}
