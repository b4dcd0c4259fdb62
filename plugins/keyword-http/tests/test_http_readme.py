"""The README's example and its promises, as a user would run them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).parent.parent / "README.md"


def call(*arguments: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command = Path(sys.executable).with_name("nika")
    done = subprocess.run(
        [str(command), *arguments],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


def nika(*arguments: str, folder: Path, **environ: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call(*arguments, "--format", "json", folder=folder, **environ).stdout)
    return found


def test_the_readmes_example_runs(tmp_path: Path, serve: Any, answer_with: Any) -> None:
    async def answer(reader: Any, writer: Any, request: Any) -> None:
        body = {"GET": b'{"first": {"id": 7}}', "POST": b"thanks", "PUT": b"filed"}[request.method]
        await answer_with(body=body)(reader, writer, request)

    server = serve(answer)
    found = re.search(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    text = found.group(1).replace("https://api.example.com", server.url)
    (tmp_path / "items.nika.yaml").write_text(text, encoding="utf-8")
    result = nika("run", "items.nika.yaml", folder=tmp_path, NIKA_HTTP_ALLOW=f"127.0.0.1:{server.port}")
    assert result["status"] == "succeeded", result
    assert result["output"] == "filed"
    listed, voted, reported = server.requests
    assert listed.target == "/topics/a%26b%2Fc/items?page=1&tag=new&tag=hot"
    assert json.loads(voted.body) == {"item": {"id": 7}, "up": True}
    assert voted.headers["idempotency-key"].endswith("/vote#1")
    assert (reported.method, reported.target, reported.body) == ("PUT", "/reports/200", b"voted 7")


def test_a_workflow_cannot_reach_loopback_by_itself(tmp_path: Path, serve: Any) -> None:
    server = serve(body=b"secret")
    (tmp_path / "a.nika.yaml").write_text(f"tasks:\n  - id: a\n    http: {server.url}/\n", encoding="utf-8")
    result = nika("run", "a.nika.yaml", folder=tmp_path, NIKA_HTTP_ALLOW="")
    assert (result["status"], result["tasks"][0]["error"]["code"]) == ("failed", "NIKA-088")
    assert result["tasks"][0]["attempts"] == 1
    assert server.requests == []
    (tmp_path / "nika.yaml").write_text(f'http: {{allow: ["127.0.0.1:{server.port}"]}}\n', encoding="utf-8")
    assert nika("run", "a.nika.yaml", folder=tmp_path, NIKA_HTTP_ALLOW="", NIKA_TRUST="1")["output"] == "secret"


def test_a_long_body_is_told_as_cut(tmp_path: Path, serve: Any) -> None:
    server = serve(body=b"x" * 50_000, headers={"content-type": "text/plain"})
    text = f"tasks:\n  - id: a\n    http: {server.url}/\n"
    (tmp_path / "a.nika.yaml").write_text(text, encoding="utf-8")
    result = nika("run", "a.nika.yaml", folder=tmp_path, NIKA_HTTP_ALLOW="127.0.0.1", NIKA_MAX_OUTPUT="2000")
    task = result["tasks"][0]
    assert task["truncated"] is True
    assert task["output"].endswith("[TRUNCATED: 50000 bytes → 2000 bytes]")


@pytest.mark.parametrize("command", ["validate", "plan", "run"])
@pytest.mark.parametrize("uses", ["{id: b, http: 'https://h.example/'}", "{id: b, agent: x, allowedTools: [http]}"])
def test_a_malformed_list_of_hosts_is_told_once_before_anything_runs(tmp_path: Path, command: str, uses: str) -> None:
    text = "agent: {model: mock, provider: mock}\ntasks:\n  - {id: a, shell: 'echo x > ran'}\n"
    (tmp_path / "w.nika.yaml").write_text(f"{text}  - {uses}\n  - {uses.replace('id: b', 'id: c')}\n", encoding="utf-8")
    done = call(command, "w.nika.yaml", folder=tmp_path, NIKA_HTTP_ALLOW="good.example, http://x,h:0")
    told = done.stdout + done.stderr
    assert (done.returncode, told.count("NIKA-085")) == (2, 2)
    assert told.count("NIKA_HTTP_ALLOW: 'http://x' is not a host, host:port or CIDR block") == 1
    assert told.count("NIKA_HTTP_ALLOW: 'h:0' has no port") == 1
    assert not (tmp_path / "ran").exists()


def test_a_malformed_list_of_hosts_is_nothing_to_a_workflow_without_http(tmp_path: Path) -> None:
    (tmp_path / "w.nika.yaml").write_text("tasks:\n  - {id: a, shell: echo x}\n", encoding="utf-8")
    assert nika("run", "w.nika.yaml", folder=tmp_path, NIKA_HTTP_ALLOW="http://x")["status"] == "succeeded"


def test_a_malformed_entry_of_the_project_file_is_told_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "nika.yaml").write_text("http:\n  allow:\n    - good.example\n    - http://x\n", encoding="utf-8")
    (tmp_path / "w.nika.yaml").write_text("tasks:\n  - {id: a, http: 'https://h.example/'}\n", encoding="utf-8")
    [problem] = nika("run", "w.nika.yaml", folder=tmp_path)["problems"]
    assert "'http://x' is not a host" in problem["message"]
    assert (problem["line"], problem["column"]) == (4, 7)
