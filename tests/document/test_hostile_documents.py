"""What 10 MB made to hurt can do: no longer than the validation timeout, no more than 20 times its size in memory."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SIZE = 10 * 1024 * 1024
TREE = ("tasks:\n- id: a\n  http: {url: 'https://x.example', json: [", "]}\n")

# Reads one file with the default limits in a process of its own and says how long it took and how much it grew.
READ = """\
import json, sys
from pathlib import Path
from nika_core.app.workspace import Workspace
from nika_core.document import load_workflow
from nika_core.document.diagnostics import render_pretty

def peak():
    return int(next(x for x in open("/proc/self/status") if x.startswith("VmHWM")).split()[1]) * 1024

path = Path(sys.argv[1])
workspace = Workspace.open(path, environ={})
limits = workspace.limits
load_workflow(path, workspace.registry, limits, text=b"tasks: [{id: a, shell: x}, {id: b, http: 'https://x.example'}]")
before = peak()
loaded = load_workflow(path, workspace.registry, limits, environ={})
grown = peak() - before
for problem in loaded.problems:
    render_pretty(problem, loaded.text)
print(json.dumps({"grown": grown, "codes": sorted({p.code for p in loaded.problems})}))
"""


def many(unit: str, before: str = "", after: str = "") -> Callable[[], str]:
    return lambda: before + unit * ((SIZE - len((before + after).encode())) // len(unit.encode())) + after


def counted(form: str, before: str = "", after: str = "", between: str = "") -> Callable[[], str]:
    size = len((form % 0 + between).encode())
    return lambda: before + between.join(form % n for n in range((SIZE - len(before + after)) // size - 1)) + after


FLOW = "tasks: [{id: a, shell: x}]\nflows:\n- {source: a, target: a, condition: '"
HTTP = "tasks:\n- id: a\n  http: {url: 'https://x.example', body: \""

DOCUMENTS = {
    "lists in lists": many("["),
    "items in items": many("- "),
    "a list of empty lists": many("[],", *TREE),
    "a list of different words": counted("%06x", *TREE, between=","),
    "a list of different quoted numbers": counted("'%07d'", *TREE, between=","),
    "a mapping of different keys": counted("k%06x: 1", between="\n"),
    "many unknown keys": counted("  k%06d: 1\n", "tasks:\n- id: a\n  shell: x\n"),
    "many inputs": counted("  i%06d: {default: x}\n", "inputs:\n", "tasks: [{id: a, shell: x}]\n"),
    "one key, again and again": many("a: 1\n"),
    "one long text of wide characters": many("😀", HTTP, '"}\n'),
    "a text that is never closed": many("\n", '"'),
    "many templates": many("{{a}}", HTTP, '"}\n'),
    "a long condition": many("1 == 1 && ", FLOW, "1'}\n"),
    "anchors": many("&a b,", "tasks: [", "]"),
    "merge keys": many("<<: a,", "tasks: [{", "}]"),
    "keys that are mappings": many("{a: b}: c,", "tasks: [{", "}]"),
    "too many tasks": many("- {id: a, shell: x}\n", "tasks:\n"),
    "control characters": many("\0"),
}


@pytest.mark.alone
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_hostile_document_is_refused_in_time_and_memory(name: str, tmp_path: Path) -> None:
    text = DOCUMENTS[name]().encode()
    assert len(text) <= SIZE
    path = tmp_path / "hostile.nika.yaml"
    path.write_bytes(text)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)], capture_output=True, text=True, timeout=60, check=True
    )
    found = json.loads(done.stdout)
    assert found["grown"] < 20 * SIZE
