//! Templates of tasks: `.orchestra/templates/NAME.toml`, read with the place of every text.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::config::document::Document;
use crate::config::problems::Problem;
use crate::config::reader::{Value, nearest};
use crate::ports::template::{LISTS, Place, Said, TEXTS, Template, TemplateTask, Variable};

/// Longest template, in bytes.
const MAX_BYTES: usize = 64 * 1024;
/// Most tasks of a template.
const MAX_TASKS: usize = 200;

/// Reads a template.
///
/// # Errors
/// Everything that is wrong with it, located.
pub fn task_template(path: &str, text: &str) -> Result<Template, Vec<Problem>> {
    let document = Document::new(path, text);
    if text.len() > MAX_BYTES {
        document.problem(0..0, format!("it is longer than {MAX_BYTES} bytes"));
        return Err(document.into_problems());
    }
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        document.problem(error.span().unwrap_or(0..0), error.message().to_owned());
    }
    let template = Reading {
        document: &document,
    }
    .template(root.get_ref());
    let problems = document.into_problems();
    if problems.is_empty() {
        Ok(template)
    } else {
        Err(problems)
    }
}

struct Reading<'d, 't> {
    document: &'d Document<'t>,
}

impl<'t> Reading<'_, 't> {
    fn place(&self, at: usize) -> Place {
        let (line, column) = self.document.place(at);
        Place { line, column }
    }

    fn bad(&self, value: &Value<'t>, what: impl Into<String>) {
        self.document.problem(value.span(), what.into());
    }

    fn template(&self, root: &DeTable<'t>) -> Template {
        let mut template = Template::default();
        if let Some(vars) = root.get("vars") {
            template.variables = self.variables(vars);
        }
        let Some(tasks) = root.get("tasks") else {
            let task = self.task(root, 0, &["about", "vars"]);
            if !root
                .keys()
                .any(|key| key.get_ref() != "vars" && key.get_ref() != "about")
            {
                self.document
                    .problem(0..0, "it describes no task".to_owned());
            }
            template.tasks.push(task);
            return template;
        };
        template.listed = true;
        for key in root
            .keys()
            .filter(|key| !["about", "vars", "tasks"].contains(&&**key.get_ref()))
        {
            let name = key.get_ref();
            let what =
                format!("`{name}` belongs into a [[tasks]]; above them stand about and vars");
            self.document.problem(key.span(), what);
        }
        let Some(list) = tasks.get_ref().as_array() else {
            self.bad(tasks, "`tasks` is a list of tables, written [[tasks]]");
            return template;
        };
        if list.is_empty() || list.len() > MAX_TASKS {
            let what = format!("there are {} tasks; 1 to {MAX_TASKS} may be", list.len());
            self.bad(tasks, what);
        }
        for element in list {
            match element.get_ref().as_table() {
                Some(table) => {
                    let task = self.task(table, element.span().start, &[]);
                    if !task.texts.contains_key("id") {
                        self.bad(element, "a task of several needs an `id`");
                    }
                    template.tasks.push(task);
                }
                None => self.bad(element, "a task is a table, written [[tasks]]"),
            }
        }
        template
    }

    fn variables(&self, vars: &Value<'t>) -> Vec<Variable> {
        let Some(table) = vars.get_ref().as_table() else {
            self.bad(
                vars,
                "`vars` is a table of variables, such as [vars.version]",
            );
            return Vec::new();
        };
        let mut variables = Vec::new();
        for (key, value) in table {
            let name = key.get_ref().to_string();
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
            if name.is_empty() || !name.chars().all(plain) {
                let what = format!("`{name}` is no name of a variable: letters, digits, - and _");
                self.document.problem(key.span(), what);
                continue;
            }
            variables.extend(self.variable(name, value));
        }
        variables
    }

    /// `[vars.name]`, or `name = "default"`.
    fn variable(&self, name: String, value: &Value<'t>) -> Option<Variable> {
        let mut variable = Variable {
            name,
            about: None,
            default: None,
        };
        let Some(table) = value.get_ref().as_table() else {
            variable.default = Some(self.text(value)?);
            return Some(variable);
        };
        let mut required = None;
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "about" => variable.about = self.text(value),
                "default" => variable.default = self.text(value),
                "required" => {
                    required = value.get_ref().as_bool();
                    if required.is_none() {
                        self.bad(value, "`required` is true or false");
                    }
                }
                other => self.unknown(key, other, &["about", "default", "required"]),
            }
        }
        match (required, &variable.default) {
            (Some(true), Some(_)) => {
                let what = format!("`{}` has a default, so it is not required", variable.name);
                self.bad(value, what);
            }
            (Some(false), None) => variable.default = Some(String::new()),
            _ => {}
        }
        Some(variable)
    }

    fn task(&self, table: &DeTable<'t>, start: usize, besides: &[&str]) -> TemplateTask {
        let mut task = TemplateTask {
            at: self.place(start),
            ..TemplateTask::default()
        };
        for (key, value) in table {
            let name: &str = key.get_ref();
            if let Some(known) = TEXTS.iter().find(|known| **known == name) {
                if let Some(said) = self.said(value) {
                    task.texts.insert(known, said);
                }
            } else if let Some(known) = LISTS.iter().find(|known| **known == name) {
                task.lists.insert(known, self.list(name, value));
            } else if !besides.contains(&name) {
                let all: Vec<&str> = TEXTS.iter().chain(&LISTS).copied().collect();
                self.unknown(key, name, &all);
            }
        }
        task
    }

    fn unknown(&self, key: &Spanned<toml::de::DeString<'t>>, name: &str, known: &[&str]) {
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known are {}", known.join(", ")),
        };
        self.document
            .problem(key.span(), format!("`{name}` is not a key; {hint}"));
    }

    fn list(&self, name: &str, value: &Value<'t>) -> Vec<Said> {
        let Some(list) = value.get_ref().as_array() else {
            self.bad(value, format!("`{name}` is a list of texts"));
            return Vec::new();
        };
        list.iter().filter_map(|one| self.said(one)).collect()
    }

    fn said(&self, value: &Value<'t>) -> Option<Said> {
        Some(Said {
            text: self.text(value)?,
            at: self.place(value.span().start),
        })
    }

    /// A text, or a whole number as one.
    fn text(&self, value: &Value<'t>) -> Option<String> {
        match value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(number) if number.radix() == 10 => Some(number.as_str().to_owned()),
            _ => {
                self.bad(value, "this is a text or a whole number");
                None
            }
        }
    }
}
