//! What a workspace costs, beside the plain git commands that do the same, timed in the same run.
//!
//! `cargo bench --bench workspaces [-- FILES...]`; the median of nine rounds (three above 10,000
//! files) in milliseconds, on generated repositories of small files, the page cache warm.

use std::fs;
use std::time::Instant;

use fleet::ports::workspaces::{WorkspaceRequest, Workspaces as _};

#[path = "../tests/workspaces/yard.rs"]
#[expect(
    dead_code,
    reason = "the stories use more of the yard than the figures"
)]
mod yard;

use yard::{MAX, Yard, write};

/// A repository of that many files of 500 bytes, 100 to a folder, packed.
fn generated(files: usize) -> Yard {
    let yard = Yard::small();
    for n in 0..files {
        let path = format!("d{:03}/s{}/f{n}.txt", n / 1000, n / 100 % 10);
        write(&yard.repo, &path, &format!("file {n}\n").repeat(40));
    }
    yard.commit(&[]);
    yard.git(&yard.repo, &["repack", "-adq"]);
    yard
}

fn median(rounds: usize, mut round: impl FnMut() -> f64) -> f64 {
    let mut times: Vec<f64> = (0..rounds).map(|_| round()).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn ms(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e3
}

/// Milliseconds of prepare, import and discard; `agent` works in between.
fn rounds(
    yard: &Yard,
    pool: usize,
    want: &WorkspaceRequest,
    count: usize,
    agent: impl Fn(&std::path::Path),
) -> [f64; 3] {
    let all = yard.workspaces_as(2, pool);
    let mut times = [const { Vec::new() }; 3];
    for n in 0..=count {
        let mut made = None;
        let prepare = ms(|| made = Some(all.prepare(&yard.lease(n as u128), want).unwrap()));
        let made = made.unwrap();
        agent(&made.dir);
        let import = ms(|| drop(all.import(&made, MAX).unwrap()));
        let discard = ms(|| all.discard(&made));
        // The first round warms the caches and, with a pool, fills it.
        if n > 0 {
            for (list, time) in times.iter_mut().zip([prepare, import, discard]) {
                list.push(time);
            }
        }
    }
    let _ = fs::remove_dir_all(yard.root());
    times.map(|mut list| {
        list.sort_by(f64::total_cmp);
        list[list.len() / 2]
    })
}

fn figures(files: usize) {
    let yard = generated(files);
    let count = if files > 10_000 { 3 } else { 9 };
    let (base, repo) = (yard.path(""), yard.repo.to_str().unwrap().to_owned());
    let clear = || fs::remove_dir_all(yard.path("clone")).unwrap();
    let bare = median(count, || {
        let time = ms(|| {
            drop(yard.git(
                &base,
                &["clone", "-q", "--shared", "--no-checkout", &repo, "clone"],
            ))
        });
        clear();
        time
    });
    let plain = median(count, || {
        let time = ms(|| drop(yard.git(&base, &["clone", "-q", "--shared", &repo, "clone"])));
        clear();
        time
    });
    let two = median(count, || {
        let two = [
            "-c",
            "checkout.workers=2",
            "-c",
            "checkout.thresholdForParallelism=1",
        ];
        let args: Vec<&str> = two
            .into_iter()
            .chain(["clone", "-q", "--shared", &repo, "clone"])
            .collect();
        let time = ms(|| drop(yard.git(&base, &args)));
        clear();
        time
    });
    yard.git(&base, &["clone", "-q", "--shared", &repo, "clone"]);
    let status = median(count, || {
        ms(|| drop(yard.git(&yard.path("clone"), &["status", "--porcelain"])))
    });
    let removal = ms(clear);
    println!("{files} files");
    println!("  git clone --shared --no-checkout   {bare:9.1}");
    println!("  git clone --shared                 {plain:9.1}");
    println!("  git clone --shared, two workers    {two:9.1}");
    println!("  git status                         {status:9.1}");
    println!("  removing the clone                 {removal:9.1}");

    let edit = |dir: &std::path::Path| {
        write(dir, "README.md", "edited\n");
        write(dir, "src/new.rs", "new\n");
    };
    let whole = yard.want();
    let sparse = WorkspaceRequest {
        paths: vec!["d000/s1/**".to_owned()],
        sparse: true,
        ..yard.want()
    };
    println!("  fleet                                prepare    import   discard");
    let row = |name: &str, [prepare, import, discard]: [f64; 3]| {
        println!("  {name:34} {prepare:9.1} {import:9.1} {discard:9.1}");
    };
    row(
        "fresh, nothing changed",
        rounds(&yard, 0, &whole, count, |_| {}),
    );
    row(
        "fresh, two files changed",
        rounds(&yard, 0, &whole, count, edit),
    );
    row(
        "sparse, two files changed",
        rounds(&yard, 0, &sparse, count, edit),
    );
    row(
        "reused, nothing changed",
        rounds(&yard, 1, &whole, count, |_| {}),
    );
    row(
        "reused, two files changed",
        rounds(&yard, 1, &whole, count, edit),
    );
}

fn main() {
    let asked = std::env::args().skip(1).filter_map(|arg| arg.parse().ok());
    let mut sizes: Vec<usize> = asked.collect();
    if sizes.is_empty() {
        sizes = vec![1_000, 50_000];
    }
    sizes.into_iter().for_each(figures);
}
