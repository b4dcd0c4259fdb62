"""A fast model server on loopback, in a process of its own: `python tests/benchmarks/model_server.py`.

Prints its port, and ends when its standard input does. It speaks the wire formats of OpenAI and Anthropic. How an
answer comes is in the prompt: `chunks-20` is one of 20 pieces of text, each in a write of its own, `burst-20` the
same in one write. With `turns-3` it calls the first tool that it is offered until it has three results, then it answers
with 20 pieces (Anthropic only). Nothing is computed for an answer but its bytes, once for each kind.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_KIND = re.compile(rb"(chunks|burst|turns)-(\d+)")
_TOOL = re.compile(rb'"tools": ?\[\{[^\[]*?"name": ?"([^"]+)"')
_RESULT = re.compile(rb'"type": ?"tool_result"')
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_COUNTED = b'{"input_tokens": 9}'
_COUNT = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_COUNTED) + _COUNTED
_USAGE = {"input_tokens": 9, "output_tokens": 200}


def _sent(event: dict[str, Any] | str, name: str = "") -> bytes:
    data = event if isinstance(event, str) else json.dumps(event)
    text = (f"event: {name}\n" if name else "") + f"data: {data}\n\n"
    return b"%x\r\n%b\r\n" % (len(text), text.encode())


def _openai(count: int) -> Iterator[bytes]:
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "chunks"}
    for _ in range(count):
        yield _sent({**head, "choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]})
    yield _sent({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    yield _sent({**head, "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": count, "total_tokens": 9}})
    yield _sent("[DONE]") + b"0\r\n\r\n"


def _anthropic(count: int) -> Iterator[bytes]:
    return _message({"type": "text", "text": ""}, [{"type": "text_delta", "text": "word "}] * count, "end_turn")


def _message(block: dict[str, Any], deltas: list[dict[str, Any]], reason: str) -> Iterator[bytes]:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "chunks", "content": []}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message, "stop_reason": None, "usage": _USAGE}},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": _USAGE},
    ]
    for event in events:
        yield _sent(event, event["type"])
    yield _sent({"type": "message_stop"}, "message_stop") + b"0\r\n\r\n"


@cache
def _answer(anthropic: bool, count: int) -> tuple[bytes, ...]:
    return tuple(_anthropic(count) if anthropic else _openai(count))


@cache
def _tool_call(name: str, number: int) -> tuple[bytes, ...]:
    block = {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": {}}
    arguments = [{"type": "input_json_delta", "partial_json": part} for part in ('{"text": ', f'"turn {number}"}}')]
    return tuple(_message(block, arguments, "tool_use"))


def _next_turn(body: bytes, turns: int) -> tuple[bytes, ...]:
    """Return a call of the first tool, or the answer if there are enough results."""
    results = len(_RESULT.findall(body))
    tool = _TOOL.search(body)
    return _tool_call(tool[1].decode(), results) if tool and results < turns else _answer(True, 20)


class _Connection(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._data = b""

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, _, body = self._data.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if length is None or len(body) < int(length[1]):
            return
        self._data = b""
        path = head.split(b" ", 2)[1]
        kind = _KIND.search(body)
        if path.endswith(b"/count_tokens") or kind is None:
            self._transport.write(_COUNT)
            return
        if kind[1] == b"turns":
            self._transport.write(_HEAD + b"".join(_next_turn(body, int(kind[2]))))
            return
        pieces = _answer(path.endswith(b"/messages"), int(kind[2]))
        if kind[1] == b"burst":
            self._transport.write(_HEAD + b"".join(pieces))
        else:
            self._transport.write(_HEAD)
            self._send(pieces, 0)

    def _send(self, pieces: tuple[bytes, ...], place: int) -> None:
        """Write a piece; others have their turn before the next."""
        self._transport.write(pieces[place])
        if place + 1 < len(pieces):
            asyncio.get_running_loop().call_soon(self._send, pieces, place + 1)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


@contextmanager
def model_server() -> Iterator[str]:
    """Run one; the address, without a path."""
    command = [sys.executable, str(Path(__file__))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.communicate()


if __name__ == "__main__":
    asyncio.run(_serve())
