"""Checks that a provider's models can do what their descriptions say, and that the rest is refused clearly."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

from nika_core.document.validation.compile_validators import compile_schema
from nika_core.document.validation.issues import ValidationIssue
from nika_core.errors import TaskError
from nika_core.plugin import BatchResult, BatchSearch, BatchTrace, Client, ModelInfo, Price
from nika_core.registry import Registry
from nika_core.testing.cache_checks import check_prompt_cache
from nika_core.testing.description_checks import DECLARED
from nika_core.testing.errors import NotConformant, require
from nika_core.testing.fault_server import FaultServer
from nika_core.testing.file_checks import check_files
from nika_core.testing.provider_checks import ABILITIES, SCHEMA, TOOL, Make, in_time, read_stream, small_request
from nika_core.testing.reasoning_checks import check_efforts

T = TypeVar("T")


def check_option_names(word: str) -> None:
    """Check that options and settings which a provider does not know are problems, not silently ignored.

    Raises:
        NotConformant: with which of both takes anything.
    """
    provider = Registry().provider(word)
    for name in ("options", "settings"):
        validator = getattr(provider, name)
        if validator is not None:
            issues: list[ValidationIssue] = []
            compile_schema(validator).check({"conformance-no-such-option": "x"}, issues)
            require(issues, DECLARED, f"its `{name}` take any name: a slip in a workflow would be ignored")


async def check_abilities(make: Make, model: str, server: FaultServer | None = None) -> None:
    """Check that the model can do what `info` says (tools, a schema, batches), and that the rest is refused clearly.

    Args:
        server: sees whether a request really has what `info` says that it can have; None: not looked at.

    Raises:
        NotConformant: with the ability.
    """
    client = make()
    try:
        info = client.info(model)
        labels = {"team": "conformance"}
        await _can("labels", read_stream(client, small_request(model, run="run", task="task", labels=labels)))
        if info.tools:
            await _can("tools", read_stream(client, small_request(model, tools=(TOOL,))))
        if info.temperature:
            await _can("temperature", read_stream(client, small_request(model, temperature=0.0)))
        if info.json_schema:
            texts, end = await _can(
                "json_schema", read_stream(client, small_request(model, output_schema=SCHEMA, max_tokens=256))
            )
            try:
                json.loads("".join(texts) if end.stop_reason != "maxTokens" else "{}")  # cut: nothing to see
            except ValueError:
                message = f"it says `json_schema`, and answers {''.join(texts)!r:.100}"
                raise NotConformant(ABILITIES, message) from None
        await check_efforts(client, model, info, TOOL, server)
        await check_files(client, model, info, server)
        await check_prompt_cache(client, model, info, TOOL, server)
        await _check_batches(client, model, info)
        await _check_prices(client)
    finally:
        await client.close()


async def _check_prices(owner: Client) -> None:
    client: Any = owner
    if not hasattr(client, "prices"):
        return
    try:
        prices = await in_time(client.prices(), ABILITIES)
    except TaskError:
        return  # a server that has none says so, and says it well
    except Exception as error:
        if isinstance(error, NotConformant):
            raise
        raise NotConformant(ABILITIES, f"`prices` raises {error!r:.200}, not TaskError") from error
    right = isinstance(prices, Mapping) and all(isinstance(price, Price) for price in prices.values())
    require(right, ABILITIES, f"`prices` returns {prices!r:.100}, not a Price by each model's name")


async def _check_batches(owner: Client, model: str, info: ModelInfo) -> None:
    client: Any = owner
    missing = [name for name in ("submit_batch", "poll_batch") if not callable(getattr(client, name, None))]
    require(not (info.batch and missing), ABILITIES, f"it says `batch`, and has no {' and no '.join(missing)}")

    async def batch() -> Any:
        return await client.poll_batch(await client.submit_batch({"one": small_request(model)}))

    find: Any = getattr(client, "find_batch", None)

    if info.batch:
        try:
            result = await in_time(batch(), ABILITIES)
            require(isinstance(result, BatchResult), ABILITIES, f"`poll_batch` returns {result!r:.100}")
            if find is not None:
                search = await in_time(find(("nobody-sent-this",), time.time()), ABILITIES)
                right = isinstance(search, BatchSearch) and search.trace is not BatchTrace.TAKEN
                require(right, ABILITIES, f"`find_batch` returns {search!r:.100} for a batch that was never sent")
        except TaskError:
            return  # a server that has none says so, and says it well
        except Exception as error:
            if isinstance(error, NotConformant):
                raise
            raise NotConformant(ABILITIES, f"it says `batch`, and raises {error!r:.200}") from error
        return
    if missing:
        return
    try:
        await in_time(client.submit_batch({"one": small_request(model)}), ABILITIES)
    except TaskError:
        return
    except Exception as error:
        raise NotConformant(
            ABILITIES, f"a batch, which it says it does not have, raises {error!r:.200}: TaskError"
        ) from error


async def _can(ability: str, awaitable: Awaitable[T]) -> T:
    try:
        return await in_time(awaitable, ABILITIES)
    except TaskError as error:
        told = "it is given" if ability == "labels" else "it says"
        raise NotConformant(ABILITIES, f"{told} `{ability}`, and refuses: {error.message}") from error
