"""The limit policies of a run, in the place of `RunPolicies`: one function that admits, and lists of what was told."""

from collections.abc import Callable
from typing import Any

from nika_core.plugin import Admission, Refusal, Spending, Stage


class Gate:
    """`asked` and `settled` have what it was asked and told, `sent` the names of the calls about to be sent."""

    def __init__(
        self, admit: Callable[[Admission], Any] | None = None, sending: Callable[[Admission], None] | None = None
    ) -> None:
        self._admit = admit
        self._sending = sending
        self.asked: list[Admission] = []
        self.sent: list[str] = []
        self.settled: list[Spending] = []

    def wants(self, stage: Stage) -> bool:
        return True

    async def admit(self, request: Admission) -> Refusal | None:
        self.asked.append(request)
        refusal: Refusal | None = self._admit(request) if self._admit else None
        return refusal

    async def sending(self, request: Admission) -> None:
        if self._sending is not None:
            self._sending(request)
        self.sent.append(request.call)

    def settle(self, spending: Spending, noted: Callable[[], None] | None = None) -> None:
        self.settled.append(spending)
        if noted is not None:
            noted()
