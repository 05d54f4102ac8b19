//! The files of a header read in the form that fleet writes them: a state of a hundred thousand tasks has
//! thousands, and every command reads them. Anything else is for the parser.

use serde_json::Error;

use crate::store::checkpoint::header::{FileRef, Header, Tables};
use crate::store::checkpoint::scan::Scan;

/// In front of the files.
const NAME: &str = "\"files\":";

/// Reads a header.
pub(super) fn header(bytes: &[u8]) -> Result<Header, Error> {
    let whole = || serde_json::from_slice(bytes);
    let Some((before, files, behind)) = std::str::from_utf8(bytes).ok().and_then(apart) else {
        return whole();
    };
    // The parser has the last word about all else.
    match serde_json::from_str::<Header>(&[before, "{}", behind].concat()) {
        Ok(header) if header.tables.is_empty() => Ok(Header {
            tables: files,
            ..header
        }),
        _ => whole(),
    }
}

/// The text up to the files, the files, and what is behind them. Within a text no quote stands without
/// a backslash, so the name is one, if not always that of the header's own field: another one's value
/// is of another form.
fn apart(text: &str) -> Option<(&str, Tables, &str)> {
    let at = text.find(NAME)? + NAME.len();
    let (before, from) = text.split_at(at);
    let (files, length) = as_written(from)?;
    Some((before, files, &from[length..]))
}

/// The files that stand at the beginning, and how long their text is.
fn as_written(text: &str) -> Option<(Tables, usize)> {
    let mut scan = Scan::new(text);
    let mut tables = Tables::new();
    scan.byte(b'{')?;
    while tables.is_empty() || scan.byte(b',').is_some() {
        let name = scan.name().filter(|name| !name.contains('\\'))?;
        let files = files(&mut scan)?;
        // A table that stands there twice is for the parser.
        tables
            .insert(name.to_owned(), files)
            .is_none()
            .then_some(())?;
    }
    scan.byte(b'}')?;
    Some((tables, scan.at()))
}

fn files(scan: &mut Scan<'_>) -> Option<Vec<FileRef>> {
    let mut files = Vec::new();
    scan.byte(b'[')?;
    while files.is_empty() || scan.byte(b',').is_some() {
        files.push(file(scan)?);
    }
    scan.byte(b']')?;
    Some(files)
}

fn file(scan: &mut Scan<'_>) -> Option<FileRef> {
    scan.skip("{\"path\":")?;
    let path = scan.text()?;
    scan.skip(",\"first\":")?;
    let first = scan.number()?;
    scan.skip(",\"bytes\":")?;
    let bytes = u64::from(scan.number()?);
    scan.skip(",\"print\":")?;
    let print = scan.text()?;
    scan.byte(b'}')?;
    Some(FileRef {
        path,
        first,
        bytes,
        print,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: &str = r#"{"deps":[{"path":".orchestra/deps.jsonl","first":0,"bytes":9,"print":"00"}],"tasks":[{"path":"a\"b","first":0,"bytes":4294967295,"print":""},{"path":"ü","first":7,"bytes":0,"print":"p"}]}"#;

    fn written(files: &str) -> String {
        format!(
            "{{\"fold\":4,\"clock\":\"2026-11-23T04:07:51.154001399Z\",\"max_number\":7,\"counts\":{{\"tasks\":7}},\
             \"covers\":{{\"2026-11\":{{\"writers\":{{\"files\":{{\"below\":0,\"ids\":\"\",\"open\":[]}}}}}}}},\
             \"files\":{files},\"archive\":{{\"print\":\"0\",\"tasks\":3}}}}\n"
        )
    }

    fn both(text: &str) -> (Result<Header, String>, Result<Header, String>) {
        let parsed = serde_json::from_str(text).map_err(|e| e.to_string());
        (parsed, header(text.as_bytes()).map_err(|e| e.to_string()))
    }

    #[test]
    fn a_header_as_fleet_writes_it_is_read_as_the_parser_reads_it() {
        // A writer may be called as the field is: then the parser reads all of it.
        let other = written(FILES).replace("{\"files\":{\"below\"", "{\"wa\":{\"below\"");
        assert!(apart(&other).is_some());
        for text in [written(FILES), other, written("{}")] {
            let (parsed, read) = both(&text);
            assert_eq!(parsed, read, "{text}");
            assert_eq!(serde_json::to_string(&read.unwrap()).unwrap() + "\n", text);
        }
    }

    #[test]
    fn whatever_else_stands_there_is_for_the_parser() {
        for (from, to) in [
            ("\"first\":7", "\"first\": 7"),
            ("\"first\":7", "\"later\":[1],\"first\":7"),
            ("\"bytes\":0", "\"bytes\":5000000000"),
            ("\"deps\"", "\"\\u0064eps\""),
            ("\"deps\"", "\"tasks\""),
            ("{\"deps\":[", "{\"none\":[],\"deps\":["),
            ("\"files\":{\"deps\"", "\"tables\":{\"deps\""),
        ] {
            let text = written(FILES).replace("\"files\":{\"below\"", "\"wa\":{\"below\"");
            let strange = text.replace(from, to);
            assert_ne!(strange, text);
            let (parsed, read) = both(&strange);
            assert_eq!(parsed, read, "{strange}");
            assert!(parsed.is_ok(), "{strange}");
        }
        for bad in ["[]", "{\"deps\":[{}]}", "{\"deps\":[{\"path\":1}]}"] {
            let (parsed, read) = both(&written(bad));
            assert_eq!(parsed, read, "{bad}");
            assert!(read.is_err(), "{bad}");
        }
        // Twice the same field.
        let twice = written(FILES).replace("\"archive\":", "\"files\":{},\"archive\":");
        let (parsed, read) = both(&twice);
        assert_eq!(parsed, read);
        assert!(read.is_err());
    }
}
