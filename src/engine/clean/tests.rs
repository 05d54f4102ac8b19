use proptest::prelude::*;

use super::{is_shapeless, line, markdown};

fn shown(raw: &str) -> String {
    markdown(raw).text
}

fn told(raw: &str) -> String {
    markdown(raw).left_out.to_string()
}

#[test]
fn plain_text_and_usual_markdown_stay_as_they_are() {
    for text in [
        "The parser fails on `2024-02-30`.\n\n1. run it\n2. see <https://example.org/a?b=c>\n\n- [ ] no panic\n- [x] a test",
        "Use a `HashMap<String, Vec<u64>>` where a < b && c > d; it costs $5 or $6, see [docs](https://example.org/x_(y)).",
        "```rust\nfn f<T: Into<String>>(t: T) {} // <!-- kept -->\n```\n\nafter",
        "Text directly before\n```sh\ngit log <a b=c> # $x\n```\nand after it",
        "| a | b |\n|---|---|\n| `x` | y |",
        "C:\\new \\<b> \\`no code\\`",
        "> quoted\n> more\n\nünïcödé 日本語 🎉",
    ] {
        let clean = markdown(text);
        assert_eq!(clean.text, text);
        assert!(clean.left_out.is_empty(), "{text}: {}", clean.left_out);
    }
}

fn check(table: &[(&str, &str, &str)]) {
    for (raw, text, left_out) in table {
        let clean = markdown(raw);
        assert_eq!(clean.text, *text, "{raw}");
        assert_eq!(clean.left_out.to_string(), *left_out, "{raw}");
        assert!(!clean.text.contains("SECRET"), "{raw}");
    }
}

#[test]
fn html_that_the_page_hides_is_left_out_and_told() {
    check(&[
        ("a<!-- SECRET -->b", "ab", "1 HTML comment"),
        ("a <!-- SECRET\n\nSECRET", "a", "1 HTML comment"),
        (
            "a\n\n<!--\n```\nSECRET\n-->\n\nb",
            "a\n\n\n\nb",
            "1 HTML comment",
        ),
        (
            "<details>\n<summary>Logs</summary>\nSECRET <details>x</details> SECRET\n</details>\nb",
            "[a collapsed section was left out]\nb",
            "1 collapsed section",
        ),
        (
            "<details open>\nseen\n</details>",
            "<details>\nseen\n</details>",
            "1 tag's attributes",
        ),
        (
            "<DETAILS title=\"open\">SECRET</DETAILS >b",
            "[a collapsed section was left out]b",
            "1 collapsed section",
        ),
        (
            "<p title=\"SECRET > SECRET\">a</p>",
            "<p>a</p>",
            "1 tag's attributes",
        ),
        (
            "<div\nSECRET words that are no attributes\n\nSECRET='>'>a",
            "<div>a",
            "1 tag's attributes",
        ),
        ("a <SECRET> b", "a  b", "1 unknown HTML tag"),
        (
            "a <ig-nore x='SECRET'>b</ig-nore> c",
            "a b c",
            "2 unknown HTML tags",
        ),
        ("<template>SECRET</template>a", "a", "1 hidden HTML element"),
        ("a <script>SECRET", "a", "1 hidden HTML element"),
        (
            "a <?SECRET?> b <![CDATA[SECRET]]> c",
            "a  b  c",
            "2 HTML comments",
        ),
    ]);
}

#[test]
fn markdown_that_the_page_hides_are_left_out_and_told() {
    check(&[
        (
            "a\n\n[//]: # (SECRET)\n\nb",
            "a\n\n\nb",
            "1 link definition",
        ),
        (
            "- <b>a</b>\n- [x]: <#> \"SECRET\"\n\nb",
            "- <b>a</b>\n\nb",
            "1 link definition",
        ),
        (
            "[a\nb]:\n/url\n'SECRET\nSECRET'\n\nb",
            "b",
            "1 link definition",
        ),
        (
            "[^n]: SECRET that nothing refers to\n\nb",
            "b",
            "1 link definition",
        ),
        (
            "[a](https://x.org \"SECRET\")",
            "[a](https://x.org)",
            "1 link title",
        ),
        ("[a](<SECRET with blanks>)", "[a]()", "1 hidden address"),
        (
            "![SECRET](https://x.org/p.png 'SECRET')",
            "![]()",
            "1 link title, 1 hidden address, 1 image's text",
        ),
        (
            "![ `]` SECRET ](u) b",
            "![]() b",
            "1 hidden address, 1 image's text",
        ),
        ("![](data:text/plain,SECRET)", "![]()", "1 hidden address"),
        (
            "<img src=\"https://x.org/p.png\" alt=\"SECRET\">",
            "<img>",
            "1 tag's attributes",
        ),
        (
            "```mermaid\n%% SECRET\n```\na",
            "```mermaid\n```\na",
            "1 diagram's source",
        ),
        (
            "```sh SECRET\nls\n```",
            "```sh\nls\n```",
            "1 code block's remark",
        ),
        (
            "so $\\phantom{SECRET}$ it is $$SECRET$$.",
            "so $…$ it is $$…$$.",
            "2 formulas",
        ),
    ]);
}

#[test]
fn a_cell_beyond_the_header_is_on_no_page_and_left_out() {
    let one = "1 table row's surplus";
    check(&[
        ("|a|\n|---|\n|shown|SECRET|", "|a|\n|---|\n|shown|", one),
        ("a\n:-\nb|SECRET\nc", "a\n:-\nb|\nc", one),
        (
            "> |a|\n> |---|\n> |b|SECRET|\n>\n> b|c",
            "> |a|\n> |---|\n> |b|\n>\n> b|c",
            one,
        ),
        (
            "- |a|b|\n  |---|:-:|\n  |b \\| b|c|SECRET",
            "- |a|b|\n  |---|:-:|\n  |b \\| b|c|",
            one,
        ),
        // Dashes inside of a table are a row.
        (
            "|a|\n|---|\n|---|---|\n|b|SECRET|",
            "|a|\n|---|\n|---|\n|b|",
            "2 table rows' surpluses",
        ),
        // Nothing that spans bars brings a cell along, and no other blank ends the table.
        (
            "|a|\n|---|\n|[b](c|SECRET)|\n\u{a0}\n|b|SECRET|",
            "|a|\n|---|\n|[b\n\n|b|",
            "2 table rows' surpluses",
        ),
        (
            "|a <!--|\n|---|\n-->|b|SECRET|",
            "|a |",
            "1 HTML comment, 1 table row's surplus",
        ),
        (
            "|a|\n|---|\n    > |SECRET|\n|b\\\\|SECRET|",
            "|a|\n|---|\n    > |\n|b\\\\|",
            "2 table rows' surpluses",
        ),
    ]);
    for kept in [
        "|a|b|\n|---|---|\n|c|\n|d|e|  |\n\n|f|g|h|",
        "|a|\n|---|\n```\n|b|c|\n```\n|d|e|",
        "a | b\n---\nc | d",
    ] {
        assert_eq!(shown(kept), kept, "{}", told(kept));
    }
}

#[test]
fn an_address_is_kept_as_far_as_host_and_path_and_an_image_has_none() {
    check(&[
        (
            "[a](https://ann:SECRET@x.org/p?SECRET=1#SECRET)",
            "[a](https://x.org/p)",
            "1 hidden address",
        ),
        ("[a](#SECRET)", "[a]()", "1 hidden address"),
        (
            "[a](javascript:SECRET)",
            "[a](javascript:…)",
            "1 hidden address",
        ),
        (
            "[![x](https://x.org/SECRET)](docs/a.md#SECRET)",
            "[![]()](docs/a.md)",
            "2 hidden addresses, 1 image's text",
        ),
        (
            "<a href='https://x.org/p?SECRET'>a</a>",
            "<a href=\"https://x.org/p\">a</a>",
            "1 tag's attributes",
        ),
        (
            "<ruby>a<rp>SECRET</rp></ruby>",
            "<ruby>a</ruby>",
            "1 hidden HTML element",
        ),
    ]);
    let long = format!("[a](https://x.org/{})", "ä".repeat(200));
    assert!(shown(&long).len() < 130, "{}", shown(&long));
}

#[test]
fn characters_that_the_page_hides_are_left_out_and_told() {
    check(&[
        (
            "a&#8203;b&#xE0041;c&zwj;d",
            "abcd",
            "3 invisible characters",
        ),
        (
            "a\u{200b}b\u{e0041}\u{fe0f}\u{2060}c",
            "abc",
            "4 invisible characters",
        ),
        ("a\u{202e}b\u{2066}c", "abc", "2 direction characters"),
        (
            "a\u{1b}[31mb\u{7}\u{2028}c",
            "a[31mb c",
            "3 control characters",
        ),
    ]);
}

#[test]
fn what_may_not_be_code_is_not_taken_for_code() {
    for raw in [
        // A fence in a list is closed by one that seems to open another.
        "- ```\n  x\n\n  ```\n<!-- SECRET -->\n  ```",
        "- ~~~\n\n~~~\n<!-- SECRET -->\n",
        // The second fence closes the first.
        "a\n   ```\nx\n```\n<!-- SECRET -->\n```\n",
        // A fence in an HTML block, in `<pre>`, in a comment.
        "<div>\n```\n<!-- SECRET -->\n```\n</div>",
        "<pre>\n\n```\n<!-- SECRET -->\n```\n</pre>",
        "<!--\n```\n-->\n```\n<!-- SECRET -->\n```",
        "<a title='\n```\n'>\n```\n<!-- SECRET -->\n",
        // A fence that begins with something that cannot be seen, or with what is left out.
        "\u{200b}```\n<!-- SECRET -->\n```",
        "<!-- x -->```\n<!-- SECRET -->\n```",
        "``` a`b\n<!-- SECRET -->\n```",
        // Code spans that pair otherwise than it seems.
        "`a\nb` <!-- SECRET --> `c",
        "| `a | b` <!-- SECRET --> `c |",
        "\\` <!-- SECRET --> `",
        "`` ` <!-- SECRET --> `",
        "<div>\n` <!-- SECRET --> `",
    ] {
        let clean = markdown(raw);
        assert!(!clean.text.contains("SECRET"), "{raw:?}: {:?}", clean.text);
        assert!(!clean.left_out.is_empty());
    }
}

#[test]
fn a_title_is_one_line_without_what_cannot_be_seen() {
    let clean = line(" Fix\u{202e} the\n\u{1b}[2J parser\u{200b} <b> ");
    assert_eq!(clean.text, "Fix the [2J parser <b>");
    assert_eq!(
        clean.left_out.to_string(),
        "1 invisible character, 1 direction character, 1 control character"
    );
}

#[test]
fn a_megabyte_is_cut_and_takes_no_time() {
    let begun = std::time::Instant::now();
    for part in [
        "](",
        "![",
        "<a ",
        "`",
        "$",
        "&",
        "[a]: ",
        "<!",
        "word ",
        "\n[",
        "<details>",
        "($\\a",
        "x\n",
    ] {
        let clean = markdown(&part.repeat((1 << 20) / part.len()));
        assert!(clean.text.len() <= 64 << 10);
        assert!(clean.left_out.to_string().contains("over-long"), "{part}");
    }
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

fn parts() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(
        prop::sample::select(vec![
            "word ", "\n", "\n\n", "`", "``", "```", "~~~\n", "```sh\n", "- ", "> ", "1. ", "<",
            ">", "<b>", "</b>", "<p x='", "'>", "<pre>", "</pre>", "\"", "'", "[a]", "(b", ")",
            "](", "![", "]: ", "\\", "$", "&#8203;", "|", "\u{200b}", "\u{202e}", "\r", "    ",
            "ä",
        ]),
        0..40,
    )
}

proptest! {
    #[test]
    fn any_text_is_read_to_its_end_and_shows_all_its_characters(raw in "\\PC{0,200}|[\\x00-\\x7f]{0,300}") {
        let text = shown(&raw);
        prop_assert!(!text.chars().any(|c| is_shapeless(c) || (c.is_control() && !matches!(c, '\n' | '\t'))));
        prop_assert!(!line(&raw).text.contains('\n'));
    }

    /// Whatever stands before and after, in text that holds no block of code, a comment is left out.
    #[test]
    fn a_comment_is_left_out_wherever_no_code_can_be(before in parts(), after in parts()) {
        let before: String = before.into_iter().filter(|p| !p.contains(['`', '~'])).collect();
        let raw = format!("{before}<!-- SECRET -->{}", after.concat());
        prop_assume!(!before.ends_with('\\'));
        prop_assert!(!shown(&raw).contains("SECRET"), "{:?}: {:?}", raw, told(&raw));
    }

    /// With all kinds of marks around, the scanner and a plain reading of the fences agree: a comment
    /// stays only between two fence lines at the beginning of a line.
    #[test]
    fn a_comment_stays_only_inside_of_code(before in parts(), after in parts()) {
        let before = before.concat();
        let raw = format!("{before}<!-- SECRET -->{}", after.concat());
        if shown(&raw).contains("SECRET") {
            let plain = raw.replace('\r', "\n");
            let ahead = &plain[..plain.find("<!-- SECRET").unwrap_or(0)];
            let fenced = ahead.split('\n').any(|l| l.starts_with("```") || l.starts_with("~~~"));
            let line = ahead.rsplit('\n').next().unwrap_or_default();
            prop_assert!(fenced || line.contains('`') || line.ends_with('\\'), "{raw:?}");
        }
    }
}
