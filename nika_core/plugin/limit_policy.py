"""What a limit policy is: it bounds what the kernel measures, and may refuse what a run wants to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from nika_core.model.limits import Limit
from nika_core.values import dataclass

if TYPE_CHECKING:
    from nika_core.plugin.keyword import Keyword


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitPolicy:
    """Describe a limit policy.

    Attributes:
        name: what `nika limits` calls it; also the name of the entry point.
        summary: one sentence.
        policy: "package.module:Class" of a `Policy`, made once without arguments.
    """

    name: str
    summary: str
    policy: str


class Stage(StrEnum):
    """When a policy is asked."""

    RUN = "run"  # before a run starts anything
    TASK = "task"  # before a task starts
    MODEL = "model"  # before a call to a model
    TOOL = "tool"  # before an agent's tool call


@dataclass(frozen=True, slots=True)
class Admission:
    """What is about to happen. What does not belong to the stage is empty.

    Attributes:
        stage: when the policy is asked.
        workflow: the workflow's name.
        run_id: the run.
        task_id: the task.
        keyword: the task's keyword.
        provider: the provider that would be called.
        model: the model that would be called.
        tool: the tool that an agent would call, as `allowedTools` names it.
        tokens: in the worst case; None: not bounded or not known.
        cost_usd: US dollars in the worst case; None: not bounded or not known.
        spent_tokens: what the run has consumed so far.
        spent_usd: what the run has cost so far, in US dollars.
    """

    stage: Stage
    workflow: str
    run_id: str = ""
    task_id: str = ""
    keyword: str = ""
    provider: str = ""
    model: str = ""
    tool: str = ""
    tokens: int | None = None
    cost_usd: Decimal | None = None
    spent_tokens: int = 0
    spent_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not.

    Attributes:
        reason: one sentence.
        hint: what the user can do about it.
        code: the code that the user sees; None: NIKA-066.
    """

    reason: str
    hint: str | None = None
    code: str | None = None


class Policy:
    """Bound and refuse. All policies are asked, in no particular order; the smallest bound holds, and one refusal wins.

    Never raises (other than `limits` for a malformed setting: RefusedError or UsageError that names it), never waits,
    and never depends on what another policy says.
    """

    def limits(self, environ: Mapping[str, str]) -> Iterable[Limit]:
        """Return the bounds that hold for every run."""
        return ()

    def keyword_limits(self, keyword: Keyword, environ: Mapping[str, str]) -> Iterable[Limit]:
        """Return the bounds of one keyword: `timeout.<word>` in seconds, `output.<word>` in bytes."""
        return ()

    def admit(self, request: Admission) -> Refusal | None:
        """Return why not; None: no objection."""
        return None
