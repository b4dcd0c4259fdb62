"""What the kernel does for a backend: makes drivers and runners from the definitions of runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version as nika_version
from pathlib import Path

from nika_core.app.backend.definition import FORM
from nika_core.app.backend.opening import open_definition, require_same_plugin
from nika_core.app.backend.run_driver import CoreDriver
from nika_core.app.backend.task_runner import RunRunner
from nika_core.app.prepared_run import PreparedRun
from nika_core.app.workspace import Workspace
from nika_core.engine.core.hashing import digest
from nika_core.model.json import JsonObject
from nika_core.model.user_folders import user_folder
from nika_core.registry import Kind

_DECIDE = (Kind.KEYWORD, Kind.TEMPLATE_SOURCE)
_KEPT = 64  # runs that stay prepared


class Kernel:
    """A `BackendKernel`. May be used from several threads.

    Args:
        workspace: of the command; it says which plugins may be used.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._prepared: dict[tuple[str, bool], PreparedRun] = {}
        self._cache: Path = user_folder(workspace.environ, "XDG_CACHE_HOME") / "runs"

    def driver(
        self, definition: JsonObject, now: Callable[[], float], snapshot: JsonObject | None = None
    ) -> CoreDriver:
        """Return the driver of a run. Raise NikaError."""
        # Nothing of this machine's environment counts: a driver decides the same on each.
        prepared = self._open(definition, {}, driven=True)
        for each in prepared.everywhere():
            for task in each.workflow.tasks:
                require_same_plugin(prepared, definition, task.keyword)
        return CoreDriver(prepared, definition, now, snapshot)

    def runner(self, definition: JsonObject) -> RunRunner:
        """Return what does the work of a run here. Raise NikaError."""
        return RunRunner(self._open(definition, self._workspace.environ, driven=False), definition)

    def version(self) -> str:
        """Return Nika's version, and a digest of those of the plugins that drive runs."""
        usable = self._workspace.registry.usable()
        plugins = sorted({f"{each.distribution} {each.version}" for each in usable if each.kind in _DECIDE})
        return f"{nika_version('nika-core')}-{digest([FORM, *plugins])[:12]}"

    def keywords(self) -> Sequence[str]:
        """Return the keywords that can be loaded here."""
        return [word for word in self._workspace.registry.words(Kind.KEYWORD) if self._workspace.can_load(word)]

    def opened(self, definition: JsonObject) -> PreparedRun:
        """Return a run as it is driven, to be shown. Raise NikaError."""
        return self._open(definition, {}, driven=True)

    def prepare(self, definition: JsonObject) -> None:
        """Prepare a run to be driven, so that it takes no time later. Raise NikaError."""
        self._open(definition, {}, driven=True)

    def _open(self, definition: JsonObject, environ: Mapping[str, str], *, driven: bool) -> PreparedRun:
        key = (f"{definition['run']}/{definition['digest']}", driven)
        with self._lock:
            prepared = self._prepared.get(key)
            if prepared is None:
                prepared = open_definition(definition, self._cache, environ, self._workspace.passed, driven=driven)
                while len(self._prepared) >= _KEPT:
                    del self._prepared[next(iter(self._prepared))]
                self._prepared[key] = prepared
            return prepared
