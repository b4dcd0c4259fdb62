"""The limit policies as an attempt and a call to a model see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.plugin import Admission, Refusal, Spending, Stage


class PolicyGate(Protocol):
    """Asks and tells the limit policies of one run. It fills in what is the same for all questions of the run."""

    def wants(self, stage: Stage) -> bool:
        """Return whether any policy is asked at this stage; if none is, a question need not be put together."""
        ...

    async def admit(self, request: Admission) -> Refusal | None:
        """Return the first refusal; None: no policy objects. What is admitted at MODEL or TASK is settled."""
        ...

    async def sending(self, request: Admission) -> None:
        """Tell that an admitted call is about to be sent. Raise TaskError if a policy prevents it."""
        ...

    def settle(self, spending: Spending, noted: Callable[[], None] | None = None) -> None:
        """Tell what an admitted call has taken; never waits, raises nothing.

        Args:
            noted: called in the event loop once all policies know.
        """
        ...


def refusal_error(refusal: Refusal) -> TaskError:
    """Return a refusal as the error of the task that is refused something."""
    code = refusal.code or codes.POLICY_REFUSED
    return TaskError(refusal.reason, category=Category.BUDGET, code=code, hint=refusal.hint)
