"""Nothing that a server started outlives its run, wherever it went and however Nika ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

NIKA = Path(sys.executable).with_name("nika")
SERVER = """\
import json, os, subprocess, sys
child = subprocess.Popen(["sleep", "600"], start_new_session=True, stdin=subprocess.DEVNULL)
with open("pids", "a") as pids:
    pids.write(f"{os.getpid()} {child.pid}\\n")
about = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": {"name": "s", "version": "1"}}
answers = {
    "initialize": about,
    "tools/list": {"tools": [{"name": "t", "inputSchema": {"type": "object"}}]},
    "tools/call": {"content": [{"type": "text", "text": "ok"}]},
}
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("method") == "tools/call" and os.path.exists("kill"):
        os.remove("kill")
        guardian = open(f"/proc/{os.getppid()}/stat").read().rpartition(")")[2].split()
        forker = open(f"/proc/{guardian[1]}/stat").read().rpartition(")")[2].split()
        os.kill(int(forker[1]), 9)
    if "id" in asked:
        known = answers.get(asked["method"])
        answer = {"error": {"code": -32601, "message": "no such method"}} if known is None else {"result": known}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **answer}), flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "server.py").write_text(SERVER)
    (tmp_path / "w.nika.yaml").write_text(
        f"mcpServers:\n  s: {{command: {sys.executable}, args: [server.py]}}\n"
        'tasks:\n  - {id: a, mcp: {reference: "s::t"}}\n'
    )
    return tmp_path


def nika(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("NIKA_")}
    # Not by pipes: who is left behind would hold them.
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        done = subprocess.run(
            [NIKA, *arguments], cwd=folder, env=environ, stdout=out, stderr=err, timeout=60, check=False
        )
    return subprocess.CompletedProcess(
        done.args, done.returncode, (folder / "out").read_text(), (folder / "err").read_text()
    )


def alive(folder: Path) -> list[str]:
    """What the server and its child were, where they still are."""
    found = []
    for pid in (folder / "pids").read_text().split():
        stat = Path(f"/proc/{pid}/stat")
        if stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
            found.append(pid)
    return found


pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc"),
]


def test_a_child_of_a_server_in_a_session_of_its_own_ends_with_the_run(folder: Path) -> None:
    done = nika(folder, "run", "w.nika.yaml")
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
    assert alive(folder) == []


def test_a_server_and_what_it_started_end_when_nika_is_killed(folder: Path) -> None:
    (folder / "kill").touch()
    assert nika(folder, "run", "w.nika.yaml").returncode == -9
    (run,) = (line.split()[0] for line in nika(folder, "runs", "list").stdout.splitlines()[1:])
    done = nika(folder, "resume", run)  # it waits for what ends the first server
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
    assert alive(folder) == []
