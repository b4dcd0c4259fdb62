"""What is looked at: each check yields what it has found."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import nika_core as nika
from nika_core import NikaError, ProblemsError
from nika_core.plugin import CommandContext

_SERVER_SECONDS: Final = 10.0
_LARGE: Final = 1024**3  # bytes of history
_RUNS: Final = 200  # whose status is looked at


class State(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One line of the report; `fix` says what to do about a warning or a problem."""

    area: str
    state: State
    text: str
    fix: str = ""


def findings(context: CommandContext, *, ask: bool) -> Iterator[Finding]:
    """Yield everything that is found.

    Args:
        ask: whether model servers are asked if they can be reached.
    """
    yield from _system()
    yield from _guarded("project", lambda: _project(context))
    yield from _guarded("plugins", lambda: _plugins(context))
    yield from _guarded("models", lambda: _models(context, ask=ask))
    yield from _terminal(context)
    yield from _guarded("history", lambda: _history(context))


def _guarded(area: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """Yield what a check finds; what it raises is a problem, too, and ends no other check."""
    try:
        yield from check()
    except ProblemsError as error:
        for each in error.problems:
            yield Finding(area, State.PROBLEM, each.message, each.hint or "")
    except NikaError as error:
        yield Finding(area, State.PROBLEM, error.message, error.hint or "")


def _system() -> Iterator[Finding]:
    python = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding("system", State.OK, f"{nika.version()}, {python}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        yield Finding(
            "system", State.WARNING, "Nika runs as root: what a task starts may change everything",
            "run it as a user of its own, unless this is a container",
        )  # fmt: skip


def _project(context: CommandContext) -> Iterator[Finding]:
    workspace = context.workspace
    path = context.project.path
    if path is None:
        yield Finding("project", State.OK, f"no nika.yaml for {context.folder}: defaults count; `nika init` makes one")
        return
    yield Finding("project", State.OK, f"{path}")
    for problem in workspace.warnings():
        yield Finding("project", State.WARNING, problem.message, problem.hint or "")
    status = nika.trust_status(workspace=workspace)
    if status.widens and not status.trusted:
        what = ", ".join(status.widens)
        yield Finding(
            "project", State.WARNING, f"not trusted, so this does not count: {what}", "look at it: nika trust"
        )
    main = context.project.main
    if main is not None:
        loaded = nika.validate(path.parent / main, workspace=workspace)
        errors = [each for each in loaded.problems if each.severity is nika.Severity.ERROR]
        if errors:
            yield Finding("project", State.PROBLEM, f"main: {main}: {errors[0].message}", f"nika validate {main}")
        else:
            yield Finding("project", State.OK, f"main: {main}, {loaded.tasks} task{'s' if loaded.tasks != 1 else ''}")


def _plugins(context: CommandContext) -> Iterator[Finding]:
    found = nika.plugins(workspace=context.workspace)
    counts: dict[str, int] = {}
    for each in found:
        counts[each.status] = counts.get(each.status, 0) + 1
        if each.status in ("conflict", "broken"):
            fix = each.hint or "nika plugins check"
            yield Finding("plugins", State.PROBLEM, f"{each.record.id} ({each.record.origin}): {each.why}", fix)
    told = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    yield Finding("plugins", State.OK, told or "none is installed")
    for unmatched in nika.unmatched_plugins(workspace=context.workspace):
        text = f"{unmatched.where} has {unmatched.entry!r} in `{unmatched.list}`, and nothing installed matches it"
        yield Finding("plugins", State.WARNING, text, "nika plugins list")
    folder = context.folder if context.project.path is None else context.project.path.parent
    if os.path.lexists(folder / "nika.lock"):
        _, count = nika.lock_plugins(check=True, workspace=context.workspace)
        yield Finding("plugins", State.OK, f"nika.lock: {count} distributions are as they were")


def _models(context: CommandContext, *, ask: bool) -> Iterator[Finding]:
    workspace = context.workspace
    providers = nika.providers(workspace=workspace)
    if ask:
        asking = asyncio.wait_for(nika.check_providers(workspace=workspace), _SERVER_SECONDS)
        try:
            providers = asyncio.run(asking)
        except TimeoutError:
            yield Finding(
                "models", State.WARNING, f"the model servers did not answer within {_SERVER_SECONDS:g} s",
                "nika providers --check",
            )  # fmt: skip
    wanted = context.project.provider
    for each in providers:
        yield _provider(each, wanted=each.name == wanted)
    if wanted is not None and wanted not in [each.name for each in providers]:
        yield Finding("models", State.PROBLEM, f"`provider: {wanted}` is not installed", "nika providers")
    yield from _prices(context, providers)


def _provider(provider: Any, *, wanted: bool) -> Finding:
    """Return how a provider stands: one that nobody has set up is no problem unless the project names it."""
    bad = State.PROBLEM if wanted else State.WARNING
    missing = [secret.name for secret in provider.secrets if secret.required and not secret.set]
    if provider.error:
        return Finding("models", bad, f"{provider.name}: {provider.error}", "nika plugins check")
    if missing:
        text = f"{provider.name}: {' and '.join(missing)} is not set"
        return Finding(
            "models", State.PROBLEM if wanted else State.OK, text, f"export {missing[0]}=…" if wanted else ""
        )
    health = provider.health
    if health is not None and not health.ok and health.asked:
        has_key = any(secret.set for secret in provider.secrets)
        fix = "check its key and its address" if has_key else "start its server, or see the providers guide"
        return Finding("models", bad, f"{provider.name}: {health.detail}", fix)
    return Finding(
        "models", State.OK, f"{provider.name}: {'can be reached' if health and health.asked else 'is set up'}"
    )


def _prices(context: CommandContext, providers: Iterable[Any]) -> Iterator[Finding]:
    """Yield the models that the project names and nobody knows the price of: no budget bounds them."""
    priced = {
        model.name for each in providers for model in each.models if model.free or model.input_per_million is not None
    }
    known = {model.name for each in providers for model in each.models}
    named = dict.fromkeys(filter(None, [context.project.model, *context.project.models.values()]))
    for model in named:
        if model in known and model not in priced:
            fix = f"prices: {{{model}: {{input: …, output: …}}}} in nika.yaml"
            yield Finding("models", State.WARNING, f"{model} has no known price: no budget bounds it", fix)


def _terminal(context: CommandContext) -> Iterator[Finding]:
    encoding = (sys.stderr.encoding or "ascii").lower()
    text = f"{encoding}, {'a terminal' if context.terminal.shows_data else 'no terminal'}"
    if encoding.replace("-", "") == "utf8":
        yield Finding("terminal", State.OK, text)
    else:
        yield Finding("terminal", State.WARNING, f"{text}: progress is shown in plain ASCII", "export PYTHONUTF8=1")


def _history(context: CommandContext) -> Iterator[Finding]:
    path = nika.runs.path(folder=context.folder)
    runs = nika.runs.list(folder=context.folder, last=_RUNS)  # raises JournalError if there is one that cannot be read
    if not os.path.lexists(path):
        yield Finding("history", State.OK, f"{path}: nothing has been run yet")
        return
    size = _size(path.parent)
    yield Finding("history", State.OK, f"{path}: {size / 1024**2:.1f} MB")
    damaged = [run.run_id for run in runs if run.status == "damaged"]
    if damaged:
        yield Finding("history", State.WARNING, f"run {damaged[0]} is damaged", f"nika runs rm {damaged[0]}")
    interrupted = [run.run_id for run in runs if run.status == "interrupted"]
    if interrupted:
        yield Finding("history", State.OK, f"run {interrupted[0]} was interrupted: nika resume {interrupted[0]}")
    if size > _LARGE:
        yield Finding("history", State.WARNING, "it is larger than 1 GB", "nika runs rm --older-than 30d")
    if not os.access(path, os.W_OK) or not os.access(path.parent, os.W_OK):
        yield Finding("history", State.PROBLEM, f"{path} cannot be written: runs have no history", "make it yours")


def _size(folder: Path) -> int:
    total = 0
    for file in folder.rglob("*"):
        try:
            total += 0 if file.is_symlink() or not file.is_file() else file.stat().st_size
        except OSError:  # removed meanwhile
            continue
    return total
