"""What other processes have written for the tasks of a run that goes on: given to those that wait for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from nika_core.app.earlier_answers import EarlierAnswers, void_text
from nika_core.engine.core.messages import Awaited, Signal
from nika_core.journal import RecordedSignal, RunRecorder
from nika_core.model.ids import NodeId

TakeSignals: TypeAlias = Callable[[Mapping[NodeId, Awaited]], Iterable[Signal]]


class ReceivedSignals:
    """The signals in a run's history.

    Args:
        notice: tells the user something about a task.
    """

    def __init__(self, log: RunRecorder, earlier: EarlierAnswers, notice: Callable[[str, str], None]) -> None:
        self._log = log
        self._earlier = earlier
        self._notice = notice

    def take(self, waiting: Mapping[NodeId, Awaited]) -> Iterable[Signal]:
        """Return what has come for nodes that wait; what was sent for something else is void, which is told."""
        asked = {str(node): (awaited.key, awaited.identity) for node, awaited in waiting.items()}
        taken = self._log.signals(asked)
        for signal in (*self._log.void_signals(asked), *self._earlier.void(waiting)):
            self._notice(void_text(signal), signal.node)
        return map(_signal, taken)

    def arrived(self, node: NodeId, awaited: Awaited) -> Signal | None:
        """Return what has come for a node that may have to wait; it may ask for what came for something else, yet."""
        return next(map(_signal, self._log.signals({str(node): (awaited.key, awaited.identity)})), None)


def arrived_of(signals: TakeSignals) -> Callable[[NodeId, Awaited], Signal | None]:
    """Return what tells of the signal for one node, given what does for several."""

    def arrived(node: NodeId, awaited: Awaited) -> Signal | None:
        return next(iter(signals({node: awaited})), None)

    return arrived


def _signal(recorded: RecordedSignal) -> Signal:
    sender = {"by": recorded.sender, "at": recorded.at}
    return Signal(NodeId(recorded.node), recorded.key, recorded.payload, sender)
