"""Every secret source that cheats is caught by exactly the check whose rule it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from nika_core.plugin import Category, TaskError
from nika_core.testing import NotConformant, secret_checks

VALUE = "s3cret-value"


class Honest:
    failing = False

    async def fetch(self, name: str) -> Any:
        if self.failing:
            return self.fail()
        return VALUE if name == "token" else None

    def fail(self) -> Any:
        raise TaskError("it is sealed", category=Category.CONFIG)

    def places(self, name: str) -> str:
        return "nowhere"


class Loud(Honest):
    async def fetch(self, name: str) -> Any:
        print("asked")
        return await super().fetch(name)


class Wrong(Honest):
    async def fetch(self, name: str) -> Any:
        found = await super().fetch(name)
        return found and "something-else"


class Eager(Honest):
    async def fetch(self, name: str) -> Any:
        return await super().fetch("token")


class Fussy(Honest):
    async def fetch(self, name: str) -> Any:
        if "\0" in name:
            raise ValueError("embedded null byte")
        return await super().fetch(name)


class Leaving(Honest):
    async def fetch(self, name: str) -> Any:
        self.left = asyncio.ensure_future(asyncio.sleep(60))
        return await super().fetch(name)


class Lonely(Honest):
    busy = False

    async def fetch(self, name: str) -> Any:
        if self.busy:
            raise TaskError("busy")
        self.busy = True
        await asyncio.sleep(0)
        self.busy = False
        return await super().fetch(name)


class Mute(Honest):
    def places(self, name: str) -> str:
        return ""


class Telling(Honest):
    def places(self, name: str) -> str:
        return f"here: {VALUE}"


class Pretending(Honest):
    def fail(self) -> Any:
        return None


class Panicking(Honest):
    def fail(self) -> Any:
        raise KeyError(VALUE)


class Chatty(Honest):
    def fail(self) -> Any:
        raise TaskError(f"{VALUE} is sealed")


CAUGHT = {
    Honest: set(),
    Loud: {"quiet"},
    Wrong: {"returns", "at once"},
    Eager: {"returns", "any name"},
    Fussy: {"any name"},
    Leaving: {"leaves"},
    Lonely: {"at once"},
    Mute: {"places"},
    Telling: {"places"},
    Pretending: {"fails well"},
    Panicking: {"fails well"},
    Chatty: {"fails well"},
}


@pytest.mark.parametrize("source", CAUGHT, ids=lambda source: source.__name__)
def test_a_cheat_is_caught_by_the_rule_that_it_breaks(source: type[Honest]) -> None:
    def failing() -> Honest:
        made = source()
        made.failing = True
        return made

    checks: list[Callable[[], None]] = [
        lambda: secret_checks.check_returns(source, "token", VALUE, "absent", 5.0),
        lambda: secret_checks.check_any_name(source, 5.0),
        lambda: secret_checks.check_many_fetches(source, "token", VALUE, 5.0),
        lambda: secret_checks.check_places(source, "token", VALUE),
        lambda: secret_checks.check_fetch_failure(failing, "token", VALUE, 5.0),
    ]
    rules, told = set(), ""
    for check in checks:
        try:
            check()
        except NotConformant as error:
            rules.add(error.rule)
            told += str(error)
    assert VALUE not in told
    assert rules == CAUGHT[source]
