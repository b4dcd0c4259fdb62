"""A thousand real shells at once, through the real command line."""

import json
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.alone, pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")]

MANY = 1000
NIKA = Path(sys.executable).with_name("nika")
PATIENCE = 100.0  # seconds, for a machine that has other things to do


def arrivals(pipe: int, expected: int) -> int:
    """How many bytes come through a pipe, as long as they keep coming."""
    found = 0
    while found < expected and select.select([pipe], [], [], PATIENCE)[0]:
        found += len(os.read(pipe, 65536))
    return found


def test_a_thousand_shells_at_once_with_few_descriptors_allowed_at_first(tmp_path):
    command = "echo > arrived; : < gate; echo {}"  # says that it is there, and waits until all are
    tasks = "".join(f"  - id: t{i}\n    shell: '{command.format(i)}'\n" for i in range(MANY))
    (tmp_path / "many.nika.yaml").write_text(f"tasks:\n{tasks}")
    os.mkfifo(tmp_path / "arrived")
    os.mkfifo(tmp_path / "gate")
    arrived = os.open(tmp_path / "arrived", os.O_RDWR | os.O_NONBLOCK)
    limits = {"NIKA_MAX_CONCURRENT": str(MANY), "NIKA_SHELL_TIMEOUT": f"{PATIENCE}s"}
    run = subprocess.Popen(
        ["sh", "-c", 'ulimit -S -n 256 && exec "$0" run many.nika.yaml --format json', str(NIKA)],
        cwd=tmp_path,
        env=os.environ | limits,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    found = arrivals(arrived, MANY)
    gate = os.open(tmp_path / "gate", os.O_RDWR)  # whoever has come may go, however this ends
    try:
        out, err = run.communicate(timeout=PATIENCE)
    finally:
        run.kill()
        run.wait()
        os.close(gate)
        os.close(arrived)
    assert found == MANY
    assert run.returncode == 0, err
    tasks = json.loads(out)["tasks"]
    assert [task["output"] for task in tasks] == [str(i) for i in range(MANY)]
    assert "too many open files" not in err


def test_short_commands_have_their_own_time_however_many_are_started_with_them(tmp_path):
    tasks = "".join(f"  - id: t{i}\n    shell: echo {i}\n    timeout: 5s\n" for i in range(MANY))
    (tmp_path / "many.nika.yaml").write_text(f"tasks:\n{tasks}")
    done = subprocess.run(
        [NIKA, "run", "many.nika.yaml", "--format", "json"],
        cwd=tmp_path,
        env=os.environ | {"NIKA_MAX_CONCURRENT": str(MANY)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "blocked" not in done.stderr
    assert len(json.loads(done.stdout)["tasks"]) == MANY
