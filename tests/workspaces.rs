//! Workspaces and the code side on real git: what an agent is given, what comes back from it, and
//! what is left behind (nothing).

#[path = "workspaces/bundles.rs"]
mod bundles;
#[path = "workspaces/code.rs"]
mod code;
#[path = "workspaces/hostile.rs"]
mod hostile;
#[path = "workspaces/imports.rs"]
mod imports;
#[path = "workspaces/prepares.rs"]
mod prepares;
#[path = "workspaces/removes.rs"]
mod removes;
#[path = "workspaces/reuse.rs"]
mod reuse;
#[path = "workspaces/yard.rs"]
mod yard;
