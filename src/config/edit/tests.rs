use super::change_agent;
use crate::config::{Env, load_with, template};
use crate::domain::policy::ForgeKind;
use crate::ports::site::{AgentChange, AgentVerb};

fn change(verb: AgentVerb, name: &str) -> AgentChange {
    let set = match verb {
        AgentVerb::Remove => Vec::new(),
        _ => vec![("kind".to_owned(), "demo".to_owned())],
    };
    AgentChange {
        verb,
        name: name.to_owned(),
        set,
        unset: Vec::new(),
    }
}

fn done(text: &str, verb: AgentVerb, name: &str) -> String {
    change_agent(text, &change(verb, name)).expect("a change that can be made")
}

#[test]
fn an_agent_added_to_the_first_configuration_leaves_every_commented_key_in_its_section() {
    let first = template("main", "fleet/state", ForgeKind::Local);
    let added = done(&first, AgentVerb::Add, "x");
    assert!(added.starts_with(first.trim_end()), "{added}");
    assert!(
        added.ends_with("\n\n[agents.x]\nkind = \"demo\"\n"),
        "{added}"
    );
    let more = done(&added, AgentVerb::Add, "y");
    let open = more
        .replace("# per_day", "per_day")
        .replace("# repo", "repo");
    let top = tempfile::tempdir().expect("a folder");
    let read = load_with(top.path(), &open, &Env::default()).expect("a good configuration");
    assert!(read.policy.budget.per_day.is_some());
    assert_eq!(read.policy.agents.len(), 2);
    // And back: the remarks stay as they were.
    let less = done(&done(&more, AgentVerb::Remove, "x"), AgentVerb::Remove, "y");
    assert_eq!(less.trim_end(), first.trim_end());
}

#[test]
fn an_agent_added_in_the_middle_goes_behind_what_is_commented_out_above() {
    let text = "[agents.a]\nkind = \"demo\"\n# model = \"m\"\n\n# Who does what.\n[[routes]]\n\
                agents = [\"a\"]\n";
    assert_eq!(
        done(text, AgentVerb::Add, "b"),
        "[agents.a]\nkind = \"demo\"\n# model = \"m\"\n\n[agents.b]\nkind = \"demo\"\n\n\
         # Who does what.\n[[routes]]\nagents = [\"a\"]\n"
    );
}

#[test]
fn a_remark_above_a_removed_agent_stays_before_what_follows() {
    let text = "[tick]\nmax_parallel = 1\n# max_claims = 3\n\n# mine\n[agents.a]\nkind = \"demo\"\n\n\
                [agents.a.set_env]\nA = \"1\"\n\n[[routes]]\n\n[budget]\n";
    assert_eq!(
        done(text, AgentVerb::Remove, "a"),
        "[tick]\nmax_parallel = 1\n# max_claims = 3\n\n[[routes]]\n\n[budget]\n"
    );
    let last = "[tick]\n# max_claims = 3\n\n[agents.a]\nkind = \"demo\"\n# end\n";
    assert_eq!(
        done(last, AgentVerb::Remove, "a"),
        "[tick]\n# max_claims = 3\n# end\n"
    );
}
