//! Walls around what is started (R1, R5).

use std::any::Any;

use crate::agents::Setup;
use crate::agents::process::Spec;
use crate::domain::policy::SandboxMode;
use crate::ports::runner::RunRequest;
use crate::ports::sandbox::{Confined, Confinement, SandboxLevel};

/// What is started instead of a program, and what must outlive it.
pub(crate) struct Walled {
    /// What to start.
    pub(crate) spec: Spec,
    /// What the record says.
    pub(crate) confinement: Confinement,
    /// Kept until the process tree is gone.
    pub(crate) _guard: Option<Box<dyn Any + Send>>,
}

/// How programs of this run are confined, for a run that is no program itself.
pub(crate) fn level(setup: &Setup, request: &RunRequest) -> Confinement {
    let level = match request.agent.sandbox {
        SandboxMode::Off => SandboxLevel::None,
        SandboxMode::Auto | SandboxMode::Require => setup.sandbox.facts().level,
    };
    Confinement {
        level,
        network: request.agent.network || level == SandboxLevel::None,
    }
}

/// Confines a program of this run: its own folders are all that it may write.
///
/// # Errors
/// A sentence: confinement is demanded, or wished for, and cannot be had.
pub(crate) fn wall(
    setup: &Setup,
    request: &RunRequest,
    network: bool,
    spec: Spec,
) -> Result<Walled, String> {
    let launch = setup
        .sandbox
        .confine(Confined {
            mode: request.agent.sandbox,
            network,
            program: spec.program,
            args: spec.args,
            env: spec.env,
            cwd: spec.cwd,
            writable: vec![
                request.workdir.clone(),
                request.home.clone(),
                request.tmp.clone(),
                request.outbox.clone(),
            ],
            readable: std::iter::once(&request.prompt_file)
                .chain(&request.readable)
                .cloned()
                .collect(),
            run: spec.run.clone(),
        })
        .map_err(|e| e.to_string())?;
    Ok(Walled {
        spec: Spec {
            program: launch.program,
            args: launch.args,
            env: launch.env,
            cwd: launch.cwd,
            wrapped: launch.wrapped,
            ..spec
        },
        confinement: launch.confinement,
        _guard: launch.guard,
    })
}
