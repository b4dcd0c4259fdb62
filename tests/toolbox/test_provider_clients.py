"""The base classes of provider clients: what a provider may leave out, and what becomes of its server's failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.message import Message, Role
from nika_core.model.usage import Usage
from nika_core.plugin import Chunk, Finished, ModelInfo, ModelRequest, TextDelta
from nika_core.toolbox.providers import ClientBase, ServerClient, ServerError, parsed_call, without_credentials
from nika_core.toolbox.providers.configuration import check_address

REQUEST = ModelRequest((Message(Role.USER, "Hello?"),), model="m-1")


class Reply:
    """Events are texts; "." ends the reply."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.complete = False

    def add(self, event: Any) -> str:
        self.usage = Usage(input_tokens=1, output_tokens=1, calls=1)
        self.complete = self.complete or event == "."
        return "" if event == "." else str(event)

    def finished(self) -> Finished:
        return Finished("end", self.usage or Usage())


class Refused(Exception):
    """As SDKs raise it."""

    def __init__(self, message: str, status_code: int) -> None:
        super().__init__(message)
        self.status_code = status_code


class Connection:
    closed = 0

    async def aclose(self) -> None:
        self.closed += 1


class Client(ServerClient):
    """Plays events; an exception among them is raised, and after None nothing comes any more."""

    provider = "acme"
    address_variable = "ACME_URL"
    default_address = "https://acme.example"
    key_variable = "ACME_KEY"

    def __init__(self, *events: Any, **environ: str) -> None:
        super().__init__(environ)
        self.events = events
        self.made: list[Connection] = []
        self.ended = 0

    def info(self, model: str) -> ModelInfo:
        return ModelInfo(model)

    async def connect(self) -> Any:
        await asyncio.sleep(0)
        self.made.append(Connection())
        return self.made[-1]

    async def send(self, request: ModelRequest) -> AsyncIterator[Any]:
        await self.connection()
        return self._play()

    async def _play(self) -> AsyncIterator[Any]:
        try:
            for event in self.events:
                if isinstance(event, Exception):
                    raise event
                if event is None:
                    await asyncio.Event().wait()
                yield event
        finally:
            self.ended += 1

    def new_reply(self, request: ModelRequest) -> Reply:
        return Reply()

    async def list_models(self) -> tuple[str, ...]:
        await self._play().__anext__()
        return ("m-1", "m-2")


async def collected(client: Client) -> list[Chunk]:
    return [chunk async for chunk in client.stream(REQUEST)]


async def failure(client: Client) -> TaskError:
    with pytest.raises(TaskError) as caught:
        await collected(client)
    return caught.value


async def test_a_reply_is_its_texts_and_its_end() -> None:
    client = Client("Hel", "lo", ".")
    chunks = await collected(client)
    assert chunks[:2] == [TextDelta("Hel"), TextDelta("lo")]
    assert isinstance(chunks[2], Finished)
    assert client.ended == 1


async def test_a_stream_that_is_left_is_closed() -> None:
    client = Client("Hel", "lo", ".")
    stream = client.stream(REQUEST)
    await anext(stream)
    assert client.ended == 0
    await stream.aclose()  # type: ignore[attr-defined]  # an async generator
    assert client.ended == 1


async def test_a_stream_that_stops_before_the_reply_is_complete_is_a_network_error_with_its_usage() -> None:
    error = await failure(Client("Hel"))
    assert error.category is Category.NETWORK
    assert error.usage is not None
    assert error.usage.calls == 1


@pytest.mark.parametrize("after", [[], [""], [ConnectionError("it broke")]])
async def test_what_follows_the_end_of_a_reply_is_not_waited_for_for_long(after: list[Any]) -> None:
    client = Client("Hel", "lo", ".", *after, *(() if after and isinstance(after[0], Exception) else (None,)))
    client.end_timeout = 0.01
    chunks = await collected(client)
    assert isinstance(chunks[-1], Finished)
    assert client.ended == 1


async def test_many_calls_open_one_connection_and_close_closes_it_once() -> None:
    client = Client(".")
    await asyncio.gather(*(collected(client) for _ in range(5)))
    assert len(client.made) == 1
    await client.close()
    await client.close()
    assert client.made[0].closed == 1


async def test_a_connection_that_cannot_be_made_is_tried_again_by_the_next_call() -> None:
    class Late(Client):
        async def connect(self) -> Any:
            self.made.append(Connection())
            if len(self.made) == 1:
                raise self.missing_key()
            return self.made[-1]

    client = Late(".")
    error = await failure(client)
    assert (error.code, error.hint) == (codes.MISSING_SECRET, "export ACME_KEY=...")
    assert isinstance((await collected(client))[-1], Finished)


@pytest.mark.parametrize(
    ("raised", "category", "words"),
    [
        (Refused("no", 401), Category.CONFIG, "ACME_KEY"),
        (Refused("no model of this name", 404), Category.CONFIG, "has no model 'm-1'"),
        (Refused("404 page not found", 404), Category.CONFIG, "nothing at this address"),
        (Refused("slow down", 429), Category.RATE_LIMIT, "slow down"),
        (Refused("oops", 500), Category.PROVIDER, "oops"),
        (ConnectionRefusedError("nobody"), Category.NETWORK, "acme cannot be reached at http://127.0.0.1:1"),
        (TimeoutError(), Category.TIMEOUT, "did not answer in time"),
        (RuntimeError("key-0123456789 is odd"), Category.PROVIDER, "acme failed: *** is odd"),
        (TaskError("mine", category=Category.VALIDATION), Category.VALIDATION, "mine"),
    ],
)
async def test_an_exception_becomes_the_error_that_says_what_it_is(
    raised: Exception, category: Category, words: str
) -> None:
    environ = {"ACME_URL": "http://ada:secret@127.0.0.1:1/", "ACME_KEY": " key-0123456789 "}
    error = await failure(Client(raised, **environ))
    assert error.category is category
    assert words in error.message
    assert error.retriable is (category not in (Category.CONFIG, Category.VALIDATION))
    assert "secret" not in error.message
    health = await Client(raised, **environ).health()
    assert not health.ok
    assert "secret" not in health.detail


@pytest.mark.parametrize("raised", [Refused("oops", 500), ConnectionResetError("reset"), RuntimeError("odd")])
async def test_what_fails_after_text_was_shown_is_not_tried_again(raised: Exception) -> None:
    assert (await failure(Client("Hel", raised))).retriable is False


async def test_health_names_the_models_and_an_address_without_credentials() -> None:
    health = await Client("x", ACME_URL="https://ada:secret@acme.example/v1/").health()
    assert (health.ok, health.models) == (True, ("m-1", "m-2"))
    assert health.detail == "2 model(s) at https://acme.example/v1"


def test_an_error_answer_that_a_client_reads_by_hand_is_the_same_error() -> None:
    error = Client(ACME_KEY="key-0123456789").server_error(ServerError("key-0123456789?", 400), model="m-1")
    assert error.category is Category.VALIDATION
    assert "key-0123456789" not in error.message


async def test_a_provider_may_leave_out_batches_the_counter_and_closing() -> None:
    class Small(ClientBase):
        provider = "small"

        def info(self, model: str) -> ModelInfo:
            return ModelInfo(model)

        async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
            yield Finished("end", Usage(calls=1))

    client = Small({})
    assert client.models() == ()
    assert (await client.estimate(REQUEST)).input_tokens > 0
    assert (await client.health()).ok
    for call in (client.submit_batch({"one": REQUEST}), client.poll_batch("1")):
        with pytest.raises(TaskError, match="small has no batches") as caught:
            await call
        assert caught.value.code == codes.MODEL_CANNOT
    await client.close()


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("http://[fe80::1%eth0]:9/v1", "another one of its addresses"),
        ("http://[fe80::1%251]", "another one of its addresses"),
        ("http://[::1", "http://HOST:PORT"),
        ("http://acme.example:99999", "http://HOST:PORT"),
    ],
)
def test_what_is_no_address_of_a_server_is_refused_before_anything_is_sent(address: str, hint: str) -> None:
    with pytest.raises(TaskError, match=r"ACME_URL is '.*', which is not the address of a server") as caught:
        check_address("ACME_URL", address)
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://ada:pw@host/v1/", "https://host/v1"),
        ("ada:pw@host:11434", "host:11434"),
        ("http://host/users/@ada", "http://host/users/@ada"),
    ],
)
def test_an_address_is_shown_without_its_credentials(address: str, shown: str) -> None:
    assert without_credentials(address) == shown


@pytest.mark.parametrize(
    ("raw", "arguments"),
    [
        ("", {}),
        (' {"a": 1} ', {"a": 1}),
        ('{"a": 1, "a": 2}', None),
        ('{"a": NaN}', None),
        ("[1]", None),
        ('{"a"', None),
        ("[" * 100_000, None),
    ],
)
def test_arguments_of_a_call_are_json_by_the_rule_for_every_answer_of_a_model(raw: str, arguments: Any) -> None:
    call = parsed_call("1", "t", raw)
    assert call.arguments == arguments
    assert call.raw == raw


class Refusal:
    """An error whose body has a beginning, and then nothing, or no end."""

    status_code = 503

    def __init__(self, *, endless: bool) -> None:
        self.headers: dict[str, str] = {}
        self._endless = endless

    async def aiter_bytes(self) -> AsyncIterator[bytes]:
        yield b"the reason"
        while self._endless:
            yield b" and so on" * 1000
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        pass


@pytest.mark.parametrize("endless", [False, True])
async def test_an_error_body_that_never_ends_hides_neither_the_status_nor_its_reason(
    endless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Client, "connect_timeout", 0.05)
    error = await Client().refused(Refusal(endless=endless))
    assert "(HTTP 503): the reason" in error.message
