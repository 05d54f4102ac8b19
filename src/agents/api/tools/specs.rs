//! What the model is told of each tool: name, purpose, and the shape of its input.

use serde_json::{Map, Value, json};

use super::bash::{MOST_SECS, USUAL_SECS};
use super::read::USUAL_LINES;
use crate::ports::model::ToolSpec;

/// Type of a field of an input.
#[derive(Clone, Copy)]
enum Kind {
    Text,
    Number,
    Flag,
    Texts,
    Items,
}

impl Kind {
    fn schema(self, meaning: &str) -> Value {
        let mut schema = match self {
            Self::Text => json!({"type": "string"}),
            Self::Number => json!({"type": "integer", "minimum": 0}),
            Self::Flag => json!({"type": "boolean"}),
            Self::Texts => json!({"type": "array", "items": {"type": "string"}}),
            Self::Items => json!({"type": "array", "items": {
                "type": "object",
                "properties": {
                    "text": {"type": "string"},
                    "state": {"type": "string", "enum": ["pending", "doing", "done"]},
                },
                "required": ["text", "state"],
            }}),
        };
        schema["description"] = meaning.into();
        schema
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Flag => "true or false",
            Self::Texts => "list of texts",
            Self::Items => "list of {text, state: pending | doing | done}",
        }
    }
}

/// A field: name, type, required, meaning.
type Field = (&'static str, Kind, bool, &'static str);

struct Tool {
    name: &'static str,
    about: &'static str,
    fields: &'static [Field],
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "read",
        about: "Show a text file with line numbers (number, tab, line). Read a file before you change \
                it. Long files come in parts: use offset and limit. A folder is listed.",
        fields: &[
            (
                "path",
                Kind::Text,
                true,
                "File, relative to the working directory",
            ),
            ("offset", Kind::Number, false, "First line, from 1"),
            ("limit", Kind::Number, false, "Most lines"),
        ],
    },
    Tool {
        name: "edit",
        about: "Replace one exact piece of a file. `old` must stand in the file character by character \
                (indentation included, line numbers not) and only once: take whole lines, with as many \
                around them as make the place unique. The answer shows the changed lines.",
        fields: &[
            (
                "path",
                Kind::Text,
                true,
                "File, relative to the working directory",
            ),
            ("old", Kind::Text, true, "The exact text that is there now"),
            ("new", Kind::Text, true, "The text to put in its place"),
            (
                "all",
                Kind::Flag,
                false,
                "Replace every place where `old` stands",
            ),
        ],
    },
    Tool {
        name: "write",
        about: "Write a whole file: a new one (folders are made), or one that you have read and want to \
                replace entirely. For changes in a file use edit.",
        fields: &[
            (
                "path",
                Kind::Text,
                true,
                "File, relative to the working directory",
            ),
            (
                "content",
                Kind::Text,
                true,
                "Everything that the file shall hold",
            ),
        ],
    },
    Tool {
        name: "glob",
        about: "Find files by name, such as `*.rs`, `src/**/mod.rs`. A pattern without a slash matches \
                at any depth. What .gitignore names is left out.",
        fields: &[
            (
                "pattern",
                Kind::Text,
                true,
                "Glob; `*` stays in one folder, `**` does not",
            ),
            ("path", Kind::Text, false, "Folder to look in"),
        ],
    },
    Tool {
        name: "grep",
        about: "Find lines by a regular expression (Rust syntax, line by line). Gives path:line:text. \
                What .gitignore names is left out. Prefer it to grep in bash.",
        fields: &[
            ("pattern", Kind::Text, true, "Regular expression"),
            ("path", Kind::Text, false, "File or folder to look in"),
            (
                "glob",
                Kind::Text,
                false,
                "Only files that match, such as `*.rs`",
            ),
            (
                "literal",
                Kind::Flag,
                false,
                "Take the pattern as plain text",
            ),
            (
                "ignore_case",
                Kind::Flag,
                false,
                "Letters match in either case",
            ),
            (
                "context",
                Kind::Number,
                false,
                "Lines to show around each match",
            ),
            (
                "files_only",
                Kind::Flag,
                false,
                "Only names of files, with the number of matches",
            ),
        ],
    },
    Tool {
        name: "bash",
        about: "Run a command line in the working directory: builds, tests, git log and diff. Each call \
                is a new shell without input; whatever it leaves running is ended with it. Long output \
                loses its middle: filter it (`| tail`, `| grep`).",
        fields: &[
            ("command", Kind::Text, true, "The command line"),
            ("timeout_secs", Kind::Number, false, "Seconds it may take"),
        ],
    },
    Tool {
        name: "todo",
        about: "State your plan, whole, whenever it changes: for work of three steps or more, at the \
                start, and as steps are done. One item is `doing` at a time. Humans see it.",
        fields: &[("items", Kind::Items, true, "All steps, in order")],
    },
    Tool {
        name: "task",
        about: "Give a self-contained piece to a helper with an empty context (it sees only your \
                prompt and the working directory) and get its report: for searches and inquiries that \
                would fill your context, or a separate change. It does not see this conversation.",
        fields: &[
            ("title", Kind::Text, true, "A few words"),
            (
                "prompt",
                Kind::Text,
                true,
                "What to do, what to know, what to report",
            ),
        ],
    },
    Tool {
        name: "finding",
        about: "Tell the humans of a defect you noticed that is not part of your task. Do not fix it.",
        fields: &[(
            "text",
            Kind::Text,
            true,
            "What is wrong, where, and how you know",
        )],
    },
    Tool {
        name: "subtask",
        about: "Propose a task for work that is needed but does not belong into yours.",
        fields: &[
            ("title", Kind::Text, true, "One line"),
            (
                "body",
                Kind::Text,
                false,
                "Everything that whoever does it must know",
            ),
            (
                "type",
                Kind::Text,
                false,
                "implementation, bug, testing, documentation, review …",
            ),
            ("paths", Kind::Texts, false, "Globs of the files it touches"),
            (
                "acceptance",
                Kind::Texts,
                false,
                "Points that must hold when it is done",
            ),
        ],
    },
    Tool {
        name: "escalate",
        about: "Ask a human and stop. Only when you cannot go on: a decision that is not yours, a \
                contradiction, something missing that you cannot make. Your changes are not kept; you \
                are started anew with the answer.",
        fields: &[
            (
                "context",
                Kind::Text,
                true,
                "The question, what you found, and why it matters",
            ),
            (
                "options",
                Kind::Texts,
                false,
                "Answers to choose from, the best first",
            ),
        ],
    },
    Tool {
        name: "done",
        about: "End your work. Call it once, alone, when everything is finished and checked, or when you \
                can get no further.",
        fields: &[(
            "summary",
            Kind::Text,
            true,
            "What you changed and why, what you ran to check it and how that went, what is left. \
             It is read by the reviewer",
        )],
    },
];

/// The tools of a conversation: a helper has no helpers and does not speak to humans for itself.
pub(crate) fn specs(helper: bool) -> Vec<ToolSpec> {
    TOOLS
        .iter()
        .filter(|tool| !(helper && matches!(tool.name, "task" | "subtask" | "escalate" | "todo")))
        .map(|tool| ToolSpec {
            name: tool.name.to_owned(),
            description: describe(tool),
            input_schema: schema(tool),
        })
        .collect()
}

/// Names of the tools, for a model that called another.
pub(crate) fn names(helper: bool) -> String {
    let names: Vec<String> = specs(helper).into_iter().map(|spec| spec.name).collect();
    names.join(", ")
}

fn describe(tool: &Tool) -> String {
    match tool.name {
        "bash" => format!(
            "{} A command has {USUAL_SECS} s, or what you name, at most {MOST_SECS}.",
            tool.about
        ),
        "read" => format!("{} At most {USUAL_LINES} lines at once.", tool.about),
        _ => tool.about.to_owned(),
    }
}

fn schema(tool: &Tool) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, kind, needed, meaning) in tool.fields {
        properties.insert((*name).to_owned(), kind.schema(meaning));
        if *needed {
            required.push(*name);
        }
    }
    json!({"type": "object", "properties": properties, "required": required})
}

/// How the input of a tool looks, in one sentence.
pub(crate) fn usage(name: &str) -> String {
    let Some(tool) = TOOLS.iter().find(|tool| tool.name == name) else {
        return String::new();
    };
    let fields: Vec<String> = tool
        .fields
        .iter()
        .map(|(name, kind, needed, _)| {
            let optional = if *needed { "" } else { ", optional" };
            format!("`{name}` ({}{optional})", kind.word())
        })
        .collect();
    format!("`{name}` takes an object with {}", fields.join(", "))
}
