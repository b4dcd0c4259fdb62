"""Checks of a limit policy: it never raises, never waits, and never depends on order."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final

from nika_core.errors import NikaError
from nika_core.model.limits import Limit, Unit
from nika_core.plugin import Admission, Keyword, Policy, Refusal, Stage, fields
from nika_core.testing.errors import NotConformant, require
from nika_core.testing.own_time import own_seconds

BOUNDS: Final = "bounds"
ADMISSION: Final = "admission"
ORDER: Final = "order"
QUICK: Final = "quick"

_SECONDS: Final = 0.05  # for one question
_VALUES: Final = (
    "", " ", "0", "1", "-1", "10", "1e3", "1e999", "nan", "inf", "10MB", "5s", "250ms", "none", "ten", "1,5", "٣",
    "9" * 400, "\x00", "a\nb", "0x10", "true", "[]", "{}", "é" * 50,
)  # fmt: skip
_ROUNDS: Final = 40

Make = Callable[[], Policy]


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
        )
        for stage, (tokens, cost), (keyword, provider, model, tool) in itertools.product(Stage, amounts, names)
    ]


def keyword(name: str = "sample") -> Keyword:
    """Return a description of a keyword, to ask for its limits."""
    return Keyword(name=name, summary="A sample.", primary="value", payload=fields.Anything(), step="no.such:Step")


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
            answer is None or (isinstance(answer, Refusal) and answer.reason.strip()),
            ADMISSION,
            f"admit returns {answer!r:.200}, not None or a Refusal with a reason",
        )


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
