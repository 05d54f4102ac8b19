//! The files of `examples/` are what they claim to be, and the documentation points nowhere wrong:
//! links, operations, commands, configurations and tests that it names exist.

use std::fs;
use std::path::{Path, PathBuf};

use fleet::app::tracker::graph;
use fleet::config::{self, CONFIG_PATH, CommitFiles, Env, Origin};
use fleet::domain::record::Op;
use fleet::store::{decode_line, encode_record};

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files of a folder of the package with this ending, sorted.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(package().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == ending))
        .collect();
    found.sort();
    found
}

#[test]
fn every_example_of_a_configuration_is_good() {
    let configs = files("examples/configs", "toml");
    assert!(configs.len() >= 3, "{configs:?}");
    for path in configs {
        let files = CommitFiles::from([(CONFIG_PATH.to_owned(), fs::read(&path).unwrap())]);
        let settings = config::load(None, &files, &Env::default())
            .unwrap_or_else(|errors| panic!("{}: {errors}", path.display()));
        assert_eq!(settings.origin, Origin::Commit, "{}", path.display());
        assert_eq!(settings.notes, Vec::<String>::new(), "{}", path.display());
        assert!(!settings.policy.agents.is_empty(), "{}", path.display());
        assert!(!settings.policy.verify.is_empty(), "{}", path.display());
    }
}

#[test]
fn the_example_of_a_plan_reads_and_its_edges_lead_to_its_tasks() {
    let text = fs::read_to_string(package().join("examples/plan.json")).unwrap();
    graph::parse(&text).unwrap();
    let plan: serde_json::Value = serde_json::from_str(&text).unwrap();
    let tasks = plan["tasks"].as_array().unwrap();
    let ids: Vec<_> = tasks.iter().map(|t| t["id"].as_str().unwrap()).collect();
    for task in tasks {
        for dep in task["deps"].as_array().into_iter().flatten() {
            let dep = dep.as_str().unwrap();
            let on = dep.rsplit(':').next().unwrap();
            assert!(ids.contains(&on), "{dep}");
        }
    }
}

#[test]
fn the_example_of_a_cron_job_is_one_line_that_ticks() {
    let text = fs::read_to_string(package().join("examples/cron/fleet-tick")).unwrap();
    let lines: Vec<_> = text.lines().filter(|l| !l.starts_with('#')).collect();
    let [line] = lines[..] else {
        panic!("{lines:?}")
    };
    // Minute, hour, day, month, weekday, command; cron takes `%` for a line end.
    assert!(line.split_whitespace().count() > 5, "{line}");
    assert!(line.contains("fleet tick") && !line.contains('%'), "{line}");
}

#[test]
fn every_job_of_the_cluster_example_may_write_its_volume_as_any_user() {
    let jobs = files("examples/kubernetes", "yaml");
    let jobs: Vec<_> = jobs
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(path).unwrap()))
        .filter(|(_, text)| text.contains("persistentVolumeClaim: {"))
        .collect();
    assert_eq!(jobs.len(), 3);
    for (path, text) in jobs {
        // Of the pod, which stands above its containers: one container cannot say it.
        let (pod, _) = text.split_once("      containers:\n").unwrap();
        let (_, context) = pod.split_once("      securityContext:\n").unwrap();
        assert!(
            context.contains("        fsGroup: 1000\n"),
            "{}",
            path.display()
        );
    }
}

#[test]
fn every_relative_link_of_the_documentation_leads_to_a_file() {
    let mut pages = vec![package().join("README.md")];
    for folder in ["docs", "docs/decisions", "examples", "examples/agents"] {
        pages.extend(files(folder, "md"));
    }
    let mut broken = Vec::new();
    for page in &pages {
        let text = fs::read_to_string(page).unwrap();
        for target in links(&text) {
            let file = target.split('#').next().unwrap();
            let there = page.parent().unwrap().join(file).exists();
            if !there {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

/// Targets of inline links outside of code blocks that are no URLs and no anchors of the same page.
fn links(text: &str) -> Vec<&str> {
    let mut code = false;
    let prose = text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !fence && !code
    });
    prose
        .flat_map(|line| line.split("](").skip(1))
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://") && !target.starts_with('#'))
        .collect()
}

#[test]
fn links_are_found_outside_of_code_only() {
    let text = "[a](b.md) [c](d.md#e) [x](https://e.example)\n```\n[no](no.md)\n```\n[f](#g)";
    assert_eq!(links(text), ["b.md", "d.md#e"]);
}

fn page(path: &str) -> String {
    fs::read_to_string(package().join(path)).unwrap()
}

/// Contents of the fenced blocks of this language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    text.split(&format!("```{language}\n"))
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect()
}

#[test]
fn the_configurations_shown_in_the_documentation_are_good() {
    for path in ["README.md", "docs/github.md"] {
        let text = page(path);
        let shown = blocks(&text, "toml");
        assert!(!shown.is_empty(), "{path}");
        for block in shown {
            let files = CommitFiles::from([(CONFIG_PATH.to_owned(), block.as_bytes().to_vec())]);
            if let Err(errors) = config::load(None, &files, &Env::default()) {
                panic!("{path}: {errors}");
            }
        }
    }
}

#[test]
fn the_page_on_formats_has_every_operation_and_its_records_read() {
    let text = page("docs/formats.md");
    for name in Op::NAMES {
        assert!(text.contains(&format!("`{name}`")), "{name}");
    }
    let records: Vec<_> = blocks(&text, "json")
        .into_iter()
        .flat_map(str::lines)
        .filter(|line| line.starts_with("{\"v\":"))
        .collect();
    assert!(records.len() >= 5, "{records:?}");
    for line in records {
        let record = decode_line(line).unwrap();
        assert_eq!(encode_record(&record).unwrap(), line);
    }
}

#[test]
fn the_page_on_commands_has_every_command() {
    let text = page("docs/cli.md");
    for path in files("src/cli/commands", "rs") {
        let name = path.file_stem().unwrap().to_str().unwrap();
        // `complete` is for the scripts that `completions` prints.
        if !matches!(name, "mod" | "fields" | "complete") {
            assert!(text.contains(&format!("`fleet {name}")), "{name}");
        }
    }
}

#[test]
fn the_tests_that_the_page_on_security_names_exist() {
    let mut code = String::new();
    let mut folders = vec![package().join("src"), package().join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                code.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let text = page("docs/security.md");
    let named: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("| R"))
        .filter_map(|line| line.split('|').nth(4))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    assert!(named.len() >= 10, "{named:?}");
    for name in named {
        assert!(code.contains(&format!("fn {name}(")), "{name}");
    }
}

/// All files below a folder, sorted.
fn below(folder: &str) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![package().join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Calls of fleet in a text: the words behind `fleet` that can be commands, and the flags.
fn calls(text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for part in text.split("fleet ").skip(1) {
        let end = part.find(['`', '\n', ',', ';', ')']).unwrap_or(part.len());
        let words: Vec<String> = part[..end]
            .split_whitespace()
            .map(|word| word.trim_matches(['"', '*', ':', '.']).to_owned())
            .collect();
        let is_command = |word: &String| word.chars().all(|c| c.is_ascii_lowercase());
        if words.first().is_some_and(is_command) && text.contains(&format!("`fleet {}", words[0])) {
            found.push(words);
        }
    }
    found
}

#[test]
fn what_the_examples_for_agents_tell_to_run_can_be_run() {
    use clap::CommandFactory as _;

    let mut tree = fleet::cli::tree::Cli::command();
    tree.build();
    let mut pages = below("examples/agents");
    pages.extend(
        below("docs")
            .into_iter()
            .filter(|page| page.ends_with("for-agents.md")),
    );
    let mut seen = 0;
    for path in &pages {
        let text = fs::read_to_string(path).unwrap();
        for words in calls(&text) {
            let told = format!("{}: fleet {}", path.display(), words.join(" "));
            let Some(mut command) = tree.find_subcommand(&words[0]) else {
                panic!("{told}");
            };
            if let Some(below) = words.get(1).and_then(|word| command.find_subcommand(word)) {
                command = below;
            }
            for flag in words.iter().filter(|word| word.starts_with('-')) {
                let known = command.get_arguments().any(|arg| {
                    let long = arg.get_long_and_visible_aliases().unwrap_or_default();
                    long.iter().any(|long| *flag == format!("--{long}"))
                        || arg
                            .get_short()
                            .is_some_and(|short| *flag == format!("-{short}"))
                });
                assert!(known, "{told}: {flag}");
            }
            seen += 1;
        }
    }
    assert!(
        pages.len() >= 12 && seen >= 30,
        "{} files, {seen} calls",
        pages.len()
    );
}

#[test]
fn the_settings_for_agent_programs_are_what_they_read() {
    for path in below("examples/agents") {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.display();
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("json") => {
                let value: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert!(text.contains("fleet"), "{name}: {value}");
            }
            Some("toml") => {
                let value: toml::Table = text.parse().unwrap();
                assert!(!value.is_empty(), "{name}");
            }
            Some("md") if path.file_name().is_some_and(|file| file == "SKILL.md") => {
                let head = text
                    .strip_prefix("---\n")
                    .and_then(|rest| rest.split_once("\n---\n"));
                let (head, body) = head.unwrap_or_else(|| panic!("{name} has no head"));
                assert!(
                    head.contains("name: fleet\n") && head.contains("description: "),
                    "{name}"
                );
                // A skill's description is in every session's context.
                assert!(head.len() < 600 && body.len() < 4000, "{name}");
            }
            _ => {}
        }
    }
}
