"""What models were asked and answered is in the history as it happens: each text once, and masked."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika_api

from .conftest import Nika

Write = Callable[[str, str], Path]
Start = Callable[..., "subprocess.Popen[str]"]

LONG = "a sentence that is far too long to stand in each event by itself; " * 10
AGENT = f"""\
agent: {{provider: mock, model: mock, allowedTools: ["function::f.py::give"], maxTurns: 50}}
tasks:
  - {{id: a, agent: {{prompt: "What is there?", systemPrompt: "{LONG.strip()}"}}}}
"""
FUNCTION = (
    "def give(n: int) -> str:\n    if n < 0:\n        raise ValueError('nothing below zero')\n    return f'item {n}'\n"
)

SLOW = """\
import pathlib, time

def give(n: int) -> str:
    while n == 2 and not pathlib.Path("go").exists():
        pathlib.Path("here").touch()
        time.sleep(0.01)
    return f"item {n}"
"""


def calls(*numbers: int) -> list[dict[str, Any]]:
    return [{"name": "f_give", "arguments": {"n": number}} for number in numbers]


@pytest.fixture
def script(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Say what the mock answers."""

    def script(*answers: dict[str, Any]) -> None:
        (folder / "script.json").write_text(json.dumps(answers))
        monkeypatch.setenv("NIKA_MOCK_SCRIPT", "script.json")

    return script


def memo(folder: Path, like: str) -> list[str]:
    connection = sqlite3.connect(folder / ".nika" / "journal.db")
    try:
        return [row[0] for row in connection.execute("SELECT value FROM memo WHERE value LIKE ?", (f"%{like}%",))]
    finally:
        connection.close()


def events(folder: Path) -> str:
    connection = sqlite3.connect(folder / ".nika" / "journal.db")
    try:
        return "".join(row[0] for row in connection.execute("SELECT events FROM events ORDER BY id"))
    finally:
        connection.close()


def test_a_transcript_has_prompts_replies_and_tools_in_the_order_in_which_they_came(
    nika: Nika, write: Write, script: Callable[..., None]
) -> None:
    write("f.py", FUNCTION)
    write("w.nika.yaml", AGENT)
    script(
        {"text": "I look.", "toolCalls": calls(1)}, {"text": "Again.", "toolCalls": calls(-1)}, {"text": "One item."}
    )
    assert nika("run", "w.nika.yaml").out == "One item.\n"
    (found,) = nika_api.runs.transcript("last")
    assert (found.task, found.within) == ("a", ())
    assert [(turn.role, turn.text.split("\n")[0]) for turn in found.turns] == [
        ("system", LONG.strip()),
        ("user", "What is there?"),
        ("assistant", "I look."),
        ("tool", "item 1"),
        ("assistant", "Again."),
        ("tool", found.turns[5].text.split("\n")[0]),
        ("assistant", "One item."),
    ]
    assert (found.turns[3].tool, found.turns[3].arguments) == ("function::f.py::give", {"n": 1})
    assert found.turns[5].is_error
    assert "nothing below zero" in found.turns[5].text
    assert found.turns[2].tool_calls[0]["arguments"] == {"n": 1}
    assert {turn.model for turn in found.turns if turn.role == "assistant"} == {"mock"}

    shown = nika("runs", "show", "--transcript")
    assert "→ f_give" in shown.out
    assert "What is there?" in shown.out
    assert LONG.strip() not in shown.out
    assert LONG.strip() in nika("runs", "show", "--transcript", "-v").out
    as_json = nika("runs", "show", "last", "--transcript", "--format", "json").json
    assert [turn["role"] for turn in as_json["conversations"][0]["turns"]] == [turn.role for turn in found.turns]
    assert "→ f_give" not in nika("runs", "show", "--task", "a").out


def test_a_text_is_in_the_history_once_however_many_items_are_asked_with_it(
    nika: Nika, write: Write, script: Callable[..., None], folder: Path
) -> None:
    answer = "an answer that is kept for a resumed run anyway, and long; " * 10
    write(
        "w.nika.yaml",
        f"""\
        agent: {{provider: mock, model: mock, systemPrompt: "{LONG.strip()}"}}
        tasks:
          - {{id: a, forEach: [1, 2, 3, 4, 5], llm: "item ${{item}}"}}
        """,
    )
    script(*({"text": answer} for _ in range(5)))
    done = nika("run", "w.nika.yaml")
    assert done.code == 0, done.err
    assert len(memo(folder, LONG.strip())) == 1
    assert LONG.strip() not in events(folder)
    assert len(memo(folder, answer.strip())) == 5  # each item's reply is kept under its own key, and not once more
    found = nika_api.runs.transcript("last", "a")
    assert sorted(each.task for each in found) == [f"a[{number}]" for number in range(5)]
    assert {each.turns[-1].text for each in found} == {answer}
    assert [each.task for each in nika_api.runs.transcript("last", "a[3]")] == ["a[3]"]
    assert nika_api.runs.transcript("last", "b") == ()


def test_secrets_are_masked_in_a_transcript_also_in_what_is_not_kept_for_a_resumed_run(
    nika: Nika, write: Write, script: Callable[..., None], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_TOKEN", "tok-91834-secret")
    long = "x" * 300
    write("f.py", f"def give(n: int) -> str:\n    return 'tok-91834-secret {long}'\n")
    write("w.nika.yaml", AGENT)
    write("nika.yaml", "secrets: [MY_TOKEN]\n")
    script({"text": f"tok-91834-secret {long}", "toolCalls": calls(1)}, {"text": "done"})
    assert nika("run", "w.nika.yaml").code == 0
    turns = nika_api.runs.transcript("last")[0].turns
    assert [turn.text for turn in turns[2:4]] == [f"*** {long}"] * 2
    files = [path.read_bytes() for path in (folder / ".nika").rglob("*") if path.is_file()]
    assert not any(b"tok-91834-secret" in content for content in files)


def test_a_subagent_has_a_conversation_of_its_own_within_its_tool(
    nika: Nika, write: Write, script: Callable[..., None]
) -> None:
    write(
        "w.nika.yaml",
        "agent: {provider: mock, model: mock, allowedTools: [subagent]}\ntasks:\n  - {id: a, agent: Begin.}\n",
    )
    inner = {"name": "subagent", "arguments": {"prompt": "Look inside."}}
    script(
        {"when": {"prompt": "Look inside."}, "text": "Seen."},
        {"when": {"prompt": "Begin.", "turn": 0}, "text": "", "toolCalls": [inner]},
        {"when": {"prompt": "Begin.", "turn": 1}, "text": "Done."},
    )
    done = nika("run", "w.nika.yaml")
    assert done.code == 0, done.err
    outer, within = nika_api.runs.transcript("last")
    assert (outer.within, within.within) == ((), ("subagent",))
    assert [turn.text for turn in within.turns] == ["Look inside.", "Seen."]
    assert [turn.text for turn in outer.turns] == ["Begin.", "", "Seen.", "Done."]


def test_a_killed_run_shows_what_was_asked_and_a_resumed_one_tells_nothing_twice(
    nika: Nika, start: Start, write: Write, script: Callable[..., None], folder: Path
) -> None:
    write("f.py", SLOW)
    write("w.nika.yaml", AGENT)
    script(
        {"when": {"turn": 0}, "text": "First.", "toolCalls": calls(1)},
        {"when": {"turn": 1}, "text": "Second.", "toolCalls": calls(2)},
        {"when": {"turn": 2}, "text": "Third."},
    )
    process = start("run", "w.nika.yaml")
    while not (folder / "here").exists():
        assert process.poll() is None
    running = nika_api.runs.transcript("last")[0].turns
    assert [turn.text for turn in running[1:]] == ["What is there?", "First.", "item 1", "Second."]
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    killed = nika_api.runs.transcript("last")[0].turns
    assert killed == running
    (folder / "go").touch()
    assert nika("resume", "last").out == "Third.\n"
    (found,) = nika_api.runs.transcript("last")
    assert [turn.text for turn in found.turns[1:]] == [
        *("What is there?", "First.", "item 1", "Second.", "item 2", "Third."),
    ]
    assert nika("runs", "rm", "last").code == 0
    assert memo(folder, "") == []


def test_a_request_without_a_reply_is_shown_as_that(nika: Nika, write: Write, script: Callable[..., None]) -> None:
    write("w.nika.yaml", "agent: {provider: mock, model: mock}\ntasks:\n  - {id: a, llm: Hello?, retry: {max: 1}}\n")
    script({"error": {"category": "auth", "message": "no"}})
    assert nika("run", "w.nika.yaml").code == 1
    (found,) = nika_api.runs.transcript("last")
    assert [(turn.role, turn.answered) for turn in found.turns] == [("user", True), ("assistant", False)]
    assert "(no answer)" in nika("runs", "show", "--transcript").out


def test_a_long_conversation_takes_room_and_events_in_proportion_to_its_turns(
    nika: Nika, write: Write, script: Callable[..., None], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIKA_MAX_TOKENS_TASK", "1000000")
    monkeypatch.setenv("NIKA_MAX_TOKENS_TOTAL", "1000000")
    sizes = []
    for turns in (20, 40):
        write("f.py", FUNCTION)
        write("w.nika.yaml", AGENT)
        script(*({"text": "On.", "toolCalls": calls(number)} for number in range(turns)), {"text": "Done."})
        before = len(events(folder)) if sizes else 0
        assert nika("run", "w.nika.yaml").out == "Done.\n"
        sizes.append(len(events(folder)) - before)
    assert sizes[1] < 2.2 * sizes[0]


def test_a_verbose_run_tells_what_tools_were_given_and_gave(
    nika: Nika, write: Write, script: Callable[..., None]
) -> None:
    write("f.py", FUNCTION)
    write("w.nika.yaml", AGENT)
    script({"text": "I look.", "toolCalls": calls(7)}, {"text": "One item."})
    told = nika("run", "w.nika.yaml", "-v").err
    assert 'given {"n": 7}' in told
    assert "gave item 7" in told
    assert "gave" not in nika("run", "w.nika.yaml").err


def test_a_conversation_of_many_tasks_takes_room_in_proportion_to_its_turns(
    nika: Nika, write: Write, folder: Path
) -> None:
    sizes = []
    for count in (20, 40):
        tasks = "".join(f"  - {{id: t{number}, agent: 'Word {number}?'}}\n" for number in range(count))
        flows = "".join(f"  - {{source: t{number}, target: t{number + 1}}}\n" for number in range(count - 1))
        write("w.nika.yaml", f"agent: {{provider: mock, model: mock}}\ntasks:\n{tasks}flows:\n{flows}")
        before = len(events(folder)) if sizes else 0
        assert nika("run", "w.nika.yaml").code == 0
        sizes.append(len(events(folder)) - before)
    assert sizes[1] < 2.2 * sizes[0]


def test_a_task_that_goes_on_with_a_conversation_shows_all_that_its_model_was_told(
    nika: Nika, write: Write, script: Callable[..., None]
) -> None:
    write(
        "w.nika.yaml",
        """\
agent: {provider: mock, model: mock, systemPrompt: Be brief.}
tasks:
  - {id: a, agent: One?}
  - {id: b, agent: Two?}
  - {id: c, agent: {prompt: "Three?", systemPrompt: Be long.}}
flows: [{source: a, target: b}, {source: b, target: c}]
""",
    )
    script({"text": "1"}, {"text": "2"}, {"text": "3"})
    assert nika("run", "w.nika.yaml").code == 0
    said = ["One?", "1", "Two?", "2", "Three?", "3"]
    for task, system, length in (("a", "brief", 2), ("b", "brief", 4), ("c", "long", 6)):
        (found,) = nika_api.runs.transcript("last", task)
        assert [turn.text for turn in found.turns] == [f"Be {system}.", *said[:length]]
    assert [found.task for found in nika_api.runs.transcript("last")] == ["a", "b", "c"]
