"""The observers that the project uses, as a run shows them its events; and the trace that they and the tasks share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import partial

from nika_core.app.prepared_run import PreparedRun
from nika_core.errors import NikaError
from nika_core.journal import Recorded
from nika_core.model.events import LIVE, Event, EventKind
from nika_core.model.trace_context import TraceContext, trace_context
from nika_core.plugin import ObserverDescription, ObserverSetup
from nika_core.registry import Kind, Registry
from nika_core.registry.guarded_observer import GuardedObserver


class ObserverPlugin:
    """One observer. Made, shown events and closed in its thread; `warnings` is called when that is over.

    Attributes:
        ignores: kinds of events that it is not shown.
        timeout: seconds for which the end of the run waits for it.
    """

    def __init__(self, registry: Registry, word: str, setup: ObserverSetup) -> None:
        description = registry.observer(word)
        self.ignores: Collection[str] = () if description.live else LIVE
        self.timeout = description.timeout
        self._word = word
        self._make = partial(registry.new_observer, word, setup)
        self._observer: GuardedObserver | NikaError | None = None
        self._error: NikaError | None = None
        self._missed = 0
        self._closed = False

    def __call__(self, event: Event) -> None:
        """Show it an event."""
        if self._observer is None:
            try:
                self._observer = self._make()
            except NikaError as error:
                self._observer = self._error = error
        if isinstance(self._observer, NikaError):
            self._missed += 1
            return
        try:
            self._observer.observe(event)
        except NikaError as error:
            self._error = self._error or error
            self._missed += 1

    def close(self) -> None:
        """Say that no more events come."""
        if isinstance(self._observer, GuardedObserver):
            try:
                self._observer.close()
            except NikaError as error:
                self._error = self._error or error
        self._closed = True

    def warnings(self) -> Iterable[str]:
        """Yield a sentence for each thing that the user should know after the run."""
        if self._error is not None:
            missed = f" ({self._missed} events)" * (self._missed > 1)
            yield f"the observer '{self._word}' has not taken note of everything{missed}: {self._error.message}"
        if self._observer is not None and not self._closed:
            yield f"the observer '{self._word}' was not waited for: it may not have taken note of everything"


class RunObservers:
    """All observers of one run that its project uses.

    Attributes:
        plugins: they.
        trace: the trace that tasks pass on; None: no observer wants that.
    """

    def __init__(self, prepared: PreparedRun, run_id: str, recorded: Recorded | None) -> None:
        """Find them; nothing is made yet. Raise NikaError if the project's settings are wrong."""
        workspace = prepared.workspace
        self.plugins: tuple[ObserverPlugin, ...] = ()
        self.trace: TraceContext | None = None
        words = [] if prepared.options.mock else workspace.used(Kind.OBSERVER)
        if not words:
            return
        trace = trace_context(run_id, _life(recorded), workspace.environ)
        descriptions: Mapping[str, ObserverDescription] = {word: workspace.registry.observer(word) for word in words}
        if any(description.traces for description in descriptions.values()):
            self.trace = trace
        self.plugins = tuple(ObserverPlugin(workspace.registry, word, _setup(prepared, word, trace)) for word in words)

    def warnings(self) -> list[str]:
        """Return what the user should know of them after the run."""
        return [warning for plugin in self.plugins for warning in plugin.warnings()]


def _life(recorded: Recorded | None) -> int:
    earlier = () if recorded is None else recorded.events
    return 1 + sum(event.kind == EventKind.RUN_STARTED for event in earlier)


def _setup(prepared: PreparedRun, word: str, trace: TraceContext) -> ObserverSetup:
    workspace = prepared.workspace
    return ObserverSetup(
        settings=workspace.checked_project.settings[word],
        environ=workspace.environ,
        folder=workspace.project_folder,
        run_id=trace.run_id,
        workflow=prepared.masker.text(prepared.workflow.name),
        trace=trace,
    )
