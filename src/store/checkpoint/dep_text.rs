//! Edges read in the form that fleet writes them, without a parser for all of JSON. There are one or two
//! rows for each task, and they are all alike; anything else is for the parser.

use crate::domain::dep::DepKind;
use crate::store::checkpoint::row_types::DepRow;
use crate::store::checkpoint::scan::Scan;
use crate::store::checkpoint::text::rows;

/// Reads all rows of a file.
pub(crate) fn dep_rows(bytes: &[u8]) -> Result<Vec<DepRow>, String> {
    as_written(bytes).map_or_else(|| rows(bytes), Ok)
}

/// The rows if each stands on its line as fleet writes it.
fn as_written(bytes: &[u8]) -> Option<Vec<DepRow>> {
    let mut scan = Scan::new(std::str::from_utf8(bytes).ok()?);
    let mut found = Vec::with_capacity(memchr::memchr_iter(b'\n', bytes).count());
    while !scan.is_done() {
        found.push(row(&mut scan)?);
    }
    Some(found)
}

fn row(scan: &mut Scan<'_>) -> Option<DepRow> {
    scan.skip("{\"n\":")?;
    let n = scan.number()?;
    scan.skip(",\"from\":")?;
    let from = scan.uuid()?;
    scan.skip(",\"to\":")?;
    let to = scan.uuid()?;
    scan.skip(",\"kind\":\"")?;
    let name = scan.until(b'"')?;
    let kind = DepKind::ALL.into_iter().find(|kind| kind.name() == name)?;
    scan.skip(",\"present\":")?;
    let present = match scan.until(b',')? {
        "true" => true,
        "false" => false,
        _ => return None,
    };
    scan.skip("\"at\":")?;
    let at = scan.stamp()?;
    scan.skip("}\n")?;
    Some(DepRow {
        n,
        from,
        to,
        kind,
        present,
        at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{RecordId, TaskUid};
    use crate::domain::register::Stamp;
    use crate::domain::time::Hlc;
    use crate::store::checkpoint::text::line;
    use uuid::Uuid;

    fn edge(n: u32, kind: DepKind) -> DepRow {
        let id = |bits: u128| Uuid::from_u128(bits << 80 | 7 << 76 | 2 << 62 | u128::from(n));
        DepRow {
            n,
            from: TaskUid(id(5)),
            to: TaskUid(id(6)),
            kind,
            present: n != 3,
            at: Stamp {
                ts: Hlc(1_795_248_000_000_000_000 + u64::from(n)),
                id: RecordId(id(7)),
            },
        }
    }

    fn written() -> Vec<u8> {
        let kinds = DepKind::ALL.into_iter().enumerate();
        let rows = kinds.map(|(n, kind)| line(&edge(u32::try_from(n).unwrap() * 3, kind)) + "\n");
        rows.collect::<String>().into_bytes()
    }

    #[test]
    fn edges_of_every_kind_are_read_as_the_parser_reads_them() {
        let bytes = written();
        let fast = as_written(&bytes).unwrap();
        assert_eq!(fast.len(), DepKind::ALL.len());
        let parsed: Vec<DepRow> = rows(&bytes).unwrap();
        assert_eq!(format!("{fast:?}"), format!("{parsed:?}"));
    }

    #[test]
    fn whatever_else_stands_there_is_for_the_parser() {
        let good = String::from_utf8(written()).unwrap();
        let strange = [
            good.replace("{\"n\":3,", "{ \"n\": 3, "),
            good.replace("{\"n\":3,", "{\"later\":[\"\\u007d\"],\"n\":3,"),
            good.trim_end().to_owned(),
            format!("\n{good}"),
        ];
        for text in strange {
            assert!(as_written(text.as_bytes()).is_none(), "{text}");
            let read = dep_rows(text.as_bytes()).unwrap();
            assert_eq!(read.len(), DepKind::ALL.len());
        }
        for bad in [
            good.replace("{\"n\":3,", "{\"n\":03,"),
            good.replace("{\"n\":3,", "{\"n\":+3,"),
            good.replace("\"present\":true", "\"present\":yes"),
            good.replace("-7000-", "-7g00-"),
            good.replace("\"waits-for\"", "\"waits–for\""),
        ] {
            assert_ne!(bad, good);
            assert!(dep_rows(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
