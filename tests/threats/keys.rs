//! The model's key, which an agent has: it does not come out in what fleet makes of its work.

use crate::traces::{configure, everything, places, told};
use crate::world::{Shape, World};

const KEY: &str = "mk-c4n4ry/9+k3y==with-signs-0123456789ab";

/// Each task another way to write the key down: `e`, in one line, and `w`, as a program prints it.
const WRITE: &str = r#"
k="$MODEL_API_KEY"
case $(( ($(echo "$FLEET_TASK" | tr -dc 0-9) - 1) % 10 )) in
0) w="$k" ;;
1) w=$(printf %s "$k" | base64 -w0) ;;
2) w=$(printf %s "$k" | base64 -w0 | tr '+/' '-_') ;;
3) w=$(printf %s "$k" | od -An -v -tx1 | tr -d ' \n') ;;
4) w=$(printf %s "$k" | rev) ;;
5) w=$(printf %s "$k" | cut -c5-32) ;;
6) w=$(printf %s "$k" | sed 's,/,%2F,g; s,+,%2B,g; s,=,%3D,g') ;;
7) w=$(printf 'x%s' "$k" | base64 -w 40) ;;
8) w=$(printf %s "$k" | od -An -v -tx1) ;;
9) w=$(printf %s "$k" | od -An -v -tx1 | tr -d '\n' | tr ' ' '%') ;;
esac
e=$(echo "$w" | tr '\n' ' ')
"#;

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |group: &[u8]| {
        let n = group
            .iter()
            .chain([0, 0].iter())
            .take(3)
            .fold(0u32, |n, b| n << 8 | u32::from(*b));
        let letters = (0..4).map(move |i| char::from(LETTERS[(n >> (18 - 6 * i) & 63) as usize]));
        letters.take(group.len() + 1).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

/// Pieces of the key that nothing may hold, in each way of writing.
fn forms() -> Vec<String> {
    let bytes = KEY.as_bytes();
    let hex = |between: &str| {
        let all: Vec<String> = bytes[..16].iter().map(|b| format!("{b:02x}")).collect();
        all.join(between)
    };
    let long = base64(bytes);
    let shifted = base64(format!("x{KEY}").as_bytes());
    vec![
        KEY[..20].to_owned(),
        KEY[8..30].to_owned(),
        KEY.chars().rev().take(20).collect(),
        long[..30].to_owned(),
        long[..30].replace('+', "-").replace('/', "_"),
        shifted[2..38].to_owned(),
        hex(""),
        hex(" "),
        hex("%"),
        KEY[4..24]
            .replace('/', "%2F")
            .replace('+', "%2B")
            .replace('=', "%3D"),
    ]
}

fn world(agent: &str) -> World {
    let titles: Vec<String> = (0..10).map(|n| format!("Way {n}")).collect();
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    let shape = Shape {
        remote: true,
        ..Shape::default()
    };
    let world = World::new(&format!("{WRITE}{agent}"), shape, &titles);
    configure(&world, |text| text + "env = [\"MODEL_API_KEY\"]\n");
    world
}

#[test]
fn threat_model_key_in_the_work_is_refused_in_every_encoding() {
    let world = world("echo \"$w\" > out.txt");
    let said = told(&world, &["tick"], &[("MODEL_API_KEY", KEY)]);
    let inbox = told(&world, &["inbox"], &[]);
    assert!(inbox.contains("known-secret"), "{inbox}");
    assert_eq!(
        world.git("hub", &["branch", "--list", "agent/*"]),
        "",
        "{said}"
    );
    assert!(
        world.phases().iter().all(|(_, phase)| phase != "in_review"),
        "{:?}",
        world.phases()
    );
    // Objects that no ref leads to stay in this clone until git clears them away; nothing sends them.
    let mut all = everything(&world);
    all.retain(|(place, _)| !place.starts_with("repo: ") && !place.contains("/repo/.git/objects/"));
    let reachable = world.git("repo", &["rev-list", "--objects", "--all"]);
    for oid in reachable.lines().filter_map(|line| line.split(' ').next()) {
        let object = world.git("repo", &["cat-file", "-p", oid]);
        all.push((format!("repo: {oid}"), object.into_bytes()));
    }
    all.push(("what was said".to_owned(), (said + &inbox).into_bytes()));
    assert_eq!(places(&all, &forms()), Vec::<String>::new());
}

#[test]
fn threat_model_key_in_words_is_redacted_in_every_encoding() {
    let world = world(
        "echo \"I used $e and then\"; echo \"$w\"; echo \"bad: $e\" >&2\n\
         printf '{\"kind\":\"note\",\"text\":\"%s\"}\\n' \"$e\" >> \"$FLEET_OUTBOX\"\n\
         printf '{\"kind\":\"finding\",\"text\":\"see %s\"}\\n' \"$e\" >> \"$FLEET_OUTBOX\"\n\
         printf '{\"kind\":\"subtask\",\"title\":\"try %s\",\"body\":\"%s\"}\\n' \"$e\" \"$e\" >> \"$FLEET_OUTBOX\"\n\
         echo fine > out.txt; echo \"In the end: $e\"",
    );
    let mut said = told(&world, &["tick"], &[("MODEL_API_KEY", KEY)]);
    assert!(
        world
            .git("hub", &["branch", "--list", "agent/*"])
            .lines()
            .count()
            == 10,
        "{said}"
    );
    for task in 1..=10 {
        let task = format!("T-{task}");
        for read in ["logs", "show", "log"] {
            said += &told(&world, &[read, &task], &[]);
        }
    }
    assert!(said.contains("[redacted]"), "{said}");
    let mut all = everything(&world);
    all.push(("what was said".to_owned(), said.into_bytes()));
    assert_eq!(places(&all, &forms()), Vec::<String>::new());
}
