"""What a step has saved outlives its process, unless there is a secret in it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

NIKA = str(Path(sys.executable).with_name("nika"))
PLUGIN = """\
import asyncio
from pathlib import Path
from nika_core.plugin import Keyword, fields, hookimpl
NIKA_API = 1
@hookimpl
def nika_task_keywords():
    payload = fields.Map({"text": fields.field(fields.Str(), "What to save.")})
    return [Keyword(name="keeps", summary="Saves.", primary="text", payload=payload, step="keeping:Step")]
class Step:
    async def run(self, payload, context):
        if Path("again").exists():
            context.notice("finished", kind="keeps.finished", data={"saved": context.saved})
            return {"saved": context.saved}
        await context.save(payload["text"])
        Path("again").touch()
        context.notice("saved", kind="keeps.saved")
        await asyncio.sleep(60)
"""


def nika(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONPATH": str(folder / "site"), "ACME_TOKEN": "a-secret-value"}
    return subprocess.Popen(
        [NIKA, *arguments], cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize(
    ("text", "saved", "told"),
    [("plain", "plain", ""), ("${env.ACME_TOKEN}", None, "what `keeps` saves has a secret in it")],
)
def test_what_was_saved_before_a_kill_is_there_after_it(
    tmp_path: Path, text: str, saved: str | None, told: str
) -> None:
    info = tmp_path / "site" / "keeping-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: keeping\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[nika.keywords]\nkeeps = keeping\n")
    (tmp_path / "site" / "keeping.py").write_text(PLUGIN)
    (tmp_path / "w.nika.yaml").write_text(f'tasks:\n  - {{id: a, keeps: "{text}"}}\n')

    process = nika(tmp_path, "run", "w.nika.yaml", "--format", "jsonl")
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if '"keeps.saved"' in line:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert told in "".join(lines)
    assert (tmp_path / "again").exists()
    listed = json.loads(nika(tmp_path, "runs", "list", "--format", "json").communicate()[0])
    (run,) = listed["runs"]
    resumed = nika(tmp_path, "resume", run["runId"], "--format", "jsonl").communicate()[0]

    events = [json.loads(line) for line in resumed.splitlines()]
    (finished,) = [event for event in events if event.get("event") == "keeps.finished"]
    assert finished["data"] == {"saved": saved, "message": "finished"}
    assert b"a-secret-value" not in b"".join(
        file.read_bytes() for file in tmp_path.rglob(".nika/**/*") if file.is_file()
    )
