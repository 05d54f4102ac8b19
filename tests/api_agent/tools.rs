//! What the tools do, and what they answer when they cannot.

use fleet::ports::runner::AgentEvent;
use serde_json::json;

use crate::house::{House, KEY, call, done, part};
use crate::models::{Answer, Api, Say};

#[test]
fn every_tool_does_its_work_on_both_wires() {
    for api in [Api::Anthropic, Api::Chat] {
        let house = House::new(
            api,
            vec![
                Answer::Reply(vec![
                    Say::Text("I look around first."),
                    part("c1", "glob", json!({"pattern": "*.txt"})),
                    part("c2", "grep", json!({"pattern": "^t[wh]", "glob": "src/**"})),
                    part("c3", "read", json!({"path": "src/a.txt", "offset": 2})),
                ]),
                call(
                    "c4",
                    "todo",
                    json!({"items": [{"text": "change it", "state": "doing"}, {"text": "check it", "state": "pending"}]}),
                ),
                Answer::Reply(vec![
                    part(
                        "c5",
                        "edit",
                        json!({"path": "src/a.txt", "old": "two", "new": "2"}),
                    ),
                    part(
                        "c6",
                        "write",
                        json!({"path": "docs/new/b.md", "content": "# B\n"}),
                    ),
                ]),
                call(
                    "c7",
                    "bash",
                    json!({"command": "cat src/a.txt docs/new/b.md; echo key=$HOUSE_KEY named=$NAMED; pwd"}),
                ),
                Answer::Reply(vec![
                    part("c8", "finding", json!({"text": "three is misspelt"})),
                    part(
                        "c9",
                        "subtask",
                        json!({"title": "Change three", "paths": ["src/**"]}),
                    ),
                ]),
                done("Changed two to 2."),
            ],
        );
        let seen = house.run();
        seen.completed();
        assert_eq!(house.file("src/a.txt"), "one\n2\nthree\n");
        assert_eq!(house.file("docs/new/b.md"), "# B\n");

        let after = house.asked(1);
        assert!(after.contains("src/a.txt\\n"), "{after}");
        assert!(
            !after.contains("built/b.txt"),
            "what .gitignore names is left out: {after}"
        );
        assert!(
            after.contains("src/a.txt:2:two") && after.contains("src/a.txt:3:three"),
            "{after}"
        );
        assert!(after.contains("     2\\ttwo"), "{after}");
        assert!(!after.contains("     1\\tone"), "{after}");
        assert!(
            house
                .asked(2)
                .contains("noted: 0 of 2 done; now: change it")
        );
        assert!(
            house.asked(3).contains("     2\\t2\\n"),
            "{}",
            house.asked(3)
        );
        let ran = house.asked(4);
        assert!(
            ran.contains("one\\n2\\nthree\\n# B\\nkey= named=named\\n"),
            "{ran}"
        );
        assert!(ran.contains("[exit 0 after"), "{ran}");

        let outbox = seen.outbox();
        assert_eq!(
            outbox[0],
            json!({"kind": "finding", "text": "three is misspelt"})
        );
        assert_eq!(outbox[1]["title"], "Change three");
        assert_eq!(
            seen.outcome.final_message,
            "Changed two to 2.\n\nPlan, 0 of 2 done:\n[>] change it\n[ ] check it\n"
        );
        // Six calls of 100 prompt tokens (40 of them cached) and 30 of answer.
        assert_eq!(seen.outcome.usage.total(), 6 * 130);
        assert_eq!(seen.outcome.usage.cache_read, 6 * 40);
        assert!(seen.said("Finding") && seen.said("Progress") && seen.said("I look around"));
        let calls = |e: &&AgentEvent| matches!(e, AgentEvent::ToolCall { .. });
        let results = |e: &&AgentEvent| matches!(e, AgentEvent::ToolResult { ok: true, .. });
        assert_eq!(seen.events.iter().filter(calls).count(), 10);
        assert_eq!(seen.events.iter().filter(results).count(), 10);
        for file in ["out/journal.jsonl", "out/journal.transcript.json"] {
            let text = std::fs::read_to_string(house.out().join(file)).unwrap();
            assert!(!text.contains(KEY), "the key stands in {file}");
        }
        house.server.finish();
    }
}

/// The answers that the model got to the calls of its first reply.
fn answers(api: Api, says: Vec<Say>) -> (House, String) {
    let house = House::new(api, vec![Answer::Reply(says), done("That is all.")]);
    std::fs::write(
        house.request.workdir.join("src/code.rs"),
        "fn a() {\n    let total = sum(1, 2);\n    let total = sum(1, 2);\n}\n\nfn b() {\n\tlet other = sum(3);\n}\n",
    )
    .unwrap();
    std::fs::write(
        house.request.workdir.join("src/blob.bin"),
        [0x7f, b'E', 0, 1],
    )
    .unwrap();
    house.run().completed();
    let asked = house.asked(1);
    (house, asked)
}

#[test]
fn an_edit_that_fails_says_what_stands_there() {
    let edit = |id, old: &str, new: &str| {
        part(
            id,
            "edit",
            json!({"path": "src/code.rs", "old": old, "new": new}),
        )
    };
    let (house, said) = answers(
        Api::Anthropic,
        vec![
            edit("e1", "let total = sum(1, 2);", "x"),
            edit("e2", "    let other = sum(3);", "x"),
            edit("e3", "let othr = sum(33);", "x"),
            edit("e4", "     7\tlet other", "x"),
            edit("e5", "nothing at all like this, nowhere", "x"),
            edit("e6", "fn a() {", "fn a() {"),
            edit("e7", "", "x"),
            part(
                "e8",
                "edit",
                json!({"path": "code.rs", "old": "a", "new": "b"}),
            ),
            part(
                "e9",
                "edit",
                json!({"path": "src/code.rs", "old": "let total", "new": "let sum", "all": true}),
            ),
        ],
    );
    for part in [
        "`old` stands 2 times in src/code.rs, at lines 2, 3. Add lines around it",
        "lines 7 to 7 differ from it only in white space",
        "     7\\t⇥let other = sum(3);",
        "What comes nearest, as it stands in the file:\\n     7\\t\\tlet other = sum(3);",
        "it holds the line numbers that `read` shows",
        "nor anything like it",
        "`old` and `new` are the same",
        "`old` is empty: `write` makes a new file",
        "there is no file `code.rs`. Files of that name: `src/code.rs`",
        "changed 2 places in src/code.rs",
    ] {
        assert!(said.contains(part), "{part}\nis not in\n{said}");
    }
    assert_eq!(house.file("src/code.rs").matches("let sum").count(), 2);
    house.server.finish();
}

#[test]
fn a_call_that_cannot_be_done_teaches_how() {
    let malformed = Say::Call("m1", "write", r#"{"path": "x", "content": "a"#.to_owned());
    let (house, said) = answers(
        Api::Chat,
        vec![
            malformed,
            part("m2", "search", json!({"q": 1})),
            part("m3", "edit", json!({"path": "src/a.txt"})),
            part(
                "m4",
                "write",
                json!({"path": "src/a.txt", "content": "all new"}),
            ),
            part("m5", "read", json!({"path": "../secret"})),
            part(
                "m6",
                "write",
                json!({"path": ".git/hooks/pre-commit", "content": "x"}),
            ),
            part("m7", "read", json!({"path": "src/blob.bin"})),
            part("m8", "grep", json!({"pattern": "sum("})),
            part(
                "m9",
                "bash",
                json!({"command": "printf 'a line\\n%.0s' $(seq 20000); exit 3"}),
            ),
            part(
                "ma",
                "bash",
                json!({"command": "tail -f /dev/null", "timeout_secs": 1}),
            ),
            part("mb", "read", json!({"path": "src"})),
            part("mc", "read", json!({"path": "src/a.txt", "offset": 9})),
        ],
    );
    for part in [
        "not run: the input of `write` is no JSON object (",
        "`write` takes an object with `path` (text), `content` (text)",
        "there is no tool `search`. The tools are: read, edit, write, glob, grep, bash, todo, task",
        "the input of `edit` is not right: missing field `old`",
        "`src/a.txt` exists and you have not read it",
        "`../secret` is outside of the working directory",
        "lies in .git, which is not yours to write",
        "`src/blob.bin` is not text: 4 bytes that begin with 7f 45 00 01",
        "`sum(` is no regular expression (unclosed group). Set `literal`",
        "bytes left out …]",
        "[exit 3 after",
        "stopped: it ran longer than 1 s",
        "a folder:\\na.txt\\nblob.bin\\ncode.rs",
        "`src/a.txt` has only 3 lines",
    ] {
        assert!(said.contains(part), "{part}\nis not in\n{said}");
    }
    // Five hundred thousand bytes of output are at most 32 KiB of conversation.
    assert!(said.len() < 100_000, "{}", said.len());
    assert_eq!(house.file("src/a.txt"), "one\ntwo\nthree\n");
    house.server.finish();
}

#[test]
fn a_helper_has_a_context_of_its_own_and_its_report_comes_back() {
    for api in [Api::Anthropic, Api::Chat] {
        let house = House::new(
            api,
            vec![
                call(
                    "t1",
                    "task",
                    json!({"title": "find two", "prompt": "Where does two stand?"}),
                ),
                Answer::Reply(vec![
                    part("h1", "grep", json!({"pattern": "two"})),
                    part("h2", "task", json!({"title": "deeper", "prompt": "dig"})),
                ]),
                call(
                    "h3",
                    "done",
                    json!({"summary": "It stands in src/a.txt line 2."}),
                ),
                done("Asked a helper."),
            ],
        );
        let seen = house.run();
        seen.completed();
        let helper = house.asked(1);
        assert!(helper.contains("Where does two stand?"), "{helper}");
        assert!(
            !helper.contains("Change two to 2"),
            "it sees its own prompt only: {helper}"
        );
        assert!(
            house.asked(2).contains("there is no tool `task`"),
            "helpers have no helpers"
        );
        let after = house.asked(3);
        assert!(after.contains("It stands in src/a.txt line 2."), "{after}");
        assert!(
            !after.contains("src/a.txt:2:two"),
            "its work stays with it: {after}"
        );
        assert_eq!(seen.outcome.usage.total(), 4 * 130);
        assert!(seen.said("helper-1/h1") && seen.said("helper 1 begins: find two"));
        house.server.finish();
    }
}

#[test]
fn a_question_ends_the_run_and_lies_in_the_outbox() {
    let house = House::new(
        Api::Anthropic,
        vec![Answer::Reply(vec![
            Say::Text("I cannot decide this."),
            part(
                "q1",
                "escalate",
                json!({"context": "Which two is meant?", "options": ["the first", "all"]}),
            ),
            part("q2", "write", json!({"path": "late.txt", "content": "x"})),
        ])],
    );
    let seen = house.run();
    seen.completed();
    assert_eq!(
        seen.outbox(),
        [
            json!({"kind": "escalate", "context": "Which two is meant?", "options": ["the first", "all"]})
        ]
    );
    assert!(seen.said("Escalation"));
    assert!(!house.request.workdir.join("late.txt").exists());
    house.server.finish();
}

#[test]
fn a_session_in_this_very_repository_reads_edits_checks_and_ends() {
    let house = House::new(
        Api::Anthropic,
        vec![
            Answer::Reply(vec![
                part(
                    "r1",
                    "grep",
                    json!({"pattern": "fn one_line", "glob": "*.rs"}),
                ),
                part("r2", "glob", json!({"pattern": "src/agents/**/*.rs"})),
            ]),
            call(
                "r3",
                "read",
                json!({"path": "src/agents/lines.rs", "offset": 1, "limit": 40}),
            ),
            call(
                "r4",
                "edit",
                json!({
                    "path": "src/agents/lines.rs",
                    "old": "/// The last bytes of a stream.\n",
                    "new": "/// The last bytes of a stream, in a bounded space.\n",
                }),
            ),
            call(
                "r5",
                "bash",
                json!({"command": "grep -c 'bounded space' src/agents/lines.rs && rustfmt --version"}),
            ),
            done("Said how much a tail keeps."),
        ],
    );
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    copy(&here.join("src"), &house.request.workdir.join("src"));
    house.run().completed();
    let found = house.asked(1);
    assert!(found.contains("src/agents/lines.rs:"), "{found}");
    assert!(found.contains("src/agents/api/mod.rs\\n"), "{found}");
    assert!(
        house
            .file("src/agents/lines.rs")
            .contains("in a bounded space")
    );
    house.server.finish();
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
