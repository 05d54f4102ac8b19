//! A server of somebody else, in Node.js, on a loopback port of its own; ended with its value.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub(crate) struct NodeServer {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub(crate) base_url: String,
}

impl NodeServer {
    /// Starts `script` in `dir` with what `args` makes of the port, and waits for a line that holds
    /// `ready`.
    pub(crate) fn start(
        node: &Path,
        script: &Path,
        dir: &Path,
        args: impl Fn(u16) -> Vec<OsString>,
        ready: &str,
    ) -> Self {
        let port = {
            let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
            free.local_addr().unwrap().port()
        };
        let mut child = Command::new(node)
            .arg(script)
            .args(args(port))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", dir)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("node starts");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let says = lines.any(|line| line.is_ok_and(|line| line.contains(ready)));
        let server = Self {
            child,
            base_url: format!("http://127.0.0.1:{port}"),
        };
        assert!(says, "{} says `{ready}`", script.display());
        server
    }
}

impl Drop for NodeServer {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
