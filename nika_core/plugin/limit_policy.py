"""What a limit policy is: it bounds what the kernel measures, and may refuse what a run wants to do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from nika_core.model.json import Json
from nika_core.model.limits import Limit
from nika_core.values import dataclass, field

if TYPE_CHECKING:
    from nika_core.plugin.facets import Effect
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
    """When a policy is asked, or told."""

    RUN = "run"  # before a run starts anything
    TASK = "task"  # before an attempt of a task
    MODEL = "model"  # before a call to a model
    TOOL = "tool"  # before an agent's tool call
    ENDED = "ended"  # when a run has ended: nothing can be refused any more


@dataclass(frozen=True, slots=True)
class Admission:
    """What is about to happen. What does not belong to the stage is empty. Secrets are masked as `***` everywhere.

    Attributes:
        stage: when the policy is asked.
        workflow: the workflow's name.
        run_id: the run; empty at `Stage.RUN`.
        task_id: the task, e.g. `build` or `review[3]`. (TASK, MODEL, TOOL)
        keyword: the task's keyword (TASK, MODEL); the keyword that the tool belongs to (TOOL).
        provider: the provider that would be called. (MODEL)
        model: the model that would be called. (MODEL)
        tool: the tool that an agent would call, as `allowedTools` names it. (TOOL)
        tokens: in the worst case; None: not limited or not known. (RUN, MODEL)
        cost_usd: US dollars in the worst case; None: not limited or not known. (RUN, MODEL.) At TASK, what the attempt
            itself may pay other than for calls to models.
        spent_tokens: what the run has consumed so far, also before it was resumed; of calls whose usage nobody knows,
            the most that it can be.
        spent_usd: what the run has cost so far, in US dollars.
        call: names what is admitted. `Policy.settle` is told the same name. (TASK, MODEL)
        attempt: the attempt of the task, from 1. (TASK, MODEL, TOOL)
        digest: of the bytes of the workflow's file: `sha256:` and 64 hexadecimal digits.
        digests: the same of all its files, by path: its own first, then those of the workflows that it calls. (RUN)
        mocked: whether this is a run with `--mock`, which calls nothing.
        models: the models that the run may call, also as a fallback, without the provider's name. (RUN)
        providers: the providers of these models. (RUN)
        keywords: the keywords of the tasks, also of inner workflows. Those of tools are not among them. (RUN)
        effects: what the run, the attempt or the call may touch, as `Facets.effects` of its keyword says. (RUN, as far
            as is known before it starts; TASK, TOOL)
        hosts: the targets of those effects that are hosts, e.g. `api.example.com`, `localhost:8080`. (TASK, TOOL)
        payload: the rendered payload, as `Facets.redact` of its keyword shows it. (TASK, TOOL)
        arguments: what the model gives the tool, without what `Facets.redact` hides in the payload. (TOOL)
        user: who runs Nika: the login name of the process's user; if it has none, the number. On a backend, who has
            submitted the run.
        environ: the environment of the run, with the `variables` of the organization's file in it.
        time: seconds since the epoch.
        limits: the smallest limits of all policies, by `Limit.measure`, e.g. `{"run.cost": 10.0}`.
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
    call: str = ""
    attempt: int = 0
    digest: str = ""
    digests: Mapping[str, str] = field(default_factory=dict)
    mocked: bool = False
    models: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    effects: tuple[Effect, ...] = ()
    hosts: tuple[str, ...] = ()
    payload: Mapping[str, Json] = field(default_factory=dict)
    arguments: Mapping[str, Json] = field(default_factory=dict)
    user: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    time: float = 0.0
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Spending:
    """What an admitted call or attempt has taken (`Policy.settle`), or a run (`Policy.ended`). Secrets are masked.

    Attributes:
        stage: MODEL: a call to a model. TASK: an attempt, without its calls to models. ENDED: a run.
        workflow: the workflow's name.
        run_id: the run.
        task_id: the task. (TASK, MODEL)
        keyword: the task's keyword. (TASK, MODEL)
        provider: the provider that was called. (MODEL)
        model: the model that was called. (MODEL)
        call: the `call` of its admission. (TASK, MODEL)
        attempt: the attempt of the task, from 1; 0: it is told after a restart, and not known. (TASK, MODEL)
        tokens: what it took, input and output. ENDED: what no earlier `ended` of this run has told.
        cost_usd: what it cost, in US dollars; models without a known price cost nothing here. ENDED: as for `tokens`.
        exact: whether these are its figures. If not, nobody knows them, and these are the most that it can have taken.
        spent_tokens: what the run has consumed so far, this included.
        spent_usd: what the run has cost so far, this included, in US dollars.
        status: how the run ended: `succeeded`, `failed`, `cancelled` or `paused`; a paused run may go on. (ENDED)
        recovered: whether the process that admitted it was killed, and the resumed run tells it.
        user: who runs Nika, as in `Admission`.
        environ: the environment of the run, as in `Admission`.
        time: seconds since the epoch.
        limits: as in `Admission`.
    """

    stage: Stage
    workflow: str
    run_id: str
    task_id: str = ""
    keyword: str = ""
    provider: str = ""
    model: str = ""
    call: str = ""
    attempt: int = 0
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    exact: bool = True
    spent_tokens: int = 0
    spent_usd: Decimal = Decimal(0)
    status: str = ""
    recovered: bool = False
    user: str = ""
    environ: Mapping[str, str] = field(default_factory=dict)
    time: float = 0.0
    limits: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why not.

    Attributes:
        reason: one sentence.
        hint: what the user can do about it.
        code: the code that the user sees; None: NIKA-066.
        retry_after: seconds after which to ask again, since it may be admitted then; None: it is refused. Only calls
            to models wait (MODEL), for as long as their task may; elsewhere it means nothing.
    """

    reason: str
    hint: str | None = None
    code: str | None = None
    retry_after: float | None = None


class Policy:
    """Limit and refuse. All policies are asked, in no particular order; the smallest limit holds, and one refusal wins.

    One object serves all runs of a process. The questions of one run come one after the other, in a thread of their
    own, so that a policy may look into a file or a database; but an answer takes milliseconds, and one that takes
    longer than 30 seconds is a refusal. A policy never depends on what another policy says. What raises refuses.
    `limits` may raise RefusedError or UsageError for a malformed setting, with its name.

    What is spent is told like this: each call that was admitted at MODEL or TASK is settled, whatever came of it: it
    succeeded, failed, was cancelled, was refused by something else, or was never sent (it took nothing then). `settle`
    comes after the call has ended and before `ended`. If the process is killed, `nika resume` settles what is open
    before anything else happens: with the call's own figures if they are in the run's history, otherwise with the most
    that it can have taken (`exact` is false). A call is settled again, under the same name, only if the process was
    killed, or `settle` raised, before the history had it that all policies were told; so a policy that keeps accounts
    keeps them by `call`, and ignores a name that it has settled; one that took nothing may be admitted again. A call
    that waits in a batch is settled when its batch is there, also by a resumed run, in which it is admitted again under
    its name. What is not told: the open calls of a run that is killed and never resumed, and of a run without a history
    that is killed.
    """

    def limits(self, environ: Mapping[str, str]) -> Iterable[Limit]:
        """Return the limits that hold for every run."""
        return ()

    def keyword_limits(self, keyword: Keyword, environ: Mapping[str, str]) -> Iterable[Limit]:
        """Return the limits of one keyword: `timeout.<word>` in seconds, `output.<word>` in bytes."""
        return ()

    def stages(self, limits: Mapping[str, float]) -> Collection[Stage]:
        """Return the stages at which a run asks and tells this policy; the default: all.

        MODEL and TASK also stand for `sending` and `settle`, ENDED for `ended`. A stage that no policy wants costs a
        run nothing.

        Args:
            limits: the limits of the run, as in `Admission`.
        """
        return tuple(Stage)

    def admit(self, request: Admission) -> Refusal | None:
        """Return why not; None: no objection. The default: none."""
        return None

    def sending(self, request: Admission) -> None:
        """Note that an admitted call to a model is about to be sent: from now on it may cost something.

        Raise anything to prevent it. What was admitted and is not sent costs nothing, also if the process is killed.
        """

    def settle(self, spending: Spending) -> None:
        """Note what an admitted call, or attempt, has taken. The class says when this is told, and when again."""

    def ended(self, spending: Spending) -> None:
        """Note what a run has taken, each time that it ends or pauses.

        `tokens` and `cost_usd` are what no earlier `ended` of the run has told, so that they can be added up, and
        `spent_tokens` and `spent_usd` the whole. A run that is killed is told when it is resumed and ends. The default:
        `admit` is asked, with `Stage.ENDED`, so that it sees the last figures; its answer changes nothing.
        """
        self.admit(
            Admission(
                Stage.ENDED,
                spending.workflow,
                spending.run_id,
                spent_tokens=spending.spent_tokens,
                spent_usd=spending.spent_usd,
                user=spending.user,
                environ=spending.environ,
                time=spending.time,
                limits=spending.limits,
            )
        )

    def left(self, request: Admission) -> Mapping[str, float]:
        """Return what is left now of limits that runs share, by `Limit.measure`; `nika limits` shows it.

        Args:
            request: only its `user`, `environ`, `time` and `limits` are filled in.
        """
        return {}
