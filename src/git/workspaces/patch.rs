//! A patch that somebody else made, applied to the files of a workspace.

use super::{CHECKOUT_LIMIT, GitWorkspaces, is_storage};
use crate::ports::workspaces::{Workspace, WorkspaceError};

impl GitWorkspaces {
    /// Applies it whole or not at all; git refuses paths that leave the folder.
    pub(super) fn apply_patch(
        &self,
        workspace: &Workspace,
        patch: &str,
    ) -> Result<(), WorkspaceError> {
        let dir = self.ground.of(workspace.session);
        let failed = |cause: String| WorkspaceError {
            what: "apply the patch".to_owned(),
            on: workspace.dir.display().to_string(),
            storage: is_storage(&cause),
            cause,
        };
        // Fleet's own git dir: what is configured there is known.
        let output = self
            .git
            .isolated()
            .git_dir(&dir.join("side"))
            .work_tree(&workspace.dir)
            .dir(&workspace.dir)
            .args(["apply", "--whitespace=nowarn", "-"])
            .stdin(patch.as_bytes())
            .limit(CHECKOUT_LIMIT)
            .run()
            .map_err(|error| failed(error.to_string()))?;
        if output.ok() {
            Ok(())
        } else {
            Err(failed(output.cause()))
        }
    }
}
