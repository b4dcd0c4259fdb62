"""What a call really took, into the budgets and to the task: also when it failed, and when nobody knows."""

from __future__ import annotations

import socket
from decimal import Decimal
from secrets import token_hex
from typing import Final

from nika_core.engine.llm.breaker import Breaker
from nika_core.engine.llm.budget import Reservation
from nika_core.engine.llm.connections import Connection
from nika_core.engine.llm.pricing import Prices
from nika_core.engine.llm.replies import tokens_of
from nika_core.errors import Category, TaskError
from nika_core.model.usage import NOTHING, Usage
from nika_core.plugin import Admission, Finished, ModelInfo
from nika_core.values import dataclass, field, replace

MOST_PER_TOKEN: Final = 5  # times the text that our estimate has for a token (20 bytes): a tokenizer packs less
# The provider answered, and its answer was no: nothing was generated, nothing is to be paid.
_MOST: Final = 10**8  # tokens; no call takes that many
_NOT_BILLED: Final = frozenset({Category.RATE_LIMIT, Category.CONFIG, Category.VALIDATION, Category.PROVIDER})


@dataclass(slots=True)
class InFlightCall:
    """What is known of a call that was sent. `prompt` in tokens; `began` by the monotonic clock.

    `worst` is the most that it can take if its server keeps to what it is asked for; more is reserved if it is known
    not to, or if another model may be asked in its place. `answered`: something of a reply has come, be it no text.
    """

    connection: Connection
    info: ModelInfo
    breaker: Breaker
    reservation: Reservation
    worst: Usage
    prompt: int
    began: float
    batch: bool = False
    told: Usage = NOTHING  # what it took, once it has ended
    unknown: Usage = NOTHING  # what it may have taken beyond what is told, once it has ended
    admission: Admission | None = None  # what limit policies have admitted, until they know what came of it
    text: list[str] = field(default_factory=list)
    answered: bool = False
    _note: str = ""

    @property
    def note(self) -> str:
        """The name under which its task's call cache keeps what it took; a call that is free needs none."""
        self._note = self._note or token_hex(4)
        return self._note

    def charge_worst_case(self, at_least: Usage = NOTHING) -> None:
        """Count the most that it can have taken: what it took will never be known.

        Args:
            at_least: what came of it, which may be more than was asked for.
        """
        self.unknown = self.worst
        tokens = max(self.worst.total_tokens, at_least.total_tokens)
        self.reservation.charge_worst_case((tokens, max(self.worst.cost_usd, at_least.cost_usd)))


class UsageSettlement:
    """Ends reservations. Where the figures are unknown the budgets keep the worst case, and ours stand in for the
    reader, marked as estimated.
    """

    def __init__(self, prices: Prices) -> None:
        self._prices = prices

    def ended(self, in_flight: InFlightCall, finished: Finished) -> Usage:
        """Settle a whole reply. A prompt of no tokens is one that was not counted, and so is an answer with more text
        than its tokens can hold.
        """
        told = finished.usage if _believable(finished.usage) else NOTHING
        text, calls = "".join(in_flight.text), finished.tool_calls
        in_text = written = tokens_of(text)
        if calls:
            written = tokens_of(text, calls)
        counted = (told.output_tokens > 0 or not written) and told.output_tokens * MOST_PER_TOKEN >= in_text
        prompt = told.input_tokens or in_flight.prompt
        real = replace(
            told,
            input_tokens=prompt,
            output_tokens=told.output_tokens if counted else written,
            estimated=told.estimated or not counted or prompt != told.input_tokens,
            models=(finished.model or in_flight.info.name,),
        )
        known = not told.estimated and counted and (told.output_tokens > 0 or told.input_tokens > 0)
        usage, bill = self._priced(in_flight, real), finished.billed_usd
        # Nobody's calls are free because a server says so: a bill of nothing leaves the price as it is.
        if isinstance(bill, Decimal) and bill.is_finite() and bill > 0:
            usage = replace(usage, cost_usd=bill, unpriced=())
        if known:
            in_flight.reservation.settle(real.total_tokens, usage.cost_usd)
        else:
            self._charge_worst_case(in_flight, usage)
        return usage

    def failed(self, in_flight: InFlightCall, error: TaskError | None) -> Usage:
        """Settle a call after a failure, or (None) a cancellation."""
        if error is not None and isinstance(error.usage, Usage) and _believable(error.usage):
            whole = self._at_least(in_flight, error.usage)
            if not any(whole.counts):  # it was never sent
                in_flight.reservation.release()
                return replace(NOTHING, calls=1)
            usage = self._priced(in_flight, whole)
            if whole.estimated and not error.usage.estimated:
                self._charge_worst_case(in_flight, usage)
            else:
                in_flight.reservation.settle(usage.total_tokens, usage.cost_usd)
            return usage
        if error is not None and not in_flight.answered and (error.category in _NOT_BILLED or _never_arrived(error)):
            in_flight.reservation.release()
            return replace(NOTHING, calls=1)
        told = self._priced(in_flight, Usage(in_flight.prompt, tokens_of("".join(in_flight.text)), estimated=True))
        self._charge_worst_case(in_flight, told)
        return told

    def _at_least(self, in_flight: InFlightCall, told: Usage) -> Usage:
        """Return what a broken call had told, and add what came of it beyond that: figures at the beginning of a
        stream know nothing of its text.
        """
        if not in_flight.text:
            return told
        prompt, reply = told.input_tokens or in_flight.prompt, tokens_of("".join(in_flight.text))
        if prompt == told.input_tokens and reply <= told.output_tokens:
            return told
        return replace(told, input_tokens=prompt, output_tokens=max(reply, told.output_tokens), calls=1, estimated=True)

    def _charge_worst_case(self, in_flight: InFlightCall, told: Usage) -> None:
        in_flight.charge_worst_case(told)
        worst = in_flight.worst
        cost = max(Decimal(0), worst.cost_usd - told.cost_usd)
        in_flight.unknown = Usage(max(0, worst.total_tokens - told.total_tokens), 0, cost)

    def _priced(self, in_flight: InFlightCall, usage: Usage) -> Usage:
        """Return the usage of one call with its cost, or with the model among the unpriced ones."""
        provider, info = in_flight.connection.provider.name, in_flight.info
        cost = self._prices.cost(provider, info, usage, batch=in_flight.batch)
        full = self._prices.cost(provider, info, usage) if in_flight.batch else cost
        return replace(
            usage,
            cost_usd=cost or Decimal(0),
            unpriced=(info.name,) if cost is None else (),
            calls=max(1, usage.calls),
            saved_usd=Decimal(0) if cost is None or full is None else full - cost,
        )


def _believable(told: Usage) -> bool:
    """Return whether these can be figures of a call at all: less than nothing would give a budget more than it had."""
    return all(type(each) is int and 0 <= each < _MOST for each in told.counts)


def _never_arrived(error: BaseException) -> bool:
    """Return whether no connection was made at all, by the operating system's own word."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, ConnectionRefusedError | socket.gaierror):
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return False
