//! Templates of tasks: a sheet (`NAME.md`) for one, or TOML (`NAME.toml`) with variables for one or
//! several with their edges. They lie on the code branch, where people review them.

use std::collections::BTreeMap;

use crate::app::tracker::editing::filled;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::graph::{self, Entry};
use crate::app::tracker::request::NewTask;
use crate::app::tracker::sheet::{self, Sheet};
use crate::ports::site::{ConfigTrouble, Site};
use crate::ports::template::{Said, Template, TemplateTask};

/// Folder of templates in the work tree.
pub const TEMPLATES: &str = ".orchestra/templates";

/// A template, read.
#[derive(Debug, Clone)]
pub enum Form {
    /// A sheet.
    Sheet(Box<Sheet>),
    /// TOML, with its path.
    Toml(String, Template),
}

/// What a template comes to.
#[derive(Debug, Clone)]
pub enum Ready {
    /// One task, to which flags may add.
    One(Box<NewTask>),
    /// Several, as they are.
    Several(Vec<Entry>),
}

/// The template `name`, which lies in [`TEMPLATES`].
///
/// # Errors
/// No such template, two of that name, or one that cannot be read, with the place.
pub fn read(site: &dyn Site, name: &str) -> Result<Form, TrackerError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let named = !name.is_empty() && name.bytes().all(plain);
    let text = |ending: &str| -> Result<Option<(String, String)>, TrackerError> {
        let path = format!("{TEMPLATES}/{name}.{ending}");
        let text = site.read(&path).map_err(|cause| TrackerError::NotThere {
            what: format!("failed to read the template {path}: {cause}"),
            hint: String::new(),
        })?;
        Ok(text.filter(|_| named).map(|text| (path, text)))
    };
    let none = || TrackerError::NotThere {
        what: format!("there is no template `{}`", name.escape_debug()),
        hint: format!(
            "a template is a file {TEMPLATES}/NAME.toml or NAME.md; `fleet add --help` shows them"
        ),
    };
    if !named {
        return Err(none());
    }
    match (text("md")?, text("toml")?) {
        (None, None) => Err(none()),
        (Some((one, _)), Some((other, _))) => Err(invalid(
            format!("there are two templates `{name}`: {one} and {other}"),
            "give one of them another name",
        )),
        (Some((path, text)), None) => sheet::read(&text)
            .map(|sheet| Form::Sheet(Box::new(sheet)))
            .map_err(|error| match error {
                TrackerError::Invalid { what, hint } => TrackerError::Invalid {
                    what: format!("{path}: {what}"),
                    hint,
                },
                other => other,
            }),
        (None, Some((path, text))) => {
            let read = site.task_template(&path, &text);
            let template = read.map_err(|troubles| unreadable(&troubles))?;
            Ok(Form::Toml(path, template))
        }
    }
}

fn unreadable(troubles: &[ConfigTrouble]) -> TrackerError {
    let told: Vec<_> = troubles
        .iter()
        .map(|trouble| format!("{}: {}", trouble.place, trouble.what))
        .collect();
    invalid(
        format!("failed to read the template: {}", told.join("; ")),
        "`fleet add --help` shows what a template looks like",
    )
}

fn invalid(what: String, hint: impl Into<String>) -> TrackerError {
    TrackerError::Invalid {
        what,
        hint: hint.into(),
    }
}

/// The tasks of a template, with `given` values of its variables, each as name and value. What `own`
/// says stands above the values of a single task; labels, paths and acceptance points are those of both.
///
/// # Errors
/// A variable that is missing or unknown, a value that cannot be, each with its place; or flags beside
/// a template of several tasks.
pub fn fill(form: Form, given: &[(String, String)], own: NewTask) -> Result<Ready, TrackerError> {
    let (path, template) = match form {
        Form::Toml(path, template) => (path, template),
        Form::Sheet(sheet) => {
            if let Some((name, _)) = given.first() {
                let what = format!("the template has no variable `{}`", name.escape_debug());
                return Err(invalid(what, "templates in TOML have variables"));
            }
            let edits = filled(*sheet, own.edits);
            return Ok(Ready::One(Box::new(NewTask { edits, ..own })));
        }
    };
    let filling = Filling {
        path: &path,
        values: values(&path, &template, given)?,
    };
    if template.listed {
        if own != NewTask::default() {
            let count = template.tasks.len();
            let what = format!("{path} describes {count} tasks, to which flags of one do not fit");
            return Err(invalid(what, "say what differs by --var NAME=VALUE"));
        }
        let tasks = template.tasks.iter().map(|task| filling.entry(task));
        let entries = tasks.collect::<Result<Vec<_>, _>>()?;
        return Ok(Ready::Several(entries));
    }
    let task = template.tasks.first().cloned().unwrap_or_default();
    let (sheet, entry) = filling.sheet(&task)?;
    let mut new = NewTask {
        edits: filled(sheet, own.edits.clone()),
        key: own.key.clone().or_else(|| entry.key.clone()),
        ..own
    };
    let edges = graph::existing(&entry)?;
    for (place, edge) in edges {
        let is_parent = place.ends_with(graph::PARENT);
        if !is_parent {
            new.deps.push(edge);
        } else if new.parent.is_none() {
            new.parent = Some(edge.on);
        }
    }
    Ok(Ready::One(Box::new(new)))
}

/// Every variable with its value.
fn values(
    path: &str,
    template: &Template,
    given: &[(String, String)],
) -> Result<BTreeMap<String, String>, TrackerError> {
    let names = || {
        let all: Vec<&str> = template.variables.iter().map(|v| v.name.as_str()).collect();
        match all.as_slice() {
            [] => "it has none".to_owned(),
            all => format!("it has {}", all.join(", ")),
        }
    };
    let mut values = BTreeMap::new();
    for (name, value) in given {
        if !template.variables.iter().any(|v| v.name == *name) {
            let what = format!("{path} has no variable `{}`", name.escape_debug());
            return Err(invalid(what, names()));
        }
        if values.insert(name.clone(), value.clone()).is_some() {
            let what = format!("the variable `{name}` is given twice");
            return Err(invalid(what, "one --var for each"));
        }
    }
    for variable in &template.variables {
        let name = &variable.name;
        match (&variable.default, values.contains_key(name)) {
            (_, true) => {}
            (Some(default), false) => {
                values.insert(name.clone(), default.clone());
            }
            (None, false) => {
                let about = variable.about.as_ref();
                let about = about.map_or_else(String::new, |about| format!(" ({about})"));
                let what = format!("{path} needs a value of `{name}`{about}");
                return Err(invalid(what, format!("add `--var {name}=VALUE`")));
            }
        }
    }
    Ok(values)
}

struct Filling<'a> {
    path: &'a str,
    values: BTreeMap<String, String>,
}

impl Filling<'_> {
    fn located(&self, said: &Said, what: impl std::fmt::Display) -> TrackerError {
        invalid(
            format!("{}:{}: {what}", self.path, said.at),
            "`fleet add --help` shows what a template looks like",
        )
    }

    /// The text with `{{name}}` filled in, once: a value is never looked into. Other braces stay.
    fn text(&self, said: &Said) -> Result<String, TrackerError> {
        let mut out = String::new();
        let mut rest = said.text.as_str();
        while let Some(at) = rest.find("{{") {
            let (before, inside) = rest.split_at(at);
            out.push_str(before);
            let inner = inside[2..].find("}}").map(|end| &inside[2..2 + end]);
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            let name = inner
                .map(str::trim)
                .filter(|name| !name.is_empty() && name.chars().all(plain));
            let (Some(inner), Some(name)) = (inner, name) else {
                out.push('{');
                rest = &inside[1..];
                continue;
            };
            let Some(value) = self.values.get(name) else {
                let what = format!(
                    "`{{{{{name}}}}}` is none of its variables; `[vars.{name}]` makes it one"
                );
                return Err(self.located(said, what));
            };
            out.push_str(value);
            rest = &inside[inner.len() + 4..];
        }
        out.push_str(rest);
        Ok(out)
    }

    fn texts(&self, task: &TemplateTask, key: &str) -> Result<Option<Vec<String>>, TrackerError> {
        let list = task.lists.get(key);
        list.map(|list| list.iter().map(|said| self.text(said)).collect())
            .transpose()
    }

    fn entry(&self, task: &TemplateTask) -> Result<Entry, TrackerError> {
        let (sheet, entry) = self.sheet(task)?;
        let edits = filled(sheet, crate::app::tracker::request::Edits::default());
        Ok(Entry { edits, ..entry })
    }

    /// Fields as a sheet has them, and what a sheet has not.
    fn sheet(&self, task: &TemplateTask) -> Result<(Sheet, Entry), TrackerError> {
        let mut sheet = Sheet::default();
        let mut entry = Entry::default();
        for (key, said) in &task.texts {
            let value = self.text(said)?;
            match *key {
                "id" => entry.id = value,
                "body" => sheet.edits.body = Some(value),
                "key" => entry.key = Some(value),
                "parent" => {
                    let place = format!("{}:{}: {}", self.path, said.at, graph::PARENT);
                    entry.parent = Some((place, value));
                }
                field => sheet::put(&mut sheet, field, value.trim())
                    .map_err(|what| self.located(said, what))?,
            }
        }
        sheet.labels = self.texts(task, "labels")?;
        sheet.paths = self.texts(task, "paths")?;
        sheet.edits.acceptance = self.texts(task, "acceptance")?;
        for said in task.lists.get("deps").into_iter().flatten() {
            let place = format!("{}:{}", self.path, said.at);
            entry.deps.push((place, self.text(said)?));
        }
        entry.place = format!("{}:{} (`{}`)", self.path, task.at, entry.id.escape_debug());
        Ok((sheet, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::template::{Place, Variable};

    fn filled_in(text: &str, values: &[(&str, &str)]) -> Result<String, String> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let filling = Filling {
            path: "x.toml",
            values: values.iter().map(owned).collect(),
        };
        let said = Said {
            text: text.to_owned(),
            at: Place { line: 3, column: 9 },
        };
        filling.text(&said).map_err(|error| error.to_string())
    }

    #[test]
    fn variables_are_filled_in_once_and_other_braces_stay() {
        let values = [("a", "{{b}}"), ("b", "x")];
        assert_eq!(filled_in("{{a}} {{ b }}!", &values).unwrap(), "{{b}} x!");
        for text in [
            "{{ .Values.x }}",
            "{{",
            "{{}}",
            "{{{",
            "}}",
            "{ {a} }",
            "{{a b}}",
        ] {
            assert_eq!(filled_in(text, &values).unwrap(), text);
        }
        assert_eq!(filled_in("{{{a}}}", &[("a", "1")]).unwrap(), "{1}");
        let error = filled_in("{{c}}", &values).unwrap_err();
        assert!(
            error.starts_with("x.toml:3:9: `{{c}}` is none of its variables"),
            "{error}"
        );
    }

    #[test]
    fn a_variable_without_default_must_be_given_and_an_unknown_one_is_refused() {
        let template = Template {
            variables: vec![Variable {
                name: "version".to_owned(),
                about: Some("such as 1.4.0".to_owned()),
                default: None,
            }],
            ..Template::default()
        };
        let told = |given: &[(&str, &str)]| {
            let given: Vec<_> = given
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect();
            values("x.toml", &template, &given).map_err(|error| error.to_string())
        };
        assert_eq!(
            told(&[]).unwrap_err(),
            "x.toml needs a value of `version` (such as 1.4.0)"
        );
        assert_eq!(
            told(&[("ver", "1")]).unwrap_err(),
            "x.toml has no variable `ver`"
        );
        assert!(told(&[("version", "1"), ("version", "2")]).is_err());
        assert_eq!(told(&[("version", "1")]).unwrap()["version"], "1");
    }
}
