"""Secrets on their way out: the real program with files, a real HTTP server, a real MCP server, and a kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import nika_core as nika
from nika_core.testing import call_nika

from ..environments import ROOT
from .conftest import STORED, TOKEN, Bench, Plugin

ROTATED = "Ro7atedSecre7Value"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "token").write_text(f"{TOKEN}\n")
    return tmp_path


def settings(folder: Path) -> dict[str, str]:
    return {"NIKA_PLUGINS_BLOCK": "secret_sources:keyring", "NIKA_SECRETS_DIR": str(folder / "secrets")}


def call(folder: Path, *arguments: object, **environ: str) -> Any:
    return call_nika(*arguments, folder=folder, environ={**settings(folder), **environ})


def kept(folder: Path) -> str:
    files = (path for path in (folder / ".nika").rglob("*") if path.is_file())
    return "".join(path.read_bytes().decode("latin-1") for path in files)


def test_a_killed_run_fetches_anew_and_no_output_of_the_program_shows_a_secret(folder: Path) -> None:
    tasks = [
        {"id": "first", "shell": {"command": 'printf %s "$T" | rev', "env": {"T": "${secret.token}"}}},
        {
            "id": "killed",
            "shell": "echo {{first}} >/dev/null; test -e go || { touch go; kill -9 $(cat pid); sleep 20; }",
        },
        {"id": "shows", "shell": {"argv": ["sh", "-c", 'echo "$0 $T"; echo "$T" >&2', "{{killed}}x {{first}}"]}},
    ]
    tasks[2]["shell"]["env"] = {"T": "${secret.token}"}
    tasks.append({"id": "fails", "onError": "continue", "shell": {"argv": ["ls", "/no/${secret.token}/{{shows}}"]}})
    (folder / "w.nika.yaml").write_text(json.dumps({"tasks": tasks}))

    program = ["sh", "-c", 'echo $$ > pid; exec "$0" -m nika_core run w.nika.yaml -v', sys.executable]
    killed = subprocess.run(program, cwd=folder, env={**os.environ, **settings(folder)}, timeout=60, check=False)
    assert killed.returncode == -9
    assert TOKEN not in kept(folder)
    (folder / "secrets" / "token").write_text(ROTATED)
    resumed = call(folder, "resume", "last", "--format", "json", "-v")

    result = {task["id"]: task for task in json.loads(resumed.stdout)["tasks"]}
    assert result["first"]["reused"]  # a rotated secret changes no hash
    assert result["shows"]["output"] == f"x {TOKEN[::-1]} ***"
    assert "/no/***" in result["fails"]["error"]["message"]
    shown = [call(folder, *command).stdout for command in (["runs", "show", "last"], ["why", "last", "shows"])]
    everything = f"{resumed.stdout}{resumed.stderr}{shown}{kept(folder)}"
    assert ROTATED not in everything
    assert TOKEN not in everything


def test_a_mocked_run_and_a_plan_need_no_source_and_no_secret(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NIKA_PLUGINS_BLOCK", "secret_sources:keyring,secret_sources:files,secret_sources:dictionary")
    task = {"id": "a", "http": {"url": "${secret.hook}", "headers": {"X-Key": "k ${secret.key}"}}}
    assert bench.problems(task) == []
    assert bench.run(task, mock=True).succeeded
    assert nika.plan("w.nika.yaml", plugins=[Plugin()]).tasks[0].payload["url"] == "${secret.hook}"


class Handler(BaseHTTPRequestHandler):
    seen: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        Handler.seen.append({"path": self.path, "key": self.headers["Authorization"], "body": body})
        answer = f"you sent {self.headers['Authorization']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def server() -> Iterator[str]:
    Handler.seen = []
    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def test_a_request_carries_secrets_in_its_header_path_query_and_body(
    bench: Bench, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIKA_HTTP_ALLOW", "127.0.0.1")
    request = {
        "url": f"{server}/hooks/${{secret.quotes}}/x",
        "method": "POST",
        "headers": {"Authorization": "Bearer ${secret.token}"},
        "query": {"key": "${secret.token}"},
        "json": {"login": "${secret.login.password}", "text": "${input.x}"},
    }
    result = bench.run({"id": "a", "http": request}, inputs={"x": "${secret.token}"})

    (seen,) = Handler.seen
    assert seen["key"] == f"Bearer {TOKEN}"
    assert seen["path"].endswith(f"/x?key={TOKEN}")
    assert "'" not in seen["path"]  # percent-encoded like any value
    assert json.loads(seen["body"]) == {"login": TOKEN, "text": "${secret.token}"}
    assert result.output == "you sent Bearer ***"
    assert TOKEN not in bench.kept()


def test_a_secret_with_a_line_break_is_refused_in_a_header_without_being_shown(
    bench: Bench, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIKA_HTTP_ALLOW", "127.0.0.1")
    monkeypatch.setitem(STORED, "lines", f"{TOKEN}\r\nX-Evil: 1")
    result = bench.run({"id": "a", "http": {"url": server, "headers": {"A": "${secret.lines}"}}})
    assert not result.succeeded
    assert TOKEN not in f"{result}{bench.kept()}"
    assert Handler.seen == []


def test_servers_of_mcp_are_given_secrets_in_env_and_arguments_also_from_the_file_of_other_clients(
    bench: Bench,
) -> None:
    program = str(ROOT / "plugins" / "keyword-mcp" / "tests" / "small_mcp_server.py")
    server = {"command": sys.executable, "args": [program], "env": {"API_KEY": "Bearer ${secret.token}"}}
    (bench.folder / ".mcp.json").write_text(json.dumps({"mcpServers": {"small": server}}))
    tasks = [
        {"id": "seen", "mcp": {"reference": "small::environment"}},
        {"id": "length", "shell": {"argv": ["printf", "%s", "{{seen.API_KEY | length}}"]}},
        {"id": "said", "mcp": {"reference": "small::say", "args": {"text": "<${secret.token}> ${input.x}"}}},
    ]
    result = bench.run(*tasks, inputs={"x": "${secret.token}"})

    outputs = {task.id: task.output for task in result.tasks}
    assert outputs["seen"]["API_KEY"] == "Bearer ***"
    assert outputs["length"] == str(len(f"Bearer {TOKEN}"))
    assert outputs["said"] == "<***> ${secret.token}"
    assert TOKEN not in bench.kept()
