"""A git smart-HTTP remote on loopback: git's own `http-backend` behind basic authentication.

Any user name with a known token is let in, as GitHub does; no or a wrong token is 401.
"""

import base64
import os
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class GitServer:
    """Serves the bare repositories below `root`; `pushed` is called after every accepted push."""

    def __init__(self, root: Path, token: str, pushed: Callable[[], None] = lambda: None):
        self.root, self.token, self.pushed = root, token, pushed
        # (service, status) of every request, oldest first.
        self.seen: list[tuple[str, int]] = []
        # Files that everybody may fetch, by path: releases.
        self.files: dict[str, bytes] = {}
        server = self

        class Bound(Handler):
            owner = server

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def pushes(self) -> int:
        return self.seen.count(("git-receive-pack", 200))

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: GitServer

    def log_message(self, *_):
        pass

    def read(self) -> bytes:
        if (self.headers.get("Transfer-Encoding") or "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        whole = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return whole

    def allowed(self) -> bool:
        auth = self.headers.get("Authorization") or ""
        if not auth.lower().startswith("basic "):
            return False
        try:
            return base64.b64decode(auth[6:]).decode().partition(":")[2] == self.owner.token
        except ValueError:
            return False

    def reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.owner.seen.append((self.path.partition("?")[0].rsplit("/", 1)[-1], status))
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def serve(self):
        data = self.read() if self.command == "POST" else b""
        if self.path in self.owner.files:
            return self.reply(200, [], self.owner.files[self.path])
        if not self.allowed():
            return self.reply(401, [("WWW-Authenticate", 'Basic realm="git"')], b"no such token\n")
        path, _, query = self.path.partition("?")
        env = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
        env |= {
            "GIT_PROJECT_ROOT": str(self.owner.root), "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
            "QUERY_STRING": query, "REQUEST_METHOD": self.command, "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_USER": "someone", "CONTENT_TYPE": self.headers.get("Content-Type") or "",
            "CONTENT_LENGTH": str(len(data)), "SERVER_PROTOCOL": "HTTP/1.1",
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(self.owner.root),
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
        }
        for header, name in (("Git-Protocol", "GIT_PROTOCOL"), ("Content-Encoding", "HTTP_CONTENT_ENCODING")):
            if self.headers.get(header):
                env[name] = self.headers[header]
        done = subprocess.run(["git", "http-backend"], input=data, env=env, capture_output=True, check=False)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        status, headers = (200, []) if head else (500, [])
        for line in head.decode("latin1").split("\r\n"):
            name, _, value = line.partition(":")
            if name.lower() == "status":
                status = int(value.split()[0])
            elif name and name.lower() != "content-length":
                headers.append((name, value.strip()))
        # Before the answer: whoever pushed may rely on it as soon as the push has returned.
        if status == 200 and path.endswith("/git-receive-pack"):
            self.owner.pushed()
        return self.reply(status, headers, body)

    do_GET = do_POST = serve
