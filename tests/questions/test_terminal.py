"""Questions at a real terminal: the view pauses for them, and what is typed answers what is shown."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nika_core.cli.prompting import TerminalReader, WithdrawnError

from ..signals.conftest import Project

NIKA = str(Path(sys.executable).with_name("nika"))
PATIENCE = 120.0  # seconds of real time until a test gives up
TMUX = shutil.which("tmux")

pytestmark = [pytest.mark.beside, pytest.mark.skipif(TMUX is None, reason="tmux is not installed")]


class Terminal:
    """A terminal of 80 columns and 24 lines in which `nika` runs."""

    def __init__(self, project: Project, socket: Path) -> None:
        self._project = project
        self._socket = str(socket)

    def tmux(self, *arguments: str) -> str:
        environ = {**self._project.environ, "TERM": "screen"}
        done = subprocess.run(
            ["tmux", "-S", self._socket, *arguments],
            cwd=self._project.folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        return done.stdout

    def start(self, *arguments: str) -> None:
        command = " ".join([NIKA, *arguments])
        shell = f"env -u TMUX -u NO_COLOR {command}; echo EXIT $?; exec cat"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", shell)

    def type(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    @property
    def screen(self) -> str:
        return self.tmux("capture-pane", "-p", "-J", "-S", "-500")

    def until(self, text: str) -> str:
        """Wait until the terminal shows this."""
        deadline = time.monotonic() + PATIENCE
        while text not in (screen := self.screen):
            assert time.monotonic() < deadline, f"{text!r} did not appear:\n{screen}"
            time.sleep(0.1)  # each look is a process of its own, and `nika` needs the processor
        return screen


@pytest.fixture
def terminal(project: Project, tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Start `nika` in a terminal of its own, which is closed at the end of the test."""
    opened = Terminal(project, tmp_path / "tmux")

    def start(*arguments: str) -> Terminal:
        opened.start(*(arguments or ("run", "w.nika.yaml")))
        return opened

    yield start
    opened.tmux("kill-server")


def test_a_gate_is_asked_and_the_view_goes_on_after_it(project: Project, terminal: Callable[..., Terminal]) -> None:
    project.write(
        "- {id: ask, ask: {message: Go on?, show: {n: 1}}}\n"
        "- {id: other, shell: 'while [ ! -e go ]; do sleep 0.05; done'}\n"
        "- {id: end, shell: 'echo with {{ask}}'}\n"
    )
    here = terminal()
    shown = here.until("yes or no")
    assert '"n": 1' in shown
    here.type("perhaps", "Enter")
    here.until("the answer is yes or no, and not `perhaps`")
    here.type("yes", "Enter")
    here.until("answered: ask yes")
    here.until("✓ end")
    here.until("▶ other")  # the view is drawn again
    (project.folder / "go").touch()
    assert "with true" in here.until("EXIT 0")


def test_a_form_takes_choices_numbers_and_defaults(project: Project, terminal: Callable[..., Terminal]) -> None:
    form = (
        "{target: {type: string, enum: [staging, production]}, copies: {type: int, max: 9, default: 3}, "
        "ok: {type: bool}}"
    )
    project.write(
        f"- {{id: ask, ask: {{message: Where?, form: {form}}}}}\n"
        "- {id: end, shell: 'echo to {{ask.target}} {{ask.copies}} {{ask.ok}}'}\n"
    )
    here = terminal()
    here.until("target (1 to 2)")
    here.type("3", "Enter")
    here.until("expected one of")
    here.type("2", "Enter")
    here.until("copies (whole number to 9, Enter: 3)")
    here.type("10", "Enter")
    here.until("expected at most 9")
    here.type("Enter")
    here.until("ok (yes or no)")
    here.type("no", "Enter")
    assert "to production 3 false" in here.until("EXIT 0")


def test_a_long_value_is_shown_in_pages(project: Project, terminal: Callable[..., Terminal]) -> None:
    project.write("- {id: big, shell: seq 1 40}\n- {id: ask, ask: {message: Go on?, show: '{{big}}'}}\n")
    here = terminal()
    here.until("-- lines 1 to 18 of 40")
    here.type("Enter")
    here.until("-- lines 19 to 36 of 40")
    here.type("b", "Enter")
    here.type("q", "Enter")
    here.until("yes or no")
    here.type("yes", "Enter")
    here.until("EXIT 0")


def test_ctrl_c_leaves_the_question_open_and_the_run_does_what_it_can(
    project: Project, terminal: Callable[..., Terminal]
) -> None:
    project.write(
        "- {id: ask, ask: Go on?}\n- {id: free, shell: 'while [ ! -e go ]; do sleep 0.05; done; echo free'}\n"
        "- {id: next, ask: 'Take {{free}}?'}\n"
    )
    here = terminal()
    here.until("yes or no")
    here.type("C-c")
    here.until("ask is left open")
    (project.folder / "go").touch()
    shown = here.until("EXIT 4")
    assert "✓ free" in shown
    assert "next asks: Take free?" in shown
    assert [task["id"] for task in project.nika("runs", "list", "--format", "json").json["runs"][0]["tasks"]] == [
        "ask",
        "next",
    ]


def test_an_answer_from_another_process_ends_the_question_at_the_terminal(
    project: Project, terminal: Callable[..., Terminal]
) -> None:
    project.write("- {id: ask, ask: Go on?}\n- {id: end, shell: 'echo with {{ask}}'}\n")
    here = terminal()
    here.until("yes or no")
    assert project.nika("answer", "ask", "yes").code == 0
    shown = here.until("EXIT 0")
    assert "ask is not asked any more: the answer is yes" in shown
    assert "with true" in shown


def test_a_question_that_expires_is_withdrawn_at_the_terminal(
    project: Project, terminal: Callable[..., Terminal]
) -> None:
    project.write("- {id: ask, ask: {message: Go on?, expires: 5s, default: yes}}\n- {id: end, set: '{{ask}}'}\n")
    here = terminal()
    here.until("expires at")
    assert "the answer is yes (the default" in here.until("EXIT 0")


def test_the_first_reason_for_which_reading_ends_is_told() -> None:
    reader = TerminalReader()
    reader.stop(WithdrawnError("the answer is yes"))
    reader.stop(WithdrawnError("the run has ended"))
    with pytest.raises(WithdrawnError, match="the answer is yes"):
        reader.line("? ")
    reader.close()


def test_a_message_cannot_act_upon_the_terminal(project: Project, terminal: Callable[..., Terminal]) -> None:
    project.write("- {id: evil, shell: \"printf 'a\\\\033[2Jb'\"}\n- {id: ask, ask: {message: 'Take {{evil}}?'}}\n")
    here = terminal()
    assert "Take a\\x1b[2Jb?" in here.until("yes or no")
    here.type("no", "Enter")
    here.until("EXIT 0")


def test_nika_answer_asks_what_is_open_and_resumes(project: Project, terminal: Callable[..., Terminal]) -> None:
    project.write("- {id: ask, ask: {message: Go on?, show: this}}\n- {id: more, ask: More?}\n")
    assert project.nika("run", "w.nika.yaml").code == 4
    here = terminal("answer", "--resume")
    here.until("── ask asks")
    here.type("yes", "Enter")
    here.until("── more asks")
    here.type("no", "Enter")
    here.until("EXIT 0")
    shown = project.nika("runs", "show", "--format", "json").tasks
    assert (shown["ask"]["state"], shown["more"]["skipReason"]) == ("success", "declined")


def test_a_tool_call_is_approved_at_the_terminal_and_what_it_hides_is_seen(
    project: Project, terminal: Callable[..., Terminal]
) -> None:
    (project.folder / "w.nika.yaml").write_text(
        "agent: {model: mock, provider: mock, allowedTools: [shell], askTools: [shell]}\n"
        "tasks: [{id: work, agent: go}]\n"
    )
    calls = [{"name": "shell", "arguments": {"command": f"echo {word} \u202e >> out"}} for word in ("one", "two")]
    script = [
        {"when": {"turn": 0}, "toolCalls": calls, "times": None},
        {"when": {"turn": 1}, "toolCalls": calls[:1], "times": None},
        {"when": {"turn": 2}, "text": "end"},
    ]
    (project.folder / "script.json").write_text(json.dumps(script))
    project.environ["NIKA_MOCK_SCRIPT"] = str(project.folder / "script.json")
    here = terminal()
    here.until("call1 (shell: this call; always: all calls of it by the rule shell in this run):")
    assert "echo one \\u202e >> out" in here.until("call1 (1 to 3)")
    here.type("always", "Enter")
    here.until("call2 (1 to 3)")
    here.type("3", "Enter")
    assert "end" in here.until("EXIT 0")
    assert (project.folder / "out").read_text().split("\n")[:2] == ["one \u202e"] * 2
