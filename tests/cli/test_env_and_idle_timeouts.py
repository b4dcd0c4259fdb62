"""`env` at the root of a workflow, and `idleTimeout`, with real processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Nika

Write = Callable[[str, str], Path]
WORKFLOW = """\
inputs: {who: {default: world}}
env: {GREETING: "hello ${input.who}", LC_ALL: C}
tasks:
- {id: shell, shell: 'echo "$GREETING|$LC_ALL"'}
- {id: own, shell: {command: echo "$GREETING", env: {GREETING: mine}}}
- {id: function, function: f.py::greeting}
- {id: pure, set: {value: 1}}
outputs: ["{{shell}}", "{{own}}", "{{function}}"]
"""


def test_every_process_of_a_task_gets_the_variables_and_a_tasks_own_win(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    write("w.nika.yaml", WORKFLOW)
    write("f.py", "import os\ndef greeting(): return os.environ['GREETING']\n")
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.json["output"] == ["hello world|C", "mine", "hello world"]


def test_changed_variables_do_again_what_they_change_and_nothing_else(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", WORKFLOW)
    write("f.py", "import os\ndef greeting(): return os.environ['GREETING']\n")
    assert nika("run", "w.nika.yaml").code == 0
    write("w.nika.yaml", WORKFLOW.replace("LC_ALL: C", "LC_ALL: C.UTF-8"))
    done = nika("resume", "last", "--format", "json")
    assert {name: task["reused"] for name, task in done.tasks.items()} == {
        "shell": False,
        "own": False,
        "function": False,
        "pure": True,
    }


def test_a_workflow_cannot_change_what_nika_itself_reads(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "env: {NIKA_HTTP_ALLOW: 127.0.0.1}\ntasks:\n- {id: a, http: 'http://127.0.0.1:9/x'}\n")
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, "NIKA_HTTP_ALLOW" in str(done.json["tasks"][0]["error"])) == (1, True)


def test_a_silent_command_fails_and_one_that_writes_anything_does_not(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        tasks:
        - {id: silent, shell: sleep 20, idleTimeout: 200ms, onError: continue}
        - {id: function, function: f.py::silent, idleTimeout: 1500ms, onError: continue}
        - id: busy
          shell: for i in 1 2 3 4 5 6; do printf . >&2; sleep 0.2; done
          idleTimeout: 800ms
        """,
    )
    write("f.py", "import time\ndef silent(): time.sleep(20)\n")
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert {name: task["state"] for name, task in done.tasks.items()} == {
        "silent": "failed",
        "function": "failed",
        "busy": "success",
    }
    assert done.tasks["silent"]["error"]["category"] == "timeout"
    assert "`shell` gave no output or other sign of life for 0.2 s" in done.tasks["silent"]["error"]["message"]
