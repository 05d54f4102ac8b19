//! Exit codes: the one place where they are defined (DESIGN §8).
//!
//! | code | name | when |
//! |---|---|---|
//! | 0 | ok | done, or nothing to do |
//! | 1 | internal | a bug in fleet, or the terminal or disk refuses what is written |
//! | 2 | usage | wrong flags, wrong values, a file given that does not fit |
//! | 3 | not found | no such task, escalation or repository; an ambiguous id |
//! | 4 | lost race | somebody else was first, or the task is claimed |
//! | 5 | dependency | a cycle, or an edge that cannot be |
//! | 6 | nothing ready | only with `--exit-code` |
//! | 7 | config | the configuration is wrong, its base branch is not there, or `fleet init` was not run |
//! | 8 | state | the state cannot be read or trusted, or needs a newer fleet |
//! | 9 | denied | the forge or git refuses |
//! | 10 | unreachable | the remote or forge does not answer |
//! | 11 | budget | a budget or time limit stopped the work |
//! | 12 | needs human | something waits for a decision |

use std::process::ExitCode;

/// How the program ends. The numbers are a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the module's table says it")]
pub enum Exit {
    Ok = 0,
    Internal = 1,
    Usage = 2,
    NotFound = 3,
    LostRace = 4,
    Dependency = 5,
    NothingReady = 6,
    Config = 7,
    State = 8,
    Denied = 9,
    Unreachable = 10,
    Budget = 11,
    NeedsHuman = 12,
}

impl Exit {
    /// All of them, with their names.
    pub const ALL: [(Self, &'static str); 13] = [
        (Self::Ok, "ok"),
        (Self::Internal, "internal"),
        (Self::Usage, "usage"),
        (Self::NotFound, "not_found"),
        (Self::LostRace, "lost_race"),
        (Self::Dependency, "dependency"),
        (Self::NothingReady, "nothing_ready"),
        (Self::Config, "config"),
        (Self::State, "state"),
        (Self::Denied, "denied"),
        (Self::Unreachable, "unreachable"),
        (Self::Budget, "budget"),
        (Self::NeedsHuman, "needs_human"),
    ];

    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
