"""What servers ask in whole runs: the run pauses, the answer is recorded, and the resumed call is given it."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nika_core.cli import main

pytestmark = pytest.mark.beside
NIKA = str(Path(sys.executable).with_name("nika"))
SERVER = str(Path(__file__).parent / "asking_mcp_server.py")
PATIENCE = 120.0  # seconds of real time until a test gives up
TASK = '  - {id: order, mcp: {reference: "asking::order", args: {item: tea}}}\n'
AGENT = '  - {id: work, agent: "Order", allowedTools: ["mcp::asking::*"]}\n'
COUNT = ("-i", "count=3")


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def tasks(self) -> dict[str, Any]:
        return {task["id"]: task for task in self.json["tasks"]}


class Project:
    """A folder with a workflow whose server asks."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._monkeypatch, self._capfd = monkeypatch, capfd
        environ = {name: value for name, value in os.environ.items() if not name.startswith("NIKA_")}
        script = str(folder / "mock.json")
        self.environ = {**environ, "NO_COLOR": "1", "NIKA_MOCK_SCRIPT": script, "NIKA_MCP_ALLOW": "127.0.0.1"}
        self.server: dict[str, Any] = {"command": sys.executable, "args": [SERVER, "stdio"]}

    def write(self, tasks: str, *replies: Any) -> None:
        servers = json.dumps({"asking": self.server})
        text = f"agent: {{model: mock}}\nmcpServers: {servers}\ntasks:\n{tasks}"
        (self.folder / "w.nika.yaml").write_text(text)
        (self.folder / "mock.json").write_text(json.dumps([*replies, "done"]))

    def ask(self, message: str, schema: Any) -> None:
        (self.folder / "question.json").write_text(json.dumps({"message": message, "schema": schema}))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `nika` as a process: for what kills it, or needs several at once."""
        command = [NIKA, *arguments]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.folder, env=self.environ, stdout=pipe, stderr=pipe, text=True)

    def nika(self, *arguments: str) -> Done:
        """Call `nika` in this process, which has imported the client of MCP: that takes longer than all else."""
        with self._monkeypatch.context() as patched:
            patched.chdir(self.folder)
            patched.setattr(sys, "argv", ["nika", *arguments])
            for name in [name for name in os.environ if name not in self.environ]:
                patched.delenv(name)
            for name, value in self.environ.items():
                patched.setenv(name, value)
            self._capfd.readouterr()
            code = 0
            try:
                main()
            except SystemExit as ended:
                code = int(ended.code or 0)
        shown = self._capfd.readouterr()
        assert "Traceback" not in shown.out + shown.err
        return Done(code, shown.out, shown.err)

    def paused(self) -> Any:
        done = self.nika("run", "w.nika.yaml", "--format", "json")
        assert done.code == 4, done.err + done.out
        return done.json

    def calls(self) -> list[str]:
        return [line.split(" ")[0] for line in (self.folder / "calls").read_text().splitlines()]

    def servers(self) -> list[int]:
        """Return the processes of servers that have been called and do not end; what was killed takes a moment."""
        numbers = {int(line.split(" ")[-2]) for line in (self.folder / "calls").read_text().splitlines()}
        return [number for number in numbers if not _has_ended(number)]


def _has_ended(process: int) -> bool:
    """Wait for the end of a process, for ten seconds; that of a parent that does not look after it counts, too."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], 10)[0])
    finally:
        os.close(descriptor)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Project:
    return Project(tmp_path, monkeypatch, capfd)


@pytest.fixture
def http(project: Project) -> Iterator[None]:
    """The server is called over HTTP."""
    pipe = subprocess.PIPE
    command = [sys.executable, SERVER, "http"]
    with subprocess.Popen(command, cwd=project.folder, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        project.server = {"url": process.stdout.readline().strip()}
        yield
        process.kill()


def called(*named: tuple[str, Any]) -> dict[str, Any]:
    calls = [{"name": f"asking__{name}", "arguments": arguments} for name, arguments in named]
    return {"when": {"turn": 0}, "toolCalls": calls}


def told_to_model(project: Project) -> list[str]:
    """Return what the model was told by tools, from the run's history."""
    from nika_core.app.workspace import Workspace

    journal = Workspace.open(project.folder, environ=project.environ).journal()
    try:
        memo = journal.load("last").memo
        return [value["content"] for (_, call), value in memo.items() if call.startswith("tool/")]  # type: ignore[index,call-overload]  # results of tools
    finally:
        journal.close()


@pytest.mark.parametrize("how", ["stdio", "http"])
def test_a_run_pauses_without_a_server_and_goes_on_with_the_answer(
    project: Project, how: str, request: pytest.FixtureRequest
) -> None:
    if how == "http":
        request.getfixturevalue("http")
    project.write(TASK + '  - {id: end, set: "{{order.content.count}} of {{order.item}}"}\n')
    run = project.paused()
    (question,) = run["questions"]
    assert (question["task"], question["message"]) == ("order", "The MCP server 'asking' asks: “How many?”")
    assert question["words"] == ["decline", "cancel"]
    if how == "stdio":
        assert not project.servers()
    told = project.nika("resume", "last").err
    assert f"nika answer {run['runId']} order -i count=INT [-i note=STRING] (or decline, cancel)" in told
    before = len(project.calls())
    assert project.nika("answer", "order", "-i", "count=10").code == 2
    done = project.nika("answer", "last", "order", *COUNT, "--resume", "--format", "json")
    assert (done.code, done.json["output"]) == (0, "3 of tea")
    assert len(project.calls()) == before + 1
    keys = {line.split(" ")[-1] for line in (project.folder / "calls").read_text().splitlines()}
    assert keys == {f"{run['runId']}/order#1"}
    answered = project.nika("runs", "show", "--format", "json").tasks["order"]["answered"]
    assert answered["answer"] == {"count": 3}


@pytest.mark.parametrize("word", ["decline", "cancel"])
def test_a_person_may_decline_or_cancel(project: Project, word: str) -> None:
    project.write(TASK)
    project.paused()
    done = project.nika("answer", "order", word, "--resume", "--format", "json")
    assert done.tasks["order"]["output"] == {"item": "tea", "action": word}


def test_two_questions_of_one_call_are_answered_one_after_the_other(project: Project) -> None:
    project.write('  - {id: order, mcp: "asking::twice"}\n')
    project.paused()
    assert project.nika("answer", "order", *COUNT, "--resume").code == 4
    done = project.nika("answer", "order", "decline", "--resume", "--format", "json")
    assert done.tasks["order"]["output"] == {
        "first": {"action": "accept", "content": {"count": 3}},
        "second": {"action": "decline"},
    }


def test_rounds_of_2026_pause_and_go_on(project: Project) -> None:
    project.server["args"] = [SERVER, "modern"]
    project.write('  - {id: order, mcp: {reference: "asking::resolved", args: {item: tea}}}\n')
    project.paused()
    assert project.nika("answer", "order", *COUNT, "--resume").code == 4
    done = project.nika("answer", "order", "-i", "count=4", "--resume", "--format", "json")
    assert done.tasks["order"]["output"] == {"item": "tea", "count": 3, "house": 4}
    assert project.calls() == ["resolved"]


def test_a_kill_between_question_and_answer_loses_nothing(project: Project) -> None:
    project.write(TASK + "  - {id: slow, shell: 'while [ ! -e go ]; do sleep 0.05; done'}\n")
    process = project.start("run", "w.nika.yaml", "--format", "jsonl")
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["event"] == "task.waiting":
                break
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    (project.folder / "go").touch()
    assert project.nika("answer", "order", *COUNT).code == 0
    done = project.nika("resume", "last", "--format", "json")
    assert (done.code, done.tasks["order"]["output"]["content"]) == (0, {"count": 3})
    assert not project.servers()


def test_of_two_who_answer_at_once_one_wins(project: Project) -> None:
    project.write(TASK)
    project.paused()
    counts = ("1", "2", "1", "2")
    racers = [project.start("answer", "last", "order", "-i", f"count={count}") for count in counts]
    told = [racer.communicate(timeout=60)[1] for racer in racers]
    (winner,) = (count for count, text in zip(counts, told, strict=True) if "is answered: " in text)
    assert {racer.returncode for racer, count in zip(racers, counts, strict=True) if count != winner} == {2}
    done = project.nika("resume", "last", "--format", "json")
    assert done.tasks["order"]["output"]["content"] == {"count": int(winner)}


@pytest.mark.parametrize("changed", ["message", "schema"])
def test_a_changed_question_is_asked_anew_and_the_answer_is_void(project: Project, changed: str) -> None:
    schema = {"type": "object", "properties": {"count": {"type": "integer"}}, "required": ["count"]}
    project.write(TASK)
    project.ask("How many?", schema)
    project.paused()
    assert project.nika("answer", "order", *COUNT).code == 0
    other = {**schema, "properties": {"count": {"type": "integer", "maximum": 5}}}
    project.ask(*(("How many cups?", schema) if changed == "message" else ("How many?", other)))
    again = project.nika("resume", "last")
    assert again.code == 4
    assert "is void: its question has changed since, and is asked anew" in again.err
    assert project.nika("answer", "order", *COUNT, "--resume").code == 0


def test_a_models_calls_ask_too_and_those_beside_them_are_made_once(project: Project) -> None:
    (project.folder / "go").touch()
    project.write(AGENT, called(("order", {"item": "tea"}), ("order", {"item": "milk"}), ("calm", {})))
    first = project.paused()["questions"]
    (question,) = project.nika("answer", "--list", "--format", "json").json["questions"]
    assert question["show"] == {"tool": "asking::order", "arguments": {"item": "tea"}}
    assert [each["task"] for each in first] == ["work"]
    assert project.nika("answer", "work", *COUNT, "--resume").code == 4
    (question,) = project.nika("answer", "--list", "--format", "json").json["questions"]
    assert question["show"]["arguments"] == {"item": "milk"}
    assert project.nika("answer", "work", "decline", "--resume").code == 0
    results = told_to_model(project)
    assert {"calm"} < {json.loads(text).get("result", "") for text in results}
    by_item = {found["item"]: found for found in map(json.loads, results) if "item" in found}
    assert (by_item["tea"]["content"], by_item["milk"]["action"]) == ({"count": 3}, "decline")


def test_the_items_of_a_list_ask_at_once_in_one_session_and_each_is_given_its_answer(project: Project) -> None:
    project.write(
        "  - id: order\n    forEach: [tea, milk, rice]\n"
        '    mcp: {reference: "asking::order", args: {item: "${each.item}"}}\n'
        '  - {id: end, set: "{{order}}"}\n'
    )
    run = project.paused()
    assert [each["task"] for each in run["questions"]] == ["order[0]", "order[1]", "order[2]"]
    asked = project.nika("answer", "--list", "--format", "json").json["questions"]
    assert [each["show"]["arguments"]["item"] for each in asked] == ["tea", "milk", "rice"]
    for index in range(3):
        assert project.nika("answer", f"order.{index}", "-i", f"count={index + 1}").code == 0
    done = project.nika("resume", "last", "--format", "json")
    assert [each["content"]["count"] for each in done.json["output"]] == [1, 2, 3]


def test_a_call_that_was_approved_may_ask(project: Project) -> None:
    project.write(AGENT.replace("}", ', askTools: ["mcp::asking::order"]}'), called(("order", {"item": "tea"})))
    (question,) = project.paused()["questions"]
    assert question["message"] == "May the model call the tool mcp::asking::order?"
    assert not (project.folder / "calls").exists()
    again = project.nika("answer", "work", "yes", "--resume", "--format", "json")
    assert again.code == 4, again.err
    (question,) = again.json["questions"]
    assert question["message"] == "The MCP server 'asking' asks: “How many?”"
    assert project.nika("answer", "work", *COUNT, "--resume").code == 0
    assert '"count":3' in told_to_model(project)[0].replace(" ", "")


def test_mock_asks_nothing(project: Project) -> None:
    project.write(TASK)
    assert project.nika("run", "w.nika.yaml", "--mock").code == 0
    assert not (project.folder / "calls").exists()


def test_secrets_and_control_characters_of_a_server_are_not_shown_as_they_are(project: Project) -> None:
    project.environ["ACME_TOKEN"] = "s3cret-of-acme-42"
    project.ask("With s3cret-of-acme-42?\x1b[2J\u202eevil", {"type": "object", "properties": {}})
    project.write(TASK)
    run = project.paused()
    assert "s3cret-of-acme-42" not in json.dumps(run)
    told = project.nika("answer").out
    assert "With ***?" in told
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert "(or no, cancel)" in told
    assert b"s3cret-of-acme-42" not in (project.folder / ".nika" / "journal.db").read_bytes()


TMUX = shutil.which("tmux")


@pytest.fixture
def terminal(project: Project) -> Iterator[Callable[..., str]]:
    """Start `nika run` in a terminal; type keys there, and return what it shows once it shows a text."""
    socket = str(project.folder / "tmux")

    def tmux(*arguments: str) -> str:
        command = ["tmux", "-S", socket, *arguments]
        environ = {**project.environ, "TERM": "screen"}
        done = subprocess.run(
            command, cwd=project.folder, env=environ, capture_output=True, text=True, timeout=PATIENCE
        )
        return done.stdout

    def until(text: str, *keys: str) -> str:
        if keys:
            tmux("send-keys", *keys)
        deadline = time.monotonic() + PATIENCE
        while text not in (screen := tmux("capture-pane", "-p", "-J", "-S", "-500")):
            assert time.monotonic() < deadline, f"{text!r} did not appear:\n{screen}"
            time.sleep(0.1)  # each look is a process of its own, and `nika` needs the processor
        return screen

    shell = f"env -u TMUX {NIKA} run w.nika.yaml; echo EXIT $?; exec cat"
    project.write(TASK + '  - {id: end, shell: "echo got {{order.action}} {{order.content ?? 0}}"}\n')
    tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", shell)
    yield until
    tmux("kill-server")


@pytest.mark.skipif(TMUX is None, reason="tmux is not installed")
def test_at_a_terminal_the_question_is_asked_there_and_then(terminal: Callable[..., str], project: Project) -> None:
    shown = terminal("Enter: fill in count, note; or decline or cancel")
    assert "The MCP server 'asking' asks: “How many?”" in shown
    assert '"item": "tea"' in shown
    terminal("please press Enter, or type decline or cancel", "perhaps", "Enter")
    terminal("count (whole number from 1 to 9)", "Enter")
    terminal("expected at most 9", "10", "Enter")
    terminal("note (text, Enter: none)", "3", "Enter")
    terminal("EXIT 0", "Enter")
    assert 'got accept {"count":3}' in terminal("EXIT 0")
    assert project.calls() == ["order", "order"]


@pytest.mark.skipif(TMUX is None, reason="tmux is not installed")
def test_at_a_terminal_a_person_may_decline(terminal: Callable[..., str]) -> None:
    terminal("decline or cancel")
    assert "got decline 0" in terminal("EXIT 0", "decline", "Enter")


@pytest.fixture
def choices(project: Project) -> None:
    """The server asks for choices and texts of a format."""
    properties = {
        "sizes": {"type": "array", "items": {"enum": ["small", "medium", "large"]}, "maxItems": 2},
        "mail": {"type": "string", "format": "email", "title": "Address"},
        "sure": {"type": "boolean", "default": True},
    }
    project.ask("Which?", {"type": "object", "properties": properties, "required": ["sizes", "mail"]})


@pytest.mark.skipif(TMUX is None, reason="tmux is not installed")
def test_at_a_terminal_several_choices_are_typed_with_commas(choices: None, terminal: Callable[..., str]) -> None:
    terminal("Enter: fill in sizes, mail, sure; or decline or cancel")
    assert "3) large" in terminal("sizes (1 to 3, several with commas)", "Enter")
    terminal("expected at most 2 values", "1,2,3", "Enter")
    terminal("mail (Address) (an email address)", "1, large", "Enter")
    terminal("expected an email address", "ada", "Enter")
    terminal("sure (yes or no, Enter: true)", "ada@example.com", "Enter")
    shown = terminal("EXIT 0", "Enter")
    assert 'got accept {"sizes":["small","large"],"mail":"ada@example.com","sure":true}' in shown
