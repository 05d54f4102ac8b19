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
    if let Some(code) = fleet::wire::demo_agent(&args) {
        return code;
    }
    fleet::cli::run(args, &Wire::new()).into()
}
