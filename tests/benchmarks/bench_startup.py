"""What starting costs: `python tests/benchmarks/bench_startup.py LLM [--json]`. Ratios to `llm --help`.

LLM is the program of that name (`tests/benchmarks/run` installs it). Ours is installed as a user has it, from wheels:
of an editable installation, Python reads one more file for each plugin at every start. Whole processes in turns, from
start to end, with all modules compiled before; the best of many rounds counts.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from rows import Row, best_in_turns, compiled, duration, tell

ROOT = Path(__file__).parents[2]
WORKFLOW = """\
agent: {model: mock-small, provider: mock, systemPrompt: You are brief.}
tasks:
  - id: hello
    llm: Say hello
"""
OURS = {
    "nika --help": (["--help"], 0.15),
    "a run of one task, mocked": (["run", "--mock", "one.nika.yaml"], 0.3),
    "a run of one task, mock provider": (["run", "one.nika.yaml"], 0.3),
    "nika validate, one task": (["validate", "one.nika.yaml"], 0.25),
    "nika validate, 500 files": (["validate", "many"], None),
}


def seconds(argv: list[str], folder: str, environ: dict[str, str]) -> float:
    """One process, from its start to its end."""
    start = time.perf_counter()
    subprocess.run(argv, cwd=folder, env=environ, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def installed(folder: Path) -> str:
    """Install Nika from wheels into an environment of its own, and return its program."""
    uv = str(Path(sys.executable).with_name("uv"))
    wheels, environment = folder / "wheels", folder / "environment"
    environ = {**os.environ, "VIRTUAL_ENV": str(environment), "PYTHON": sys.executable}
    for argv in (
        ["bash", ".ci/wheels", str(wheels)],
        [uv, "venv", "--quiet", "--python", sys.executable, str(environment)],
        [uv, "pip", "install", "--quiet", "--require-hashes", "-r", "requirements.lock"],
        [uv, "pip", "install", "--quiet", "--constraint", str(wheels / "constraints.txt"), "nika-workflows"],
    ):
        subprocess.run(argv, cwd=ROOT, env=environ, check=True, stdout=subprocess.DEVNULL)
    return str(environment / "bin" / "nika")


def main() -> None:
    """Print the rows."""
    llm = [str(Path(sys.argv[1]).absolute()), "--help"]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as ours, compiled() as environ:
        nika = installed(Path(ours))
        Path(folder, "one.nika.yaml").write_text(WORKFLOW)
        many = Path(folder, "many")
        many.mkdir()
        for number in range(500):
            (many / f"w{number}.nika.yaml").write_text(WORKFLOW)
        environ = {**environ, "NIKA_MAX_FILES": "500"}
        programs = {"llm": llm, **{name: [nika, *argv] for name, (argv, _) in OURS.items()}}
        works = {name: partial(seconds, argv, folder, environ) for name, argv in programs.items()}
        best = best_in_turns(works, least=15, still=10, most=60)
    other = f"llm --help: {duration(best['llm'])}"
    tell([Row(name, duration(best[name]), other, best[name] / best["llm"], bound) for name, (_, bound) in OURS.items()])


if __name__ == "__main__":
    main()
