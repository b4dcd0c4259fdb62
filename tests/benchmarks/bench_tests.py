"""What tests of workflows cost: `python tests/benchmarks/bench_tests.py [--json]`.

`nika test`, a process that replays 200 cases of 5 tasks, each with a recording of its own; and `nika.run` of one mocked
task in a warm process, as a test suite calls it. Processor time, the best of several rounds: the bounds are figures of
the machine of docs/performance.md.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rows import Row, best_in_turns, compiled, duration, tell

import nika_core as nika

CASES = 200
REPLAY_SECONDS = 3.0
RUN_SECONDS = 0.005
RUNS = 50
FLOW = """
agent: {provider: mock, model: mock-small}
inputs:
  name: {type: string}
tasks:
  - {id: fetch, shell: "echo the page of ${input.name}"}
  - {id: summarize, llm: "Summarize in one sentence: {{fetch}}"}
  - {id: translate, llm: "Translate into French: {{summarize}}"}
  - {id: count, shell: "echo {{translate}} | wc -w"}
  - {id: report, set: {name: "${input.name}", text: "{{translate}}", words: "{{count}}"}}
"""
EXPECTED = """
    expect:
      - {status: succeeded}
      - {task: translate, contains: French}
      - {path: text, schema: {type: string}}
      - {calls: 2}
"""
ONE = 'agent: {provider: mock, model: mock-small}\ntasks:\n  - {id: it, llm: "One word."}\n'


def suite(folder: Path) -> None:
    """Write a workflow and its test file, and record all cases."""
    (folder / "flow.nika.yaml").write_text(FLOW)
    rows = "".join(f"      - {{name: person {number}}}\n" for number in range(CASES))
    (folder / "flow.nika.test.yaml").write_text(f"recording: rec\ncases:\n  - name: it\n    table:\n{rows}{EXPECTED}")
    report = nika.load_tests(folder).run(update=True)
    assert report.passed, [case for case in report.cases if not case.passed][:1]


def replay(folder: Path, environ: dict[str, str]) -> float:
    """Processor seconds of one `nika test`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "nika_core", "test"],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def mocked(path: Path) -> float:
    """Processor seconds of one mocked run in this process."""
    begun = time.process_time()
    for _ in range(RUNS):
        assert nika.run(path, mock=True, journal=False).succeeded
    return (time.process_time() - begun) / RUNS


def main() -> None:
    """Measure, and print."""
    os.environ.pop("NIKA_MAX_TASKS", None)
    with tempfile.TemporaryDirectory() as name, compiled() as environ:
        folder = Path(name)
        suite(folder)
        one = folder / "one.nika.yaml"
        one.write_text(ONE)
        mocked(one)
        best = best_in_turns({"replay": lambda: replay(folder, environ), "run": lambda: mocked(one)})
    cases = f"`nika test` replays {CASES} cases of 5 tasks"
    rows = [
        Row(cases, duration(best["replay"]), "3 s", best["replay"] / REPLAY_SECONDS, 1.0, reported=True),
        Row(
            "`nika.run` of a mocked task, warm",
            duration(best["run"]),
            "5 ms",
            best["run"] / RUN_SECONDS,
            1.0,
            reported=True,
        ),
    ]
    tell(rows)


if __name__ == "__main__":
    main()
