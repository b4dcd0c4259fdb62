"""An attempt of a task before the limit policies: admitted before it begins, settled when it has ended."""

from __future__ import annotations

from decimal import Decimal
from secrets import token_hex
from typing import Final

from nika_core.engine.core.messages import TaskCall
from nika_core.engine.core.policy_gate import PolicyGate, refusal_error
from nika_core.engine.core.ports import note_sent
from nika_core.engine.task.described_calls import describe_call
from nika_core.engine.task.late_filling import fill_late
from nika_core.engine.task.services import TaskServices
from nika_core.model.json import JsonObject
from nika_core.model.payload_tree import map_leaves
from nika_core.model.usage import NOTHING, Usage
from nika_core.plugin import Admission, Effect, Spending, Stage

_NO_MONEY: Final = Decimal(0)


class AdmittedAttempt:
    """One attempt that policies have admitted. `settle` ends it, once."""

    def __init__(self, services: TaskServices, gate: PolicyGate, call: TaskCall, attempt: int, own: Usage) -> None:
        self._services = services
        self._gate = gate
        self._call = call
        self._before = own  # what the task's earlier attempts took
        self._note = token_hex(8)
        self._noted = False
        self.request = Admission(
            Stage.TASK,
            call.workflow,
            call.run_id,
            call.node,
            call.keyword,
            call=f"{call.key}/{self._note}",
            attempt=attempt,
        )

    async def ask(self) -> None:
        """Put it to the policies. Raise TaskError if one refuses, NikaError if its keyword cannot say what it does."""
        call, services = self._call, self._services
        payload = await fill_late(call, services, services.keyword(call.keyword).spec) if call.late else call.payload
        about = describe_call(services, call, call.keyword, payload)
        estimate = about.facets.estimate(about.whole)
        mask = services.reporter.mask  # policies judge where a task goes, and need no secret for it
        most = None if estimate.cost_high is None else Decimal(str(estimate.cost_high))
        request = Admission(
            Stage.TASK,
            call.workflow,
            call.run_id,
            call.node,
            call.keyword,
            cost_usd=most,
            call=self.request.call,
            attempt=self.request.attempt,
            effects=tuple(Effect(effect.kind, mask(effect.target)) for effect in about.effects),
            hosts=about.hosts,
            payload=map_leaves(about.payload, lambda leaf, _: mask(leaf) if isinstance(leaf, str) else leaf),
        )
        refusal = await self._gate.admit(request)
        if refusal is not None:
            raise refusal_error(refusal)
        if most != _NO_MONEY:  # as of a call to a model: not even a kill hides what it may have paid
            self._keep(NOTHING, Usage(cost_usd=most or _NO_MONEY))

    def settle(self, own: Usage) -> None:
        """Tell what it took. `own`: what the task has used so far other than by calls to models."""
        tokens, cost = own.total_tokens - self._before.total_tokens, own.cost_usd - self._before.cost_usd
        request, told = self.request, Usage(tokens, 0, cost)
        if self._noted or told != NOTHING:
            self._keep(told, NOTHING)
        spending = Spending(
            Stage.TASK,
            request.workflow,
            request.run_id,
            request.task_id,
            request.keyword,
            call=request.call,
            attempt=request.attempt,
            tokens=tokens,
            cost_usd=cost,
        )
        self._gate.settle(spending, (lambda: self._keep(told, NOTHING, settled=True)) if self._noted else None)

    def _keep(self, told: Usage, unknown: Usage, *, settled: bool = False) -> None:
        self._noted = True
        request = self.request
        about: JsonObject = {"call": request.call, "stage": Stage.TASK.value, "task": request.task_id}
        about = {**about, "keyword": request.keyword}
        note_sent(self._services.call_cache, self._call.key, self._note, told, unknown, about, settled=settled)
