"""Checks of a limit policy: it never raises, never hangs, answers in time, and does not depend on order."""

from __future__ import annotations

import itertools
import math
import random
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import wraps
from typing import Any, Final, ParamSpec

from nika_core.errors import NikaError
from nika_core.model.limits import Limit, Unit
from nika_core.plugin import Admission, Effect, Keyword, Policy, Refusal, Spending, Stage, fields
from nika_core.testing.errors import NotConformant, require
from nika_core.testing.own_time import own_seconds

BOUNDS: Final = "bounds"
ADMISSION: Final = "admission"
ORDER: Final = "order"
QUICK: Final = "quick"
ACCOUNTS: Final = "accounts"

HANGS_SECONDS: Final = 20.0  # after which what has not returned never will

_SECONDS: Final = 0.05  # for one question
_VALUES: Final = (
    "", " ", "0", "1", "-1", "10", "1e3", "1e999", "nan", "inf", "10MB", "5s", "250ms", "none", "ten", "1,5", "٣",
    "9" * 400, "\x00", "a\nb", "0x10", "true", "[]", "{}", "é" * 50,
)  # fmt: skip
_ROUNDS: Final = 40

Make = Callable[[], Policy]
P = ParamSpec("P")


def _returns(check: Callable[P, None]) -> Callable[P, None]:
    """Raise NotConformant if a check does not end, since the policy does not return."""

    @wraps(check)
    def checked(*args: P.args, **kwargs: P.kwargs) -> None:
        failed: list[BaseException] = []

        def run() -> None:
            try:
                check(*args, **kwargs)
            except BaseException as error:  # it is raised below, in the test's own thread
                failed.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(HANGS_SECONDS)
        require(not thread.is_alive(), QUICK, f"it does not return within {HANGS_SECONDS:g} s ({check.__name__})")
        if failed:
            raise failed[0]

    return checked


def environs(names: Iterable[str], seed: int = 5) -> list[dict[str, str]]:
    """Return environments with sensible and senseless values of these variables, the empty one first."""
    names = list(names)
    result: list[dict[str, str]] = [{}]
    result += [{name: value} for name in names for value in _VALUES]
    chance = random.Random(seed)  # noqa: S311  # a table that is the same every time
    for _ in range(_ROUNDS if names else 0):
        result.append({name: chance.choice(_VALUES) for name in chance.sample(names, chance.randint(1, len(names)))})
    return result


def admissions() -> list[Admission]:
    """Return requests of every stage, with nothing, something and too much of everything, and with absurd words."""
    amounts: Sequence[tuple[int | None, Decimal | None]] = (
        (None, None),
        (0, Decimal(0)),
        (1, Decimal("0.01")),
        (10**12, Decimal(10**9)),
        (None, Decimal("NaN")),
    )
    names = (("", "", "", ""), ("shell", "mock", "mock", "shell"), ("é\n\x00", "nobody", "x" * 300, "mcp::a::b"))
    return [
        Admission(
            stage=stage,
            workflow="w",
            run_id="r",
            task_id="t",
            keyword=keyword,
            provider=provider,
            model=model,
            tool=tool,
            tokens=tokens,
            cost_usd=cost,
            spent_tokens=tokens or 0,
            spent_usd=cost or Decimal(0),
            call="r/t#1/1" if stage in (Stage.MODEL, Stage.TASK) else "",
            attempt=0 if stage in (Stage.RUN, Stage.ENDED) else 1,
            digest=f"sha256:{'0' * 64}",
            models=(model,) if stage is Stage.RUN else (),
            providers=(provider,) if stage is Stage.RUN else (),
            keywords=(keyword,) if stage is Stage.RUN else (),
            effects=(Effect("host", "api.example.com"), Effect("unknown", "?")),
            hosts=("api.example.com",) if stage in (Stage.TASK, Stage.TOOL) else (),
            payload={"value": None} if stage in (Stage.TASK, Stage.TOOL) else {},
            arguments={"a": [1, {"b": "***"}]} if stage is Stage.TOOL else {},
            user="nobody",
            environ={"HOME": "/"},
            time=1.8e9,
        )
        for stage, (tokens, cost), (keyword, provider, model, tool) in itertools.product(Stage, amounts, names)
    ]


def keyword(name: str = "sample") -> Keyword:
    """Return a description of a keyword, to ask for its limits."""
    return Keyword(name=name, summary="A sample.", primary="value", payload=fields.Anything(), step="no.such:Step")


def spendings() -> list[Spending]:
    """Return what a policy may be told, of every stage that tells: also of calls that it has never admitted."""
    amounts = ((0, Decimal(0)), (12, Decimal("0.00003")), (10**12, Decimal(10**9)))
    return [
        Spending(stage, "w", "r", "t", call=call, attempt=1, tokens=tokens, cost_usd=cost, exact=exact, time=1.8e9)
        for stage, (tokens, cost), call, exact in itertools.product(
            (Stage.MODEL, Stage.TASK, Stage.ENDED), amounts, ("r/t#1/1", "r/t#1/2"), (True, False)
        )
    ]


@_returns
def check_accounts(make: Make) -> None:
    """Check that a policy takes whatever it is told, twice and of unknown calls, and that `stages` and `left` answer.

    Raises:
        NotConformant: with what it was told.
    """
    policy = make()
    try:
        stages = policy.stages({})
        require(
            not isinstance(stages, str) and all(isinstance(stage, Stage) for stage in stages),
            ACCOUNTS,
            f"stages returns {stages!r:.200}, not a collection of stages",
        )
        left = policy.left(Admission(Stage.RUN, "", user="nobody", time=1.8e9))
        numbers = [value for value in left.values() if isinstance(value, int | float) and not math.isnan(value)]
        require(len(numbers) == len(left), ACCOUNTS, f"left returns {left!r:.200}, not numbers by measure")
    except NotConformant:
        raise
    except Exception as error:
        raise NotConformant(ACCOUNTS, f"stages or left raises {error!r:.200}") from error
    for spending in (*spendings(), *spendings()):
        if spending.stage is Stage.ENDED and type(policy).ended is Policy.ended:
            continue  # it asks `admit`
        tell = policy.ended if spending.stage is Stage.ENDED else policy.settle
        try:
            answer: object = tell(spending)
        except Exception as error:
            raise NotConformant(ACCOUNTS, f"{tell.__name__} raises {error!r:.200} for {spending!r:.300}") from error
        require(answer is None, ACCOUNTS, f"{tell.__name__} returns {answer!r:.100}: nothing is done with it")


@_returns
def check_bounds(make: Make, environments: Iterable[Mapping[str, str]]) -> None:
    """Check that `limits` and `keyword_limits` return limits, or raise an error for the user, in any environment.

    Raises:
        NotConformant: with the environment.
    """
    policy = make()
    for environ in environments:
        for name, ask in _questions(policy, environ):
            try:
                limits = list(ask())
            except NikaError as error:
                require(
                    any(variable in error.message for variable in environ),
                    BOUNDS,
                    f"{name} refuses {dict(environ)!r:.200} without naming the variable: {error.message}",
                )
                continue
            except Exception as error:
                raise NotConformant(BOUNDS, f"{name} raises {error!r:.200} for {dict(environ)!r:.200}") from error
            for limit in limits:
                require(isinstance(limit, Limit), BOUNDS, f"{name} returns {limit!r:.100}, not a Limit")
                require(
                    isinstance(limit.unit, Unit) and limit.value == limit.value and limit.value >= 0 and limit.name,
                    BOUNDS,
                    f"{name} returns {limit!r:.200}: a bound is a number from 0 on, with a name and a unit",
                )


def _questions(policy: Policy, environ: Mapping[str, str]) -> list[tuple[str, Callable[[], Iterable[Any]]]]:
    return [
        ("limits", lambda: policy.limits(environ)),
        ("keyword_limits", lambda: policy.keyword_limits(keyword(), environ)),
    ]


@_returns
def check_admit(make: Make, requests: Sequence[Admission] | None = None) -> None:
    """Check that `admit` never raises, and returns None or a refusal with its reason.

    Raises:
        NotConformant: with the admission.
    """
    policy = make()
    for request in admissions() if requests is None else requests:
        try:
            answer = policy.admit(request)
        except Exception as error:
            raise NotConformant(ADMISSION, f"admit raises {error!r:.200} for {request!r:.300}") from error
        require(
            answer is None or (isinstance(answer, Refusal) and answer.reason.strip() and _may_wait(answer.retry_after)),
            ADMISSION,
            f"admit returns {answer!r:.200}, not None or a Refusal with a reason (and seconds from 0 on)",
        )


@_returns
def check_order(
    make: Make, environments: Sequence[Mapping[str, str]], requests: Sequence[Admission] | None = None
) -> None:
    """Check that answers do not depend on what was asked before, of this policy or of another instance.

    Raises:
        NotConformant: with the question whose answer changed.
    """
    questions = [*(admissions() if requests is None else requests)]
    first = {index: _admitted(make(), request) for index, request in enumerate(questions)}
    for seed in range(4):
        order = list(range(len(questions)))
        random.Random(seed).shuffle(order)  # noqa: S311  # an order that is the same every time
        policy = make()
        for index in (*order, *order):
            answer = _admitted(policy, questions[index])
            require(
                answer == first[index],
                ORDER,
                f"asked at another time, the answer to {questions[index]!r:.200} is {answer}, and was {first[index]}",
            )
    bounds = [_bounds(make(), environ) for environ in environments]
    policy = make()
    for environ, expected in (
        *zip(environments, bounds, strict=True),
        *reversed(list(zip(environments, bounds, strict=True))),
    ):
        require(
            _bounds(policy, environ) == expected, ORDER, f"the bounds of {dict(environ)!r:.200} are not always the same"
        )


def _may_wait(seconds: object) -> bool:
    return seconds is None or (isinstance(seconds, int | float) and math.isfinite(seconds) and seconds >= 0)


def _admitted(policy: Policy, request: Admission) -> str:
    try:
        return repr(policy.admit(request))
    except Exception as error:
        return repr(error)


def _bounds(policy: Policy, environ: Mapping[str, str]) -> str:
    try:
        return "; ".join(
            sorted(repr(limit) for limit in (*policy.limits(environ), *policy.keyword_limits(keyword(), environ)))
        )
    except Exception as error:
        return repr(error)


@_returns
def check_quick(
    make: Make, environments: Sequence[Mapping[str, str]], requests: Sequence[Admission] | None = None
) -> None:
    """Check that no answer takes longer than 50 ms.

    Raises:
        NotConformant: with the question that took longer.
    """
    policy = make()
    for request in admissions()[:20] if requests is None else requests:
        _timed("admit", lambda request=request: policy.admit(request))  # type: ignore[misc]  # a lambda has no types
    for environ in environments[:10]:
        for name, ask in _questions(policy, environ):
            _timed(name, lambda ask=ask: list(ask()))  # type: ignore[misc]  # a lambda has no types


def _timed(name: str, ask: Callable[[], object]) -> None:
    taken = []
    for _ in range(3):
        begun = own_seconds()
        with suppress(Exception):  # whether it may raise is another check's question
            ask()
        taken.append(own_seconds() - begun)
    require(min(taken) < _SECONDS, QUICK, f"{name} takes {min(taken):.2f} s, {_SECONDS} s are fine: never wait")
