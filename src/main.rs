//! The `fleet` program.
#![cfg_attr(
    not(test),
    warn(
        clippy::disallowed_methods,
        clippy::panic,
        clippy::print_stderr,
        clippy::print_stdout,
        clippy::unwrap_used,
    )
)]

use std::process::ExitCode;

use fleet::wire::Wire;

#[expect(clippy::disallowed_methods, reason = "arguments are read here, once")]
fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    // First of all: a launcher adds its own start to that of every agent and check.
    if let Some(code) = fleet::wire::launch(&args).or_else(|| fleet::wire::demo_agent(&args)) {
        return code;
    }
    fleet::cli::run(args, &Wire::new()).into()
}
