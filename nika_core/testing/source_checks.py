"""Checks of a template source: it returns values, fails well, and is pure."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent
from typing import Any, Final

from nika_core.errors import ProblemsError, TemplateValueError
from nika_core.model.json import Json
from nika_core.model.template import MISSING, Placeholder
from nika_core.plugin import LateSource, Scope, Source, TypedSource, Values
from nika_core.registry import Registry
from nika_core.template import resolve
from nika_core.testing.audit import Audit
from nika_core.testing.errors import NotConformant, require
from nika_core.testing.interpreter import in_fresh_interpreter
from nika_core.testing.workbench import Workbench, base_environ

RESOLVES: Final = "resolves"
FAILS_WELL: Final = "fails well"
PURE: Final = "pure"

_STRANGE: Final = (
    ("nika_no_such_name",), ("",), ("0",), ("a", "b", "c"), ("-1", "x"), ("é\n",), ("x" * 1000,), ("__class__",),
    ("a", "9" * 30), ("*",), ("..", "etc"), tuple("abcdefghij"),
)  # fmt: skip

Make = Callable[[], Source]


def placeholder(name: str, path: Iterable[str], *, default: Any = MISSING) -> Placeholder:
    """Return `${name.path}` as the compiler makes it."""
    path = tuple(path)
    text = f"${{{name}.{'.'.join(path)}}}"
    return Placeholder(name, path, default, 0, len(text), text)


def check_resolves(name: str, path: str, value: Json, tasks: str = "", *, braces: bool = False, **bench: Any) -> None:
    """Check that the sample has its value in a workflow, through the real kernel.

    Args:
        path: what stands behind `${name.`; a task's id for the source of `{{...}}`, whose output is then `value`.
        tasks: further tasks of the workflow, as items of a list in YAML.
        bench: see `Workbench`.

    Raises:
        NotConformant: with what came instead.
    """
    workbench = Workbench(environ={**base_environ(), **bench.pop("environ", {})}, **bench)
    import json

    before = f"- {{id: {path.split('.')[0]}, echo: {{value: {json.dumps(value)}}}}}\n" if braces else ""
    shown = f"{{{{{path}}}}}" if braces else f"${{{name}.{path}}}"
    try:
        outcome = workbench.run(_workflow(f"{tasks}{before}", shown))
    except ProblemsError as error:
        raise NotConformant(RESOLVES, f"{shown} is refused: {error.message}") from error
    task = outcome.task("sample")
    require(task.state == "success", RESOLVES, f"{shown} fails: {task.failure and task.failure.message}")
    require(task.output == value, RESOLVES, f"{shown} is {task.output!r:.200}, not {value!r:.200}")


def check_default(name: str, missing: str, tasks: str = "", **bench: Any) -> None:
    """Check that a missing value is replaced by the default behind `??`, and is a clear failure without one.

    Args:
        missing: a path that has no value; "" if every path has one.
        tasks: further tasks of the workflow, as items of a list in YAML.

    Raises:
        NotConformant: with what came instead.
    """
    workbench = Workbench(environ={**base_environ(), **bench.pop("environ", {})}, **bench)
    with TemporaryDirectory() as folder:
        workbench = replace(workbench, folder=Path(folder).resolve())
        try:
            outcome = workbench.run(_workflow(tasks, f"${{{name}.{missing} ?? 7}}"))
        except ProblemsError as error:
            message = f"${{{name}.{missing} ?? 7}} is refused, although it has a default: {error.message}"
            raise NotConformant(FAILS_WELL, message) from error
        require(outcome.output == 7, FAILS_WELL, f"${{{name}.{missing} ?? 7}} is {outcome.output!r:.100}, not 7")
        try:
            failure = workbench.run(_workflow(tasks, f"${{{name}.{missing}}}")).task("sample").failure
        except ProblemsError as error:
            require(
                all(problem.code.startswith("NIKA-05") for problem in error.problems),
                FAILS_WELL,
                f"${{{name}.{missing}}} is reported as [{error.code}]: {error.message}",
            )
            return
        require(failure, FAILS_WELL, f"${{{name}.{missing}}} has no value, and no error says so")
        assert failure is not None
        require(
            failure.category.value == "template",
            FAILS_WELL,
            f"${{{name}.{missing}}} fails as {failure.category.value}: {failure.message}; raise TemplateValueError",
        )


def check_bound(make: Make, name: str, path: str, value: Json, bindings: Mapping[str, Json]) -> None:
    """Check that the sample has its value in a task of a list or a loop, and is reported in any other.

    Args:
        bindings: what the list or the loop gives the task.

    Raises:
        NotConformant: with what came instead.
    """
    source, sample = make(), placeholder(name, path.split("."), default=None)
    problems = _problems(source, sample, Scope(bindings=frozenset(bindings)))
    require(not problems, RESOLVES, f"{sample.text} is refused: {problems and problems[0]}")
    try:
        resolved = resolve(sample, Values(bindings=bindings), lambda _: source)
    except TemplateValueError as error:
        raise NotConformant(RESOLVES, f"{sample.text} fails: {error.message}") from error
    require(resolved == value, RESOLVES, f"{sample.text} is {resolved!r:.200}, not {value!r:.200}")
    outside = _problems(source, sample, Scope())
    require(outside, FAILS_WELL, f"{sample.text} is accepted in a task that has no {' and no '.join(bindings)}")


def check_bound_default(make: Make, name: str, missing: str, bindings: Mapping[str, Json]) -> None:
    """Check that a missing value of a list or a loop is replaced by the default, and is a clear failure without one.

    Raises:
        NotConformant: with what came instead.
    """
    source, values = make(), Values(bindings=bindings)
    for default in (7, MISSING):
        sample = placeholder(name, missing.split("."), default=default)
        try:
            value = resolve(sample, values, lambda _: source)
        except TemplateValueError as error:
            require(default is MISSING, FAILS_WELL, f"{sample.text} fails, although it has a default: {error.message}")
        else:
            require(default == value, FAILS_WELL, f"{sample.text} is {value!r:.100}, not its default, or an error")


def check_late(make: Make, name: str, path: str, value: Json, secrets: Mapping[str, str]) -> None:
    """Check that the sample of a late source names its secrets, and has its value when these are there.

    Args:
        secrets: what secret sources have, by name.

    Raises:
        NotConformant: with what came instead.
    """
    source, sample = make(), placeholder(name, path.split("."))
    require(isinstance(source, LateSource), RESOLVES, "it is late, and has no `secrets(self, placeholder)`")
    assert isinstance(source, LateSource)
    problems = _problems(source, sample, Scope())
    require(not problems, RESOLVES, f"{sample.text} is refused: {problems and problems[0]}")
    require(not tuple(source.depends_on(sample)), RESOLVES, f"{sample.text} depends on a task, and it is late")
    names = tuple(source.secrets(sample))
    require(names and set(names) <= secrets.keys(), RESOLVES, f"{sample.text} needs the secrets {names!r:.200}")
    resolved = resolve(sample, Values(secrets={each: secrets[each] for each in names}), lambda _: source)
    require(resolved == value, RESOLVES, f"{sample.text} is not the value of the sample")


def _problems(source: Source, sample: Placeholder, scope: Scope) -> list[str]:
    messages: list[str] = []
    source.check(sample, scope, lambda message, **more: messages.append(f"{message} {more}"))
    return messages


def _workflow(tasks: str, shown: str) -> str:
    return f'tasks:\n{dedent(tasks)}- {{id: sample, echo: {{value: "{shown}"}}}}\n'


def check_fails_well(make: Make, name: str, values: Values, scope: Scope | None = None) -> None:
    """Check that for any placeholder `check` and `depends_on` raise nothing, and `resolve` only TemplateValueError.

    Raises:
        NotConformant: with the placeholder and what was raised.
    """
    source = make()
    for path in _STRANGE:
        sample = placeholder(name, path)
        for method, ask in _questions(source, sample, values, scope or Scope()):
            try:
                ask()
            except TemplateValueError as error:
                require(
                    method == "resolve" and error.message.strip(),
                    FAILS_WELL,
                    f"{method} raises {error!r:.200} for {sample.text!r:.100}",
                )
            except Exception as error:
                raise NotConformant(FAILS_WELL, f"{method} raises {error!r:.200} for {sample.text!r:.100}") from error


def _questions(
    source: Source, sample: Placeholder, values: Values, scope: Scope
) -> list[tuple[str, Callable[[], Any]]]:
    questions: list[tuple[str, Callable[[], Any]]] = [
        ("check", lambda: _problems(source, sample, scope)),
        ("depends_on", lambda: sorted(source.depends_on(sample))),
        ("resolve", lambda: source.resolve(sample, values)),
    ]
    if isinstance(source, TypedSource):
        questions.append(("schema", lambda: source.schema(sample, scope)))
    return questions


def check_pure(
    name: str,
    paths: Iterable[str],
    environ: Mapping[str, str] | None = None,
    bindings: Mapping[str, Json] | None = None,
) -> None:
    """Check that the same question has the same answer, and that asking it changes nothing.

    Raises:
        NotConformant: with what it did.
    """
    arguments = {
        "name": name,
        "paths": list(paths),
        "environ": dict(environ or {}),
        "bindings": dict(bindings or {}),
    }
    process = in_fresh_interpreter("nika_core.testing.source_checks:purity_violations", arguments)
    require(not process.failed, PURE, process.failed)
    require(not process.value, PURE, "; ".join(process.value))


def purity_violations(
    name: str, paths: list[str], environ: dict[str, str], bindings: dict[str, Any] | None = None
) -> list[str]:
    """Return the violations of purity, a sentence each. For a fresh interpreter."""
    violations: list[str] = []
    registry = Registry()
    source = registry.source(name)
    values = Values(outputs={"a": {"b": [1]}}, inputs={"a": {"b": [1]}}, environ=environ, bindings=dict(bindings or {}))
    scope = Scope(environ=environ, bindings=frozenset(values.bindings))
    before = copy.deepcopy(values)
    audit = Audit()
    for path in (*(tuple(path.split(".")) for path in paths), *_STRANGE):
        sample = placeholder(name, path)
        rounds = []
        for _ in range(2):
            with audit.armed():
                answers = [_answer(ask) for _, ask in _questions(source, sample, values, scope)]
            rounds.append(answers)
        if rounds[0] != rounds[1]:
            violations.append(f"{sample.text!r:.100} gives {rounds[0]!r:.150}, then {rounds[1]!r:.150}")
    if values != before:
        violations.append("it changes the values that it is given")
    return violations + audit.seen


def _answer(ask: Callable[[], Any]) -> str:
    try:
        return repr(ask())
    except Exception as error:
        return f"{type(error).__name__}: {error}"
