"""What an observer is: it is shown what happens in a run, for traces, metrics or a dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from nika_core.model.events import Event
from nika_core.plugin.fields.containers import EmptyDict, Map
from nika_core.values import dataclass

if TYPE_CHECKING:
    from nika_core.model.trace_context import TraceContext
    from nika_core.plugin.fields.validator import Validator

_NO_SETTINGS: Final = EmptyDict() | Map({})


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserverDescription:
    """Describe an observer. A project uses it if its `nika.yaml` has a key with its name.

    Attributes:
        name: the key in the project file; also the name of the entry point.
        summary: one sentence.
        observer: "package.module:Class" of an `Observer`, made once per run, when its first event is shown, with an
            `ObserverSetup` as its only argument.
        settings: validator of what stands under the key in the project file; the default accepts `{}`.
        widening_settings: those keys of a mapping in `settings` that count only if the user trusts the project file;
            `*` stands for the whole key, since an observer tells what happens here to others.
        live: whether it is also shown text and progress as they come (`task.chunk`, `task.progress`), which are in no
            history and which are left out when it cannot keep up.
        traces: whether tasks pass the trace of the run on to servers and processes, as `StepContext.traceparent`.
        timeout: seconds for which a run that has ended waits for it: for events that it has not yet been shown, and
            for `close`.
    """

    name: str
    summary: str
    observer: str
    settings: Validator = _NO_SETTINGS
    widening_settings: frozenset[str] = frozenset({"*"})
    live: bool = False
    traces: bool = False
    timeout: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserverSetup:
    """What an observer is made with.

    Attributes:
        settings: what stands under its key in the project file, as its validator returns it.
        environ: the environment variables of the run.
        folder: the project's folder.
        run_id: the run.
        workflow: the workflow's name; secrets are masked.
        trace: which trace this process's part of the run belongs to, and the ids of its spans.
    """

    settings: Any
    environ: Mapping[str, str]
    folder: Path
    run_id: str
    workflow: str
    trace: TraceContext


class Observer(Protocol):
    """Take note of what happens in one run. Made once per run, and used in a thread of its own.

    Neither a slow nor a broken observer delays a run: what it raises is a warning at the run's end, and the next event
    is shown nevertheless. It cannot change a run.
    """

    def __init__(self, setup: ObserverSetup) -> None: ...

    def observe(self, event: Event) -> None:
        """Take note of an event, which is in the run's history by now. They come in order, each once.

        What is in `event.data` is masked. A run that is resumed by another process shows only what is new.
        """
        ...

    def close(self) -> None:
        """Send what is left, and return: no more events come. The run waits for it, but not beyond `timeout`."""
        ...
