use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use super::{FileVault, IdentitySource, RECIPIENTS_PATH, SECRETS_DIR};
use crate::domain::time::{DurationMs, Timestamp};
use crate::ports::clock::Clock;
use crate::ports::vault::{Vault as _, VaultError};

struct At(u64);

impl Clock for At {
    fn now(&self) -> Timestamp {
        Timestamp(self.0)
    }
    fn pause(&self, _: DurationMs) {}
}

/// A work tree, and the configuration folders of two people.
struct Bench(tempfile::TempDir);

/// 2026-11-21T14:00:00Z.
const NOON: u64 = 1_795_269_600_000;

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("repo")).unwrap();
        Self(dir)
    }

    fn top(&self) -> PathBuf {
        self.0.path().join("repo")
    }

    fn source(&self, who: &str) -> IdentitySource {
        IdentitySource {
            value: None,
            file: Some(self.0.path().join(who).join("fleet/identity.txt")),
        }
    }

    fn vault(&self, who: &str, at: u64) -> FileVault {
        FileVault::new(&self.top(), self.source(who), Arc::new(At(at)))
    }

    fn values(&self, who: &str, name: &str) -> Vec<String> {
        let opened = self.vault(who, NOON).open_all().unwrap();
        let values = opened.values.get(name).into_iter().flatten();
        values.map(|v| v.expose_secret().to_owned()).collect()
    }

    fn files(&self) -> Vec<String> {
        fn walk(at: &Path, top: &Path, into: &mut Vec<String>) {
            for entry in std::fs::read_dir(at).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    walk(&path, top, into);
                } else {
                    into.push(path.strip_prefix(top).unwrap().display().to_string());
                }
            }
        }
        let mut all = Vec::new();
        walk(&self.top(), &self.top(), &mut all);
        all.sort();
        all
    }
}

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

#[test]
fn a_key_is_stored_encrypted_and_opened_by_the_identity() {
    let bench = Bench::new();
    let vault = bench.vault("ada", NOON);
    let joined = vault.join("ada").unwrap();
    assert!(joined.admitted && joined.recipient.starts_with("age1"));
    assert!(joined.made.is_some());
    vault.put("API_KEY", &secret("sk-hunter2-hunter2")).unwrap();
    assert_eq!(bench.values("ada", "API_KEY"), ["sk-hunter2-hunter2"]);
    insta::assert_snapshot!(bench.files().join("\n"), @r"
    .orchestra/secrets/API_KEY/20261121T140000Z.age
    .orchestra/secrets/recipients.txt
    ");
    for file in bench.files() {
        let text = std::fs::read_to_string(bench.top().join(file)).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
    }
    assert!(vault.join("ada").unwrap().made.is_none(), "it has one");
}

#[test]
fn a_key_is_changed_without_a_pause_and_the_newer_is_tried_first() {
    let bench = Bench::new();
    bench.vault("ada", NOON).join("ada").unwrap();
    for (n, value) in ["first-key", "second-key", "third-key"].iter().enumerate() {
        let at = NOON + 60_000 * n as u64;
        bench.vault("ada", at).put("K", &secret(value)).unwrap();
    }
    assert_eq!(bench.values("ada", "K"), ["third-key", "second-key"]);
    let gone = bench.vault("ada", NOON).retire("K").unwrap();
    assert_eq!(gone, [".orchestra/secrets/K/20261121T140100Z.age"]);
    assert_eq!(bench.values("ada", "K"), ["third-key"]);
    bench.vault("ada", NOON).remove("K").unwrap();
    assert_eq!(bench.files(), [RECIPIENTS_PATH]);
}

#[test]
fn two_values_of_one_second_and_a_clock_that_went_back_keep_their_order() {
    let bench = Bench::new();
    bench.vault("ada", NOON).join("ada").unwrap();
    bench
        .vault("ada", NOON + 5)
        .put("K", &secret("older-key"))
        .unwrap();
    bench
        .vault("ada", NOON + 5)
        .put("K", &secret("newer-key"))
        .unwrap();
    assert_eq!(bench.values("ada", "K"), ["newer-key", "older-key"]);
    bench
        .vault("ada", 0)
        .put("K", &secret("newest-key"))
        .unwrap();
    assert_eq!(bench.values("ada", "K"), ["newest-key", "newer-key"]);
}

#[test]
fn a_colleague_reads_after_it_was_shared_and_not_after_it_was_taken_back() {
    let bench = Bench::new();
    let ada = bench.vault("ada", NOON);
    ada.join("ada").unwrap();
    ada.put("K", &secret("the-common-key")).unwrap();
    let eve = bench.vault("eve", NOON);
    let joined = eve.join("eve").unwrap();
    assert!(!joined.admitted, "somebody who can has to share");
    assert_eq!(eve.open_all().unwrap().values.len(), 0);
    assert_eq!(eve.open_all().unwrap().troubles.len(), 1);
    assert_eq!(eve.stored().unwrap()[0].versions[0].opens, Some(false));
    // Writing needs no right to read.
    eve.put("OTHER", &secret("from-eve-blindly")).unwrap();
    assert_eq!(bench.values("ada", "OTHER"), ["from-eve-blindly"]);

    assert_eq!(ada.share(&joined.recipient, "eve").unwrap(), 2);
    assert_eq!(
        ada.share(&joined.recipient, "eve").unwrap(),
        2,
        "safe to repeat"
    );
    assert_eq!(bench.values("eve", "K"), ["the-common-key"]);
    let parties = eve.parties().unwrap();
    let seen: Vec<_> = parties.iter().map(|p| (p.label.as_str(), p.here)).collect();
    assert_eq!(seen, [("ada", false), ("eve", true)]);

    assert_eq!(ada.unshare("eve").unwrap(), 2);
    assert!(bench.values("eve", "K").is_empty());
    assert_eq!(bench.values("ada", "K"), ["the-common-key"]);
    let refused = ada.unshare("ada").unwrap_err();
    insta::assert_snapshot!(refused, @"ada is the only one who can open the secrets");
}

#[test]
fn an_identity_that_opens_only_a_part_changes_nothing() {
    let bench = Bench::new();
    let ada = bench.vault("ada", NOON);
    ada.join("ada").unwrap();
    ada.put("K", &secret("the-common-key")).unwrap();
    let eve = bench.vault("eve", NOON).join("eve").unwrap().recipient;
    let before = std::fs::read(bench.top().join(RECIPIENTS_PATH)).unwrap();
    let refused = bench.vault("eve", NOON).share(&eve, "eve").unwrap_err();
    assert!(
        matches!(refused, VaultError::File { doing: "open", .. }),
        "{refused}"
    );
    assert_eq!(
        std::fs::read(bench.top().join(RECIPIENTS_PATH)).unwrap(),
        before
    );
    assert_eq!(bench.values("ada", "K"), ["the-common-key"]);
}

#[test]
fn the_identity_may_come_from_the_environment() {
    let bench = Bench::new();
    let ada = bench.vault("ada", NOON);
    ada.join("ada").unwrap();
    ada.put("K", &secret("the-common-key")).unwrap();
    let file = bench.source("ada").file.unwrap();
    let value = Some(SecretString::from(std::fs::read_to_string(file).unwrap()));
    let source = IdentitySource { value, file: None };
    let ci = FileVault::new(&bench.top(), source, Arc::new(At(NOON)));
    assert_eq!(ci.open_all().unwrap().values.len(), 1);
    let source = IdentitySource {
        value: Some(secret("AGE-SECRET-KEY-1HUNTER2")),
        file: None,
    };
    let ci = FileVault::new(&bench.top(), source, Arc::new(At(NOON)));
    let refused = ci.open_all().unwrap_err().to_string();
    insta::assert_snapshot!(refused, @"the identity FLEET_IDENTITY cannot be used: it holds no line of the form AGE-SECRET-KEY-1…");
}

#[test]
fn what_is_unsafe_is_refused_with_its_reason_and_no_value() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    let ada = bench.vault("ada", NOON);
    let none = ada
        .put("K", &secret("hunter2-hunter2"))
        .unwrap_err()
        .to_string();
    insta::assert_snapshot!(none, @"nobody could open the secret: .orchestra/secrets/recipients.txt names no public key");
    ada.join("ada").unwrap();
    for name in ["", "lower", "1K", "A-B", "../X", "A/B", &"A".repeat(65)] {
        assert!(ada.put(name, &secret("hunter2-hunter2")).is_err(), "{name}");
    }
    for value in ["", " \n", "a\0b", &"x".repeat(70_000)] {
        let refused = ada.put("K", &secret(value)).unwrap_err().to_string();
        assert!(refused.starts_with("the value of K "), "{refused}");
    }
    ada.put("K", &secret("hunter2-hunter2")).unwrap();
    let identity = bench.source("ada").file.unwrap();
    std::fs::set_permissions(&identity, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = ada.open_all().unwrap_err().to_string();
    assert!(
        open.ends_with("others may read it; give it mode 600"),
        "{open}"
    );
}

#[test]
fn a_link_in_the_folder_of_secrets_is_not_followed() {
    let bench = Bench::new();
    let ada = bench.vault("ada", NOON);
    ada.join("ada").unwrap();
    ada.put("K", &secret("hunter2-hunter2")).unwrap();
    let outside = bench.0.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    let folder = bench.top().join(SECRETS_DIR);
    std::os::unix::fs::symlink(&outside, folder.join("L")).unwrap();
    let refused = ada
        .put("L", &secret("hunter2-hunter2"))
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("is a link, which is not followed"),
        "{refused}"
    );
    assert_eq!(std::fs::read_dir(outside).unwrap().count(), 0);
    assert_eq!(
        bench.values("ada", "K").len(),
        1,
        "the others are still read"
    );
}

#[test]
fn damaged_files_are_named_and_the_rest_is_read() {
    let bench = Bench::new();
    let ada = bench.vault("ada", NOON);
    ada.join("ada").unwrap();
    ada.put("A", &secret("value-of-a")).unwrap();
    ada.put("B", &secret("value-of-b")).unwrap();
    let file = bench.top().join(SECRETS_DIR).join("A/20261121T140000Z.age");
    std::fs::write(file, "-----BEGIN AGE ENCRYPTED FILE-----\nnonsense\n").unwrap();
    let opened = ada.open_all().unwrap();
    assert_eq!(opened.values.keys().collect::<Vec<_>>(), ["B"]);
    assert!(opened.troubles[0].starts_with("failed to open .orchestra/secrets/A/"));
    std::fs::write(
        bench.top().join(RECIPIENTS_PATH),
        "# us\nage1nonsense # eve\n",
    )
    .unwrap();
    let refused = ada.parties().unwrap_err().to_string();
    assert!(refused.contains("recipients.txt:2"), "{refused}");
}

#[test]
fn a_key_in_the_wrong_place_is_not_repeated() {
    let bench = Bench::new();
    let ada = bench.vault("ada", NOON);
    ada.join("ada").unwrap();
    let private = "AGE-SECRET-KEY-1QQPQXZ0HUNTER2HUNTER2HUNTER2HUNTER2HUNTER2HUNTER2HUNT";
    let keys = [
        private,
        &private.to_lowercase(),
        "sk-ant-api03-hunter2-hunter2-hunter2",
        "ghp_0hunter2hunter2hunter2hunter2hunter2",
        "0hunter2hunter2hunter2hunter2",
        "-----BEGIN PRIVATE KEY-----hunter2",
    ];
    for key in keys {
        let refused = [
            ada.share(key, "eve").map(drop),
            ada.unshare(key).map(drop),
            ada.put(key, &secret("some-value")).map(drop),
            ada.remove(key).map(drop),
            ada.retire(key).map(drop),
        ];
        for one in refused {
            let said = one.unwrap_err().to_string();
            assert!(!said.to_lowercase().contains("hunter2"), "{said}");
        }
    }
    std::fs::write(bench.top().join(RECIPIENTS_PATH), private).unwrap();
    let read = ada.parties().unwrap_err().to_string();
    assert!(read.contains("recipients.txt:1"), "{read}");
    assert!(!read.contains("HUNTER2"), "{read}");
    let plain = ada.put("my_key", &secret("x-value")).unwrap_err();
    assert!(
        plain.to_string().starts_with("`my_key` is no name"),
        "{plain}"
    );
}

#[test]
fn a_secret_with_very_many_values_is_removed_whole() {
    let bench = Bench::new();
    let ada = bench.vault("ada", NOON);
    ada.join("ada").unwrap();
    ada.put("K", &secret("a-long-value")).unwrap();
    let folder = bench.top().join(".orchestra/secrets/K");
    for n in 0..70 {
        let name = format!("20200101T00{:02}{:02}Z.age", n / 60, n % 60);
        std::fs::write(folder.join(name), "no secret").unwrap();
    }
    assert_eq!(ada.stored().unwrap()[0].versions.len(), 71);
    assert_eq!(ada.remove("K").unwrap().len(), 71);
    assert!(ada.stored().unwrap().is_empty());
}
