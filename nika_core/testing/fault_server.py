"""A model server on loopback that answers well, or in every way in which servers fail. Knows one wire format, OpenAI's;
for another one, pass a function that writes its answers.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

from nika_core.values import dataclass, field

REASONING: Final = "Somebody asks whether anybody is there."  # what a model thinks, in the answers of a wire
_HOLD: Final = 10.0  # seconds for which a held answer waits to be let go


@dataclass(frozen=True, slots=True)
class FaultAnswer:
    """What a server sends.

    Attributes:
        parts: sent one after the other, each at once.
        content_type: of all of them.
    """

    parts: Sequence[bytes]
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """A request as it came over the wire.

    Attributes:
        method: `GET`, `POST` and so on.
        path: with the query.
        headers: by name.
        body: the JSON object; {} if it was not one.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any] = field(default_factory=dict)


def json_object(data: bytes) -> Mapping[str, Any]:
    """Return a request's body; {} if it is not a JSON object."""
    with contextlib.suppress(ValueError):
        body = json.loads(data)
        if isinstance(body, dict):
            return body
    return {}


Wire: TypeAlias = Callable[[ReceivedRequest], FaultAnswer]


def openai_wire(request: ReceivedRequest) -> FaultAnswer:
    """Answer a chat completion as OpenAI streams it: two pieces of text, then the usage; JSON if JSON is asked for.

    A request with an effort and tools is answered with `REASONING` and a call, until it has the call's result.
    """
    if request.method == "GET":
        return FaultAnswer([json.dumps({"object": "list", "data": []}).encode()])
    texts = ['{"answer": ', '"yes"}'] if "response_format" in request.body else ["Hello", " there."]
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    if not request.body.get("stream"):
        message = {"role": "assistant", "content": "".join(texts)}
        whole = {"id": "c", "object": "chat.completion", "model": "m", "usage": usage}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        return FaultAnswer([json.dumps({**whole, "choices": choices}).encode()])

    def event(choices: list[Any], **more: Any) -> bytes:
        chunk = {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": choices, **more}
        return f"data: {json.dumps(chunk)}\n\n".encode()

    def choice(content: str | None, stop: str | None = None, **more: Any) -> list[Any]:
        return [{"index": 0, "delta": {"content": content, **more}, "finish_reason": stop}]

    events, stop = [event(choice(text)) for text in texts], "stop"
    if (
        "reasoning_effort" in request.body
        and request.body.get("tools")
        and '"tool_call_id"' not in json.dumps(request.body)
    ):
        call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
        events = [event(choice(None, reasoning_content=REASONING)), event(choice(None, tool_calls=[call]))]
        stop = "tool_calls"
    end = event(choice(None, stop)) + event([], usage=usage) + b"data: [DONE]\n\n"
    return FaultAnswer([*events, end], "text/event-stream")


class FaultServer:
    """Answers well until a fault is set. Used with `with`; a port of its own, a thread for each connection.

    Attributes:
        requests: every request, in order.
        answers: what a working server has answered, in order.
        mode: "work", "drop" (no answer, the connection is closed), "cut" (the answer breaks off in the middle),
            "garbage" (a page instead of JSON), "refused" (status 200 with an error in place of an answer), "silence"
            (no answer at all), or a status from 400 on.
        headers: sent with every answer.
        released: while it is clear, a working answer waits after its first part.
        gave_up: whether a held answer went on by itself because nothing released it for ten seconds.
    """

    def __init__(self, wire: Wire = openai_wire) -> None:
        self.wire = wire
        self.mode: str | int = "work"
        self.headers: dict[str, str] = {}
        self.requests: list[ReceivedRequest] = []
        self.answers: list[FaultAnswer] = []
        self.released = threading.Event()
        self.released.set()
        self.gave_up = False
        self._ending = threading.Event()
        self._open = 0
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        """Return `http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def connections(self) -> int:
        """Return how many connections are open."""
        return self._open

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @contextlib.contextmanager
    def fault(self, mode: str | int, **headers: str) -> Iterator[None]:
        """Fail with `mode` inside the block; `retry_after="7"` is the header `retry-after: 7`."""
        self.mode, self.headers = mode, {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            yield
        finally:
            self.mode, self.headers = "work", {}

    def _count(self, more: int) -> None:
        with self._lock:
            self._open += more

    def _handler(server: FaultServer) -> type[BaseHTTPRequestHandler]:  # noqa: N805  # `self` is the handler's below
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                server._count(1)
                super().setup()

            def finish(self) -> None:
                with contextlib.suppress(OSError):
                    super().finish()
                server._count(-1)

            def handle_one_request(self) -> None:
                with contextlib.suppress(ConnectionError, TimeoutError):
                    super().handle_one_request()
                    return
                self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class calls it so
                """Log nothing."""

            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def _answer(self) -> None:
                data = self.rfile.read(int(self.headers.get("content-length") or 0))
                request = ReceivedRequest(self.command, self.path, dict(self.headers), json_object(data))
                server.requests.append(request)
                match server.mode:
                    case "drop":
                        self.close_connection = True
                    case "silence":
                        server._ending.wait(60)
                        self.close_connection = True
                    case "garbage":
                        self._whole(200, b"<html>It works!</html>", "text/html")
                    case "refused":
                        self._whole(200, b'{"error": {"message": "the server says refused"}}', "application/json")
                    case int(status):
                        error = {"type": "fault", "message": f"the server says {status}"}
                        said = json.dumps({"type": "error", "error": error}).encode()
                        self._whole(status, said, "application/json")
                    case mode:
                        answer = server.wire(request)
                        server.answers.append(answer)
                        self._parts(answer, cut=mode == "cut")

            def _whole(self, status: int, data: bytes, content_type: str) -> None:
                self.send_response(status)
                self.send_header("content-type", content_type)
                self.send_header("content-length", str(len(data)))
                for name, value in server.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def _parts(self, answer: FaultAnswer, *, cut: bool) -> None:
                self.send_response(200)
                self.send_header("content-type", answer.content_type)
                self.send_header("transfer-encoding", "chunked")
                for name, value in server.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                for index, part in enumerate(answer.parts):
                    if cut and index == max(1, len(answer.parts) - 1):
                        self.close_connection = True
                        return
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                    self.wfile.flush()
                    if not server.gave_up:
                        server.gave_up = not server.released.wait(_HOLD)
                if cut:
                    self.close_connection = True
                    return
                self.wfile.write(b"0\r\n\r\n")

        return Handler
