"""A strict YAML file without a schema, e.g. of inputs: texts, and JSON's types where a plain scalar is exactly JSON."""

from __future__ import annotations

from typing import Any

from nika_core.document.bounds import Bounds
from nika_core.document.findings import Deadline, OutOfTimeError
from nika_core.document.json_tree import typed_tree
from nika_core.document.places import Places
from nika_core.document.positions import Positions
from nika_core.document.problem_list import ProblemList
from nika_core.document.yaml_tree import parse
from nika_core.errors import ProblemsError
from nika_core.model.clock import Clock, SystemClock
from nika_core.model.limits import Limits


def load_plain(text: str, path: str, limits: Limits | None = None, *, clock: Clock | None = None) -> Any:
    """The document as JSON; None where there is none.

    Raises:
        ProblemsError: it is not strict YAML; all that is wrong, with places.
    """
    limits = limits or Limits()
    deadline = Deadline(clock or SystemClock(), limits)
    text = text.removeprefix("\ufeff")
    try:
        tree = parse(text.encode("utf-8", "surrogatepass"), text, Bounds.of(limits), deadline)
    except OutOfTimeError:
        raise ProblemsError([deadline.problem(path)]) from None
    if tree.findings:
        problems = ProblemList(Places(tree, Positions(text, path)))
        for finding in tree.findings:
            problems.finding(finding)
        raise ProblemsError(problems.found)
    return typed_tree(tree.root) if tree.root is not None else None
