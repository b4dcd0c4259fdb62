"""Checks of a template source: it gives values, fails well, and is pure."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from nika_core.errors import ProblemsError, TemplateValueError
from nika_core.model.json import Json
from nika_core.model.template import MISSING, Placeholder
from nika_core.plugin import Scope, Source, Values
from nika_core.registry import Registry
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
    """`${name.path}` as the compiler makes it."""
    path = tuple(path)
    text = f"${{{name}.{'.'.join(path)}}}"
    return Placeholder(name, path, default, 0, len(text), text)


def check_resolves(name: str, path: str, value: Json, *, braces: bool = False, **bench: Any) -> None:
    """The sample has its value in a workflow, through the real kernel.

    Args:
        path: what stands behind `${name.`; a task's id for the source of `{{...}}`, whose output is then `value`.
        bench: see `Workbench`.

    Raises:
        NotConformant: with what came instead.
    """
    made = Workbench(environ={**base_environ(), **bench.pop("environ", {})}, **bench)
    import json

    before = f"  - {{id: {path.split('.')[0]}, echo: {{value: {json.dumps(value)}}}}}\n" if braces else ""
    shown = f"{{{{{path}}}}}" if braces else f"${{{name}.{path}}}"
    try:
        ran = made.run(f'tasks:\n{before}  - {{id: sample, echo: {{value: "{shown}"}}}}\n')
    except ProblemsError as error:
        raise NotConformant(RESOLVES, f"{shown} is refused: {error.message}") from error
    task = ran.task("sample")
    require(task.state == "success", RESOLVES, f"{shown} fails: {task.failure and task.failure.message}")
    require(task.output == value, RESOLVES, f"{shown} is {task.output!r:.200}, not {value!r:.200}")


def check_default(name: str, missing: str, **bench: Any) -> None:
    """Where there is no value, the default behind `??` takes its place, and without one the failure says so.

    Args:
        missing: a path that has no value; "" where every path has one.

    Raises:
        NotConformant: with what came instead.
    """
    made = Workbench(environ={**base_environ(), **bench.pop("environ", {})}, **bench)
    with TemporaryDirectory() as folder:
        made = replace(made, folder=Path(folder).resolve())
        text = 'tasks:\n  - {id: sample, echo: {value: "${%s.%s%s}"}}\n'
        try:
            ran = made.run(text % (name, missing, " ?? 7"))
        except ProblemsError as error:
            said = f"${{{name}.{missing} ?? 7}} is refused, although it has a default: {error.message}"
            raise NotConformant(FAILS_WELL, said) from error
        require(ran.output == 7, FAILS_WELL, f"${{{name}.{missing} ?? 7}} is {ran.output!r:.100}, not 7")
        try:
            failure = made.run(text % (name, missing, "")).task("sample").failure
        except ProblemsError as error:
            require(
                all(problem.code.startswith("NIKA-05") for problem in error.problems),
                FAILS_WELL,
                f"${{{name}.{missing}}} is told as [{error.code}]: {error.message}",
            )
            return
        require(failure, FAILS_WELL, f"${{{name}.{missing}}} has no value, and nobody says so")
        assert failure is not None
        require(
            failure.category.value == "template",
            FAILS_WELL,
            f"${{{name}.{missing}}} fails as {failure.category.value}: {failure.message}; raise TemplateValueError",
        )


def check_fails_well(make: Make, name: str, values: Values, scope: Scope | None = None) -> None:
    """Whatever stands in a placeholder: `check` and `depends_on` raise nothing, `resolve` only TemplateValueError.

    Raises:
        NotConformant: with the placeholder and what was raised.
    """
    source = make()
    for path in _STRANGE:
        each = placeholder(name, path)
        for method, ask in _questions(source, each, values, scope or Scope()):
            try:
                ask()
            except TemplateValueError as error:
                require(
                    method == "resolve" and error.message.strip(),
                    FAILS_WELL,
                    f"{method} raises {error!r:.200} for {each.text!r:.100}",
                )
            except Exception as error:
                raise NotConformant(FAILS_WELL, f"{method} raises {error!r:.200} for {each.text!r:.100}") from error


def _questions(source: Source, each: Placeholder, values: Values, scope: Scope) -> list[tuple[str, Callable[[], Any]]]:
    def checked() -> list[str]:
        found: list[str] = []
        source.check(each, scope, lambda message, **more: found.append(f"{message} {more}"))
        return found

    return [
        ("check", checked),
        ("depends_on", lambda: sorted(source.depends_on(each))),
        ("resolve", lambda: source.resolve(each, values)),
    ]


def check_pure(name: str, paths: Iterable[str], environ: Mapping[str, str] | None = None) -> None:
    """The same question has the same answer, and asking it does nothing to the world or to what was given.

    Raises:
        NotConformant: with what it did.
    """
    arguments = {"name": name, "paths": list(paths), "environ": dict(environ or {})}
    done = in_fresh_interpreter("nika_core.testing.source_checks:watch", arguments)
    require(not done.failed, PURE, done.failed)
    require(not done.value, PURE, "; ".join(done.value))


def watch(name: str, paths: list[str], environ: dict[str, str]) -> list[str]:
    """What is wrong, a sentence each. For a fresh interpreter."""
    found: list[str] = []
    registry = Registry()
    source = registry.source(name)
    values = Values(outputs={"a": {"b": [1]}}, inputs={"a": {"b": [1]}}, environ=environ)
    scope = Scope(environ=environ)
    before = copy.deepcopy(values)
    audit = Audit()
    for path in (*(tuple(path.split(".")) for path in paths), *_STRANGE):
        each = placeholder(name, path)
        said = []
        for _ in range(2):
            with audit.armed():
                answers = [_answer(ask) for _, ask in _questions(source, each, values, scope)]
            said.append(answers)
        if said[0] != said[1]:
            found.append(f"{each.text!r:.100} gives {said[0]!r:.150}, then {said[1]!r:.150}")
    if values != before:
        found.append("it changes the values that it is given")
    return found + audit.seen


def _answer(ask: Callable[[], Any]) -> str:
    try:
        return repr(ask())
    except Exception as error:
        return f"{type(error).__name__}: {error}"
