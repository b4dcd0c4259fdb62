"""Against the reference servers of MCP, which none of us wrote, each through a whole run of `nika`.

`.ci/test` installs them: those of npm onto the PATH, those of PyPI into `.venv/servers`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from nika_core.testing import ScenarioServer, read_scenarios

NIKA = Path(sys.executable).with_name("nika")
ENVIRONMENT = Path(__file__).parents[3] / ".venv" / "servers"
Run = Callable[..., Any]


def command(name: str) -> str:
    """The server's command; the test is skipped if it is not installed."""
    found = shutil.which(f"mcp-server-{name}") or shutil.which(f"mcp-server-{name}", path=str(ENVIRONMENT / "bin"))
    return found or pytest.skip(f"mcp-server-{name} is not installed: .ci/test does it")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run calls of one server in order by the command line, also after one that fails; return what it shows as JSON."""

    def run_workflow(server: dict[str, Any], *calls: tuple[str, dict[str, Any]], **root: Any) -> Any:
        ids = [f"t{number}" for number in range(len(calls))]
        tasks = [
            {"id": id_, "mcp": {"reference": f"it::{tool}", "args": args}, "onError": "continue"}
            for id_, (tool, args) in zip(ids, calls, strict=True)
        ]
        flows = [{"source": source, "target": target} for source, target in pairwise(ids)]
        whole = {"mcpServers": {"it": server}, "tasks": tasks, "flows": flows} | root
        (tmp_path / "w.nika.yaml").write_text(json.dumps(whole))
        done = subprocess.run(
            [NIKA, "run", "w.nika.yaml", "--format", "json"],
            env=os.environ | {"NIKA_MCP_TIMEOUT": "60s"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    return run_workflow


def ends(result: Any) -> list[str]:
    """The tasks' outputs or errors, those that are not texts as JSON."""
    found = [task["error"] if "error" in task else task["output"] for task in result["tasks"]]
    return [each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for each in found]


def test_filesystem_reads_and_writes_in_its_folder_only(run: Run, tmp_path: Path) -> None:
    server = {"command": command("filesystem"), "args": [str(tmp_path)]}
    path = str(tmp_path / "a.txt")
    written, read, listed, refused, wrong = ends(
        run(
            server,
            ("write_file", {"path": path, "content": "grüß dich"}),
            ("read_text_file", {"path": path}),
            ("list_directory", {"path": str(tmp_path)}),
            ("read_text_file", {"path": "/etc/hostname"}),
            ("read_text_file", {"paht": path}),
        )
    )
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == "grüß dich"
    assert "a.txt" in written
    assert "grüß dich" in read
    assert "a.txt" in listed
    assert "denied" in refused
    assert '"validation"' in wrong


def test_memory_keeps_what_it_is_told_within_a_run(run: Run, tmp_path: Path) -> None:
    server = {"command": command("memory"), "env": {"MEMORY_FILE_PATH": str(tmp_path / "memory.jsonl")}}
    ada = {"name": "Ada", "entityType": "person", "observations": ["writes programs"]}
    unknown = {"entityName": "Bob", "contents": ["x"]}
    _, _, refused, graph = ends(
        run(
            server,
            ("create_entities", {"entities": [ada]}),
            ("add_observations", {"observations": [{"entityName": "Ada", "contents": ["likes tea"]}]}),
            ("add_observations", {"observations": [unknown]}),
            ("read_graph", {}),
        )
    )
    assert "Entity with name Bob not found" in refused
    assert all(word in graph for word in ("Ada", "writes programs", "likes tea"))
    assert "Bob" not in graph


def test_time_is_converted(run: Run) -> None:
    args = {"source_timezone": "Asia/Tokyo", "time": "12:30", "target_timezone": "Asia/Kathmandu"}
    server = {"command": command("time"), "args": ["--local-timezone", "UTC"]}
    good, wrong = ends(run(server, ("convert_time", args), ("convert_time", args | {"time": "noon"})))
    assert "09:15" in good
    assert '"execution"' in wrong


def test_git_tells_and_changes_a_repository(run: Run, tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    for arguments in (
        ["init", "-q", "-b", "main", str(repository)],
        ["-C", str(repository), "config", "user.name", "A"],
    ):
        subprocess.run(["git", *arguments], check=True)
    subprocess.run(["git", "-C", str(repository), "config", "user.email", "a@example.org"], check=True)
    (repository / "a.txt").write_text("hello\n")
    at = {"repo_path": str(repository)}
    status, _, _, log = ends(
        run(
            {"command": command("git"), "args": ["--repository", str(repository)]},
            ("git_status", at),
            ("git_add", at | {"files": ["a.txt"]}),
            ("git_commit", at | {"message": "Greet"}),
            ("git_log", at | {"max_count": 1}),
        )
    )
    assert "a.txt" in status
    assert "Greet" in log


SITE = """\
scenarios:
  site:
    answers:
      GET /robots.txt: [{status: 404}]
      GET /page:
        - text: "<html><body><h1>Hello</h1><p>from a page</p></body></html>"
          headers: {content-type: text/html}
      GET /broken: [{status: 503, text: not now}]
"""


def test_fetch_gets_a_page(run: Run, tmp_path: Path) -> None:
    variables = {"NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    server = {"command": command("fetch"), "args": ["--allow-private-ips"], "env": variables}
    (tmp_path / "site.yaml").write_text(SITE)
    (site,) = read_scenarios(tmp_path / "site.yaml")
    with ScenarioServer(site) as web:
        good, broken = ends(run(server, *(("fetch", {"url": f"{web.url}/{name}"}) for name in ("page", "broken"))))
    assert "from a page" in good
    assert "503" in broken


CONVERSATION = """\
scenarios:
  conversation:
    answers:
      GET */models: [{json: {data: []}}]
      POST */chat/completions:
        - sse:
            - choices:
                - delta: {tool_calls: [{id: a, function: {name: it__read_text_file, arguments: '{"path": "FILE"}'}}]}
                  finish_reason: tool_calls
        - sse: [{choices: [{index: 0, delta: {content: It says hello.}, finish_reason: stop}]}]
          expect: {body: {messages: [null, null, {role: tool, tool_call_id: a}]}}
"""


def test_a_model_uses_the_tools_of_a_server(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = {"command": command("filesystem"), "args": [str(tmp_path)]}
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "talk.yaml").write_text(CONVERSATION.replace("FILE", str(tmp_path / "a.txt")))
    (talk,) = read_scenarios(tmp_path / "talk.yaml")
    ask = {"id": "ask", "agent": "What does the file say?", "allowedTools": ["mcp::it::read_*"]}
    with ScenarioServer(talk) as model:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{model.url}/v1")
        result = run(server, agent={"model": "m", "provider": "openai"}, tasks=[ask])
    assert result["output"] == "It says hello."
    asked = [body for body in model.bodies if body]
    assert "hello" in asked[1]["messages"][2]["content"]
