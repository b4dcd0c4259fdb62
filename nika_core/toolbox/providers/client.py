"""What a client of any provider may leave out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.plugin.client_extras import BatchResult
from nika_core.plugin.provider import Chunk, Health, ModelInfo, ModelRequest, TokenEstimate
from nika_core.plugin.token_estimate import estimate_tokens


class ClientBase(ABC):
    """A `Client` with everything that a provider may leave out: no batches, no token counter, nothing to close.

    Attributes:
        provider: what errors call the provider.
        counts_by_asking: whether `estimate` sends a request: then it is called only if much depends on it.
    """

    provider: ClassVar[str]
    counts_by_asking: ClassVar[bool] = False

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ

    @abstractmethod
    def info(self, model: str) -> ModelInfo:
        """Return what the model can do. Pure and quick."""

    @abstractmethod
    def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """Call the model. Yield text as it comes, then `Finished`. Raise TaskError."""

    def models(self) -> Sequence[ModelInfo]:
        """Return the models that are known by name: none."""
        return ()

    async def estimate(self, request: ModelRequest) -> TokenEstimate:
        """Estimate the tokens of the prompt from its length."""
        return TokenEstimate(estimate_tokens(request))

    async def health(self) -> Health:
        """Return that the provider can be reached. Raise nothing."""
        return Health(True)

    async def submit_batch(self, requests: Mapping[str, ModelRequest]) -> str:
        """Raise TaskError: there are no batches."""
        raise self._no_batches()

    async def poll_batch(self, batch_id: str) -> BatchResult:
        """Raise TaskError: there are no batches."""
        raise self._no_batches()

    async def close(self) -> None:  # noqa: B027  # most clients without connections have nothing to close
        """Close what is open: nothing."""

    def _no_batches(self) -> TaskError:
        return TaskError(f"{self.provider} has no batches", category=Category.CONFIG, code=codes.MODEL_CANNOT)
