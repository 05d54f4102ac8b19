use std::collections::BTreeMap;

use super::*;

fn saved() -> BTreeMap<String, String> {
    BTreeMap::from([
        ("urgent".to_owned(), "prio<=1 sort:-updated".to_owned()),
        ("loop".to_owned(), "@loop".to_owned()),
        ("broken".to_owned(), "prio:many".to_owned()),
    ])
}

fn said(text: &str) -> String {
    match read(text, &saved()) {
        Ok(query) => panic!("{text} was read as {query:?}"),
        Err(error) => format!("{}: {} ({})", error.column, error.what, error.hint),
    }
}

#[test]
fn a_query_is_read_as_it_is_meant() {
    let query = read("status:open type:bug prio<=1 label:api sort:prio", &saved()).unwrap();
    let Expr::All(list) = &query.wanted else {
        panic!("{query:?}");
    };
    assert_eq!(list.len(), 4);
    assert_eq!(query.sort, [(Field::Priority, false)]);
    let query = read("a OR b c", &saved()).unwrap();
    assert!(
        matches!(&query.wanted, Expr::Any(list) if list.len() == 2 && matches!(list[1], Expr::All(_)))
    );
    let query = read("-(label:a,b OR \"two words\") sort:-due,id", &saved()).unwrap();
    assert!(matches!(&query.wanted, Expr::Not(_)), "{query:?}");
    assert_eq!(query.sort, [(Field::Due, true), (Field::Id, false)]);
    let query = read("@urgent type:bug", &saved()).unwrap();
    assert_eq!(query.sort, [(Field::Updated, true)]);
    assert!(read("", &saved()).unwrap().wanted == Expr::All(Vec::new()));
    assert!(read("due<\"next friday 5pm\" title:\"a:b\"", &saved()).is_ok());
    assert!(read("NOT is:ready AND has:due", &saved()).is_ok());
}

#[test]
fn closed_tasks_are_meant_only_where_the_query_says_something_of_them() {
    let names = |text: &str| read(text, &saved()).unwrap().names_closed();
    for text in ["type:bug is:ready", "is:open", "-is:ready", "-(-is:open)"] {
        assert!(!names(text), "{text}");
    }
    for text in [
        "status:closed",
        "closed>7d",
        "outcome:failed",
        "x OR is:closed",
        "-is:open",
        "is!=open",
        "-(is:open label:api)",
        "id:T-7",
    ] {
        assert!(names(text), "{text}");
    }
}

#[test]
fn saved_queries_that_multiply_are_refused_before_they_fill_the_memory() {
    let mut saved = BTreeMap::from([("q0".to_owned(), "label:api prio<=1".to_owned())]);
    for n in 1..12 {
        let text = format!("@q{0} OR @q{0} OR @q{0} OR @q{0}", n - 1);
        saved.insert(format!("q{n}"), text);
    }
    let error = read("@q11", &saved).unwrap_err();
    assert!(
        error.what.contains("more than 10000 conditions"),
        "{error:?}"
    );
    assert!(read("@q5", &saved).is_ok());
}

#[test]
fn every_mistake_is_told_with_its_column_and_what_to_write() {
    let table = [
        ("lable:api", "1: `lable` is no field (did you mean label:?"),
        ("type:bug prio<=many", "16: `many` is no number"),
        (
            "is:raedy",
            "4: `is:` does not know `raedy` (did you mean ready?",
        ),
        ("type:bug \"open", "10: this quote is never closed"),
        ("(type:bug", "1: this `(` is never closed"),
        ("type:bug)", "9: this `)` closes nothing"),
        ("a OR", "5: a condition is missing here"),
        ("OR a", "1: a condition is missing here"),
        ("()", "2: a condition is missing here"),
        ("type:bug -", "11: nothing follows"),
        ("label:", "7: `label:` has no value"),
        ("prio<1,2", "8: `<` compares with one value"),
        ("type<bug", "1: `type` has no order"),
        ("updated>soon", "9: `soon` is no time"),
        ("a :x", "3: `:x` has no field"),
        (
            "@urgnt",
            "1: no query is saved as `urgnt` (did you mean @urgent?)",
        ),
        ("@broken", "1: in @broken, column 6: `many` is no number"),
        ("sort:is", "6: `is` has no order"),
        ("estimate>4", "10: `4` is no effort"),
    ];
    for (text, want) in table {
        let said = said(text);
        assert!(said.starts_with(want), "{text}: {said}");
    }
    assert!(
        said("@loop").contains("nested too deep"),
        "{}",
        said("@loop")
    );
    assert!(said(&"(".repeat(1_000)).contains("nested too deep"));
    assert!(said(&"-".repeat(5_000)).contains("nested too deep"));
    assert!(said(&"x".repeat(9_000)).contains("the limit is"));
}

#[test]
fn patterns_fit_whole_words_and_take_no_time() {
    assert!(glob("api*", "api-v2") && glob("*v2", "api-v2") && glob("a?i", "api"));
    assert!(!glob("api", "api-v2") && !glob("a?", "api") && !glob("*x", "api"));
    assert!(glob("*", "") && !glob("?", ""));
    let text = "a".repeat(2_000);
    assert!(!glob(&format!("{}b", "*a".repeat(200)), &text));
}
