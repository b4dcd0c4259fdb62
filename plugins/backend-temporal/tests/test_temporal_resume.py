"""`nika resume --on` and `nika signal --on` on a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.beside


def done_in(log: Path) -> list[str]:
    """Return what tasks have written, and forget it."""
    lines = log.read_text().split() if log.exists() else []
    log.write_text("")
    return lines


def test_a_failed_run_is_resumed_with_what_had_ended_and_what_was_edited_since(
    server: Any, worker: Any, nika: Any, folder: Path
) -> None:
    log, file = folder / "log", folder / "w.nika.yaml"
    text = f"""
inputs: {{who: {{type: string, default: Ada}}}}
outputs: "{{{{last}}}}"
tasks:
  - {{id: first, shell: "echo first >> {log}; echo 1"}}
  - id: many
    forEach: [1, 2, 3]
    shell: "echo item${{each.item}} >> {log}; echo ${{each.item}}"
  - {{id: broken, shell: "echo broken >> {log}; BROKEN"}}
  - {{id: last, shell: "echo last >> {log}; echo '{{{{first}}}} {{{{many}}}} {{{{broken}}}} ${{input.who}}'"}}
"""
    file.write_text(text.replace("BROKEN", "exit 3"))
    failed = nika("run", "--on", server.url, file.name, "--format", "json", folder=folder)
    run_id = json.loads(failed.stdout)["runId"]
    before = done_in(log)
    file.write_text(text.replace("BROKEN", "echo fixed"))

    resumed = nika("resume", run_id, "--on", server.url, "--format", "json", folder=folder)
    result = json.loads(resumed.stdout)
    after = done_in(log)
    again = nika("resume", result["runId"], "--on", server.url, "--from", "many", "--format", "json", folder=folder)
    nothing = nika("resume", json.loads(again.stdout)["runId"], "--on", server.url, "--format", "json", folder=folder)
    from_ = done_in(log)
    wrong = nika("resume", run_id, "--on", server.url, "--from", "nobody", folder=folder)

    assert failed.returncode == 1
    assert sorted(before) == ["broken", "first", "item1", "item2", "item3"]
    assert resumed.returncode == 0, resumed.stderr
    assert result["runId"] != run_id
    assert result["output"] == "1 [1, 2, 3] fixed Ada".replace("[1, 2, 3]", '["1","2","3"]')
    assert sorted(after) == ["broken", "last"]
    assert again.returncode == 0, again.stderr
    assert sorted(from_) == ["item1", "item2", "item3", "last"]
    assert nothing.returncode == 0, nothing.stderr  # it did nothing
    assert wrong.returncode == 2
    assert "the workflow has no such task" in wrong.stderr


def test_a_run_that_has_not_ended_is_not_resumed(server: Any, worker: Any, nika: Any, folder: Path) -> None:
    (folder / "w.nika.yaml").write_text("tasks:\n  - {id: sure, ask: Sure?}\n")
    asked = nika("run", "--on", server.url, "w.nika.yaml", "--format", "json", folder=folder)
    run_id = json.loads(asked.stdout)["runId"]

    refused = nika("resume", run_id, "--on", server.url, folder=folder)
    signalled = nika("signal", run_id, "sure", "true", "--on", server.url, folder=folder)
    nobody = nika("signal", run_id, "nobody", "--on", server.url, folder=folder)
    nika("runs", "cancel", run_id, "--on", server.url, folder=folder)
    ended = nika("runs", "attach", run_id, "--on", server.url, folder=folder)
    late = nika("signal", run_id, "sure", "--on", server.url, folder=folder)

    assert refused.returncode == 2
    assert "has not ended: it goes on by itself" in refused.stderr
    assert signalled.returncode == 2
    assert "asks a question" in signalled.stderr
    assert "has no task 'nobody'" in nobody.stderr
    assert ended.returncode == 130
    assert "has ended: nothing in it waits" in late.stderr


def test_a_run_that_was_submitted_from_here_needs_no_address(server: Any, worker: Any, nika: Any, folder: Path) -> None:
    (folder / "w.nika.yaml").write_text("name: asks\ntasks:\n  - {id: sure, ask: Sure?}\n")
    asked = nika("run", "--on", server.url, "w.nika.yaml", "--format", "json", folder=folder)
    run_id = json.loads(asked.stdout)["runId"]

    listed = nika("runs", "list", folder=folder)
    as_json = json.loads(nika("runs", "list", "--format", "json", folder=folder).stdout)
    shown = json.loads(nika("runs", "show", "last", "--format", "json", folder=folder).stdout)
    answered = nika("answer", run_id, "sure", "yes", folder=folder)
    attached = nika("runs", "attach", run_id, "--format", "json", folder=folder)
    after = json.loads(nika("runs", "list", "--status", "succeeded", "--format", "json", folder=folder).stdout)
    resumed = nika("resume", run_id, "--format", "json", folder=folder)
    elsewhere = folder / "elsewhere"
    (elsewhere / ".git").mkdir(parents=True)

    assert f"paused on {server.url}" in listed.stdout
    assert [(run["runId"], run["status"], run["backend"]) for run in as_json["runs"]] == [
        (run_id, "paused", server.url)
    ]
    assert shown["questions"][0]["task"] == "sure"
    assert answered.returncode == 0, answered.stderr
    assert attached.returncode == 0, attached.stderr
    assert [run["runId"] for run in after["runs"]] == [run_id]
    assert resumed.returncode == 0, resumed.stderr
    assert nika("runs", "cancel", run_id, folder=elsewhere).returncode == 2
