"""What the keyword kit does inside a Python of its own (see `interpreter`). Arguments and answers are JSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from nika_core.app.execution import Execution
from nika_core.app.planning import make_plan
from nika_core.engine.task.outputs import as_json
from nika_core.errors import ProblemsError
from nika_core.model.codec import event_json, result_json
from nika_core.model.events import Event, EventKind
from nika_core.model.limits import Limit, Unit, output_of
from nika_core.plugin import Effect, Estimate, Values
from nika_core.registry import Kind
from nika_core.template import render_payload, resolve
from nika_core.testing.audit import Audit
from nika_core.testing.case import TASK, Case
from nika_core.testing.workbench import RunOutcome, Workbench, prepare_workflow

BUSY: Final = 0.3  # seconds that a step has to become busy before it is told to stop
_BEAT: Final = 0.01  # seconds between two beats of the event loop


def stopped(case: dict[str, Any], *, by_timeout: bool) -> dict[str, Any]:
    """Tell a busy step to stop, twice; how that went, and what the second time left behind."""
    from nika_core.toolbox.process.table import table

    table()  # from now on orphans are children of this process
    made = Case(**case)
    if by_timeout:
        made = replace(made, task={**made.task, "timeout": f"{BUSY}s", "retry": {"max": 1}})
    with _folder() as folder:
        bench = made.bench(folder)
        told = _stop(bench, made.text(), by_timeout=by_timeout)
        before = _descriptors()
        told = _stop(replace(bench, model=made.model()), made.text(), by_timeout=by_timeout)
        more = _descriptors() - before
    told["descriptors"] = sorted(more.elements())
    told["processes"] = _processes()
    told["temporary"] = sorted(path.name for path in Path(tempfile.gettempdir()).iterdir())
    return told


def _stop(bench: Workbench, text: str, *, by_timeout: bool) -> dict[str, Any]:
    asked: list[float] = []
    lags = [0.0]

    async def beat() -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(_BEAT)
            if busy.is_set():
                lags.append(time.monotonic() - before - _BEAT)

    busy = threading.Event()

    async def run() -> RunOutcome:
        loop = asyncio.get_running_loop()

        def started(execution: Execution, event: Event) -> None:
            if event.kind is not EventKind.TASK_STARTED:
                return
            busy.set()
            asked.append(time.monotonic())
            if not by_timeout:
                time.sleep(BUSY)
                asked[0] = time.monotonic()
                loop.call_soon_threadsafe(execution.cancel, "the conformance kit says so")

        heart = asyncio.create_task(beat())
        try:
            return await bench.start(text, started)
        finally:
            heart.cancel()

    ran = asyncio.run(run())
    task = ran.task(TASK)
    return {
        "status": ran.result.status.value,
        "state": task.state,
        "category": task.failure.category.value if task.failure else None,
        "message": task.failure.message if task.failure else "",
        "seconds": time.monotonic() - asked[0] if asked else None,
        "lag": max(lags),
    }


def facets(case: dict[str, Any]) -> dict[str, Any]:
    """Ask every facet three times; what it did to the world, how long it took, and whether it said the same."""
    made = Case(**case)
    answer: dict[str, Any] = {"wrong": [], "touched": {}, "seconds": {}}
    with _folder() as folder:
        audit = Audit(folder)
        with made.bench(folder).opened(made.text()) as (workspace, path, options):
            ready = prepare_workflow(workspace, path, options)
            task = ready.workflow.tasks[0]
            keyword, source = workspace.catalog.keyword(task.keyword), workspace.catalog.source
            values = Values(inputs=ready.inputs, environ=workspace.environ)
            own = workspace.registry.facets(task.keyword)
            rendered = render_payload(keyword, own, task.payload, partial(resolve, values=values, source_of=source))
            checked = ready.payload(task)
            asked: dict[str, Callable[[Any], Any]] = {
                "check": lambda each: _reported(each, checked),
                "effects": lambda each: list(each.effects(checked)),
                "estimate": lambda each: each.estimate(checked),
                "mock": lambda each: each.mock(_copy(rendered)),
                "redact": lambda each: each.redact(_copy(rendered)),
            }
            before = repr(task.payload)
            for name, ask in asked.items():
                audit.seen.clear()
                said, seconds = [], []
                for each in (own, own, type(own)()):
                    begun = time.perf_counter()
                    with audit.armed():
                        found = ask(each)
                    seconds.append(time.perf_counter() - begun)
                    said.append(found)
                answer["seconds"][name] = min(seconds)
                answer["touched"][name] = list(audit.seen)
                answer["wrong"] += _wrong(name, said)
            if repr(task.payload) != before:
                answer["wrong"].append("it changes the payload that it is given")
    return answer


def _reported(facets: Any, payload: Any) -> list[str]:
    found: list[str] = []
    facets.check(payload, lambda message, place, **more: found.append(f"{place} {message} {more}"))
    return found


def _wrong(name: str, said: list[Any]) -> list[str]:
    found = []
    if len({repr(each) for each in said}) > 1:
        found.append(f"{name} does not say the same twice: {said[0]!r:.200}, then {said[-1]!r:.200}")
    first = said[0]
    if name == "effects" and not all(isinstance(each, Effect) for each in first):
        found.append(f"effects gives {first!r:.200}, not a list of Effect")
    if name == "estimate" and not isinstance(first, Estimate):
        found.append(f"estimate gives {first!r:.200}, not an Estimate")
    if name in {"mock", "redact"}:
        try:
            as_json(first, 50, name)
        except Exception as error:
            found.append(str(error))
    if name == "redact" and not isinstance(first, dict):
        found.append(f"redact gives {first!r:.200}, not a payload")
    return found


def secret(case: dict[str, Any], value: str) -> dict[str, Any]:
    """Plan and run with a secret in the payload, keeping a history; where its value can be seen."""
    made = Case(**case)
    places: list[str] = []
    with _folder() as folder:
        bench = made.bench(folder, journal=True)
        try:
            with bench.opened(made.text()) as (workspace, path, options):
                plan = make_plan(prepare_workflow(workspace, path, options))
                _seen(value, "nika plan", [(each.payload, each.effects) for each in plan.tasks], places)
            ran = bench.run(made.text())
        except ProblemsError as error:
            return {"invalid": str(error), "places": []}
        _seen(value, "the result", result_json(ran.result), places)
        for event in ran.events:
            _seen(value, f"the event {event.kind.value}", event_json(event), places)
        for root in (folder / ".nika", Path(tempfile.gettempdir())):
            for file in sorted(root.rglob("*")):
                if file.is_file() and value.encode() in file.read_bytes():
                    places.append(f"the file {file.name}")  # noqa: PERF401  # one loop in another reads better
    return {"invalid": "", "places": places}


def _seen(value: str, where: str, what: Any, places: list[str]) -> None:
    if value in json.dumps(what, default=str, ensure_ascii=False):
        places.append(where)


def bounded(case: dict[str, Any], large: dict[str, Any] | None, most: int) -> dict[str, Any]:
    """Run with a bound for the output; how large it came out, and how much memory it took on the way."""
    made = Case(**case)
    limit = Limit(output_of(made.word), most, Unit.BYTES, "the conformance kit")
    with _folder() as folder:
        first = made.bench(folder, limits=[limit]).run(made.text())
        before = _memory()
        if large is not None and first.task(TASK).state == "success":
            made = replace(made, payload=large)
            ran = made.bench(folder, limits=[limit]).run(made.text())
        else:
            ran = first
    task = ran.task(TASK)
    text = task.output if isinstance(task.output, str) else json.dumps(task.output)
    return {
        "first": first.task(TASK).state,
        "state": task.state,
        "message": task.failure.message if task.failure else "",
        "bytes": len(text.encode()),
        "truncated": task.truncated,
        "grown": _memory() - before,
        "end": text[-200:],
    }


def quiet(case: dict[str, Any]) -> str:
    """Import, ask and run; what is written to stdout is for the one who called to see."""
    made = Case(**case)
    with _folder() as folder:
        return made.bench(folder).run(made.text()).result.status.value


def declared_client(word: str, models: list[str], environ: dict[str, str]) -> dict[str, Any]:
    """Make a provider's client and ask what costs nothing; what it imported and touched for that."""
    import sys

    from nika_core.registry import Registry

    registry = Registry()
    registry.provider(word)
    before = set(sys.modules)
    audit = Audit()
    with audit.armed():
        client = registry.new_client(word, environ)
        begun = time.perf_counter()
        said = [[repr(client.info(model)) for model in models] + [repr(list(client.models()))] for _ in range(2)]
        seconds = time.perf_counter() - begun
    record = registry.record(Kind.PROVIDER, word)
    return {
        "modules": sorted(set(sys.modules) - before),
        "touched": audit.seen,
        "same": said[0] == said[1],
        "seconds": seconds,
        "module": record.module,
    }


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Beside the temporary folder, which is looked at for what was left there."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as made:
        yield Path(made).resolve()


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _descriptors() -> Counter[str]:
    """What this process has open, by kind and name."""
    found: Counter[str] = Counter()
    folder = Path("/proc/self/fd")
    for path in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            target = str(path.readlink())
            found[target.split(":")[0] if ":[" in target else target] += 1
    return found


def _processes() -> list[str]:
    """Every process below this one that has not ended."""
    from nika_core.toolbox.process.table import descendants, table

    processes = table()
    found = []
    for pid in descendants(processes, {os.getpid()}) - {os.getpid()}:
        seen = processes.look(pid)
        if seen is None or seen.zombie:
            continue
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            found.append(command.strip()[:200] or str(pid))
    return sorted(found)


def _memory() -> int:
    """The most memory that this process has ever had, in bytes; not `ru_maxrss`, which knows its parent's, too."""
    with contextlib.suppress(OSError, StopIteration):
        status = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in status if line.startswith("VmHWM:")).split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
