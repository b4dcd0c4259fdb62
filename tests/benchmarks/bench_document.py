"""What reading a workflow costs: `python tests/benchmarks/bench_document.py [--json] [--large]`.

Ratios to PyYAML's CSafeLoader, which merely loads the same text: ours reads, validates and checks it with the plugins
that are installed. Taken in turns, so that a busy machine slows both; once with Python's garbage collector as it is
by default, and once without it (ours pauses it while it reads, the other does not). `--large`: 100 MB with the limits
raised, as memory and time per megabyte beside 10 MB, each in a process of its own; and refused with the default limits.
"""

from __future__ import annotations

import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from rows import best_in_turns

from nika_core.app.workspace import Workspace
from nika_core.document import LoadedWorkflow, load_workflow

RAISED = {
    "NIKA_MAX_YAML_SIZE": "200MB",
    "NIKA_MAX_TASKS": "10000000",
    "NIKA_MAX_FLOWS": "10000000",
    "NIKA_VALIDATE_TIMEOUT": "1h",
}
KINDS = (
    """\
  - id: task{0}
    shell: npm test -- --shard {0}
    timeout: 30s
""",
    """\
  - id: task{0}
    http: {{url: "https://api.example.com/items/{0}?from=${{input.topic}}", method: GET}}
    timeout: 10s
    retry: {{max: 3, backoff: 1s}}
    onError: continue
""",
    """\
  - id: task{0}
    llm:
      prompt: |
        Read the page below and list what it says about number {0}, one fact a line.
        Leave out what is not on the page.

        {{{{task{1}}}}}
      maxTokens: 500
""",
    """\
  - id: task{0}
    shell:
      command: |
        grep -c {{{{task{1}}}}} notes.txt
        echo "counted {0}" >> log.txt
      capture: both
      env: {{TOPIC: "${{input.topic}}"}}
""",
    """\
  - id: task{0}
    agent: {{prompt: "Summarise {{{{task{1}}}}} and {{{{task{2}}}}} in a few words"}}
    allowedTools: []
    output: {{format: json, schema: {{type: object, required: [score]}}}}
""",
)


def workflow(tasks: int) -> str:
    """A workflow of tasks as people write them, each fifth of them joined by a flow too."""
    parts = [
        "name: benchmark\ninputs:\n  topic: {type: string, default: yaml}\n",
        "agent:\n  model: mock-small\n  provider: mock\n  systemPrompt: You are a careful analyst.\ntasks:\n",
    ]
    parts += [KINDS[index % 5].format(index, max(0, index - 1), max(0, index - 2)) for index in range(tasks)]
    parts.append("flows:\n")
    parts += [f"  - {{source: task{index}, target: task{index + 1}}}\n" for index in range(0, tasks - 1, 5)]
    return "".join(parts)


def load(nika: Workspace, path: Path, text: bytes | None = None) -> LoadedWorkflow:
    return load_workflow(path, nika.registry, nika.limits, text=text, environ={})


def best_of(ours: Callable[[], Any], theirs: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of both, the best of several rounds in turns."""

    def seconds(work: Callable[[], Any]) -> float:
        gc.collect()
        start = time.perf_counter()
        made = work()
        took = time.perf_counter() - start
        del made
        return took

    best = best_in_turns({"ours": lambda: seconds(ours), "theirs": lambda: seconds(theirs)})
    return best["ours"], best["theirs"]


def compare(nika: Workspace, tasks: int) -> dict[str, float]:
    text = workflow(tasks)
    data, path = text.encode(), Path("benchmark.nika.yaml")
    loaded = load(nika, path, data)
    if loaded.workflow is None:
        raise SystemExit(f"the benchmark's own workflow is invalid: {loaded.problems[:3]}")
    del loaded
    ours, theirs = best_of(lambda: load(nika, path, data), lambda: yaml.load(text, yaml.CSafeLoader))
    gc.disable()
    bare_ours, bare_theirs = best_of(lambda: load(nika, path, data), lambda: yaml.load(text, yaml.CSafeLoader))
    gc.enable()
    return {
        "tasks": tasks,
        "csafeloaderMs": theirs * 1000,
        "oursMs": ours * 1000,
        "ratio": ours / theirs,
        "ratioWithoutGc": bare_ours / bare_theirs,
    }


def one_large(megabytes: int) -> dict[str, float]:
    """Load so large a file in this process; memory is its growth at the highest point, per byte of the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.nika.yaml"
        sample = len(workflow(1000)) / 1000
        subprocess.run(  # written elsewhere: the text must not count
            [sys.executable, __file__, "--write", str(path), str(int(megabytes * 2**20 / sample))], check=True
        )
        nika = Workspace.open(Path(folder), environ=RAISED)
        load(nika, path, workflow(20).encode())
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.perf_counter()
        loaded = load(nika, path)
        seconds = time.perf_counter() - start
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        size = path.stat().st_size
        if loaded.workflow is None:
            raise SystemExit(
                f"the large workflow is invalid: {[each for each in loaded.problems if each.severity == 'error'][:3]}"
            )
        start = time.perf_counter()
        refused = load(Workspace.open(Path(folder), environ={}), path)
        at_once = time.perf_counter() - start
        return {
            "megabytes": size / 2**20,
            "tasks": len(loaded.workflow.tasks),
            "secondsPerMegabyte": seconds / (size / 2**20),
            "memoryPerByte": grown * 1024 / size,
            "refusedBytesOver": float(refused.workflow is None),
            "refusedMs": at_once * 1000,
        }


def large() -> list[dict[str, float]]:
    """Each in a process of its own, since memory is measured at its highest point."""
    found = []
    for megabytes in (10, 100):
        done = subprocess.run(
            [sys.executable, __file__, "--one", str(megabytes)], check=True, capture_output=True, text=True
        )
        found.append(json.loads(done.stdout))
    return found


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--write"]:
        Path(arguments[1]).write_text(workflow(int(arguments[2])))
        return
    if arguments[:1] == ["--one"]:
        print(json.dumps(one_large(int(arguments[1]))))
        return
    nika = Workspace.open(Path.cwd(), environ=RAISED)
    figures: dict[str, Any] = {"load": [compare(nika, tasks) for tasks in (1000, 10_000)]}
    if "--large" in arguments:
        figures["large"] = large()
    if "--json" in arguments:
        print(json.dumps(figures))
        return
    print("tasks    CSafeLoader        ours   ratio (at most 1)   both without gc")
    for row in figures["load"]:
        print(
            f"{row['tasks']:6} {row['csafeloaderMs']:9.0f} ms {row['oursMs']:8.0f} ms"
            f" {row['ratio']:19.2f} {row['ratioWithoutGc']:17.2f}"
        )
    for row in figures.get("large", ()):
        print(
            f"{row['megabytes']:.0f} MB, {row['tasks']:.0f} tasks: {row['secondsPerMegabyte']:.2f} s/MB, memory "
            f"{row['memoryPerByte']:.1f} x its size (at most 25); by default refused in {row['refusedMs']:.1f} ms"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
