"""Makes the picture of the home page anew: `.venv/bin/python docs/terminal_picture.py`. It is of a real run, in tmux.

The mock provider answers after a few seconds, as a model would.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

PICTURE = Path(__file__).parent / "guide" / "pictures" / "terminal.svg"
COLUMNS, ROWS = 96, 20
WORKFLOW = """\
name: review
agent: {model: mock, provider: mock, maxTokens: 400}
tasks:
  - id: files
    shell: ls src
    output: lines
  - id: tests
    shell: for each in 1 2 3 4 5 6 7 8 9; do echo "test $each of 9 passed"; sleep 0.7; done
  - id: lint
    shell: "echo 'src/budget.py:14: unused import' >&2; exit 1"
    onError: continue
  - id: reviews
    forEach: {items: "{{files}}", key: "${each.item}", maxConcurrent: 4}
    llm: "Review ${each.item}"
  - id: summary
    llm: "Sum it up: {{reviews | join(' ')}} The linter: ${error.lint.message ?? 'nothing'}. {{tests}}"
  - id: publish
    ask: "Post this review? {{summary}}"
"""


def main() -> None:
    """Run the workflow, and draw what the terminal shows in the middle of it."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "src").mkdir()
        for file in (
            "budget",
            "cache",
            "cli",
            "graph",
            "journal",
            "lists",
            "loops",
            "parser",
            "plan",
            "retry",
            "run",
            "yaml",
        ):
            (folder / "src" / f"{file}.py").touch()
        (folder / "review.nika.yaml").write_text(WORKFLOW)
        reply = {"text": "The change is sound; add a test for the empty list.", "delay": 1.6, "times": None}
        (folder / "script.json").write_text(json.dumps([reply]))
        shown = screen(folder)
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text.from_ansi(shown), soft_wrap=True)
    drawn = console.export_svg(title="review", unique_id="nika")
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)  # nothing is loaded from elsewhere
    PICTURE.write_text("\n".join(line.rstrip() for line in drawn.splitlines()) + "\n")


def screen(folder: Path) -> str:
    """Return what the terminal shows when half of the list is done, with its colours."""

    def tmux(*arguments: str) -> str:
        command = ["tmux", "-f", "/dev/null", "-S", str(folder / "tmux"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout

    environ = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(folder)}
    environ |= {"NIKA_MOCK_SCRIPT": "script.json", "LANG": "C.UTF-8", "TERM": "tmux-256color", "PS1": "$ "}
    shell = ["env", "-i", *(f"{name}={value}" for name, value in environ.items()), "bash", "--norc", "--noprofile"]
    tmux("new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), *shell)
    try:
        time.sleep(1)  # until the shell is there
        tmux("send-keys", "nika run review.nika.yaml", "Enter")
        for _ in range(300):
            time.sleep(0.1)
            if re.search(r"[678]/12 items", tmux("capture-pane", "-p")):
                return tmux("capture-pane", "-e", "-p").rstrip()
        raise SystemExit(tmux("capture-pane", "-p"))
    finally:
        tmux("kill-server")


if __name__ == "__main__":
    main()
