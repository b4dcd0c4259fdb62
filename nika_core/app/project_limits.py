"""`limits` of the project file: in place of a limit policy's defaults, and wider only if the user trusts the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from nika_core import codes
from nika_core.errors import NikaError, Problem, ProblemsError
from nika_core.model.limits import Limit
from nika_core.model.nearest import did_you_mean
from nika_core.model.project import FILE_NAME, Project
from nika_core.values import replace


def project_limits(
    ask: Callable[[Mapping[str, str]], Iterable[Limit]],
    environ: Mapping[str, str],
    project: Project,
    may_widen: Callable[[str], bool],
) -> list[Limit]:
    """Return a policy's limits. If the environment does not set a variable, the project file may lower its limit.

    Args:
        ask: returns the limits for an environment. It reads the project file's texts, too, as if they were variables.
        may_widen: whether the project file may also raise the limit that `limits.key` names; otherwise the default
            holds.

    Raises:
        ProblemsError: a text of the project file is malformed.
        UsageError: a variable is malformed.
    """
    limits = list(ask(environ))
    problems: list[Problem] = []
    for index, limit in enumerate(limits if project.limits else ()):
        key = limit_key(limit.name)
        text = project.limits.get(key)
        if text is None or limit.name in environ:
            continue
        place = project.at(("limits", key))
        try:
            asked = ask({**environ, limit.name: text})
            own = next((each for each in asked if (each.measure, each.name) == (limit.measure, limit.name)), limit)
        except NikaError as error:
            message = error.message.replace(f"The variable {limit.name}", f"`{key}`")
            problems.append(Problem(codes.BAD_PROJECT_FILE, message, place, f"correct it, as for {limit.name}"))
            continue
        if own.value > limit.value and not may_widen(f"limits.{key}"):
            continue
        limits[index] = replace(own, origin=f"{FILE_NAME}:{place.line}")
    if problems:
        raise ProblemsError(problems)
    return limits


def unknown_limits(project: Project, names: Iterable[str]) -> list[Problem]:
    """Return a problem for each key of `limits` that stands for none of these variables."""
    known = {limit_key(name) for name in names if name}
    return [
        Problem(
            codes.UNKNOWN_KEY,
            f"unknown limit `{key}`",
            project.at(("limits", key)),
            did_you_mean(key, known) or "`nika limits` lists them: NIKA_MAX_TASKS is `maxTasks` here",
        )
        for key in project.limits
        if key not in known
    ]


def limit_key(variable: str) -> str:
    """Return the key of `limits` that stands for a variable: `maxTasks` for `NIKA_MAX_TASKS`."""
    first, *others = variable.removeprefix("NIKA_").lower().split("_")
    return first + "".join(map(str.capitalize, others))
