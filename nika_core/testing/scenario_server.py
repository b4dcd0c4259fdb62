"""A server on loopback that plays a scenario: any protocol over HTTP, in all ways in which servers answer oddly."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final

from nika_core.model.clock import Clock
from nika_core.testing.errors import NotConformant
from nika_core.testing.fault_server import ReceivedRequest
from nika_core.testing.raw_server import RawAnswer, RawServer
from nika_core.testing.scenario import Expected, Scenario, ScenarioAnswer

SCENARIO: Final = "scenario"


class ScenarioServer(RawServer):
    """Plays a scenario of a file (`read_scenarios`). Used with `with`, or with `async with` in the test's event loop.

        with ScenarioServer(read_scenarios("openai")[0]) as server:
            ...  # your client, with server.url

    Leaving the block raises NotConformant if a request was not what the scenario expects.

    Args:
        scenario: what is answered.
        clock: measures the waits of the scenario; None: there are none.

    Attributes:
        complaints: what was wrong with the requests, one sentence each.
    """

    def __init__(self, scenario: Scenario, *, clock: Clock | None = None) -> None:
        super().__init__(clock=clock)
        self.scenario = scenario
        self.complaints: list[str] = []
        self._taken: dict[str, int] = {}  # answers, by their target

    def answer_to(self, request: ReceivedRequest) -> RawAnswer:
        """Return the next answer for the request's path; 404 for one that the scenario does not know."""
        wanted = f"{request.method} {request.path.partition('?')[0]}"
        target = next((each for each in self.scenario.answers if fnmatchcase(wanted, each)), None)
        if target is None:
            self.complaints.append(f"nobody expects {wanted}")
            return raw_answer(ScenarioAnswer(404, {}, [b"the scenario has no answer to this"]))
        answers = self.scenario.answers[target]
        number = self._taken.get(target, 0)
        self._taken[target] = number + 1
        answer = answers[min(number, len(answers) - 1)]
        if answer.expect is not None:
            self.complaints += [f"{wanted}, request {number + 1}: {each}" for each in unmet(answer.expect, request)]
        return raw_answer(answer)

    def check(self) -> None:
        """Raise NotConformant if a request was not what the scenario expects, or an answer that expects one never was
        asked for."""
        missing = [
            f"{target}: request {number} was never sent"
            for target, answers in self.scenario.answers.items()
            for number, answer in enumerate(answers, 1)
            if answer.expect is not None and number > self._taken.get(target, 0)
        ]
        if self.complaints or missing:
            raise NotConformant(SCENARIO, f"{self.scenario.name}: {'; '.join([*self.complaints, *missing])}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if kind is None:
            self.check()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await super().__aexit__(kind, error, trace)
        if kind is None and self._thread is None:
            self.check()


def raw_answer(answer: ScenarioAnswer) -> RawAnswer:
    """Return an answer as it is sent: in chunks, unless its headers have its length."""
    if answer.then == "drop":
        return RawAnswer(b"", "close")
    try:
        reason = HTTPStatus(answer.status).phrase
    except ValueError:
        reason = "Odd"
    names = {name.lower() for name in answer.headers}
    framing = "" if "content-length" in names else "transfer-encoding: chunked\r\n"
    fields = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
    head = f"HTTP/1.1 {answer.status} {reason}\r\n{fields}{framing}\r\n".encode()
    if not framing:
        return RawAnswer([head, *answer.parts], answer.then)
    chunks = [part if isinstance(part, float) else b"%x\r\n%s\r\n" % (len(part), part) for part in answer.parts if part]
    return RawAnswer([head, *chunks, *([b"0\r\n\r\n"] if answer.then == "go on" else [])], answer.then)


def unmet(expected: Expected, request: ReceivedRequest) -> list[str]:
    """Return what a request has otherwise than expected, one sentence each."""
    found: list[str] = []
    headers = {name.lower(): value for name, value in request.headers.items()}
    for name, value in expected.headers.items():
        if headers.get(name) != value:
            found.append(f"its header `{name}` is {headers.get(name)!r}, not {value!r}")
    found += _differ(expected.body, request.body, "its body")
    found += [f"its body has `{name}`" for name in expected.without if name in request.body]
    return found


def _differ(expected: Any, value: Any, where: str) -> list[str]:
    """Objects may have further members, lists not further items; None expects nothing."""
    if expected is None:
        return []
    if isinstance(expected, Mapping):
        if not isinstance(value, Mapping):
            return [f"{where} is {value!r:.200}, not an object"]
        found: list[str] = []
        for name, inner in expected.items():
            if name not in value:
                found.append(f"{where} has no `{name}`")
            else:
                found += _differ(inner, value[name], f"{where}.{name}")
        return found
    if isinstance(expected, list) and isinstance(value, list) and len(expected) == len(value):
        return [
            each for n, pair in enumerate(zip(expected, value, strict=True)) for each in _differ(*pair, f"{where}.{n}")
        ]
    return [] if expected == value else [f"{where} is {value!r:.200}, not {expected!r:.200}"]
