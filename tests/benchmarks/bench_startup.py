"""What starting costs: `python tests/benchmarks/bench_startup.py LLM [--json]`. Ratios to `llm --help`.

LLM is the program of that name (`tests/benchmarks/run` installs it). Whole processes in turns, from start to end, with
all modules compiled before; the best of many rounds counts.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from rows import Row, best_in_turns, compiled, duration, tell

NIKA = str(Path(sys.executable).with_name("nika"))
WORKFLOW = """\
agent: {model: mock-small, provider: mock, systemPrompt: You are brief.}
tasks:
  - id: hello
    llm: Say hello
"""
OURS = {
    "nika --help": ([NIKA, "--help"], 0.15),
    "a run of one task, mocked": ([NIKA, "run", "--mock", "one.nika.yaml"], 0.3),
    "a run of one task, mock provider": ([NIKA, "run", "one.nika.yaml"], 0.3),
    "nika validate, one task": ([NIKA, "validate", "one.nika.yaml"], 0.25),
    "nika validate, 500 files": ([NIKA, "validate", "many"], None),
}


def seconds(argv: list[str], folder: str, environ: dict[str, str]) -> float:
    """One process, from its start to its end."""
    start = time.perf_counter()
    subprocess.run(argv, cwd=folder, env=environ, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Print the rows."""
    llm = [str(Path(sys.argv[1]).absolute()), "--help"]
    with tempfile.TemporaryDirectory() as folder, compiled() as environ:
        Path(folder, "one.nika.yaml").write_text(WORKFLOW)
        many = Path(folder, "many")
        many.mkdir()
        for number in range(500):
            (many / f"w{number}.nika.yaml").write_text(WORKFLOW)
        environ = {**environ, "NIKA_MAX_FILES": "500"}
        programs = {"llm": llm, **{name: argv for name, (argv, _) in OURS.items()}}
        works = {name: partial(seconds, argv, folder, environ) for name, argv in programs.items()}
        best = best_in_turns(works, least=15, still=10, most=60)
    other = f"llm --help: {duration(best['llm'])}"
    tell([Row(name, duration(best[name]), other, best[name] / best["llm"], bound) for name, (_, bound) in OURS.items()])


if __name__ == "__main__":
    main()
