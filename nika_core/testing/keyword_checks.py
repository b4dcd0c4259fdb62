"""Checks of a keyword with a sample payload, each of which says one rule of the interface."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from nika_core.errors import Category, NikaError, Severity
from nika_core.model.json import Json, JsonObject
from nika_core.plugin import Keyword
from nika_core.registry import Registry
from nika_core.template.json_check import value_problems
from nika_core.testing.case import TASK, Case
from nika_core.testing.errors import NotConformant, require
from nika_core.testing.interpreter import SubprocessResult, in_fresh_interpreter
from nika_core.testing.workbench import RunOutcome

UNKNOWN_KEYS: Final = "unknown keys"
RUNS: Final = "runs"
CANCELLATION: Final = "cancellation"
TIMEOUT: Final = "timeout"
BOUNDED: Final = "bounded output"
FACETS: Final = "facets"
MOCK: Final = "mock"
SECRETS: Final = "secrets"
QUIET: Final = "quiet"
LEFTOVERS: Final = "leftovers"

SECRET_VARIABLE: Final = "NIKA_CONFORMANCE_TOKEN"  # noqa: S105  # a variable's name
_SECRET: Final = "c0nformance-s3cret-value"  # noqa: S105  # nobody's: it is looked for where it may not be
_IN_TIME: Final = 4.0  # seconds after it was told to
_LAG: Final = 0.8  # seconds for which nothing else in the run goes on
_QUICK: Final = 0.1  # seconds for one facet
_BOUND: Final = 4096  # bytes
_SCHEMA: Final = {"type": "object", "required": ["x"], "properties": {"x": {"type": "integer", "minimum": 1}}}
_MEMORY: Final = 48 * 1024 * 1024  # bytes


def check_refuses_unknown_keys(case: Case) -> None:
    """Check that a field which the payload does not have is an error that names it, at its line and column.

    A keyword that has only the short form has no fields that anybody writes; then only the sample is checked.

    Raises:
        NotConformant: it is accepted, or refused somewhere else.
    """
    with TemporaryDirectory() as folder:
        fine = case.bench(Path(folder)).validate(case.text())
    errors = [problem for problem in fine if problem.severity is Severity.ERROR]
    require(not errors, RUNS, f"the sample payload is refused: {errors and errors[0].message}")
    if case.short_form_only:
        return
    unknown = "nikaUnknownField"
    text = case.text({**case.payload, unknown: "x"})
    line = next(number for number, each in enumerate(text.splitlines(), 1) if unknown in each)
    with TemporaryDirectory() as folder:
        problems = case.bench(Path(folder)).validate(text)
    named = [problem for problem in problems if unknown in problem.message]
    require(named, UNKNOWN_KEYS, f"an unknown field is accepted: {_close(case, unknown)}")
    place = named[0].place
    require(
        place is not None and place.line == line and place.column == 7,
        UNKNOWN_KEYS,
        f"an unknown field on line {line} is reported at {place}",
    )


def _close(case: Case, unknown: str) -> str:
    fields = ", ".join(case.payload)
    return f"{difflib.get_close_matches(unknown, case.payload, 1) or fields} and anything else; use strictyaml's Map"


def check_runs(
    case: Case, *, output: Json = None, has_output: bool = False, failure: Category | None = None
) -> RunOutcome:
    """Check that the sample is valid and ends as it should in a workflow of one task, through the real kernel.

    Args:
        failure: the category with which it should fail; None: it should succeed.

    Raises:
        NotConformant: with the problem or the failure.
    """
    with TemporaryDirectory() as folder:
        try:
            outcome = case.bench(Path(folder).resolve()).run(case.text())
        except NikaError as error:
            raise NotConformant(RUNS, f"the sample payload is refused: {error.message}") from error
    _require_end(outcome, failure, RUNS, "the sample")
    task = outcome.task(TASK)
    if has_output:
        require(task.output == output, RUNS, f"the output is {task.output!r:.300}, not {output!r:.300}")
    return outcome


def _require_end(outcome: RunOutcome, wanted: Category | None, rule: str, what: str) -> None:
    task = outcome.task(TASK)
    failure = task.failure
    ended = f"fails: [{failure.code}] {failure.category.value}: {failure.message}" if failure else f"is {task.state}"
    if wanted is None:
        require(task.state == "success", rule, f"{what} {ended}")
        return
    fails_so = failure is not None and failure.category is wanted
    require(fails_so, rule, f"{what} should fail as {wanted.value}, and {ended}")
    require(not task.has_output, rule, f"{what} fails, and has an output")


def check_cancellation(slow: Case) -> None:
    """Check that a busy task which is cancelled ends within four seconds and leaves no process, socket or file.

    Raises:
        NotConformant: it goes on, or something of it does.
    """
    report = _answer(_child("stopped", {"case": slow.as_json(), "by_timeout": False}), CANCELLATION)
    require(
        report["seconds"] is not None and report["status"] == "cancelled",
        CANCELLATION,
        f"the slow sample was not busy when it was told to stop: the run {report['status']}. {report['message']}",
    )
    require(
        report["seconds"] < _IN_TIME,
        CANCELLATION,
        f"it ended {report['seconds']:.1f} s after it was told to: let CancelledError through",
    )
    for what in ("processes", "descriptors", "temporary"):
        name = {"processes": "processes", "descriptors": "open files or sockets", "temporary": "temporary files"}[what]
        require(not report[what], CANCELLATION, f"it leaves {name} behind: {', '.join(report[what])}")


def check_timeout(slow: Case) -> None:
    """Check that a task over its time fails with category `timeout`, and does not hold up the rest of the run.

    Raises:
        NotConformant: it blocks the event loop, or fails as something else.
    """
    report = _answer(_child("stopped", {"case": slow.as_json(), "by_timeout": True}), TIMEOUT)
    require(
        report["lag"] < _LAG,
        TIMEOUT,
        f"it blocks the event loop for {report['lag']:.1f} s: await, or use asyncio.to_thread for what blocks",
    )
    require(
        report["state"] == "failed" and report["category"] == Category.TIMEOUT.value,
        TIMEOUT,
        f"the timeout did not end the slow sample: it is {report['state']} ({report['category']}): {report['message']}",
    )


def check_output_bounded(case: Case, large: JsonObject | None = None) -> None:
    """Check that an output over its limit is cut to it, and is not read into memory as a whole first.

    Args:
        large: a payload whose output has 100 MB or more; without it only the cut is seen.

    Raises:
        NotConformant: it fails, or takes far more memory than the limit.
    """
    arguments = {"case": case.as_json(), "large": None if large is None else dict(large), "most": _BOUND}
    report = _answer(_child("bounded", arguments, timeout=120.0), BOUNDED)
    require(report["first"] == "success", RUNS, f"the sample fails: {report['message']}")
    require(report["state"] == "success", BOUNDED, f"with a bound of {_BOUND} bytes it fails: {report['message']}")
    require(report["bytes"] <= _BOUND, BOUNDED, f"with a bound of {_BOUND} bytes the output has {report['bytes']}")
    if large is not None:
        require(report["truncated"], BOUNDED, f"a large output comes out whole, with {report['bytes']} bytes")
        require(
            report["grown"] < _MEMORY,
            BOUNDED,
            f"for {_BOUND} bytes of output it took {report['grown'] // 2**20} MB of memory: read no more than "
            "`context.max_output`, and say in StepOutput.original_bytes how much there was",
        )


def check_facets(case: Case) -> None:
    """Check that every facet is quick, touches only the workflow's files, and always returns the same.

    Raises:
        NotConformant: with the facet and what it did.
    """
    report = _answer(_child("facets", {"case": case.as_json()}, timeout=30.0), FACETS)
    for name, touched in report["touched"].items():
        require(not touched, FACETS, f"{name} touches the world: {'; '.join(touched)}")
    require(not report["wrong"], FACETS, "; ".join(report["wrong"]))
    for name, seconds in report["seconds"].items():
        require(seconds < _QUICK, FACETS, f"{name} takes {seconds:.2f} s, {_QUICK} s are fine")


def check_mock(case: Case, like: Json = None, *, has_like: bool = False, failure: Category | None = None) -> None:
    """Check that a mocked run has an output of the same kind as a real run, and JSON in a schema if that is asked for.

    Both outputs are such as the facet `output_schema` says.

    Args:
        like: an output of a real run.
        failure: the category with which a real run fails; a mocked run should fail so, too.

    Raises:
        NotConformant: with both kinds.
    """
    outputs: tuple[JsonObject, ...] = (
        {"output": {"format": "json"}},
        {"output": {"format": "json", "schema": _SCHEMA}},
    )
    with TemporaryDirectory() as folder:
        for task in ({}, *(() if case.is_group or Registry().keyword(case.word).only_asks else outputs)):
            changed = replace(case, task={**case.task, **task})
            outcome = changed.bench(Path(folder).resolve(), mock=True).run(changed.text())
            _require_end(outcome, failure, MOCK, "a mocked run")
            if has_like and not task:
                mocked = outcome.task(TASK).output
                require(
                    _kind(mocked) == _kind(like),
                    MOCK,
                    f"a mocked run returns {_kind(mocked)}, a real one {_kind(like)}: {mocked!r:.100}, {like!r:.100}",
                )
                for output in (like, mocked):
                    _require_known(changed, Path(folder).resolve(), output)


def _require_known(case: Case, folder: Path, output: Json) -> None:
    with case.bench(folder).opened(case.text()) as (workspace, path, options):
        workflow = workspace.load(path, model=options.model).workflow
    known = None if workflow is None else workflow.tasks[0].known_output
    wrong = value_problems(output, known) if known is not None else []
    require(not wrong, MOCK, f"an output is not what `output_schema` says: {'; '.join(wrong[:3])}: {output!r:.100}")


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "true, false or null"
    if isinstance(value, int | float):
        return "a number"
    return "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"


def check_secrets(case: Case, payload: JsonObject | None = None) -> None:
    """Check that no plan, event, result, history, log or file shows a secret's value.

    Args:
        payload: one with `${env.NIKA_CONFORMANCE_TOKEN}` in it; without it the secret is added to the sample's first
            text in which templates may stand.

    Raises:
        NotConformant: with where it was seen.
    """
    given = payload if payload is not None else _with_secret(case)
    if given is None:
        return
    changed = replace(case, payload=dict(given), environ={**case.environ, SECRET_VARIABLE: _SECRET})
    done = _child("secret", {"case": changed.as_json(), "value": _SECRET})
    report = _answer(done, SECRETS)
    if payload is not None:
        require(not report["invalid"], SECRETS, f"the payload with a secret is refused: {report['invalid']}")
    places = list(report["places"])
    places += [name for name, text in (("stdout", done.stdout), ("stderr", done.stderr)) if _SECRET in text]
    require(not places, SECRETS, f"a secret is shown in {', '.join(places)}: use `context.mask`, and `redact`")


def _with_secret(case: Case) -> dict[str, Any] | None:
    keyword: Keyword = Registry().keyword(case.word)
    names = [keyword.primary, *case.payload]
    for name in names:
        value = case.payload.get(name)
        if isinstance(value, str) and name not in keyword.verbatim_fields:
            return {**case.payload, name: f"{value} ${{env.{SECRET_VARIABLE}}}"}
    return None


def check_quiet(case: Case) -> None:
    """Check that a run writes nothing to stdout, which is for the data of `--format json`.

    Raises:
        NotConformant: with what it wrote.
    """
    done = _child("quiet", {"case": case.as_json()})
    _answer(done, QUIET)
    require(not done.stdout, QUIET, f"it writes to stdout: {done.stdout[:200]!r}; use `context.emit_text`, or a logger")


def check_leftovers(case: Case) -> None:
    """Check that nothing uses a step's context when its `run` has ended, and that none of its tasks outlives the run.

    Raises:
        NotConformant: with what is left behind.
    """
    process = in_fresh_interpreter("nika_core.testing.leftovers:leftovers", {"case": case.as_json()}, timeout=60.0)
    left = _answer(process, LEFTOVERS)
    require(not left, LEFTOVERS, f"it leaves behind {'; '.join(left)}: end all that `run` starts, and keep no context")


def _child(name: str, arguments: dict[str, Any], *, timeout: float = 60.0) -> SubprocessResult:
    return in_fresh_interpreter(f"nika_core.testing.in_subprocess:{name}", arguments, timeout=timeout)


def _answer(done: SubprocessResult, rule: str) -> Any:
    require(not done.failed, rule, done.failed)
    return done.value
