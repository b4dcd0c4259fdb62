"""The limit policies of one run: asked before something happens, and told what it took.

Questions of a run come one after the other in a thread of their own, so that the event loop waits for no database.
What was told is noted in the run's history; what is not noted, a resumed run tells again (see `Policy`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from typing import Any, Final, TypeVar

from nika_core import codes
from nika_core.app.policy_facts import PolicyFacts
from nika_core.app.prepared_run import PreparedRun
from nika_core.engine.core.ports import SENT, CallCache
from nika_core.errors import Category, NikaError, TaskError
from nika_core.model.codec import usage_of
from nika_core.model.json import Json
from nika_core.model.usage import NOTHING, Usage
from nika_core.plugin import Admission, Refusal, Spending, Stage
from nika_core.registry.guarded_policy import GuardedPolicy
from nika_core.values import replace

T = TypeVar("T")
ANSWER_SECONDS: Final = 30.0  # for which an answer is waited for
_SETTLED: Final = frozenset({Stage.MODEL, Stage.TASK})
_ENDED: Final = "ended"


def run_policies(
    prepared: PreparedRun,
    run_id: str,
    notice: Callable[[str], None],
    spent: Callable[[], Usage],
    user: str | None = None,
) -> RunPolicies | None:
    """Return what asks and tells the limit policies of a run; None if none wants to know of it. Raise NikaError.

    Args:
        user: who has started it; None: the user of this process.
    """
    policies = _asked(prepared)
    if not policies:
        return None
    facts = prepared.policy_facts if user is None else prepared.policy_facts.of_user(user)
    return RunPolicies(run_id, prepared.workflow.name, policies, facts, notice, spent)


def policies_asked(prepared: PreparedRun) -> dict[str, frozenset[Stage]]:
    """Return the limit policies that want to know of a run, each with its stages. Raise NikaError."""
    return {policy.record.word: stages for policy, stages in _asked(prepared)}


def _asked(prepared: PreparedRun) -> list[tuple[GuardedPolicy, frozenset[Stage]]]:
    limits = prepared.limits.amounts
    asked = ((policy, policy.stages(limits)) for policy in prepared.workspace.policies)
    return [(policy, stages) for policy, stages in asked if stages]


class RunPolicies:
    """One for each run; see `PolicyGate`. One event loop.

    Args:
        notice: shows the user a sentence.
        spent: returns what the run has used so far, in all its lives.
    """

    def __init__(
        self,
        run_id: str,
        workflow: str,
        policies: Sequence[tuple[GuardedPolicy, frozenset[Stage]]],
        facts: PolicyFacts,
        notice: Callable[[str], None],
        spent: Callable[[], Usage],
    ) -> None:
        self._run_id = run_id
        self._workflow = workflow
        self._policies = policies
        self._facts = facts
        self._notice = notice
        self._spent = spent
        self._stages = frozenset(stage for _, stages in policies for stage in stages)
        self._thread = ThreadPoolExecutor(1, "nika-policies")  # a policy may wait for other processes
        self._telling: set[asyncio.Future[None]] = set()
        self._told: set[str] = set()

    def wants(self, stage: Stage) -> bool:
        """Return whether any policy is asked at this stage."""
        return stage in self._stages

    async def admit(self, request: Admission) -> Refusal | None:
        """Ask every policy that is asked at this stage; one refusal wins."""
        asked = self._asked_at(request.stage)
        if not asked:
            return None
        spent = self._spent()
        request = replace(request, spent_tokens=spent.total_tokens, spent_usd=spent.cost_usd)
        request = self._facts.of_admission(request)
        try:
            return await self._answer(partial(_first_refusal, asked, request))
        except TimeoutError:
            self._give_back(request)
            names = ", ".join(f"'{policy.record.word}'" for policy in asked)
            reason = f"the limit policies ({names}) gave no answer within {ANSWER_SECONDS:g} s"
            return Refusal(reason, "see what they wait for; nothing runs without their answer", codes.POLICY_REFUSED)
        except asyncio.CancelledError:
            self._give_back(request)
            raise

    async def sending(self, request: Admission) -> None:
        """Tell that an admitted call is about to be sent. Raise TaskError if a policy prevents it."""
        asked, request = self._asked_at(request.stage), self._facts.of_admission(request)

        def tell() -> None:
            for policy in asked:
                policy.sending(request)

        try:
            await self._answer(tell)
        except TimeoutError:
            message = f"the limit policies gave no answer within {ANSWER_SECONDS:g} s"
            raise TaskError(message, category=Category.BUDGET, code=codes.POLICY_REFUSED) from None
        except NikaError as error:
            raise TaskError(error.message, category=Category.BUDGET, code=error.code, hint=error.hint) from error

    def settle(self, spending: Spending, noted: Callable[[], None] | None = None) -> None:
        """Tell what an admitted call has taken; never waits, raises nothing."""
        asked = self._asked_at(spending.stage)
        if asked:
            spent = self._spent()
            spending = replace(spending, spent_tokens=spent.total_tokens, spent_usd=spent.cost_usd)
            spending = self._facts.of_spending(spending)
            self._tell([partial(policy.settle, spending) for policy in asked], noted)

    def settle_earlier(self, memo: Mapping[tuple[str, str], Json], kept: CallCache) -> None:
        """Tell what calls of a killed process have taken that no policy was told of, by what history has kept."""
        for (key, name), value in memo.items():
            if not name.startswith(SENT) or not isinstance(value, dict) or value.get("settled"):
                continue
            about: dict[str, Any] = dict(value)
            if not isinstance(about.get("call"), str) or about.get("stage") not in _SETTLED:
                continue  # no policy was asked
            told, unknown = usage_of(about.get("told")), usage_of(about.get("unknown"))
            spending = Spending(
                Stage(about["stage"]),
                self._workflow,
                self._run_id,
                str(about.get("task", "")),
                str(about.get("keyword", "")),
                str(about.get("provider", "")),
                str(about.get("model", "")),
                about["call"],
                tokens=told.total_tokens + unknown.total_tokens,
                cost_usd=told.cost_usd + unknown.cost_usd,
                exact=unknown == NOTHING and not told.estimated,
                recovered=True,
            )
            self.settle(spending, partial(kept.put, key, name, {**about, "settled": True}))

    async def end(self, status: str, kept: CallCache) -> None:
        """Wait until all is told, tell what the run has taken that no earlier end has told, and end the thread."""
        await self.all_told()
        spent, key = self._spent(), f"{self._run_id}/policies"
        before = kept.get(key, _ENDED)
        earlier = before if isinstance(before, dict) else {}
        told = Usage(int(earlier.get("tokens", 0)), 0, Decimal(str(earlier.get("costUsd", 0))))
        whole = {"tokens": spent.total_tokens, "costUsd": str(spent.cost_usd)}
        await self.tell_end(status, told, lambda: kept.put(key, _ENDED, whole))
        self.close()

    async def tell_end(self, status: str, told: Usage, noted: Callable[[], None] | None = None) -> None:
        """Tell that the run has ended, and what it has taken beside what earlier ends have `told`."""
        asked = self._asked_at(Stage.ENDED)
        if not asked:
            return
        spent = self._spent()
        spending = Spending(
            Stage.ENDED,
            self._workflow,
            self._run_id,
            tokens=spent.total_tokens - told.total_tokens,
            cost_usd=spent.cost_usd - told.cost_usd,
            spent_tokens=spent.total_tokens,
            spent_usd=spent.cost_usd,
            status=status,
        )
        spending = self._facts.of_spending(spending)
        self._tell([partial(policy.ended, spending) for policy in asked], noted)
        await self.all_told()

    async def all_told(self) -> None:
        """Wait until the policies know all that they have been told."""
        if self._telling:
            _, late = await asyncio.wait(self._telling, timeout=ANSWER_SECONDS)
            if late:
                self._notice("what was spent could not be told to the limit policies: they gave no answer")

    def close(self) -> None:
        """End the thread, without waiting for it."""
        self._thread.shutdown(wait=False)

    # ----

    def _asked_at(self, stage: Stage) -> list[GuardedPolicy]:
        return [policy for policy, stages in self._policies if stage in stages]

    async def _answer(self, ask: Callable[[], T]) -> T:
        """Raise TimeoutError if there is no answer in time, and whatever `ask` raises."""
        answer = asyncio.get_running_loop().run_in_executor(self._thread, ask)
        return await asyncio.wait_for(asyncio.shield(answer), ANSWER_SECONDS)

    def _give_back(self, request: Admission) -> None:
        """Give back what was admitted for an answer that is no longer wanted, and is not sent."""
        if request.stage in _SETTLED:
            self.settle(_nothing(request))

    def _tell(self, statements: Iterable[Callable[[], None]], noted: Callable[[], None] | None) -> None:
        telling = asyncio.get_running_loop().run_in_executor(self._thread, _each, list(statements))
        self._telling.add(telling)
        telling.add_done_callback(partial(self._was_told, noted))

    def _was_told(self, noted: Callable[[], None] | None, telling: asyncio.Future[None]) -> None:
        self._telling.discard(telling)
        error = None if telling.cancelled() else telling.exception()
        if error is None and not telling.cancelled():
            if noted is not None:
                noted()
        elif isinstance(error, NikaError) and error.message not in self._told:
            self._told.add(error.message)
            self._notice(f"what was spent could not be told to a limit policy: {error.message}")


def _first_refusal(policies: Sequence[GuardedPolicy], request: Admission) -> Refusal | None:
    for number, policy in enumerate(policies):
        refusal = policy.admit(request)
        if refusal is not None:
            if request.stage in _SETTLED:  # those that have admitted it learn that it is not made
                _each([partial(other.settle, _nothing(request)) for other in policies[:number]])
            return refusal
    return None


def _nothing(request: Admission) -> Spending:
    """Return that an admitted call was not made."""
    return Spending(
        request.stage,
        request.workflow,
        request.run_id,
        request.task_id,
        request.keyword,
        request.provider,
        request.model,
        request.call,
        request.attempt,
        spent_tokens=request.spent_tokens,
        spent_usd=request.spent_usd,
        user=request.user,
        environ=request.environ,
        time=request.time,
        limits=request.limits,
    )


def _each(statements: Iterable[Callable[[], None]]) -> None:
    """Make all of them, and raise the first error."""
    failed: list[NikaError] = []
    for state in statements:
        try:
            state()
        except NikaError as error:
            failed.append(error)
    if failed:
        raise failed[0]
