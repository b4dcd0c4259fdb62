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
from nika_core.engine.task.outputs import checked_json
from nika_core.errors import ProblemsError, TaskError
from nika_core.model.codec import event_json, result_json
from nika_core.model.events import Event, EventKind
from nika_core.model.limits import Limit, Unit, output_of
from nika_core.plugin import Effect, Estimate, Values
from nika_core.registry import Kind
from nika_core.registry.loading import make
from nika_core.template import render_payload, resolve
from nika_core.testing.audit import Audit
from nika_core.testing.case import TASK, Case
from nika_core.testing.own_time import own_seconds
from nika_core.testing.workbench import RunOutcome, Workbench, prepare_workflow

BUSY: Final = 0.3  # seconds that a step has to become busy before it is told to stop
_BEAT: Final = 0.01  # seconds between two beats of the event loop


def stopped(case: dict[str, Any], *, by_timeout: bool) -> dict[str, Any]:
    """Stop a busy step, twice. Return how it ended, and what the second time left behind."""
    from nika_core.toolbox.process.guardian_client import start_forker
    from nika_core.toolbox.process.table import process_table

    process_table()  # from now on orphans are children of this process
    start_forker()
    sample = Case(**case)
    if by_timeout:
        once = {} if sample.is_group else {"retry": {"max": 1}}
        sample = replace(sample, task={**sample.task, "timeout": f"{BUSY}s", **once})
    with _folder() as folder:
        bench = sample.bench(folder)
        report = _stop(bench, sample.text(), by_timeout=by_timeout)
        before = _descriptors()
        report = _stop(replace(bench, model=sample.model()), sample.text(), by_timeout=by_timeout)
        more = _descriptors() - before
    report["descriptors"] = sorted(more.elements())
    report["processes"] = _processes()
    report["temporary"] = sorted(path.name for path in Path(tempfile.gettempdir()).iterdir())
    return report


def _stop(bench: Workbench, text: str, *, by_timeout: bool) -> dict[str, Any]:
    started_at: list[float] = []
    lags = [0.0]

    async def beat() -> None:
        while True:
            before = own_seconds()
            await asyncio.sleep(_BEAT)
            if busy.is_set():
                lags.append(own_seconds() - before - _BEAT)

    busy = threading.Event()

    async def run() -> RunOutcome:
        loop = asyncio.get_running_loop()

        def started(execution: Execution, event: Event) -> None:
            if event.kind is not EventKind.TASK_STARTED:
                return
            busy.set()
            started_at.append(time.monotonic())
            if not by_timeout:
                time.sleep(BUSY)
                started_at[0] = time.monotonic()
                loop.call_soon_threadsafe(execution.cancel, "the conformance kit says so")

        heart = asyncio.create_task(beat())
        try:
            return await bench.start(text, started)
        finally:
            heart.cancel()

    outcome = asyncio.run(run())
    task = outcome.task(TASK)
    return {
        "status": outcome.result.status.value,
        "state": task.state,
        "category": task.failure.category.value if task.failure else None,
        "message": task.failure.message if task.failure else "",
        "seconds": time.monotonic() - started_at[0] if started_at else None,
        "lag": max(lags),
    }


def facets(case: dict[str, Any]) -> dict[str, Any]:
    """Call every facet three times. Return what it touched, how long it took, and where its results differ."""
    sample = Case(**case)
    is_group = sample.is_group
    answer: dict[str, Any] = {"wrong": [], "touched": {}, "seconds": {}}
    with _folder() as folder:
        audit = Audit(folder)
        with sample.bench(folder).opened(sample.text()) as (workspace, path, options):
            prepared = prepare_workflow(workspace, path, options)
            task = prepared.workflow.tasks[0]
            keyword, source = workspace.registry.keyword(task.keyword), workspace.registry.source
            values = Values(inputs=prepared.inputs, environ=workspace.environ)
            record = workspace.registry.record(Kind.KEYWORD, task.keyword)
            own_facets = make(record, keyword.facets)  # without a guard: it is on trial
            rendered = render_payload(
                keyword, own_facets, task.payload, partial(resolve, values=values, source_of=source)
            )
            checked = prepared.payload(task)
            facet_calls: dict[str, Callable[[Any], Any]] = {
                "check": lambda facets: _reported(facets, checked),
                "workflow": lambda facets: facets.workflow(checked.fields) if is_group else None,
                "output_schema": lambda facets: facets.output_schema(checked.fields),
                "effects": lambda facets: list(facets.effects(checked)),
                "estimate": lambda facets: facets.estimate(checked),
                "mock": lambda facets: _mocked(facets, _copy(rendered)),
                "redact": lambda facets: facets.redact(_copy(rendered)),
                "call_fields": lambda facets: _described(facets, _copy(rendered)),
            }
            before = repr(task.payload)
            for name, ask in facet_calls.items():
                audit.seen.clear()
                answers, seconds = [], []
                for facets_object in (own_facets, own_facets, type(own_facets)()):
                    begun = own_seconds()
                    with audit.armed():
                        result = ask(facets_object)
                    seconds.append(own_seconds() - begun)
                    answers.append(result)
                answer["seconds"][name] = min(seconds)
                answer["touched"][name] = list(audit.seen)
                answer["wrong"] += _wrong(name, answers)
            if repr(task.payload) != before:
                answer["wrong"].append("it changes the payload that it is given")
    return answer


def _mocked(facets: Any, payload: Any) -> Any:
    try:
        return facets.mock(payload)
    except TaskError as error:  # it fails without the effect, too
        return f"{error.code} {error.message}"


def _described(facets: Any, payload: Any) -> tuple[Any, list[str]]:
    """Return what is said of a call as a tool, and the names in it that no rule may have."""
    described, kinds = facets.call_fields(payload), facets.rule_fields()
    return described, [name for name in described if name not in kinds]


def _reported(facets: Any, payload: Any) -> list[str]:
    problems: list[str] = []
    facets.check(payload, lambda message, place, **more: problems.append(f"{place} {message} {more}"))
    return problems


def _wrong(name: str, answers: list[Any]) -> list[str]:
    problems = []
    if len({repr(each) for each in answers}) > 1:
        problems.append(f"{name} does not return the same twice: {answers[0]!r:.200}, then {answers[-1]!r:.200}")
    first = answers[0]
    if name == "effects" and not all(isinstance(each, Effect) for each in first):
        problems.append(f"effects returns {first!r:.200}, not a list of Effect")
    if name == "estimate" and not isinstance(first, Estimate):
        problems.append(f"estimate returns {first!r:.200}, not an Estimate")
    if name == "call_fields":
        first, unknown = first
        problems += [f"call_fields returns `{each}`, which rule_fields does not have" for each in unknown]
    if name in {"mock", "output_schema", "redact", "call_fields"}:
        try:
            checked_json(first, 50, name)
        except Exception as error:
            problems.append(str(error))
    if name == "redact" and not isinstance(first, dict):
        problems.append(f"redact returns {first!r:.200}, not a payload")
    return problems


def secret(case: dict[str, Any], value: str) -> dict[str, Any]:
    """Plan and run with a secret in the payload, with a history. Return where its value can be seen."""
    sample = Case(**case)
    places: list[str] = []
    with _folder() as folder:
        bench = sample.bench(folder, journal=True)
        try:
            with bench.opened(sample.text()) as (workspace, path, options):
                plan = make_plan(prepare_workflow(workspace, path, options))
                _seen(value, "nika plan", [(each.payload, each.effects) for each in plan.tasks], places)
            outcome = bench.run(sample.text())
        except ProblemsError as error:
            return {"invalid": str(error), "places": []}
        _seen(value, "the result", result_json(outcome.result), places)
        for event in outcome.events:
            _seen(value, f"the event {event.kind}", event_json(event), places)
        for root in (folder / ".nika", Path(tempfile.gettempdir())):
            for file in sorted(root.rglob("*")):
                if file.is_file() and value.encode() in file.read_bytes():
                    places.append(f"the file {file.name}")  # noqa: PERF401  # one loop in another reads better
    return {"invalid": "", "places": places}


def _seen(value: str, where: str, what: Any, places: list[str]) -> None:
    if value in json.dumps(what, default=str, ensure_ascii=False):
        places.append(where)


def bounded(case: dict[str, Any], large: dict[str, Any] | None, most: int) -> dict[str, Any]:
    """Run with a limit for the output. Return its size, and how much memory the run took."""
    sample = Case(**case)
    limit = Limit(output_of(sample.word), most, Unit.BYTES, "the conformance kit")
    with _folder() as folder:
        first = sample.bench(folder, limits=[limit]).run(sample.text())
        before = _memory()
        if large is not None and first.task(TASK).state == "success":
            sample = replace(sample, payload=large)
            outcome = sample.bench(folder, limits=[limit]).run(sample.text())
        else:
            outcome = first
    task = outcome.task(TASK)
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
    """Import, check and run, and return the status; the caller looks at what was written to stdout."""
    sample = Case(**case)
    with _folder() as folder:
        return sample.bench(folder).run(sample.text()).result.status.value


def declared_client(word: str, models: list[str], environ: dict[str, str]) -> dict[str, Any]:
    """Make a provider's client and call `info` and `models`. Return what that imported and touched."""
    import sys

    from nika_core.registry import Registry

    registry = Registry()
    registry.provider(word)
    before = set(sys.modules)
    audit = Audit()
    with audit.armed():
        client = registry.new_client(word, environ)
    begun = own_seconds()  # which reads a file of the system
    with audit.armed():
        answers = [[repr(client.info(model)) for model in models] + [repr(list(client.models()))] for _ in range(2)]
    seconds = own_seconds() - begun
    record = registry.record(Kind.PROVIDER, word)
    return {
        "modules": sorted(set(sys.modules) - before),
        "touched": audit.seen,
        "same": answers[0] == answers[1],
        "seconds": seconds,
        "module": record.module,
    }


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """Make a folder outside of the temporary one, which is searched for what was left there."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        yield Path(folder).resolve()


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _descriptors() -> Counter[str]:
    """Count what this process has open, by kind and name."""
    open_files: Counter[str] = Counter()
    folder = Path("/proc/self/fd")
    for path in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            target = str(path.readlink())
            open_files[target.split(":")[0] if ":[" in target else target] += 1
    return open_files


def _processes() -> list[str]:
    """Return the command of every process below this one that has not ended, except for Nika's own."""
    from nika_core.toolbox.process.guardian_client import guardian_pids
    from nika_core.toolbox.process.table import descendants, process_table

    processes = process_table()
    commands = []
    for pid in descendants(processes, {os.getpid()}) - {os.getpid()} - guardian_pids():
        seen = processes.look(pid)
        if seen is None or seen.zombie:
            continue
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            commands.append(command.strip()[:200] or str(pid))
    return sorted(commands)


def _memory() -> int:
    """Return this process's peak memory in bytes; `ru_maxrss` would include its parent's."""
    with contextlib.suppress(OSError, StopIteration):
        status = Path("/proc/self/status").read_text().splitlines()
        return int(next(line for line in status if line.startswith("VmHWM:")).split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
