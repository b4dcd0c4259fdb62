"""Workers are killed again and again: every task's effect and result are as on one machine under kill."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.beside
NIKA = str(Path(sys.executable).with_name("nika"))
LAYERS, WIDTH = 12, 3


def name_of(layer: int, place: int) -> str:
    return f"t{layer}x{place}"


def chain(log: Path) -> str:
    """Return a workflow of layers, in which each task computes its output from those of the whole layer before."""
    tasks = []
    for layer in range(LAYERS):
        before = "-".join(f"{{{{{name_of(layer - 1, place)}}}}}" for place in range(WIDTH)) if layer else "begin"
        for place in range(WIDTH):
            name = name_of(layer, place)
            say = f'echo START {name} >> {log}; printf %s "$GIVEN-{name}" | sha256sum | cut -c1-16'
            say += f"; sleep 0.1; echo END {name} >> {log}"
            shell = {"argv": ["sh", "-c", say], "env": {"GIVEN": before}}
            tasks.append({"id": name, "shell": shell})
    return json.dumps({"name": "chain", "tasks": tasks})


def expected() -> dict[str, str]:
    """Return what each task's output has to be."""
    outputs: dict[str, str] = {}
    for layer in range(LAYERS):
        before = "-".join(outputs[name_of(layer - 1, place)] for place in range(WIDTH)) if layer else "begin"
        for place in range(WIDTH):
            name = name_of(layer, place)
            outputs[name] = sha256(f"{before}-{name}".encode()).hexdigest()[:16]
    return outputs


@pytest.mark.parametrize(("seed", "kills"), [(1, 2), *(pytest.param(n, 12, marks=pytest.mark.long) for n in (2, 3))])
def test_a_chain_under_random_kills_has_every_effect_and_every_result(
    own_namespace: Any, workers: Any, folder: Path, until: Any, seed: int, kills: int
) -> None:
    chance = random.Random(seed)
    log = folder / "log"
    (folder / "w.nika.yaml").write_text(chain(log))
    alive = workers.start_several({}, {}, options=("--concurrency", "2"))
    run = subprocess.Popen(
        [NIKA, "run", "--on", own_namespace.url, "w.nika.yaml", "--format", "json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def begun() -> list[str]:
        return [line for line in log.read_text().splitlines() if line.startswith("START")] if log.exists() else []

    for enough in sorted(chance.sample(range(1, LAYERS * WIDTH), kills)):
        until(lambda count=enough: len(set(begun())) >= count or run.poll() is not None, f"the start of task {enough}")
        alive.append(workers.start("--concurrency", "2"))
        alive.pop(chance.randrange(2)).kill()
    out, err = run.communicate(timeout=240)

    assert run.returncode == 0, err
    assert {task["id"]: task["output"] for task in json.loads(out)["tasks"]} == expected()
    lines = log.read_text().splitlines()
    for name in expected():
        assert f"END {name}" in lines
        # A kill ends at most what runs then, which is begun again: what has ended is not.
        assert 1 <= lines.count(f"START {name}") <= 1 + kills
    for layer in range(LAYERS - 1):  # what a layer was given is what there was when it began: nothing of it came later
        first = min(lines.index(f"START {name_of(layer + 1, place)}") for place in range(WIDTH))
        assert not {f"START {name_of(layer, place)}" for place in range(WIDTH)} & set(lines[first:])
