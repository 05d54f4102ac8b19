use super::{files, good};
use crate::config::{Env, PRICES_PATH, load};
use crate::domain::money::{MicroUsd, Usage};

#[test]
fn budgets_are_read_and_name_what_exists() {
    let text = "[agents.a]\nkind = \"demo\"\nprovider = \"acme\"\n[[routes]]\nname = \"cheap\"\nagents = [\"a\"]\n\
        [budget]\ntotal = \"100\"\nper_workflow = 7\nper_session = \"0.5\"\n\
        [budget.agents.a]\nper_day = \"2\"\n[budget.providers.acme]\ntotal = 3\n\
        [budget.routes.cheap]\nper_day = 4\n[budget.routes.\"type bug\"]\ntotal = 5\n";
    let budget = good(text).budget;
    assert_eq!(budget.total, Some(MicroUsd(100_000_000)));
    assert_eq!(budget.per_session, Some(MicroUsd(500_000)));
    assert_eq!(budget.agents["a"].per_day, Some(MicroUsd(2_000_000)));
    assert_eq!(budget.providers["acme"].total, Some(MicroUsd(3_000_000)));
    assert_eq!(budget.routes["cheap"].per_day, Some(MicroUsd(4_000_000)));
    assert!(budget.counts_all() && budget.limits_money());
    let wrong = text.replace("routes.cheap", "routes.cheep");
    let errors = load(None, &files(&wrong), &Env::default()).unwrap_err();
    let said = errors.to_string();
    assert!(
        said.contains("there is no `cheep`; did you mean \"cheap\"?"),
        "{said}"
    );
    let wrong = text.replace("providers.acme", "providers.antropic");
    let errors = load(None, &files(&wrong), &Env::default()).unwrap_err();
    let said = errors.to_string();
    let wanted = "there is no `antropic`; did you mean \"anthropic\"?";
    assert!(said.contains(wanted), "{said}");
    let of_models = "[agents.o]\nkind = \"cli\"\ncli = \"opencode\"\n[[routes]]\nagents = [\"o\"]\n\
        model = \"zai/glm\"\n[budget.providers.zai]\nper_day = 1\n\
        [budget.providers.ollama]\nper_day = 1\n";
    assert_eq!(good(of_models).budget.providers.len(), 2);
    let twice = format!("{text}[[routes]]\nname = \"cheap\"\n");
    let said = load(None, &files(&twice), &Env::default())
        .unwrap_err()
        .to_string();
    assert!(said.contains("another route is called `cheap`"), "{said}");
}

#[test]
fn a_program_whose_price_nobody_knows_is_not_free_once_money_is_limited() {
    let agent = "[agents.own]\nkind = \"command\"\nargv = [\"x\"]\n";
    let of = |text: &str| load(None, &files(text), &Env::default()).unwrap();
    let free = of(agent);
    assert_eq!(free.policy.agents["own"].cost_estimate, MicroUsd(0));
    assert!(free.notes.is_empty(), "{:?}", free.notes);
    let limited = of(&format!("{agent}[budget]\nper_day = 5\n"));
    assert_eq!(
        limited.policy.agents["own"].cost_estimate,
        MicroUsd(1_000_000)
    );
    assert!(
        limited.notes[0].contains("own has no cost_estimate"),
        "{:?}",
        limited.notes
    );
    let said = of(&format!(
        "{agent}cost_estimate = \"0\"\n[budget]\nper_day = 5\n"
    ));
    assert_eq!(said.policy.agents["own"].cost_estimate, MicroUsd(0));
    assert!(said.notes.is_empty(), "{:?}", said.notes);
}

#[test]
fn prices_are_built_in_and_a_file_stands_above_them() {
    let one = Usage {
        input: 1_000_000,
        output: 1_000_000,
        cache_read: 1_000_000,
        cache_write: 1_000_000,
        reasoning: 500_000,
    };
    let built_in = good("").prices;
    let cost = |model: &str| built_in.estimate(model, one);
    assert_eq!(
        cost("claude-sonnet-4-5-20250929"),
        Some(MicroUsd(22_050_000))
    );
    assert_eq!(
        cost("anthropic/claude-opus-4.5"),
        Some(MicroUsd(36_750_000))
    );
    assert_eq!(cost("gpt-5-2025-08-07"), Some(MicroUsd(12_625_000)));
    assert_eq!(cost("gemini-2.5-flash"), Some(MicroUsd(3_130_000)));
    for model in ["grok-4.3", "groq/openai/gpt-oss-120b", "o3", "sonnet"] {
        assert!(cost(model).is_some(), "{model}");
    }
    assert_eq!(cost("no-such-model"), None);

    let mut all = files("");
    let own = "as_of = \"2026-11-20\"\n[[price]]\nmodels = [\"gpt-5\", \"mine\"]\ninput = 1\noutput = \"2.5\"\n";
    all.insert(PRICES_PATH.to_owned(), own.as_bytes().to_vec());
    let overlaid = load(None, &all, &Env::default()).unwrap().policy.prices;
    assert_eq!(overlaid.estimate("gpt-5", one), Some(MicroUsd(5_500_000)));
    assert_eq!(overlaid.estimate("mine", one), Some(MicroUsd(5_500_000)));
    assert_eq!(overlaid.estimate("o3", one), built_in.estimate("o3", one));

    let bad = "[[price]]\nmodels = [\"m\"]\ninput = 1\nfrom = \"soon\"\nprice = 3\n";
    all.insert(PRICES_PATH.to_owned(), bad.as_bytes().to_vec());
    let said = load(None, &all, &Env::default()).unwrap_err().to_string();
    for part in [
        "`price[1].output`: it is required",
        "`soon` is not a day",
        "`price[1].price` is not a key",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_model_on_this_machine_is_reckoned_at_nothing_unless_its_owner_says_else() {
    let text = "[agents.ollama]\nkind = \"api\"\nmodel = \"qwen\"\n[agents.far]\nkind = \"api\"\n\
        provider = \"box\"\nmodel = \"x\"\n[agents.anthropic]\nkind = \"api\"\nmodel = \"y\"\n\
        [providers.box]\nkind = \"ollama\"\n";
    let agents = good(text).agents;
    assert_eq!(agents["ollama"].cost_estimate, MicroUsd(0));
    assert_eq!(agents["far"].cost_estimate, MicroUsd(0));
    assert_eq!(agents["anthropic"].cost_estimate, MicroUsd(1_000_000));
    let text = text.replace(
        "model = \"qwen\"",
        "model = \"qwen\"\ncost_estimate = \"0.2\"",
    );
    assert_eq!(
        good(&text).agents["ollama"].cost_estimate,
        MicroUsd(200_000)
    );
}

#[test]
fn a_limit_of_money_on_a_model_without_a_price_is_told() {
    let notes = |text: &str| load(None, &files(text), &Env::default()).unwrap().notes;
    let text = "[agents.openai]\nkind = \"api\"\nmodel = \"never-heard-of\"\nmax_cost = \"0.5\"\n";
    let said = notes(text);
    assert!(
        said.len() == 1 && said[0].contains("never-heard-of has no price"),
        "{said:?}"
    );
    assert!(said[0].contains("max_tokens"), "{said:?}");
    let enough = text.replace("\"0.5\"", "\"5\"");
    assert!(notes(&enough).is_empty());
    let priced = text.replace("never-heard-of", "gpt-5");
    assert!(notes(&priced).is_empty());
}
