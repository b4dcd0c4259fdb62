"""Calls to models before the limit policies: admitted before they are sent, settled when they have ended.

What a call takes is also kept in its task's call cache, before it is sent and when it has ended. So a run that is
resumed knows what was spent, and which calls the policies have not been told of.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from nika_core.engine.core.policy_gate import PolicyGate, refusal_error
from nika_core.engine.core.ports import CallScope, note_sent
from nika_core.engine.llm.usage_settlement import InFlightCall
from nika_core.model.clock import Clock
from nika_core.model.json import JsonObject
from nika_core.model.usage import NOTHING, Usage
from nika_core.plugin import Admission, Spending, Stage

_LEAST_PAUSE: Final = 0.01  # seconds before a limit policy is asked again


class AdmittedCalls:
    """The calls of one run. `tell` shows a notice once in the run. `gate` None: no policy wants to know."""

    def __init__(self, gate: PolicyGate | None, clock: Clock, tell: Callable[[CallScope, str], None]) -> None:
        self._gate = gate if gate is not None and gate.wants(Stage.MODEL) else None
        self._clock = clock
        self._tell_once = tell

    async def admit(
        self, call: CallScope, in_flight: InFlightCall, name: str, tokens: int, cost: Decimal | None
    ) -> None:
        """Put a call to the policies, for as long as one says that it may be admitted later.

        Raise TaskError if one refuses: nothing stays reserved then.

        Args:
            name: tells the call apart from all others of its task, also when it is made again.
            tokens, cost: the most that it can take; cost in US dollars, None: its price is not known.
        """
        if self._gate is None:
            return
        connection, info = in_flight.connection, in_flight.info
        admission = Admission(
            Stage.MODEL,
            call.workflow,
            call.run_id,
            call.task_id,
            call.keyword,
            connection.provider.name,
            info.name,
            tokens=tokens,
            cost_usd=cost,
            # A batch may be waited for by a resumed run: it has the same name there.
            call=f"{call.key}/{name if in_flight.batch else in_flight.note}",
            attempt=call.attempt,
        )
        try:
            while (refusal := await self._gate.admit(admission)) is not None:
                if refusal.retry_after is None:
                    raise refusal_error(refusal)
                self._tell_once(call, f"A call to a model waits: {refusal.reason}")
                await self._clock.sleep(max(refusal.retry_after, _LEAST_PAUSE))
        except BaseException:
            in_flight.reservation.give_back()
            raise
        in_flight.admission = admission

    async def sending(self, in_flight: InFlightCall) -> None:
        """Tell the policies that a call is about to be sent. Raise TaskError if one prevents it."""
        if in_flight.admission is not None and self._gate is not None:
            await self._gate.sending(in_flight.admission)

    def settle(self, call: CallScope, in_flight: InFlightCall) -> None:
        """Tell the policies what a call has taken that they have admitted; once."""
        admission, in_flight.admission = in_flight.admission, None
        if admission is None or self._gate is None:
            return
        told, unknown = in_flight.told, in_flight.unknown
        spending = Spending(
            Stage.MODEL,
            admission.workflow,
            admission.run_id,
            admission.task_id,
            admission.keyword,
            admission.provider,
            admission.model,
            admission.call,
            admission.attempt,
            tokens=told.total_tokens + unknown.total_tokens,
            cost_usd=told.cost_usd + unknown.cost_usd,
            exact=unknown == NOTHING and not told.estimated,
        )

        def noted() -> None:
            about = _about(admission)
            note_sent(call.call_cache, call.key, in_flight.note, told, unknown, about, settled=True)

        self._gate.settle(spending, noted)


def note_call(call: CallScope, in_flight: InFlightCall, told: Usage) -> None:
    """Keep what is paid for, for a run that is resumed; a free model costs nothing twice, either."""
    in_flight.told, admission = told, in_flight.admission
    if admission is not None:
        note_sent(call.call_cache, call.key, in_flight.note, told, in_flight.unknown, _about(admission))
    elif not in_flight.info.free:
        note_sent(call.call_cache, call.key, in_flight.note, told, in_flight.unknown)


def _about(admission: Admission) -> JsonObject:
    """Return what a resumed run tells limit policies of a call with, if this process is killed."""
    return {
        "call": admission.call,
        "stage": admission.stage.value,
        "task": admission.task_id,
        "keyword": admission.keyword,
        "provider": admission.provider,
        "model": admission.model,
    }
