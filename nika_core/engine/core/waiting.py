"""Nodes that wait for something outside: a person, a batch, a callback. The core decides that a run pauses for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nika_core import codes
from nika_core.engine.core.groups import EachExpansion
from nika_core.engine.core.messages import (
    PATIENCE_TIMER,
    AwaitExternal,
    CancelTimer,
    Signal,
    StartTimer,
    StopAwaiting,
    Wait,
    wait_timer,
)
from nika_core.engine.core.nodes import Node
from nika_core.engine.core.run_plan import EarlyEnd
from nika_core.engine.core.run_state import RunState
from nika_core.errors import Category
from nika_core.model.approval import answer_of_grants, granted
from nika_core.model.events import EventKind
from nika_core.model.ids import NodeId
from nika_core.model.json import Json, JsonObject
from nika_core.model.state import Failure, Ready, RunStatus, Waiting

_WAIT: Final = wait_timer(NodeId(""))


class Waits:
    """A node that waits takes no slot. Its signal makes it ready again, under the same epoch."""

    def __init__(self, state: RunState) -> None:
        self._state = state

    def begin(self, node: Node, epoch: int, wait: Wait) -> None:
        """Begin to wait for what a step has returned."""
        data: JsonObject = {"key": wait.key, "epoch": epoch}
        if wait.about:
            data = {**data, "about": wait.about}
        if wait.deadline is not None:
            data = {**data, "deadline": wait.deadline}
        if wait.content_key:
            data = {**data, "contentKey": True}
        self._state.transition(node, Waiting(epoch), EventKind.TASK_WAITING, data)
        if wait.key in node.signals:  # it came before anybody waited for it
            self._grant(node, wait)
            self._go_on(node, epoch)
            return
        node.wait = wait
        _count_waiting(node, 1)
        self._state.out.append(self.command(node, wait))
        self._answer_by_grants(node)

    def command(self, node: Node, wait: Wait) -> AwaitExternal:
        """Return what a host is told about a node that waits."""
        return AwaitExternal(node.id, wait, node.identity, node.epoch)

    def signalled(self, event: Signal) -> None:
        """Take what has come. What nobody waits for yet is kept for the node; the first of one key counts."""
        node = self._state.nodes.get(event.node)
        if node is None or node.ended:
            return
        key = event.key or (node.wait.key if node.wait is not None else "")
        if not key or key in node.signals:
            return
        self._deliver(node, key, event.payload, event.sender)

    def _deliver(self, node: Node, key: str, payload: Json, sender: JsonObject) -> None:
        node.signals = {**node.signals, key: payload}
        data: JsonObject = {"key": key, "payload": payload}
        self._state.emit(EventKind.SIGNAL_RECEIVED, node, {**data, "sender": sender} if sender else data)
        if node.wait is not None and node.wait.key == key and isinstance(node.state, Waiting):
            epoch, wait = node.state.epoch, node.wait
            self.end(node)
            self._grant(node, wait)
            self._go_on(node, epoch)

    def _grant(self, node: Node, wait: Wait) -> None:
        """Take what an answer grants for the rest of the run, and answer what others ask about the same."""
        grants = self._state.grants
        new = [grant for grant in granted(wait.about, node.signals[wait.key]) if grant not in grants]
        for grant in new:
            grants[grant] = None
            self._state.emit(EventKind.TOOL_GRANTED, node, {**grant._asdict(), "key": wait.key})
        if new:
            for other in list(self.waiting()):
                self._answer_by_grants(other)

    def _answer_by_grants(self, node: Node) -> None:
        wait = node.wait
        answer = None if wait is None else answer_of_grants(wait.about, self._state.grants)
        if wait is not None and answer is not None:
            self._deliver(node, wait.key, answer, {"by": "an answer for the rest of the run"})

    def _go_on(self, node: Node, epoch: int) -> None:
        self._state.transition(node, Ready(epoch), EventKind.TASK_READY)
        if self._state.early_end is None:
            self._state.queue(node)

    def end(self, node: Node) -> None:
        """Stop waiting with a node."""
        if node.wait is not None:
            node.wait = None
            _count_waiting(node, -1)
            self._state.out.append(StopAwaiting(node.id))

    def timer_fired(self, timer: str) -> tuple[Node, Failure] | None:
        """Return the node that has waited too long, and its failure; None: nothing fails for this timer."""
        if timer == PATIENCE_TIMER:
            self._state.impatient = False
            self._state.waited_long = True
            return None
        if not timer.startswith(_WAIT):
            return None
        node = self._state.nodes.get(NodeId(timer.removeprefix(_WAIT)))
        if node is None or node.wait is None:
            return None
        wait = node.wait
        if wait.has_default:
            self._deliver(node, wait.key, wait.default, {"by": "default"})
            return None
        self.end(node)
        failure = Failure(codes.TIMEOUT, Category.TIMEOUT, "what it waited for did not come in time")
        return node, failure

    def waiting(self) -> Iterator[Node]:
        """Yield the nodes that wait, in the order in which they were made."""
        return (node for node in self._state.nodes.values() if node.wait is not None)

    def why_end(self) -> EarlyEnd | None:
        """Return how the run ends now, since nothing is left but what waits; None: it goes on."""
        state = self._state
        idle = not (state.busy or state.ready or state.asking or state.timers) and state.early_end is None
        waiting = list(self.waiting()) if idle else []
        if not waiting:
            if state.impatient:
                state.impatient = False
                state.out.append(CancelTimer(PATIENCE_TIMER))
            return None
        if state.waited_long:
            return self._end_for(waiting)
        patience = [node.wait.patience for node in waiting if node.wait is not None]
        if None in patience:
            return None
        longest = max(seconds for seconds in patience if seconds is not None)
        if longest <= 0:
            return self._end_for(waiting)
        if not state.plan.can_pause:
            return None
        if not state.impatient:
            state.impatient = True
            state.out.append(StartTimer(PATIENCE_TIMER, longest))
        return None

    def _end_for(self, waiting: list[Node]) -> EarlyEnd:
        if self._state.plan.can_pause:
            return EarlyEnd(RunStatus.PAUSED, _reason(waiting))
        return EarlyEnd(RunStatus.FAILED, f"{_reason(waiting)}, and a run without history cannot be paused")

    def out_of_time(self, reason: str) -> EarlyEnd:
        """Return how a run ends whose time is over: one that only waits has worked in time, and is paused."""
        waiting = [] if self._state.busy or self._state.ready else list(self.waiting())
        if waiting and self._state.plan.can_pause:
            return EarlyEnd(RunStatus.PAUSED, f"{reason}: {_reason(waiting)}")
        return EarlyEnd(RunStatus.FAILED, reason)

    def interrupted(self, reason: str) -> EarlyEnd:
        """Return how a run ends that somebody stops: one that waits for something is paused, not cancelled."""
        waiting = list(self.waiting())
        if waiting and self._state.plan.can_pause:
            return EarlyEnd(RunStatus.PAUSED, f"{reason}: {_reason(waiting)}")
        return EarlyEnd(RunStatus.CANCELLED, reason)

    def end_all(self) -> None:
        """Drop all timers, because the run ends."""
        if self._state.impatient:
            self._state.impatient = False
            self._state.out.append(CancelTimer(PATIENCE_TIMER))


def _count_waiting(node: Node, change: int) -> None:
    """Let an item that waits leave its place in its list's window to another one."""
    if isinstance(node.parent, EachExpansion):
        node.parent.waiting += change


def _reason(waiting: list[Node]) -> str:
    names = ", ".join(f"`{node.id}`" for node in waiting[:3])
    more = f" and {len(waiting) - 3} more" if len(waiting) > 3 else ""
    return f"it waits for {names}{more}"
