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

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
SERVER = HERE / "small_mcp_server.py"


def nika(*arguments: str, folder: Path) -> tuple[dict[str, Any], str, int]:
    command = Path(sys.executable).with_name("nika")
    done = subprocess.run(
        [str(command), *arguments, "--format", "json"],
        cwd=folder,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout), done.stderr, done.returncode


def test_the_readmes_example_runs_and_leaves_no_process(tmp_path: Path, processes: Any) -> None:
    found = re.search(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    server = tmp_path / "small_mcp_server.py"
    server.write_text((HERE / "small_mcp_server.py").read_text(encoding="utf-8"), encoding="utf-8")
    text = found.group(1).replace("uvx", sys.executable).replace("small-mcp-server", str(server))
    (tmp_path / "sums.nika.yaml").write_text(text, encoding="utf-8")
    result, _, code = nika("run", "sums.nika.yaml", folder=tmp_path)
    assert (result["status"], code) == ("succeeded", 0), result
    assert result["output"] == "it is 7"
    assert processes(str(server)) == []


def test_an_unknown_server_is_found_before_anything_runs(tmp_path: Path) -> None:
    text = "mcpServers:\n  files: {command: x}\ntasks:\n  - id: a\n    mcp: fils::read\n"
    (tmp_path / "a.nika.yaml").write_text(text, encoding="utf-8")
    result, _, code = nika("validate", "a.nika.yaml", folder=tmp_path)
    [problem] = result["files"][0]["problems"]
    assert code == 2
    assert (problem["line"], problem["column"]) == (5, 10)
    assert "did you mean 'files'?" in problem["hint"]


def test_a_fault_of_the_file_beside_the_workflow_is_told_once_and_without_a_line_of_the_workflow(
    tmp_path: Path,
) -> None:
    (tmp_path / ".mcp.json").write_text('{\n  "mcpServers": {oh}\n}\n', encoding="utf-8")
    text = "tasks:\n  - {id: a, mcp: 's::read'}\n  - {id: b, mcp: 's::read'}\n"
    (tmp_path / "a.nika.yaml").write_text(text, encoding="utf-8")
    command = [str(Path(sys.executable).with_name("nika")), "validate", "a.nika.yaml"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.count(".mcp.json:2:18")) == (2, 1)
    assert "s::read" not in done.stdout + done.stderr


@pytest.mark.parametrize("task", ["mcp: small::environment", "agent: environment"])
def test_a_task_is_done_again_when_a_server_of_the_file_beside_the_workflow_changed(tmp_path: Path, task: str) -> None:
    def declare(value: str) -> None:
        server = {"command": sys.executable, "args": [str(SERVER)], "env": {"GIVEN": value}}
        (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {"small": server}}), encoding="utf-8")

    def resumed() -> list[bool]:
        done, _, _ = nika("resume", run, folder=tmp_path)
        return [each["reused"] for each in done["tasks"] if each["state"] == "success"]

    block = "agent: {model: mock, provider: mock, allowedTools: [mcp::small::add]}"
    fails = "  - {id: b, shell: 'exit 1'}\nflows: [{source: a, target: b}, {source: plain, target: b}]"
    text = f"{block}\ntasks:\n  - id: a\n    {task}\n  - {{id: plain, shell: 'echo x'}}\n{fails}\n"
    (tmp_path / "a.nika.yaml").write_text(text, encoding="utf-8")
    declare("old")
    first, _, _ = nika("run", "a.nika.yaml", folder=tmp_path)
    run = first["runId"]
    assert first["tasks"][0]["state"] == "success", first

    assert resumed() == [True, True]
    declare("new")
    assert resumed() == [False, True]
    assert resumed() == [True, True]
