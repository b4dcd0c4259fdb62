"""The live view in a real terminal: tmux, whose screen is captured. Without tmux these tests are skipped."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

TMUX = shutil.which("tmux")
pytestmark = [
    pytest.mark.beside,
    pytest.mark.skipif(
        TMUX is None and "NIKA_TEST_MACHINE" not in os.environ,
        reason="needs tmux (`apt-get install tmux`; as root on Debian .ci/run does)",
    ),
]
LONGEST = 120.0  # seconds for which a screen is waited for
NIKA = Path(sys.executable).with_name("nika")
LIMITS = {f"NIKA_MAX_{name}": "1000000000" for name in ("ITEMS", "NODES", "TOKENS_TOTAL")}
RUN = """
name: release
agent: {provider: mock, model: mock, allowedTools: [shell]}
tasks:
  - id: changes
    set: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
  - id: review
    forEach: {items: "{{changes}}", maxConcurrent: 8}
    shell: "[ ${each.item} != 2 ] || exit 1; until [ ${each.item} -lt 5 ] || [ -e go ]; do sleep 0.1; done"
    onError: continue
  - id: build
    shell: "echo Compiling module 7; until [ -e go ]; do sleep 0.1; done; echo {{changes}}"
  - id: upload
    retry: {max: 2}
    shell: "[ -e tried ] || { touch tried; exit 7; }; until [ -e go ]; do sleep 0.1; done; echo {{changes | length}}"
  - id: notes
    agent: "Notes for {{changes | length}} changes"
  - id: publish
    ask: "Publish version 5.0?"
  - {id: last, shell: "echo {{notes}} {{build}} {{publish}}"}
outputs: {last: "{{last ?? null}}", upload: "{{upload ?? null}}", review: "{{review ?? null}}"}
"""
SCRIPT = """[
  {"text": "I look.", "toolCalls": [{"name": "shell", "arguments": {"command": "git log v4..HEAD"}}]},
  {"hang": true}
]"""


class Terminal:
    """A terminal with a shell's command in it, `columns` x `rows`."""

    def __init__(self, folder: Path, columns: int, rows: int, command: str, **environ: str) -> None:
        self._socket = str(folder / "tmux")
        told = " ".join(f"{name}={shlex.quote(value)}" for name, value in environ.items())
        # Ctrl-C is for the command alone; what it leaves on the screen can be captured after its end.
        line = f'trap : INT; env {told} {command}; echo "[ended with $?]"; exec sleep 1000'
        size = ("-x", str(columns), "-y", str(rows))
        self.tmux("new-session", "-d", *size, "-c", str(folder), "env", "PS1=", "sh", "-c", line)

    def tmux(self, *arguments: str) -> str:
        """Give tmux a command."""
        assert TMUX is not None
        environ = {**os.environ, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", "SHELL": "/bin/sh"}
        command = [TMUX, "-S", self._socket, "-f", os.devnull, "-u", *arguments]
        return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=True).stdout

    def screen(self, *, colours: bool = False, history: bool = False) -> list[str]:
        """Return the rows without what is empty below."""
        more = ["-e"] * colours + ["-S", "-"] * history
        return self.tmux("capture-pane", "-p", *more).rstrip("\n").split("\n")

    def wait_for(self, *patterns: str, colours: bool = False, history: bool = False) -> list[str]:
        """Return the screen once all patterns are on it."""
        until = time.monotonic() + LONGEST
        while True:
            rows = self.screen(colours=colours, history=history)
            text = "\n".join(rows)
            missing = [each for each in patterns if not re.search(each, text, re.MULTILINE)]
            if not missing:
                return rows
            if "[ended with" in text or time.monotonic() > until:
                raise AssertionError(f"{missing} not in\n{text}")
            time.sleep(0.05)

    def resize(self, columns: int, rows: int) -> None:
        """Change its size."""
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def press(self, key: str) -> None:
        """Press a key, such as `C-c`."""
        self.tmux("send-keys", key)

    def close(self) -> None:
        """Close its window."""
        self.tmux("kill-server")


Open = Callable[..., Terminal]


@pytest.fixture
def open_terminal(tmp_path: Path) -> Iterator[Open]:
    """Open a terminal of a size that runs `nika` with these arguments."""
    opened: list[Terminal] = []

    def open_(columns: int, rows: int, arguments: str, **environ: str) -> Terminal:
        terminal = Terminal(tmp_path, columns, rows, f"{shlex.quote(str(NIKA))} {arguments}", **environ)
        opened.append(terminal)
        return terminal

    yield open_
    for terminal in opened:
        subprocess.run([str(TMUX), "-S", terminal._socket, "kill-server"], capture_output=True, check=False, timeout=60)


def write_run(folder: Path) -> None:
    (folder / "w.nika.yaml").write_text(RUN)
    (folder / "script.json").write_text(SCRIPT)


SETTLED = (r"^\W publish .*Publish", r"^\W review .*4/10", r"^\W build .*Compiling", r"^\W upload .*try 2 +\d+ s$")
IN_A_RUN = {"NIKA_MOCK_SCRIPT": "script.json", "NIKA_MAX_CONCURRENT": "20", "NIKA_SHELL_TIMEOUT": "1h"}


@pytest.mark.parametrize(("columns", "rows"), [(60, 15), (100, 30), (200, 60)])
def test_what_runs_is_seen_at_three_sizes(tmp_path: Path, open_terminal: Open, columns: int, rows: int) -> None:
    write_run(tmp_path)
    terminal = open_terminal(columns, rows, "run w.nika.yaml < /dev/null", **IN_A_RUN)
    screen = terminal.wait_for(*SETTLED, r"^\W notes .*shell\(command")
    head = next(at for at, row in enumerate(screen) if row.startswith("── release"))
    wide = columns > 60
    assert "1/7 done · 4 running · 1 waiting" in screen[head]
    assert re.search(r"\d+ of 100k tokens · \$0.00 of \$10.00", screen[head if wide else head + 1])
    area = screen[head + (1 if wide else 2) :]
    assert len(area) == 5
    assert [row.split()[:2] for row in area[:1]] == [["?", "publish"]]
    assert {row.split()[1] for row in area} == {"publish", "review", "build", "upload", "notes"}
    assert len({re.search(r" \d+ s", row + " ").end() for row in area}) == 1, area  # type: ignore[union-attr]
    (listed,) = (row for row in area if row.split()[1] == "review")
    assert re.search(r"█+░+  4/10 items, 1 failed" + (", 6 running" if wide else ""), listed)
    assert all(len(row) < columns for row in screen[head:])
    above = " ".join(" ".join(screen[:head]).split())
    assert "✗ review[1] shell [NIKA-080] the command failed with exit code 1" in above
    terminal.press("C-c")
    terminal.wait_for(r"^\[ended with 4\]")
    ended = " ".join(" ".join(terminal.screen(history=True)).split())
    assert "1 success, 1 failed (review), 1 waiting, 3 interrupted, 1 not started" in ended
    assert ended.count("interrupted") == 2  # what Ctrl-C does, and what it did
    assert not any(row.startswith(("▶", "──")) for row in terminal.screen(history=True))


def test_a_terminal_that_changes_its_size_shows_the_view_as_it_fits(tmp_path: Path, open_terminal: Open) -> None:
    write_run(tmp_path)
    terminal = open_terminal(100, 30, "run w.nika.yaml < /dev/null", **IN_A_RUN)
    terminal.wait_for(*SETTLED)
    for columns, rows, head, row in (
        (60, 30, r"── release · .*1/7 done", r"\? publish  ask +\d+ s  Publish version 5.0\?"),
        (45, 12, r"── .*1/7 done .*1 waiting", r"\? publish  ask +\d+ s  Publish vers.*"),
        (20, 30, r"1/7 .*1 waiting", r"\? publish +\d+ s"),
        (120, 40, r"── release · .*1/7 done .*tokens", r"\? publish  ask +\d+ s  Publish version 5.0\?"),
    ):
        terminal.resize(columns, rows)
        # The last thing on the screen: a head, perhaps a second line of it, the question, and four rows.
        view = rf"^{head}.*\n(   [^\n]*\n|\d[^\n]*\n|\$[^\n]*\n)?{row} *(\n▶ [^\n]*){{4}}\Z"
        screen = terminal.wait_for(view)
        assert max(map(len, screen)) <= columns
    terminal.press("C-c")
    terminal.wait_for(r"^\[ended with 4\]")


def test_a_terminal_that_is_closed_ends_the_run_and_its_history_says_so(tmp_path: Path, open_terminal: Open) -> None:
    write_run(tmp_path)
    terminal = open_terminal(100, 30, "run w.nika.yaml < /dev/null", **IN_A_RUN)
    terminal.wait_for(*SETTLED)
    terminal.close()
    until = time.monotonic() + LONGEST
    command = [str(NIKA), "runs", "list", "--format", "json"]
    while True:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
        if re.search(r'"status": "(paused|cancelled)"', done.stdout):
            break
        assert time.monotonic() < until, done.stdout


def test_a_question_is_asked_and_the_view_continues_below_the_answer(tmp_path: Path, open_terminal: Open) -> None:
    write_run(tmp_path)
    terminal = open_terminal(100, 30, "run w.nika.yaml", **IN_A_RUN)
    terminal.wait_for(r"^yes or no .*> *$")
    terminal.tmux("send-keys", "yes", "Enter")
    screen = terminal.wait_for(r"^answered: publish", r"^── release .* 2/7 done", *SETTLED[1:])
    head = next(at for at, row in enumerate(screen) if row.startswith("── release"))
    assert any(row.startswith("── publish asks") for row in screen[:head])
    assert not any("publish" in row for row in screen[head:])
    terminal.press("C-c")
    screen = terminal.wait_for(r"^\[ended with 130\]")
    assert any(
        re.search(r"cancelled in .*2 success, 1 failed \(review\), 3 interrupted, 1 not started", row) for row in screen
    )


def test_colours_and_signs_are_as_the_terminal_can_show_them(tmp_path: Path, open_terminal: Open) -> None:
    write_run(tmp_path)
    environ = {**IN_A_RUN, "NO_COLOR": "1", "PYTHONIOENCODING": "ascii"}
    terminal = open_terminal(100, 30, "run w.nika.yaml < /dev/null", **environ)
    screen = terminal.wait_for(
        r"^-- release \|", r"^> review .*####+\.+  4/10", r"^> upload .*try 2", r"^x review", colours=True
    )
    assert not any("\x1b" in row for row in screen)
    terminal.press("C-c")
    terminal.wait_for(r"^\[ended with 4\]")


def test_ten_thousand_items_are_one_row(tmp_path: Path, open_terminal: Open) -> None:
    (tmp_path / "w.nika.yaml").write_text(
        "agent: {provider: mock, model: mock}\ntasks:\n  - id: ask\n"
        f"    forEach: [{', '.join(map(str, range(10_000)))}]\n"
        '    llm: "One word about ${each.item}."\noutputs: "{{ask | length}}"\n'
    )
    terminal = open_terminal(100, 30, "run w.nika.yaml", **LIMITS)
    screen = terminal.wait_for(r"^▶ ask .*█+░*  [1-9]\d*/10000 items, \d+ running")
    assert sum("ask" in row for row in screen) == 1
    screen = terminal.wait_for(r"^\[ended with 0\]")
    assert re.match(r"✓ ask  llm       10000 items, ", screen[0])
    assert [screen[-3].split()[0], *screen[-2:]] == ["succeeded", "10000", "[ended with 0]"]
    assert not any(row.startswith(("▶", "──", "…")) for row in terminal.screen(history=True))
