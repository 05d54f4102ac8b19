//! Answers that are asked for again only if they changed: a 304 costs nothing of the hour's quota.
//!
//! A disposable folder of small files. Nothing is believed because it is here: the forge says on
//! every call whether it is still so. A file that is damaged, or of another address or token, is
//! as none. Tokens are in no file; a part of the name is a digest of one.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::forge::github::refusal::Answer;

/// Larger answers are asked for anew each time.
const ENTRY_MAX_BYTES: usize = 1 << 20;
/// Files that are kept; the oldest goes first.
const ENTRIES_MAX: usize = 128;

/// Answers to one token at one API.
pub(super) struct Cache {
    dir: PathBuf,
    scope: String,
}

/// An answer that was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    route: String,
    pub(super) etag: String,
    pub(super) last_page: Option<u32>,
    /// SHA-256 of all of it, and of the token, in hex: who does not have that makes none.
    digest: String,
    pub(super) body: String,
}

impl Cache {
    pub(super) fn new(dir: PathBuf, api_base: &str, token: &SecretString) -> Self {
        let scope = digest(&[api_base, token.expose_secret()]);
        Self { dir, scope }
    }

    fn file(&self, route: &str) -> PathBuf {
        let name = digest(&[&self.scope, route]);
        self.dir.join(&name[..32])
    }

    /// What is kept for a route, if it is whole.
    pub(super) fn find(&self, route: &str) -> Option<Kept> {
        let file = self.file(route);
        let length = fs::metadata(&file).ok()?.len();
        // Escapes make a file longer than its text.
        if length > 4 * ENTRY_MAX_BYTES as u64 {
            return None;
        }
        let kept: Kept = serde_json::from_slice(&fs::read(&file).ok()?).ok()?;
        let last_page = kept.last_page;
        let whole = self.seal(route, &kept.etag, last_page, &kept.body);
        (kept.route == route && kept.digest == whole).then_some(kept)
    }

    fn seal(&self, route: &str, etag: &str, last_page: Option<u32>, body: &str) -> String {
        let page = last_page.unwrap_or_default().to_string();
        digest(&[&self.scope, route, etag, &page, body])
    }

    /// Keeps an answer that has a name and is whole. That it cannot be kept harms nobody.
    pub(super) fn keep(&self, route: &str, answer: &Answer) {
        let Some(etag) = answer.etag.clone() else {
            return;
        };
        let whole = serde_json::from_str::<serde::de::IgnoredAny>(&answer.body).is_ok();
        if !whole || answer.body.len() > ENTRY_MAX_BYTES {
            return;
        }
        let kept = Kept {
            route: route.to_owned(),
            digest: self.seal(route, &etag, answer.last_page, &answer.body),
            etag,
            last_page: answer.last_page,
            body: answer.body.clone(),
        };
        if let Ok(bytes) = serde_json::to_vec(&kept) {
            drop(self.write(&self.file(route), &bytes));
        }
    }

    fn write(&self, file: &Path, bytes: &[u8]) -> std::io::Result<()> {
        fs::create_dir_all(&self.dir)?;
        // Readable by this user alone, as temporary files are.
        let mut temp = tempfile::NamedTempFile::new_in(&self.dir)?;
        temp.write_all(bytes)?;
        temp.persist(file)?;
        self.trim()
    }

    fn trim(&self) -> std::io::Result<()> {
        let mut files: Vec<(SystemTime, PathBuf)> = fs::read_dir(&self.dir)?
            .filter_map(|entry| {
                let entry = entry.ok()?;
                Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
            })
            .collect();
        files.sort();
        let surplus = files.len().saturating_sub(ENTRIES_MAX);
        for (_, file) in &files[..surplus] {
            fs::remove_file(file)?;
        }
        Ok(())
    }
}

fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::{Cache, ENTRIES_MAX};
    use crate::forge::github::refusal::Answer;

    fn answer(body: &str) -> Answer {
        Answer {
            status: 200,
            body: body.into(),
            etag: Some("W/\"1\"".into()),
            last_page: Some(3),
            ..Answer::default()
        }
    }

    #[test]
    fn an_answer_is_found_by_its_address_and_token_alone() {
        let dir = tempfile::tempdir().unwrap();
        let of = |base: &str, token: &str| Cache::new(dir.path().into(), base, &token.into());
        let cache = of("https://a", "ghp_secret_of_mine");
        cache.keep("/x", &answer("[1]"));
        let kept = cache.find("/x").unwrap();
        assert_eq!((kept.etag.as_str(), kept.body.as_str()), ("W/\"1\"", "[1]"));
        assert_eq!(kept.last_page, Some(3));
        assert_eq!(cache.find("/y"), None);
        assert_eq!(of("https://a", "other").find("/x"), None);
        assert_eq!(of("https://b", "ghp_secret_of_mine").find("/x"), None);
        for file in std::fs::read_dir(dir.path()).unwrap() {
            let file = file.unwrap().path();
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(!text.contains("secret_of_mine") && !format!("{file:?}").contains("secret"));
        }
    }

    #[test]
    fn a_damaged_file_is_as_none_and_is_written_anew() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path().into(), "https://a", &"t".into());
        cache.keep("/x", &answer("{\"a\":1}"));
        let file = std::fs::read_dir(dir.path()).unwrap().next().unwrap();
        let file = file.unwrap().path();
        let whole = std::fs::read_to_string(&file).unwrap();
        for damaged in [
            "",
            "{}",
            "\u{fffd}",
            &whole[..whole.len() / 2],
            &whole.replace(":1}", ":2}"),
        ] {
            std::fs::write(&file, damaged).unwrap();
            assert_eq!(cache.find("/x"), None, "{damaged}");
        }
        cache.keep("/x", &answer("{\"a\":1}"));
        assert!(cache.find("/x").is_some());
    }

    #[test]
    fn an_answer_that_somebody_without_the_token_wrote_is_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path().into(), "https://a", &"t".into());
        cache.keep("/x", &answer("{\"a\":1}"));
        let kept = cache.find("/x").unwrap();
        for forged in [
            (&kept.route, "W/\"1\"", "{\"a\":2}"),
            (&kept.route, "W/\"2\"", "{\"a\":1}"),
        ] {
            let (route, etag, body) = forged;
            for digest in [
                super::digest(&[body]),
                super::digest(&[route, etag, "3", body]),
                kept.digest.clone(),
            ] {
                let forged = super::Kept {
                    route: route.clone(),
                    etag: etag.into(),
                    last_page: Some(3),
                    digest,
                    body: body.into(),
                };
                let bytes = serde_json::to_vec(&forged).unwrap();
                std::fs::write(cache.file("/x"), bytes).unwrap();
                assert_eq!(cache.find("/x"), None);
            }
        }
    }

    #[test]
    fn torn_and_nameless_answers_are_not_kept_and_the_folder_stays_small() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::new(dir.path().join("new"), "https://a", &"t".into());
        cache.keep("/torn", &answer("[1,"));
        let nameless = Answer {
            etag: None,
            ..answer("[]")
        };
        cache.keep("/nameless", &nameless);
        assert_eq!((cache.find("/torn"), cache.find("/nameless")), (None, None));
        for n in 0..ENTRIES_MAX + 9 {
            cache.keep(&format!("/{n}"), &answer("[]"));
        }
        let files = std::fs::read_dir(dir.path().join("new")).unwrap().count();
        assert_eq!(files, ENTRIES_MAX);
        let nowhere = Cache::new("/dev/null/x".into(), "https://a", &"t".into());
        nowhere.keep("/x", &answer("[]"));
        assert_eq!(nowhere.find("/x"), None);
    }
}
