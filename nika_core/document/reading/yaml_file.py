"""YAML files beside the workflow: the project file, and files of inputs."""

from __future__ import annotations

from nika_core.document.reading.problem_list import ProblemList
from nika_core.document.yaml.deadline import OutOfTimeError, ValidationDeadline
from nika_core.document.yaml.nodes import Tree
from nika_core.document.yaml.parsing import parse_yaml
from nika_core.document.yaml.path_locator import PathLocator
from nika_core.document.yaml.read_limits import ReadLimits
from nika_core.document.yaml.source_map import SourceMap
from nika_core.errors import ProblemsError
from nika_core.model.clock import Clock, SystemClock
from nika_core.model.limits import Limits


def parse_file(text: str, path: str, limits: Limits, clock: Clock | None = None) -> tuple[Tree, ProblemList]:
    """Return a file's tree, as far as it can be read, and what is wrong with its syntax.

    Raises:
        ProblemsError: it took too long.
    """
    deadline = ValidationDeadline(clock or SystemClock(), limits)
    try:
        tree = parse_yaml(text.encode("utf-8", "surrogatepass"), text, ReadLimits.of(limits), deadline)
    except OutOfTimeError:
        raise ProblemsError([deadline.problem(path)]) from None
    problems = ProblemList(PathLocator(tree, SourceMap(text, path)))
    for issue in tree.issues:
        problems.add_syntax_issue(issue)
    return tree, problems
