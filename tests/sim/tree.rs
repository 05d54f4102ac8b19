//! The code side of a process: commits, branches as fetched, workspaces.

use std::path::{Path, PathBuf};

use fleet::domain::ids::{Oid, SessionUid};
use fleet::ports::code_repo::{
    BranchFacts, CodeError, CodeRepo, CommitFacts, CommitWords, MergeFacts, Merged, Shown,
};
use fleet::ports::lease::Lease;
use fleet::ports::workspaces::{
    CommitRequest, Imported, PathChange, Swept, Workspace, WorkspaceError, WorkspaceRequest,
    Workspaces,
};

use crate::sim::agent::Work;
use crate::sim::code::{Code, LEAK, MARKS};
use crate::sim::process::Process;
use crate::sim::secrecy::SECRET;

fn code_error(what: &str) -> CodeError {
    CodeError {
        what: what.to_owned(),
        on: "a commit".to_owned(),
        cause: "it is missing".to_owned(),
        retryable: false,
    }
}

fn known(code: &Code, ids: &[&Oid]) -> Result<(), CodeError> {
    if ids.iter().all(|id| code.commits.contains_key(*id)) {
        Ok(())
    } else {
        Err(code_error("read"))
    }
}

impl CodeRepo for Process<'_> {
    fn refresh(&self) -> Result<(), CodeError> {
        self.enter();
        self.fetch_refs();
        Ok(())
    }

    fn bring(&self, _names: &[String]) -> Result<(), CodeError> {
        self.enter();
        self.fetch_refs();
        Ok(())
    }

    fn base(&self) -> Result<Oid, CodeError> {
        self.enter();
        Ok(self.machine.fetched.lock().unwrap().0.clone())
    }

    fn branches(&self, names: &[String]) -> Result<Vec<BranchFacts>, CodeError> {
        self.enter();
        let fetched = self.machine.fetched.lock().unwrap();
        let fact = |name: &String| BranchFacts {
            name: name.clone(),
            head: fetched.1.get(name).cloned(),
        };
        Ok(names.iter().map(fact).collect())
    }

    fn messages(&self, _limit: usize) -> Result<Vec<CommitWords>, CodeError> {
        // No tick reads messages.
        self.base().map(|_| Vec::new())
    }

    fn merge_facts(&self, base: &Oid, head: &Oid) -> Result<MergeFacts, CodeError> {
        self.enter();
        let code = self.sim.code.lock().unwrap();
        known(&code, &[base, head])?;
        Ok(code.merge_facts(base, head))
    }

    fn diff(&self, base: &Oid, head: &Oid) -> Result<Vec<PathChange>, CodeError> {
        self.enter();
        let code = self.sim.code.lock().unwrap();
        known(&code, &[base, head])?;
        Ok(Code::changes(&code.files(base), &code.files(head)))
    }

    fn shown(&self, _: &Oid, _: &Oid, _: u64) -> Result<Shown, CodeError> {
        Ok(Shown::default())
    }

    fn merge(&self, ours: &Oid, theirs: &Oid) -> Result<Merged, CodeError> {
        self.enter();
        let mut code = self.sim.code.lock().unwrap();
        known(&code, &[ours, theirs])?;
        Ok(code.merge(ours, theirs))
    }

    fn unresolved(&self, tree: &Oid, paths: &[String]) -> Result<Vec<String>, CodeError> {
        self.enter();
        let files = self.sim.code.lock().unwrap().files_of(tree);
        let marked = |path: &&String| files.get(*path) == Some(&MARKS);
        Ok(paths.iter().filter(marked).cloned().collect())
    }

    fn added_text(&self, base: &Oid, head: &Oid, _: u64) -> Result<Vec<u8>, CodeError> {
        self.enter();
        let code = self.sim.code.lock().unwrap();
        known(&code, &[base])?;
        let (before, after) = (code.files(base), code.files_of(head));
        let leaks = |(path, content): (&String, &u64)| {
            *content == LEAK && before.get(path) != Some(content)
        };
        let leaks = after.iter().any(leaks);
        Ok(if leaks { SECRET.into() } else { Vec::new() })
    }

    fn pull_patch(&self, _: u64, _: &Oid, _: u64) -> Result<String, CodeError> {
        Err(code_error("fetch"))
    }

    fn commit(&self, id: &Oid) -> Result<CommitFacts, CodeError> {
        self.enter();
        let code = self.sim.code.lock().unwrap();
        known(&code, &[id])?;
        let commit = &code.commits[id];
        Ok(CommitFacts {
            parents: commit.parents.clone(),
            message: commit.message.clone(),
        })
    }

    fn paths(&self, commit: &Oid, limit: usize) -> Result<Vec<String>, CodeError> {
        self.enter();
        let code = self.sim.code.lock().unwrap();
        known(&code, &[commit])?;
        Ok(code.files(commit).into_keys().take(limit).collect())
    }

    fn export_bundle(&self, _: &Oid, _: &Oid, _: &Path) -> Result<(), CodeError> {
        // All machines read the same objects here.
        self.around("export", || Ok(()))
    }

    fn import_bundle(&self, _: &Path, head: &Oid) -> Result<(), CodeError> {
        self.enter();
        let code = self.sim.code.lock().unwrap();
        known(&code, &[head])
    }
}

impl Workspaces for Process<'_> {
    fn prepare(&self, lease: &Lease, want: &WorkspaceRequest) -> Result<Workspace, WorkspaceError> {
        self.around("prepare", || {
            let files = self.sim.code.lock().unwrap().files(&want.start);
            let mut all = self.machine.workspaces.lock().unwrap();
            all.insert(lease.session(), (want.start.clone(), files, self.pid));
            Ok(self.at(lease.session(), &want.start))
        })
    }

    fn at(&self, session: SessionUid, start: &Oid) -> Workspace {
        let dir = PathBuf::from(format!("/sim/{session}"));
        Workspace {
            session,
            home: dir.join("home"),
            tmp: dir.join("tmp"),
            borrowed: Vec::new(),
            outbox: dir.join("outbox"),
            prompt_file: dir.join("prompt"),
            start: start.clone(),
            dir,
        }
    }

    fn apply(&self, workspace: &Workspace, patch: &str) -> Result<(), WorkspaceError> {
        self.enter();
        let work = Work::from_patch(patch).expect("a service gives what it was given");
        let mut all = self.machine.workspaces.lock().unwrap();
        let (_, files, _) = all.get_mut(&workspace.session).expect("it was prepared");
        work.put(files);
        Ok(())
    }

    fn import(&self, workspace: &Workspace, _: u64) -> Result<Imported, WorkspaceError> {
        self.around("import", || {
            let all = self.machine.workspaces.lock().unwrap();
            let (start, files, _) = &all[&workspace.session];
            let mut code = self.sim.code.lock().unwrap();
            let changes = Code::changes(&code.files(start), files);
            Ok(Imported {
                tree: code.tree(files.clone()),
                changes,
                refused: Vec::new(),
            })
        })
    }

    fn commit(&self, request: &CommitRequest) -> Result<Oid, WorkspaceError> {
        self.around("commit", || {
            let mut code = self.sim.code.lock().unwrap();
            let files = code.trees[&request.tree].clone();
            let parents = std::iter::once(&request.parent).chain(&request.merged);
            Ok(code.commit(parents.cloned().collect(), files, &request.message))
        })
    }

    fn discard(&self, workspace: &Workspace) {
        self.enter();
        self.machine
            .workspaces
            .lock()
            .unwrap()
            .remove(&workspace.session);
    }

    fn sweep(&self, keep: &[SessionUid]) -> Result<Swept, WorkspaceError> {
        self.enter();
        let alive = self.machine.alive.lock().unwrap();
        let mut all = self.machine.workspaces.lock().unwrap();
        all.retain(|session, (.., pid)| keep.contains(session) || alive.contains(pid));
        Ok(Swept::default())
    }
}
