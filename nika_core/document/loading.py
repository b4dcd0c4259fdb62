"""From a path to a checked workflow, or to all that is wrong with the file."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from nika_core import codes
from nika_core.document.findings import Deadline, OutOfTimeError
from nika_core.document.places import Places
from nika_core.document.positions import Positions
from nika_core.document.reading import decode, read_bytes, too_large
from nika_core.document.vocabulary import Vocabulary
from nika_core.document.workflow_reader import WorkflowReader
from nika_core.document.yaml_tree import Bounds, parse
from nika_core.errors import Place, Problem, Severity
from nika_core.model.clock import Clock, SystemClock
from nika_core.model.limits import Limits, Measure
from nika_core.model.workflow import Workflow


@dataclass(frozen=True, slots=True)
class Loaded:
    """`workflow` is None when a problem is an error. `problems` in the order of the file; `text` for diagnostics."""

    workflow: Workflow | None
    problems: tuple[Problem, ...]
    text: str = ""


def load_workflow(
    path: Path,
    vocabulary: Vocabulary,
    limits: Limits,
    *,
    clock: Clock | None = None,
    text: bytes | None = None,
    model: str | None = None,
) -> Loaded:
    """Read and check a workflow. Never raises for what stands in the file, and calls nothing.

    Args:
        text: the file's bytes, where they were read already.
        model: a model that the command line or the project file names, so that the document need not.
    """
    deadline = Deadline(clock or SystemClock(), limits)
    limit = limits.limit(Measure.YAML_BYTES)
    data = read_bytes(path, limit) if text is None else text
    if isinstance(data, bytes) and limit is not None and len(data) > limit.value:
        data = too_large(path, len(data), limit)
    if isinstance(data, Problem):
        return Loaded(None, (data,))
    decoded = decode(data, str(path))
    if isinstance(decoded, Problem):
        return Loaded(None, (decoded,))
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        with _unhurried_by_gc():
            return _load(path, data, decoded, vocabulary, limits, deadline, model)
    except OutOfTimeError:
        return Loaded(None, (deadline.problem(str(path)),), decoded)
    except RecursionError:
        problem = Problem(codes.DEPTH_LIMIT, "the document is nested too deeply", Place(str(path)), "make it flatter")
        return Loaded(None, (problem,), decoded)


def _load(
    path: Path,
    data: bytes,
    text: str,
    vocabulary: Vocabulary,
    limits: Limits,
    deadline: Deadline,
    model: str | None,
) -> Loaded:
    tree = parse(data, text, Bounds.of(limits), deadline)
    places = Places(tree.root, tree.tape, Positions(text, str(path)))
    reader = WorkflowReader(path, places, vocabulary, limits, deadline, model)
    problems = reader.problems
    for finding in tree.findings:
        problems.finding(finding)
    if not tree.whole:
        return Loaded(None, tuple(problems.found), text)
    if tree.root is None:
        return Loaded(None, (Problem(codes.FILE_UNREADABLE, "the file holds no document", Place(str(path))),), text)
    workflow = reader.read(tree.root)
    found = list(problems.found)
    if workflow is not None:
        deadline.check()
        found.extend(_checks(workflow, vocabulary, limits))
    found.sort(key=lambda problem: _order(problem.place))
    if problems.left_out:
        found.append(
            Problem(codes.BAD_VALUE, f"and {problems.left_out} more problems, left out here", Place(str(path)))
        )
    valid = not any(problem.severity is Severity.ERROR for problem in found)
    return Loaded(workflow if valid else None, tuple(found), text)


def _checks(workflow: Workflow, vocabulary: Vocabulary, limits: Limits) -> Iterable[Problem]:
    try:
        from nika_core.document.checks import check_workflow
    except ImportError:
        return ()
    return check_workflow(workflow, vocabulary, limits)


def _order(place: Place | None) -> tuple[int, int]:
    if place is None:
        return (0, 0)
    return (place.line or 0, place.column or 0)


@contextmanager
def _unhurried_by_gc() -> Iterator[None]:
    """Everything made here stays: the collector would walk it all, again and again, and find nothing."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
