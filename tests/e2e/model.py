"""A scripted language model on loopback: the four wire formats that the known agent CLIs speak.

A script is a function from what was asked to one action: `say`, `shell`, `write`, `refuse` or
`silence`. It is called for every request that declares tools; titles, summaries and probes get
a short answer of their own. Answers are streamed (SSE) where the client asks for a stream.
"""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

TOKENS_IN, TOKENS_OUT = 1100, 70
SHELLS = ("exec_command", "shell_command", "shell", "run_shell_command", "Bash", "bash")
WRITERS = ("Write", "write_file", "write")
ids = count(1)


@dataclass
class Ask:
    """One request to the model."""

    api: str
    tools: dict[str, dict]
    body: dict
    results: list[str] = field(default_factory=list)

    def text(self) -> str:
        """Every string in the request, so that a story can look for what the agent was told."""
        return "\n".join(strings(self.body))


Script = Callable[[Ask], dict]


def say(text: str) -> dict:
    return {"text": text}


def shell(command: str) -> dict:
    return {"shell": command}


def write(path: str, content: str) -> dict:
    return {"write": (path, content)}


def refuse(status: int, **headers: str) -> dict:
    return {"status": status, "headers": headers}


def silence() -> dict:
    """The stream begins and then nothing comes until the client or the story is gone."""
    return {"silence": True}


def steps(*actions: dict) -> Script:
    """One action after another: each tool answer in the conversation moves on by one."""
    return lambda ask: actions[min(len(ask.results), len(actions) - 1)]


class Model:
    """The server; ends with `close`."""

    def __init__(self, script: Script, without_tools: bool = False):
        """`without_tools`: a client that declares none is answered by the script as well."""
        self.script = script
        self.without_tools = without_tools
        self.asked: list[Ask] = []
        self.requests = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()
        model = self

        class Bound(Handler):
            owner = model

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def tool_answers(self) -> list[str]:
        """All answers of tools in the longest conversation so far."""
        with self.lock:
            return max((ask.results for ask in self.asked), key=len, default=[])

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()


def strings(value: object):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def declared(api: str, body: dict) -> dict[str, dict]:
    """Tools of a request: name to the JSON schema of its arguments."""
    found: dict[str, dict] = {}
    for tool in body.get("tools") or []:
        if api == "anthropic":
            found[tool.get("name", "")] = tool.get("input_schema") or {}
        elif api == "chat":
            function = tool.get("function") or {}
            found[function.get("name", "")] = function.get("parameters") or {}
        elif api == "responses" and tool.get("type") == "function":
            found[tool.get("name", "")] = tool.get("parameters") or {}
        elif api == "gemini":
            for function in tool.get("functionDeclarations") or []:
                schema = function.get("parametersJsonSchema") or function.get("parameters")
                found[function.get("name", "")] = schema or {}
    return found


def results(api: str, body: dict) -> list[str]:
    """What the tools answered so far, oldest first."""
    text = lambda value: "\n".join(strings(value))
    if api == "anthropic":
        blocks = [m.get("content") for m in body.get("messages", [])]
        flat = [b for content in blocks if isinstance(content, list) for b in content]
        return [text(b.get("content")) for b in flat if b.get("type") == "tool_result"]
    if api == "chat":
        tools = [m for m in body.get("messages", []) if m.get("role") == "tool"]
        return [text(m.get("content")) for m in tools]
    if api == "responses":
        items = body.get("input")
        items = items if isinstance(items, list) else []
        return [text(i.get("output")) for i in items if str(i.get("type")).endswith("_output")]
    parts = [p for c in body.get("contents", []) for p in c.get("parts", [])]
    return [text(p["functionResponse"]) for p in parts if "functionResponse" in p]


def call_of(action: dict, tools: dict[str, dict]) -> tuple[str, dict] | None:
    """The client's own name and arguments for what the script wants done."""
    if "write" in action:
        path, content = action["write"]
        for name in WRITERS:
            if name in tools:
                known = tools[name].get("properties", {})
                key = next((k for k in ("file_path", "filePath", "path") if k in known), "file_path")
                return name, {key: path, "content": content}
        quoted = "'" + content.replace("'", "'\\''") + "'"
        action = shell(f"mkdir -p \"$(dirname '{path}')\" && printf %s {quoted} > '{path}'")
    if "shell" in action:
        name = next((name for name in SHELLS if name in tools), None)
        if name is None:
            raise ValueError(f"the client declares no shell tool: {sorted(tools)}")
        known = tools[name].get("properties", {})
        key = next((k for k in ("command", "cmd") if k in known), "command")
        command: object = action["shell"]
        if known.get(key, {}).get("type") == "array":
            command = ["bash", "-lc", command]
        arguments = {key: command}
        if "description" in tools[name].get("required", []):
            arguments["description"] = "run a scripted command"
        return name, arguments
    return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: Model

    def log_message(self, *_):
        pass

    def read(self) -> bytes:
        if (self.headers.get("transfer-encoding") or "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        whole = b""
        while size := int(self.rfile.readline().split(b";")[0].strip() or b"0", 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return whole

    def send(self, value: object, status: int = 200, headers: dict | None = None) -> None:
        raw = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(raw)))
        for name, text in (headers or {}).items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)

    def begin(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True

    def event(self, data: object, name: str | None = None) -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        self.wfile.write(((f"event: {name}\n" if name else "") + f"data: {text}\n\n").encode())
        self.wfile.flush()

    def do_HEAD(self):
        self.send({})

    def do_GET(self):
        self.send({"object": "list", "data": [], "models": []})

    def do_POST(self):
        raw = self.read()
        path = self.path.partition("?")[0]
        api = next((a for a, pattern in APIS.items() if re.search(pattern, path)), None)
        if api is None:
            count_only = path.endswith(("/count_tokens", ":countTokens"))
            answer = {"input_tokens": len(raw) // 4, "totalTokens": len(raw) // 4}
            return self.send(answer if count_only else {"error": "not found"}, 200 if count_only else 404)
        body = json.loads(raw or b"{}")
        try:
            self.answer(api, path, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self, api: str, path: str, body: dict) -> None:
        tools = declared(api, body)
        ask = Ask(api, tools, body, results(api, body))
        owner = self.owner
        with owner.lock:
            owner.requests += 1
            scripted = bool(tools) or owner.without_tools
            if scripted:
                owner.asked.append(ask)
        action = owner.script(ask) if scripted else self.aside(body)
        if "status" in action:
            return self.send(trouble(api, action["status"]), action["status"], action["headers"])
        stream = bool(body.get("stream")) or ":streamGenerateContent" in path
        call = call_of(action, tools)
        if action.get("silence"):
            if stream:
                self.begin()
                self.wfile.flush()
            owner.closing.wait()
            self.close_connection = True
            return None
        text = action.get("text", "")
        return getattr(self, "answer_" + api)(body, text, call, stream)

    def aside(self, body: dict) -> dict:
        wants_json = "json" in str((body.get("generationConfig") or {}).get("responseMimeType"))
        return say("{}" if wants_json else "ok")

    def answer_anthropic(self, body, text, call, stream):
        blocks = [{"type": "text", "text": text}] if text else []
        if call:
            blocks.append({"type": "tool_use", "id": f"toolu_{next(ids)}", "name": call[0], "input": call[1]})
        reason = "tool_use" if call else "end_turn"
        message = {"id": f"msg_{next(ids)}", "type": "message", "role": "assistant",
                   "model": body.get("model"), "content": [], "stop_reason": None, "stop_sequence": None,
                   "usage": {"input_tokens": TOKENS_IN, "output_tokens": 1,
                             "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}}
        if not stream:
            usage = dict(message["usage"], output_tokens=TOKENS_OUT)
            return self.send(dict(message, content=blocks, stop_reason=reason, usage=usage))
        self.begin()
        send = lambda kind, **more: self.event(dict(type=kind, **more), kind)
        send("message_start", message=message)
        for at, block in enumerate(blocks):
            if block["type"] == "text":
                empty, delta = dict(block, text=""), {"type": "text_delta", "text": text}
            else:
                empty = dict(block, input={})
                delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            send("content_block_start", index=at, content_block=empty)
            send("content_block_delta", index=at, delta=delta)
            send("content_block_stop", index=at)
        send("message_delta", delta={"stop_reason": reason, "stop_sequence": None},
             usage={"output_tokens": TOKENS_OUT})
        send("message_stop")

    def answer_chat(self, body, text, call, stream):
        head = {"id": f"chatcmpl-{next(ids)}", "created": 1, "model": body.get("model")}
        usage = {"prompt_tokens": TOKENS_IN, "completion_tokens": TOKENS_OUT,
                 "total_tokens": TOKENS_IN + TOKENS_OUT}
        calls = []
        if call:
            function = {"name": call[0], "arguments": json.dumps(call[1])}
            calls = [{"index": 0, "id": f"call_{next(ids)}", "type": "function", "function": function}]
        reason = "tool_calls" if call else "stop"
        if not stream:
            message = {"role": "assistant", "content": text or None, "tool_calls": calls or None}
            choice = {"index": 0, "message": message, "finish_reason": reason}
            return self.send(dict(head, object="chat.completion", choices=[choice], usage=usage))
        self.begin()
        head["object"] = "chat.completion.chunk"
        part = lambda delta, end=None: self.event(
            dict(head, choices=[{"index": 0, "delta": delta, "finish_reason": end}]))
        part({"role": "assistant", "content": text})
        if calls:
            part({"tool_calls": calls})
        part({}, reason)
        self.event(dict(head, choices=[], usage=usage))
        self.event("[DONE]")

    def answer_responses(self, body, text, call, stream):
        items = []
        if text:
            content = [{"type": "output_text", "text": text, "annotations": []}]
            items.append({"type": "message", "id": f"msg_{next(ids)}", "status": "completed",
                          "role": "assistant", "content": content})
        if call:
            items.append({"type": "function_call", "id": f"fc_{next(ids)}", "status": "completed",
                          "call_id": f"call_{next(ids)}", "name": call[0], "arguments": json.dumps(call[1])})
        usage = {"input_tokens": TOKENS_IN, "output_tokens": TOKENS_OUT,
                 "total_tokens": TOKENS_IN + TOKENS_OUT, "input_tokens_details": {"cached_tokens": 0},
                 "output_tokens_details": {"reasoning_tokens": 0}}
        whole = {"id": f"resp_{next(ids)}", "object": "response", "created_at": 1, "status": "completed",
                 "model": body.get("model"), "output": items, "error": None, "usage": usage}
        if not stream:
            return self.send(whole)
        self.begin()
        send = lambda kind, **more: self.event(dict(type=kind, **more), kind)
        send("response.created", response=dict(whole, status="in_progress", output=[], usage=None))
        for at, item in enumerate(items):
            send("response.output_item.added", output_index=at, item=dict(item, status="in_progress"))
            send("response.output_item.done", output_index=at, item=item)
        send("response.completed", response=whole)

    def answer_gemini(self, _body, text, call, stream):
        parts = [{"text": text}] if text else []
        if call:
            parts.append({"functionCall": {"name": call[0], "args": call[1]}})
        usage = {"promptTokenCount": TOKENS_IN, "candidatesTokenCount": TOKENS_OUT,
                 "totalTokenCount": TOKENS_IN + TOKENS_OUT}
        candidate = {"content": {"role": "model", "parts": parts}, "index": 0, "finishReason": "STOP"}
        answer = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "scripted",
                  "responseId": f"r{next(ids)}"}
        if not stream:
            return self.send(answer)
        self.begin()
        self.event(answer)


APIS = {
    "anthropic": r"/messages$",
    "chat": r"/chat/completions$",
    "responses": r"/responses$",
    "gemini": r":(generateContent|streamGenerateContent)$",
}
KINDS = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error",
         429: "rate_limit_error"}


def trouble(api: str, status: int) -> dict:
    """The error body of that API."""
    kind = KINDS.get(status, "api_error")
    if api == "anthropic":
        return {"type": "error", "error": {"type": kind, "message": f"scripted {kind}"}}
    if api == "gemini":
        return {"error": {"code": status, "message": f"scripted {kind}", "status": kind.upper()}}
    return {"error": {"message": f"scripted {kind}", "type": kind, "param": None, "code": None}}
