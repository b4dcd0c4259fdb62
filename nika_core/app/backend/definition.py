"""A run as JSON, for other machines: its files, its inputs and all that decides how it goes, but no secret."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from nika_core import codes
from nika_core.app.backend.earlier_run import EarlierRun
from nika_core.app.backend.shared_folder import refuse_unshared
from nika_core.app.batchable_tasks import BatchableTasks
from nika_core.app.policy_facts import user_name
from nika_core.app.prepared_run import PreparedRun, prepare_run
from nika_core.app.run_policies import policies_asked
from nika_core.app.trust import VARIABLE as TRUST
from nika_core.app.workspace import Workspace
from nika_core.engine.core.hashing import digest
from nika_core.errors import UsageError
from nika_core.model.files import FileError, read_file
from nika_core.model.json import JsonObject
from nika_core.model.limits import Limit, Limits, Unit
from nika_core.model.read_files import recorded
from nika_core.model.tool_rules import tool_of
from nika_core.plugin import Facets
from nika_core.registry import Kind

FORM: Final = 1  # of definitions; what another version wrote is refused
_OF_ONE_RUN: Final = frozenset({"run", "path", "earlier", "on"})  # others with the same files share a folder with it
_OWN: Final = "NIKA_"
_STAYS: Final = frozenset({TRUST, "NIKA_POLICY", "NIKA_LOG", "NIKA_DEBUG"})
_MOST_BYTES: Final = 16 * 1024 * 1024  # of all files of a run
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def definition_of(
    prepared: PreparedRun,
    run_id: str,
    shared: str | None = None,
    earlier: EarlierRun | None = None,
    on: str | None = None,
) -> JsonObject:
    """Return the definition of a run that was prepared for another machine.

    Args:
        shared: a folder that all machines share, with the same path; None: there is none.
        earlier: the run that it resumes.
        on: the address under which people reach the run, for the commands that they are told.

    Raises:
        UsageError: it has something that cannot travel: a secret, or a file that is too large or lies elsewhere.
        NikaError: it cannot be prepared again.
    """
    _refuse_what_stays(prepared)
    root = _root(prepared)
    files, again = _files(prepared, root)
    if shared is None:
        refuse_unshared(again)
    options = prepared.options
    values: dict[str, Any] = {
        "form": FORM,
        "run": run_id,
        "name": prepared.workflow.name,
        "workflow": prepared.workflow.path.absolute().relative_to(root).as_posix(),
        "files": files,
        "inputs": dict(options.inputs),
        "options": {
            "provider": options.provider,
            "model": options.model,
            "max_concurrent": options.max_concurrent,
            "timeout": options.timeout,
            "fail_fast": options.fail_fast,
            "mock": options.mock,
            "economy": options.economy,
            "answers": None if options.answers is None else dict(options.answers),
        },
        "environ": _environ(prepared, files),
        "limits": [_limit_json(limit) for limit in prepared.limits],
        "plugins": _plugins(again),
        "batchable": BatchableTasks(again).tasks if options.economy else None,
        "shared": shared,
        "on": on,
        "path": str(prepared.workflow.path.absolute()),
        "earlier": None if earlier is None else earlier.as_json(),
        "place": str(root) if shared is not None and _lies_in(root, shared) else None,
    }
    if asked := policies_asked(prepared):
        stages = sorted({stage.value for each in asked.values() for stage in each})
        values["policies"] = {"words": sorted(asked), "stages": stages, "user": user_name()}
    if prepared.masker.json(values) != values:
        raise UsageError(
            "a secret would travel with this run: an input, or a file of it, holds the value of a variable that is one",
            code=codes.BAD_INPUT,
            hint="name it as `${secret.NAME}`: each worker gets it from its own secret sources",
        )
    values["digest"] = digest([values[name] for name in sorted(values) if name not in _OF_ONE_RUN])
    return values


def limits_of(definition: JsonObject) -> Limits:
    """Return the limits of a definition."""
    return Limits(Limit(**{**limit, "unit": Unit(limit["unit"])}) for limit in definition["limits"])


def _limit_json(limit: Limit) -> JsonObject:
    return {
        "measure": limit.measure,
        "value": limit.value,
        "unit": limit.unit.value,
        "name": limit.name,
        "origin": limit.origin,
        "policy": limit.policy,
    }


def _refuse_what_stays(prepared: PreparedRun) -> None:
    if prepared.resumed is not None:
        raise UsageError("a recorded run is resumed on this machine only", hint="leave --on out")


def _root(prepared: PreparedRun) -> Path:
    """Return the folder that all files of the run lie in: the project's, or that of the workflow."""
    folder = prepared.workflow.folder.absolute()
    project = prepared.workspace.project_folder.absolute()
    return project if folder.is_relative_to(project) else folder


def _lies_in(folder: Path, shared: str) -> bool:
    return Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(shared))


def _files(prepared: PreparedRun, root: Path) -> tuple[dict[str, JsonObject], PreparedRun]:
    """Return the files by their paths below `root`, and the run prepared again, which has read them all."""
    workspace, path = prepared.workspace, prepared.workflow.path
    text = prepared.document.encode()
    with recorded() as opened:
        fresh = Workspace.open(path, environ=workspace.environ, clock=workspace.clock, plugins=workspace.passed)
        loaded = fresh.load(path) if path.is_file() else fresh.load(path, text=text)
        again = prepare_run(fresh, loaded, prepared.options, elsewhere=True)
        for each in again.everywhere():
            _ = each.files, each.sections
    named = dict(_named_files(again))
    contents: dict[str, JsonObject] = (
        {} if path.is_file() else {path.absolute().relative_to(root).as_posix(): _content(text)}
    )
    total = 0
    for file in (*opened, *named):
        if not file.is_relative_to(root):
            if file in named:
                raise UsageError(
                    f"the task '{named[file]}' uses {file}, which lies outside {root} and does not travel",
                    hint="move it into the workflow's folder",
                )
            continue  # of the user or the machine, such as what the user trusts
        try:
            data = read_file(file, _MOST_BYTES)
        except FileError:  # whatever uses it will say so
            continue
        total += len(data)
        if total > _MOST_BYTES:
            raise UsageError(
                f"the files of the run have more than {_MOST_BYTES:,} bytes", hint="hand large files on as inputs"
            )
        contents[file.relative_to(root).as_posix()] = _content(data)
    return contents, again


def _named_files(prepared: PreparedRun) -> Iterator[tuple[Path, str]]:
    """Yield the files that belong to tasks, each with a task."""
    for each in prepared.everywhere():
        for task in each.workflow.tasks:
            for path in each.asked(task, Facets.files):
                yield path.absolute(), task.id
            for field in sorted(each.keywords[task.keyword].file_fields):
                written = task.payload.get(field)
                for name in written if isinstance(written, list | tuple) else ():
                    if isinstance(name, str):
                        yield (Path(task.place.path).parent / name).absolute(), task.id


def _content(data: bytes) -> JsonObject:
    try:
        return {"text": data.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


def bytes_of(content: JsonObject) -> bytes:
    """Return what a file of a definition holds."""
    text = content.get("text")
    return base64.b64decode(content["base64"]) if text is None else str(text).encode("utf-8")


def _environ(prepared: PreparedRun, files: Mapping[str, JsonObject]) -> dict[str, str]:
    """Return the variables that the files name and those of the limits. Raise UsageError for one that is a secret."""
    workspace, mask = prepared.workspace, prepared.masker.text
    environ = workspace.environ
    words = {word for content in files.values() for word in _NAME.findall(str(content.get("text", "")))}
    keys = {name for each in prepared.providers.values() for name in (*each.secrets, *each.optional_secrets)}
    found: dict[str, str] = {}
    for name in sorted(environ):
        if name in _STAYS or not (name in words or name.startswith(_OWN)) or name in keys:
            continue
        value = environ[name]
        if mask(value) != value:
            if name not in words:
                continue
            raise UsageError(
                f"the environment variable {name} is a secret, and would travel with this run: one of its files "
                "names it",
                code=codes.BAD_INPUT,
                hint=f"write ${{secret.{name}}} instead: each worker gets it from its own secret sources",
            )
        found[name] = value
    trusted = workspace.project.path is not None and workspace.trust.decision is True
    return {**found, TRUST: "1" if trusted else "0"}


def _plugins(prepared: PreparedRun) -> dict[str, list[str]]:
    """Return the distribution and the version of each keyword that the run may use."""
    registry = prepared.workspace.registry
    words: set[str] = set()
    for each in prepared.everywhere():
        words |= {task.keyword for task in each.workflow.tasks}
        entries = [*(each.agent.allowed_tools or ()), *(e for t in each.workflow.tasks for e in t.allowed_tools or ())]
        words |= {tool_of(entry).partition("::")[0] for entry in entries} & set(registry.words(Kind.KEYWORD))
    found = {}
    for word in sorted(words):
        record = registry.record(Kind.KEYWORD, word)
        found[word] = [record.distribution, record.version]
    return found
