"""From a run's definition to a run that is prepared on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from nika_core import codes
from nika_core.app.backend.definition import FORM, bytes_of, limits_of
from nika_core.app.prepared_run import PreparedRun, prepare_run
from nika_core.app.run_options import RunOptions
from nika_core.app.workspace import Workspace
from nika_core.errors import PluginError, RefusedError, UsageError
from nika_core.model.json import JsonObject
from nika_core.model.limits import Limit
from nika_core.model.project import FILE_NAME
from nika_core.registry import Kind
from nika_core.values import replace

_NO_PROJECT: Final = "labels: {}\n"  # so that no project file of this machine counts


def open_definition(
    definition: JsonObject, cache: Path, environ: Mapping[str, str], plugins: Iterable[object] = (), *, driven: bool
) -> PreparedRun:
    """Return a run, prepared from its definition. Raise NikaError.

    Args:
        cache: where its files are put, unless all machines share a folder.
        environ: the environment variables besides those of the definition, which win.
        plugins: as for `Workspace.open`.
        driven: whether the run is driven with it. If not, what this machine's own environment and its organization
            allow holds for the work that is done here, if it is less than what the run may do.
    """
    require_form(definition)
    root = files_folder(definition, cache)
    _write(definition, root)
    workspace = Workspace.open(
        root / definition["workflow"], environ={**environ, **definition["environ"]}, plugins=plugins
    )
    options = RunOptions(inputs=definition["inputs"], **definition["options"])
    loaded = workspace.load(root / definition["workflow"], checked=True)
    prepared = prepare_run(workspace, loaded, options, elsewhere=True)
    limits = limits_of(definition)
    return replace(prepared, limits=limits if driven else limits.narrowed(_own_limits(prepared, definition)))


def _own_limits(prepared: PreparedRun, definition: JsonObject) -> Iterator[Limit]:
    """Yield the limits that this machine sets, and not the run."""
    workspace = prepared.workspace
    organization = {str(file.path) for file in workspace.organization}
    for limit in prepared.limits:
        own = limit.name in workspace.environ and limit.name not in definition["environ"]
        if limit.origin in organization or (own and limit.origin == "environment"):
            yield limit


def require_form(definition: JsonObject) -> None:
    """Raise UsageError if another version of Nika has written a definition."""
    if definition.get("form") != FORM:
        raise UsageError(
            "this run was submitted by another version of Nika, and is not understood here",
            code=codes.NOT_RESUMABLE,
            hint="install the same version on all machines",
        )


def require_same_plugin(prepared: PreparedRun, definition: JsonObject, word: str) -> None:
    """Raise PluginError if a keyword is not of the distribution and version that the run was planned with."""
    planned = definition["plugins"].get(word)
    if planned is None:
        return
    record = prepared.workspace.registry.record(Kind.KEYWORD, word)
    here = [record.distribution, record.version]
    if here != planned:
        raise PluginError(
            codes.PLUGIN_LOCK,
            f"the run was planned with `{word}` of {' '.join(planned)}, and this worker has {' '.join(here)}",
            hint="install the same versions on all machines",
        )


def require_policies_of(prepared: PreparedRun, definition: JsonObject) -> None:
    """Raise RefusedError if a limit policy that is asked of the run is not on this machine: it would not be asked."""
    words = {policy.record.word for policy in prepared.workspace.policies}
    for word in (definition.get("policies") or {}).get("words", ()):
        if word not in words:
            raise RefusedError(
                codes.POLICY_REFUSED,
                f"the run was submitted under the limit policy '{word}', which this worker does not have",
                hint="install the same plugins on all machines",
            )


def files_folder(definition: JsonObject, cache: Path) -> Path:
    """Return the folder of a run's files on this machine."""
    shared = definition["shared"]
    if shared is None:
        return cache / str(definition["digest"])
    return Path(shared, "runs", definition["run"], "files")


def run_folder(definition: JsonObject) -> Path | None:
    """Return the folder for files that tasks hand on; None: there is none."""
    shared = definition["shared"]
    return None if shared is None else Path(shared) / "runs" / definition["run"] / "folder"


def _write(definition: JsonObject, root: Path) -> None:
    """Write what is not there yet. Others may write the same at the same time."""
    files = {name: bytes_of(content) for name, content in definition["files"].items()}
    files.setdefault(FILE_NAME, _NO_PROJECT.encode())
    try:
        for name, data in files.items():
            path = root / name
            if not os.path.realpath(path).startswith(os.path.realpath(root) + os.sep):
                raise UsageError(f"the file {name!r} of the run leads out of its folder")
            if path.exists():
                continue
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            beside = path.with_name(f".{path.name}.{os.getpid()}.{id(definition)}")
            beside.write_bytes(data)
            beside.replace(path)
    except OSError as error:
        raise UsageError(
            f"the files of the run cannot be written to {root}: {error.strerror or error}",
            hint="make the folder writable; on a backend, `--shared` names a folder that every worker has",
        ) from None
