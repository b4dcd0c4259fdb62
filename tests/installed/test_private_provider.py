"""The private provider of the examples: built, installed into a fresh environment, run against a gateway."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from .conftest import Environment, build_wheel

EXAMPLE = Path(__file__).parents[2] / "examples" / "private-provider"
TOKENS = ["first-token-111111", "second-token-222222", "third-token-333333"]


class Gateway:
    """Takes one token at a time, and changes it after every answer."""

    def __init__(self, token_file: Path) -> None:
        self.file = token_file
        self.calls: list[dict[str, Any]] = []
        self.refused = 0
        self.current = 0
        self.publish()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                gateway.answer(self, None)

            def do_POST(self) -> None:
                gateway.answer(self, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def publish(self) -> None:
        self.file.write_text(TOKENS[self.current] + "\n")

    def answer(self, handler: BaseHTTPRequestHandler, body: dict[str, Any] | None) -> None:
        token = handler.headers["X-Acme-Token"]
        if token != TOKENS[self.current]:
            self.refused += 1
            self.send(handler, 401, f"no such token: {token}")
        elif body is None:
            self.send(handler, 200, json.dumps(["acme-large", "acme-small"]))
        else:
            self.calls.append(body | {"team": handler.headers["X-Acme-Team"]})
            self.send(handler, 200, "\n".join(json.dumps(each) for each in self.reply(body)))
            self.current = min(self.current + 1, len(TOKENS) - 1)
            self.publish()

    def reply(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        if not body["tools"]:
            return [{"text": "A "}, {"text": "note."}, {"end": "done", "in": 1000, "out": 500}]
        if body["messages"][-1]["role"] != "tool":
            call = {"id": "1", "name": "shell", "arguments": {"command": "echo better"}}
            return [{"call": call}, {"end": "tools", "in": 1000, "out": 100}]
        told = json.loads(body["messages"][-1]["results"][0]["text"])["stdout"]
        return [{"text": f"A {told} note."}, {"end": "done", "in": 2000, "out": 100}]

    def send(self, handler: BaseHTTPRequestHandler, status: int, text: str) -> None:
        data = text.encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)


@pytest.fixture
def environment(fresh: Callable[[], Environment], tmp_path: Path) -> Environment:
    build_wheel(EXAMPLE, tmp_path / "dist")
    made = fresh()
    made.install(*(tmp_path / "dist").glob("*.whl"))
    return made


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "release.nika.yaml").write_text((EXAMPLE / "release.nika.yaml").read_text())
    return folder


@pytest.fixture
def gateway(work: Path) -> Iterator[Gateway]:
    made = Gateway(work / "token")
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_private_provider_is_listed_checked_priced_and_run_while_its_token_changes(
    environment: Environment, work: Path, gateway: Gateway
) -> None:
    command = f"{sys.executable} -c 'print(open(\"token\").read())'"
    by_file = {"ACME_URL": gateway.url, "ACME_TOKEN_FILE": str(gateway.file), "ACME_TEAM": "docs"}
    by_command = {"ACME_URL": gateway.url, "ACME_TOKEN_COMMAND": command, "ACME_TEAM": "docs"}

    missing = environment.run("run", "release.nika.yaml", cwd=work, environ={"ACME_URL": gateway.url})
    assert missing.returncode == 2
    assert "ACME_TOKEN" in missing.stderr

    listed = environment.run("providers", "--check", "--format", "json", cwd=work, environ=by_file)
    mine = next(each for each in json.loads(listed.stdout)["providers"] if each["name"] == "acme")
    assert mine["distribution"] == "acme-nika-models"
    assert mine["health"] == {
        "ok": True,
        "detail": f"2 model(s) at {gateway.url}",
        "models": ["acme-large", "acme-small"],
    }
    prices = {model["name"]: model["price"] for model in mine["models"]}
    assert prices["acme-large"] == {"inputPerMillion": 1.0, "outputPerMillion": 4.0}

    planned = environment.run("plan", "release.nika.yaml", "--format", "json", cwd=work, environ=by_file)
    assert json.loads(planned.stdout)["estimate"]["unpriced"] == []

    ran = environment.run("run", "release.nika.yaml", "--format", "json", cwd=work, environ=by_file)
    assert ran.returncode == 0, ran.stderr + ran.stdout
    result = json.loads(ran.stdout)
    assert result["output"] == "A better note."
    # 1,000 + 500 tokens of acme-small; 1,000 + 100 and 2,000 + 100 of acme-large.
    assert result["usage"]["costUsd"] == pytest.approx(0.0003 + 0.0014 + 0.0024)
    assert [call["team"] for call in gateway.calls] == ["docs"] * 3
    assert gateway.refused == 0  # the file was read for every call

    gateway.current = 0
    gateway.publish()
    again = environment.run("run", "release.nika.yaml", "--format", "json", cwd=work, environ=by_command)
    assert again.returncode == 0, again.stderr + again.stdout
    assert gateway.refused == 2  # twice the kept token was no longer taken, and asked for anew
    shown = listed.stdout + planned.stdout + ran.stdout + ran.stderr + again.stdout + again.stderr
    assert not any(token in shown for token in TOKENS)
    assert "Traceback" not in shown


def test_a_token_that_the_gateway_refuses_is_told_without_being_shown(
    environment: Environment, work: Path, gateway: Gateway
) -> None:
    environ = {"ACME_URL": gateway.url, "ACME_TOKEN": "wrong-token-999999"}
    ran = environment.run("run", "release.nika.yaml", "--format", "json", cwd=work, environ=environ)
    assert ran.returncode == 1
    error = json.loads(ran.stdout)["tasks"][0]["error"]
    assert (error["category"], "ACME_TOKEN" in error["message"]) == ("config", True)
    assert "wrong-token" not in ran.stdout + ran.stderr
