"""Providers that keep every rule but one. The honest one keeps all."""

import asyncio
import base64
import json
from dataclasses import replace
from urllib.parse import urlsplit

from nika_core.errors import Category, TaskError
from nika_core.model.usage import Usage
from nika_core.plugin import (
    BatchResult,
    BatchSearch,
    BatchTrace,
    FileAbility,
    FileTotals,
    Finished,
    Health,
    ModelInfo,
    Provider,
    ReasoningPart,
    TextDelta,
    TextPart,
    TokenEstimate,
    ToolCall,
    estimate_tokens,
    fields,
    hookimpl,
)
from nika_core.toolbox.providers import read_error_body, status_error

NIKA_API = 1


class Honest:
    """OpenAI's format over a socket of its own for each call."""

    def __init__(self, environ):
        self.url = environ["CHEAT_URL"]
        self.key = environ.get("CHEAT_API_KEY", "")

    asks_again = False

    def info(self, model):
        return ModelInfo(model, json_schema=True)

    def models(self):
        return ()

    async def open(self, method, path, body=b""):
        where = urlsplit(self.url)
        try:
            reader, writer = await asyncio.open_connection(where.hostname, where.port)
        except OSError as error:
            raise TaskError(f"nobody at {self.url}: {error}", category=Category.NETWORK) from error
        head = f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        return reader, writer

    def failed(self, status, headers, said):
        return status_error("cheat", status, said, headers, model="m", secrets=(self.key,))

    def ended(self, usage):
        return Finished("end", usage)

    async def stream(self, request):
        body = {"model": request.model, "stream": True, "messages": []}
        if request.output_schema is not None:
            body["response_format"] = {}
        reader, writer = await self.open("POST", "/chat/completions", json.dumps(body).encode())
        try:
            async for chunk in self.read(reader):
                yield chunk
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise TaskError("the connection broke", category=Category.NETWORK) from error
        finally:
            self.close_one(writer)

    def close_one(self, writer):
        writer.close()

    async def read(self, reader):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status = int(head.split(" ")[1])
        headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in head.split("\r\n"))}
        if "event-stream" not in headers["content-type"]:
            said = read_error_body(await reader.readexactly(int(headers["content-length"]))).message
            if status >= 400:
                raise self.failed(status, headers, said)
            raise TaskError(said, category=Category.PROVIDER, retriable=self.asks_again)
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            data = (await reader.readexactly(size + 2)).decode()
            for line in data.splitlines():
                if not line.startswith("data: {"):
                    continue
                event = json.loads(line[6:])
                for choice in event["choices"]:
                    if choice["delta"]["content"]:
                        yield TextDelta(choice["delta"]["content"])
                if "usage" in event:
                    used = event["usage"]
                    yield self.ended(Usage(used["prompt_tokens"], used["completion_tokens"], calls=1))

    async def estimate(self, request):
        return TokenEstimate(estimate_tokens(request))

    async def health(self):
        try:
            _, writer = await self.open("GET", "/")
        except TaskError as error:
            return Health(False, error.message)
        writer.close()
        return Health(True)

    async def submit_batch(self, requests):
        raise TaskError("no batches", category=Category.CONFIG)

    async def poll_batch(self, batch_id):
        return BatchResult(False)

    async def close(self):
        pass


class Hoarding(Honest):
    async def stream(self, request):
        for chunk in [chunk async for chunk in super().stream(request)]:
            yield chunk


class Endless(Honest):
    async def read(self, reader):
        async for chunk in super().read(reader):
            if isinstance(chunk, TextDelta):
                yield chunk


class Countless(Honest):
    def ended(self, usage):
        return Finished("end", Usage(calls=1))


class Billing(Honest):
    def ended(self, usage):
        return Finished("end", usage, billed_usd=-1.0)


class Guessing(Honest):
    counts_by_asking = True


class Asking(Honest):
    async def estimate(self, request):
        reader, writer = await self.open("GET", "/count")
        await reader.readuntil(b"\r\n\r\n")
        writer.close()
        return TokenEstimate(estimate_tokens(request))


class Pricing(Honest):
    async def prices(self):
        return {"m": 0.5}


class Accepting(Honest):
    def __init__(self, environ, settings):
        super().__init__(environ)


class Keeping(Honest):
    kept = []

    def close_one(self, writer):
        self.kept.append(writer)


class Mislabelling(Honest):
    def failed(self, status, headers, said):
        return TaskError("no", category=Category.NETWORK)


class Raising(Honest):
    def failed(self, status, headers, said):
        return ValueError("no")


class Telling(Honest):
    def failed(self, status, headers, said):
        error = super().failed(status, headers, said)
        error.message += f" (with {self.key})"
        return error


class Hiding(Honest):
    def failed(self, status, headers, said):
        return super().failed(status, headers, "no")


class Insisting(Honest):
    asks_again = True


class Alarming(Honest):
    async def health(self):
        _, writer = await self.open("GET", "/")
        writer.close()
        return Health(True)


class Boasting(Honest):
    def info(self, model):
        return ModelInfo(model, batch=True)

    async def submit_batch(self, requests):
        raise NotImplementedError


class Claiming(Honest):
    def info(self, model):
        return ModelInfo(model, batch=True)

    async def submit_batch(self, requests):
        return "b"

    async def find_batch(self, names, since):
        return BatchSearch(BatchTrace.TAKEN, "b")


class Chattering(Honest):
    async def read(self, reader):
        async for chunk in super().read(reader):
            yield TextDelta("Sure! ") if isinstance(chunk, TextDelta) else chunk


class Eager(Honest):
    def __init__(self, environ):
        super().__init__(environ)
        import httpx2  # noqa: F401  # that is the cheat


class Renaming(Honest):
    def info(self, model):
        return ModelInfo("another")


class Thinking(Honest):
    """Honest: it sends the effort, and what the model thinks goes back with its calls."""

    effort_field = "reasoning_effort"

    def info(self, model):
        return ModelInfo(model, json_schema=True, efforts=("low", "high"))

    async def stream(self, request):
        body = {"model": request.model, "stream": True, "messages": [], self.effort_field: request.effort}
        if request.effort is None:
            del body[self.effort_field]
        body["messages"] = [self.sent(message) for message in request.messages]
        body["tools"] = [tool.name for tool in request.tools]
        if request.output_schema is not None:
            body["response_format"] = {}
        reader, writer = await self.open("POST", "/chat/completions", json.dumps(body).encode())
        try:
            async for chunk in self.read(reader):
                yield chunk
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise TaskError("the connection broke", category=Category.NETWORK) from error
        finally:
            self.close_one(writer)

    def sent(self, message):
        if message.tool_results:
            return {"role": "tool", "tool_call_id": message.tool_results[0].call_id}
        thoughts = [part.data for part in message.parts if isinstance(part, ReasoningPart)]
        return {"role": message.role, "content": message.text, "thoughts": thoughts}

    def thought(self, text):
        return ReasoningPart({"text": text})

    async def read(self, reader):
        self.parts = []
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if "event-stream" not in head:
            async for chunk in super().read(Again(head, reader)):
                yield chunk
            return
        while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
            for line in (await reader.readexactly(size + 2)).decode().splitlines():
                event = json.loads(line[6:]) if line.startswith("data: {") else {"choices": []}
                for choice in event["choices"]:
                    delta = choice["delta"]
                    if delta.get("content"):
                        yield TextDelta(delta["content"])
                    if delta.get("reasoning_content"):
                        if (thought := self.thought(delta["reasoning_content"])) is not None:
                            self.parts.append(thought)
                        if self.blabs:
                            yield TextDelta(delta["reasoning_content"])
                    for call in delta.get("tool_calls", ()):
                        self.parts.append(ToolCall(call["id"], call["function"]["name"], {}))
                if "usage" in event:
                    used = event["usage"]
                    stop = "toolUse" if self.parts else "end"
                    usage = Usage(used["prompt_tokens"], used["completion_tokens"], calls=1)
                    yield Finished(stop, usage, tuple(self.parts))

    blabs = False


class Again:
    """A reader whose head was read."""

    def __init__(self, head, reader):
        self.head, self.reader = head.encode(), reader

    async def readuntil(self, end):
        head, self.head = self.head, b""
        return head or await self.reader.readuntil(end)

    async def readexactly(self, count):
        return await self.reader.readexactly(count)


class Effortless(Thinking):
    async def stream(self, request):
        async for chunk in super().stream(replace(request, effort=request.effort and "low")):
            yield chunk


class Forgetful(Thinking):
    def thought(self, text):
        return None


class Blabbing(Thinking):
    blabs = True


class Seeing(Thinking):
    """Honest: it sends what it is given."""

    def info(self, model):
        return ModelInfo(model, files=(FileAbility(("image/png", "text/plain")),))

    def sent(self, message):
        files = [base64.b64encode(part.data).decode() for part in message.parts if not isinstance(part, TextPart)]
        return {"role": message.role, "content": message.text, "files": files}


class Blind(Seeing):
    def sent(self, message):
        return {"role": message.role, "content": message.text}


class Imagining(Seeing):
    def info(self, model):
        return ModelInfo(model, files=(FileAbility(("video/mp4",)),))


class Caching(Honest):
    """Honest: it asks for it."""

    def info(self, model):
        return ModelInfo(model, prompt_cache=True)

    def wish(self, request):
        return {"cache": True} if request.cache_prompt else {}

    async def stream(self, request):
        body = {"model": request.model, "stream": True, "messages": [], **self.wish(request)}
        reader, writer = await self.open("POST", "/chat/completions", json.dumps(body).encode())
        try:
            async for chunk in self.read(reader):
                yield chunk
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise TaskError("the connection broke", category=Category.NETWORK) from error
        finally:
            self.close_one(writer)


class Wishless(Caching):
    def wish(self, request):
        return {}


class Restless(Caching):
    times = 0

    def wish(self, request):
        Restless.times += 1
        return {"cache": True, "time": self.times} if request.cache_prompt else {}


class Discreet(Honest):
    """It breaks as soon as it is told more than it knows."""

    def stream(self, request):
        if request.labels:
            raise TaskError("unknown field: labels", category=Category.VALIDATION)
        return super().stream(request)


class Boundless(Honest):
    def info(self, model):
        return ModelInfo(model, file_totals=FileTotals(max_bytes=0))


CLIENTS = (
    Honest, Hoarding, Endless, Countless, Keeping, Mislabelling, Raising, Telling, Hiding, Insisting, Alarming,
    Boasting, Claiming, Chattering, Eager, Renaming, Guessing, Asking, Pricing, Accepting, Billing,
    Thinking, Effortless, Forgetful, Blabbing, Seeing, Blind, Imagining, Caching, Wishless, Restless,
    Discreet, Boundless,
)  # fmt: skip


@hookimpl
def nika_providers():
    return [
        Provider(
            name=each.__name__.lower(),
            summary="A test.",
            client=f"cheating_providers:{each.__name__}",
            settings=fields.MapPattern(fields.Str(), fields.Str()) if each is Accepting else None,
        )
        for each in CLIENTS
    ]
