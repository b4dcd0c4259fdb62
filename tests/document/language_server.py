"""A client of yaml-language-server over stdio: what an editor shows of a document, and what it suggests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest

MODULES = Path(os.environ.get("NIKA_NODE_MODULES") or Path(__file__).parents[2] / "node_modules").absolute()
NODE = shutil.which("node")
SERVER = MODULES / "yaml-language-server" / "bin" / "yaml-language-server"
needs_server = pytest.mark.skipif(
    NODE is None or not SERVER.is_file(),
    reason="no editor's language server: it needs Node.js, and npm install yaml-language-server@1.25.0 (see .ci/test)",
)


class LanguageServer:
    """A running server. Documents have any names; which schema they are checked with depends on the name's end."""

    def __init__(self, process: subprocess.Popen[bytes], schemas: Mapping[str, list[str]]) -> None:
        self._process = process
        self._ids = count(1)
        self._documents = count(1)
        self._settings = {"yaml": {"schemas": schemas, "schemaStore": {"enable": False}}}
        capabilities = {"workspace": {"configuration": True}, "textDocument": {"publishDiagnostics": {}}}
        self._ask("initialize", {"processId": os.getpid(), "rootUri": None, "capabilities": capabilities})
        self._send(method="initialized", params={})

    def problems(self, text: str, name: str) -> list[tuple[int, int, str]]:
        """Return line and column, from 1, and the message of each problem, in order."""
        _, problems = self._open(text, name)
        starts = [(each["range"]["start"], each["message"]) for each in problems]
        return sorted((start["line"] + 1, start["character"] + 1, message) for start, message in starts)

    def suggestions(self, text: str, name: str) -> set[str]:
        """Return what is suggested where the text has a `|`."""
        before, _, after = text.partition("|")
        uri, _ = self._open(before + after, name)
        position = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
        found = self._ask("textDocument/completion", {"textDocument": {"uri": uri}, "position": position})
        return {each["label"] for each in found["items"]}

    def _open(self, text: str, name: str) -> tuple[str, list[Any]]:
        uri = f"file:///project/{next(self._documents)}/{name}"
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._send(method="textDocument/didOpen", params={"textDocument": document})
        published = self._read(
            lambda message: (
                message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == uri
            )
        )
        return uri, published["params"]["diagnostics"]

    def _ask(self, method: str, params: Mapping[str, Any]) -> Any:
        number = next(self._ids)
        self._send(id=number, method=method, params=params)
        return self._read(lambda message: message.get("id") == number and "method" not in message)["result"]

    def _send(self, **message: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._process.stdin.flush()

    def _read(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        assert self._process.stdout is not None
        while True:
            length = 0
            while line := self._process.stdout.readline().strip():
                key, _, value = line.partition(b":")
                length = int(value) if key.lower() == b"content-length" else length
            assert length, "the language server has ended"
            message: dict[str, Any] = json.loads(self._process.stdout.read(length))
            if message.get("method") == "workspace/configuration":
                asked = [self._settings.get(item["section"]) for item in message["params"]["items"]]
                self._send(id=message["id"], result=asked)
            elif "id" in message and "method" in message:
                self._send(id=message["id"], result=None)
            elif wanted(message):
                return message


@contextmanager
def language_server(schemas: Mapping[str, list[str]]) -> Iterator[LanguageServer]:
    """Start a server. Schemas are addresses, each with the patterns of the files that it is for."""
    assert NODE is not None
    arguments = [NODE, str(SERVER), "--stdio"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield LanguageServer(process, schemas)
        finally:
            process.kill()
