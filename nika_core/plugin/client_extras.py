"""What a provider's client may do beyond a `Client`: batches, and prices that its server knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol

from nika_core.plugin.provider import Finished, ModelRequest, Price
from nika_core.values import dataclass, field


@dataclass(frozen=True, slots=True)
class BatchReply:
    """One reply of a batch: a text and its end, or the error.

    Attributes:
        text: the answer.
        finished: its end.
        error: why there is no answer.
    """

    text: str = ""
    finished: Finished | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How a batch is.

    Attributes:
        done: whether all of it has ended.
        replies: one for each name; only when `done`.
    """

    done: bool
    replies: Mapping[str, BatchReply] = field(default_factory=dict)


class BatchTrace(StrEnum):
    """What became of a batch whose id never came back."""

    TAKEN = "taken"  # it is there
    ABSENT = "absent"  # it is not
    UNDECIDED = "undecided"  # that can be said later only
    UNKNOWN = "unknown"  # that cannot be said


@dataclass(frozen=True, slots=True)
class BatchSearch:
    """The answer of `BatchFinder.find_batch`.

    Attributes:
        trace: what became of the batch.
        batch_id: its id; only where it was taken.
    """

    trace: BatchTrace
    batch_id: str = ""


class BatchFinder(Protocol):
    """Find a batch that was sent and whose id never came back; a client with batches may have this method, too.

    A run can be killed, and a connection break, while a batch is on its way. Without this method nobody knows whether
    it arrived: it is sent again, perhaps paid twice, and the user is told so.
    """

    async def find_batch(self, names: Sequence[str], since: float) -> BatchSearch:
        """Return whether there is a batch of exactly the requests with these names. Raises TaskError.

        Args:
            names: as `submit_batch` was given them; no other batch, of no other run, has ever had one of them.
            since: seconds since the epoch, by this machine's clock: it was not sent before.
        """
        ...


class BatchClient(Protocol):
    """Send calls together, at a lower price; a client whose `info` says `batch` has these methods."""

    async def submit_batch(self, requests: Mapping[str, ModelRequest]) -> str:
        """Send requests, each under a name, at the batch price; return the batch's id."""
        ...

    async def poll_batch(self, batch_id: str) -> BatchResult:
        """Return how the batch is. If all of it was refused, raise a TaskError of category `provider` that is final."""
        ...


class PriceLister(Protocol):
    """Ask the server for its prices; a client may have this method, too."""

    async def prices(self) -> Mapping[str, Price]:
        """Return the price of each model that the server has one for. Raise TaskError.

        It is called once in a run, for a model whose price neither the project, nor `info`, nor a price list knows.
        """
        ...


class EnvironmentChecker(Protocol):
    """Check the address and the key before a run; a client may have this method, too."""

    def check_environment(self) -> None:
        """Raise TaskError if no request can be sent with what the environment has. Pure and quick.

        It is called before a run that uses the provider starts, and by `nika plan`; `nika validate` does not call it.
        """
        ...
