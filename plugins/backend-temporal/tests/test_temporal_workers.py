"""What tasks share on a worker, and who is told of questions, on a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.beside
NIKA = str(Path(sys.executable).with_name("nika"))
PLUGIN = """
import asyncio, os
from contextlib import asynccontextmanager
from nika_core.plugin import Keyword, Step, fields, hookimpl

NIKA_API = 1


@hookimpl
def nika_task_keywords():
    return [
        Keyword(
            name="session",
            summary="Says who has opened its session.",
            primary="wait",
            payload=fields.Map({"wait": fields.Str()}),
            step="acme_session:SessionStep",
            same_worker=True,
        )
    ]


@asynccontextmanager
async def session():
    yield {"pid": os.getpid(), "calls": 0}


class SessionStep(Step):
    async def run(self, payload, context):
        opened = await context.resource("session", session)
        opened["calls"] += 1
        while payload["wait"] and not os.path.exists(payload["wait"]):
            open(f"{payload['wait']}.{os.getpid()}", "w").close()
            await asyncio.sleep(0.05)
        return {**opened}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that belongs to no project."""
    (tmp_path / ".git").mkdir()
    return tmp_path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Install the keyword for processes with these variables."""
    site = tmp_path / "site"
    about = site / "acme_session-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "acme_session.py").write_text(PLUGIN)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-session\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[nika.keywords]\nsession = acme_session\n")
    (about / "RECORD").write_text("acme_session.py,,\n")
    return {"PYTHONPATH": os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))}


def start(folder: Path, environ: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    """Start the command line in the background."""
    return subprocess.Popen(
        [NIKA, *arguments],
        cwd=folder,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def test_tasks_that_share_what_they_open_stay_on_one_worker_and_move_when_it_dies(
    own_namespace: Any, workers: Any, folder: Path, environ: dict[str, str], until: Any
) -> None:
    go = folder / "go"
    (folder / "w.nika.yaml").write_text(
        f"""
tasks:
  - {{id: many, forEach: [1, 2, 3, 4, 5, 6, 7, 8], session: ""}}
  - {{id: held, session: "{go}"}}
  - {{id: after, session: ""}}
flows:
  - {{source: many, target: held}}
  - {{source: held, target: after}}
"""
    )
    both = workers.start_several(environ, environ)
    run = start(folder, environ, "run", "--on", own_namespace.url, "w.nika.yaml", "--format", "json")
    until(lambda: run.poll() is not None or list(folder.glob("go.*")), "the start of a task that waits")
    assert run.poll() is None, run.communicate()

    [home] = [int(path.suffix[1:]) for path in folder.glob("go.*")]
    next(worker for worker in both if worker.popen.pid == home).kill()
    go.write_text("")
    out, err = run.communicate(timeout=120)
    assert run.returncode == 0, err
    many, held, after = (task["output"] for task in json.loads(out)["tasks"])

    assert {each["pid"] for each in many} == {home}
    assert sorted(each["calls"] for each in many) == list(range(1, 9))
    [other] = [worker.popen.pid for worker in both if worker.popen.pid != home]
    assert (held, after) == ({"pid": other, "calls": 1}, {"pid": other, "calls": 2})


def test_a_worker_tells_the_notifiers_of_the_project_of_a_question_once(
    own_namespace: Any, workers: Any, nika: Any, folder: Path, until: Any
) -> None:
    told = folder / "told"
    (folder / "tell.sh").write_text(f"#!/bin/sh\ncat >> {told}; echo >> {told}\n")
    (folder / "tell.sh").chmod(0o755)
    (folder / "nika.yaml").write_text(f"notify:\n  - command: [{folder / 'tell.sh'}]\n")
    (folder / "w.nika.yaml").write_text("tasks:\n  - {id: sure, ask: Are you sure?}\n")
    trusted = {"NIKA_TRUST": str(folder)}
    worker = workers.start()

    project = {"folder": folder, "environ": trusted}
    asked = nika("run", "--on", own_namespace.url, "w.nika.yaml", "--format", "json", **project)
    assert asked.returncode == 4, asked.stderr
    run_id = json.loads(asked.stdout)["runId"]
    until(told.exists, "the notice")
    worker.kill()
    workers.start()
    answered = nika("answer", run_id, "sure", "yes", "--on", own_namespace.url, **project)
    assert answered.returncode == 0, answered.stderr
    attached = nika("runs", "attach", run_id, "--on", own_namespace.url, "--format", "jsonl", **project)
    events = [json.loads(line) for line in attached.stdout.splitlines()]

    [notice] = [json.loads(line) for line in told.read_text().splitlines() if line]
    assert notice["event"] == "question.opened"
    assert notice["command"].startswith(f"nika answer {run_id} sure --on {own_namespace.url} --digest ")
    assert [event["event"] for event in events].count("question.notified") == 1


def test_a_run_stays_with_workers_of_its_version_and_says_so_if_there_is_none(
    own_namespace: Any, workers: Any, nika: Any, folder: Path, environ: dict[str, str]
) -> None:
    (folder / "w.nika.yaml").write_text("tasks:\n  - {id: sure, ask: Sure?}\n")
    on = ("--on", own_namespace.url)
    worker = workers.start()
    run_id = json.loads(nika("run", *on, "w.nika.yaml", "--format", "json", folder=folder).stdout)["runId"]
    version = json.loads(nika("worker", "check", *on, "--format", "json", folder=folder).stdout)["version"]

    assert worker.terminate() == 0
    other = workers.start(environ=environ)  # it has another plugin
    check = start(folder, environ, "worker", "check", *on, "--format", "json")
    there = json.loads(check.communicate(timeout=60)[0])
    held_up = nika("runs", "show", run_id, *on, folder=folder).stderr
    workers.start()
    answered = nika("answer", run_id, "sure", "yes", *on, folder=folder).stderr
    attached = nika("runs", "attach", run_id, *on, folder=folder)

    assert there["version"] != version
    assert there["version"] in {each["version"] for each in there["versions"]}
    assert f"it stays with workers of version {version}" in held_up
    assert f"there are some of {there['version']}" in held_up
    assert "is answered" in answered
    assert attached.returncode == 0
    assert other.popen.poll() is None
