"""`--economy` on a real server: a batch that was sent is collected, and never paid for twice."""

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
THREE = """
outputs: "{{all}}"
agent: {provider: openai, model: gpt-4o, maxTokens: 50}
tasks:
  - {id: a, llm: one}
  - {id: b, llm: two}
  - {id: c, llm: three}
  - {id: all, set: "{{a}} {{b}} {{c}}"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that belongs to no project, with the workflow."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "w.nika.yaml").write_text(THREE)
    return tmp_path


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


@pytest.mark.parametrize("cut_off", [False, True], ids=["it is waited for", "it is on its way"])
def test_a_batch_is_collected_after_worker_and_server_were_killed_while(
    own_server: Any, workers: Any, batch_server: Any, folder: Path, until: Any, *, cut_off: bool
) -> None:
    batch_server.cut_off = cut_off
    worker = workers.start(environ=batch_server.environ)
    run = start(
        folder, batch_server.environ, "run", "--on", own_server.url, "w.nika.yaml", "--economy", "--format", "jsonl"
    )
    assert run.stdout is not None
    if cut_off:
        until(lambda: batch_server.batches, "the sending of a batch")
    else:
        assert any("as a batch" in line for line in run.stdout)  # told when it is durable

    worker.kill()
    own_server.kill()
    own_server.start()
    batch_server.done = True
    workers.start(environ=batch_server.environ)
    out, err = run.communicate(timeout=120)
    assert run.returncode == 0, err
    result = json.loads(out.splitlines()[-1])["data"]

    assert [len(batch) for batch in batch_server.batches] == [3]
    assert result["output"] == "re: one re: two re: three"
    assert result["usage"]["calls"] == 3
    assert result["usage"]["totalTokens"] == 45
    assert result["usage"]["savedUsd"] == pytest.approx(result["usage"]["costUsd"])  # half the price
