//! Rules on the branches that fleet pushes to: the state's and the agents'.

use crate::forge::github::setup::answers::{Branch, Protection, Rule, Switch};
use crate::forge::github::setup::{Look, Seen};
use crate::forge::github::text::encode;
use crate::ports::forge::ForgeError;
use crate::ports::forge_setup::{SetupLevel, SetupQuestion};

const RULES_PAGE: &str = "Settings > Rules > Rulesets";
const ABOUT: SetupQuestion = SetupQuestion::StateRules;
/// A branch of an agent, for asking which rules it would meet.
const AN_AGENTS: &str = "agent/T-1";

/// What a rule does to pushes of fleet; `None` if nothing.
fn harm(rule: &str) -> Option<&'static str> {
    Some(match rule {
        "pull_request" => "wants a pull request for every change",
        "required_status_checks" => "wants status checks before a push",
        "required_deployments" => "wants deployments before a push",
        "workflows" => "wants workflows to pass before a push",
        "code_scanning" => "wants results of code scanning before a push",
        "merge_queue" => "takes changes from a merge queue only",
        "required_signatures" => "wants signed commits",
        "required_linear_history" => "refuses merge commits",
        "update" => "refuses updates",
        "creation" => "refuses to have it created",
        "commit_message_pattern" | "commit_author_email_pattern" | "committer_email_pattern" => {
            "wants messages or names of a certain form"
        }
        "branch_name_pattern" => "wants branch names of a certain form",
        "file_path_restriction" => "refuses certain paths",
        _ => return None,
    })
}

pub(super) fn look(look: &mut Look<'_, '_>) -> Result<(), ForgeError> {
    let state = look.wish.state_branch.to_owned();
    let kept = branch(look, &state)?;
    branch(look, AN_AGENTS)?;
    classic(look, &state)?;
    if !kept && state != look.wish.base_branch {
        let file = "fleet-state.json";
        let what = format!("no rule keeps {state} from being deleted or rewritten");
        let next = format!(
            "save the ruleset below as {file}, then {RULES_PAGE} > New ruleset > Import a ruleset"
        );
        look.find(SetupLevel::Note, ABOUT, what, next);
        look.report.rules = Some((file.to_owned(), ruleset(&state)));
    }
    Ok(())
}

/// Looks at the rulesets that are active on a branch; says whether they keep it from being deleted and
/// rewritten (or whether that cannot be known).
fn branch(look: &mut Look<'_, '_>, name: &str) -> Result<bool, ForgeError> {
    let route = format!("/rules/branches/{}?per_page=100", encode(name));
    let rules = match look.see::<Vec<Rule>>("look at the rules of a branch", &route)? {
        Seen::Yes(rules) => rules,
        Seen::Missing | Seen::Hidden => {
            let what = format!("the rules of {name} cannot be seen");
            let next = format!(
                "see in {RULES_PAGE} that none wants pull requests, checks or signatures there"
            );
            look.find(SetupLevel::Note, ABOUT, what, next);
            return Ok(true);
        }
    };
    for rule in &rules {
        if let Some(harm) = harm(&rule.kind) {
            let id = rule
                .ruleset_id
                .map(|id| format!(" (ruleset {id})"))
                .unwrap_or_default();
            let what = format!("a rule `{}`{id} on {name} {harm}", rule.kind);
            let next = format!(
                "{RULES_PAGE}: leave {} out of its target branches, or add whoever runs fleet to its bypass list",
                target(name)
            );
            look.find(SetupLevel::Error, ABOUT, what, next);
        }
    }
    let has = |kind: &str| rules.iter().any(|rule| rule.kind == kind);
    Ok(has("deletion") && has("non_fast_forward"))
}

/// Classic protection of the state branch.
fn classic(look: &mut Look<'_, '_>, name: &str) -> Result<(), ForgeError> {
    let branch = encode(name);
    let there = look.see::<Branch>("look at the state branch", &format!("/branches/{branch}"))?;
    let Seen::Yes(there) = there else {
        if matches!(there, Seen::Missing) {
            let what = format!("there is no branch {name} at GitHub yet");
            look.find(
                SetupLevel::Note,
                ABOUT,
                what,
                "`fleet init`, then `fleet sync`",
            );
        }
        return Ok(());
    };
    if !there.protected {
        return Ok(());
    }
    let route = format!("/branches/{branch}/protection");
    let Seen::Yes(rule) = look.see::<Protection>("look at a branch protection rule", &route)?
    else {
        return Ok(());
    };
    let on = |switch: &Option<Switch>| switch.as_ref().is_some_and(|s| s.enabled);
    let harms = [
        (
            rule.required_pull_request_reviews.is_some(),
            "wants a pull request for every change",
        ),
        (
            rule.required_status_checks.is_some(),
            "wants status checks before a push",
        ),
        (
            rule.restrictions.is_some(),
            "lets only some people push; fleet has to be one of them",
        ),
        (on(&rule.required_signatures), "wants signed commits"),
        (on(&rule.required_linear_history), "refuses merge commits"),
        (on(&rule.lock_branch), "is locked"),
    ];
    for (_, harm) in harms.into_iter().filter(|(is, _)| *is) {
        let what = format!("the branch protection rule of {name} {harm}");
        let next = format!("Settings > Branches: edit or delete the rule that matches {name}");
        look.find(SetupLevel::Error, ABOUT, what, next);
    }
    Ok(())
}

fn target(branch: &str) -> &str {
    if branch == AN_AGENTS {
        "agent/*"
    } else {
        branch
    }
}

/// Rules that fleet keeps to anyway: the state branch is neither deleted nor rewritten.
fn ruleset(state: &str) -> String {
    let ruleset = serde_json::json!({
        "name": "fleet state",
        "target": "branch",
        "enforcement": "active",
        "conditions": { "ref_name": { "include": [format!("refs/heads/{state}")], "exclude": [] } },
        "rules": [{ "type": "deletion" }, { "type": "non_fast_forward" }],
        "bypass_actors": [],
    });
    format!("{ruleset:#}")
}
