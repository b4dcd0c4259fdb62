"""The client of ACME's gateway. The kernel handles retries, budgets, timeouts and accounting."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from acme_nika_models.tokens import Tokens
from nika_core.plugin import ModelInfo, ModelRequest, Price
from nika_core.toolbox.providers import Reply, ServerClient, content_text, load_sdk

# What the house charges its departments; before the public list, after `prices:` of a project.
_PRICES = {
    "acme-large": Price(Decimal("1.00"), Decimal("4.00")),
    "acme-small": Price(Decimal("0.10"), Decimal("0.40")),
}


class Client(ServerClient):
    """One instance serves a whole run, many tasks at once. The defaults hold: no batches, no token counter."""

    provider = "acme"
    address_variable = "ACME_URL"
    default_address = "https://models.acme.example"
    key_variable = "ACME_TOKEN"

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self._team = environ.get("ACME_TEAM", "unknown")
        self._tokens = Tokens(environ)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return every token that was used. The kernel masks them; it cannot know a new token from a variable."""
        return tuple(self._tokens.seen)

    def info(self, model: str) -> ModelInfo:
        """Return what the model can do. Pure and quick: `nika validate` calls this."""
        return ModelInfo(model, 32_000, 4_000, json_schema=False, price=_PRICES.get(model))

    def models(self) -> Sequence[ModelInfo]:
        """Return the models that have a price."""
        return [self.info(name) for name in _PRICES]

    async def connect(self) -> Any:
        """Create the HTTP client."""
        library = await load_sdk("httpx2")  # in a thread: the event loop goes on meanwhile
        return library.AsyncClient(**await self.http_options())

    async def send(self, request: ModelRequest) -> AsyncIterator[Any]:
        """Send a request. The gateway answers with one line of JSON per chunk, and one at the end."""
        return await self.events(await self._authorized("POST", "/generate", _body(request)), request)

    def new_reply(self, request: ModelRequest) -> AcmeReply:
        """Return what collects a reply."""
        return AcmeReply(request)

    async def list_models(self) -> tuple[str, ...]:
        """Return the names of the models that this team may use."""
        response = await self._authorized("GET", "/models")
        try:
            await response.aread()
            return tuple(response.json())
        finally:
            await response.aclose()

    async def _authorized(self, method: str, path: str, body: Any = None) -> Any:
        """Return an open, successful response. If the token has changed in the meantime, fetch it again, once."""
        http = await self.connection()
        token: str | None = None
        for last in (False, True):
            token = await self._tokens.current(refused=token)
            headers = {"X-Acme-Token": token, "X-Acme-Team": self._team}
            url = self.address.rstrip("/") + path
            response = await http.send(http.build_request(method, url, json=body, headers=headers), stream=True)
            if response.status_code == 200:
                return response
            if response.status_code != 401 or last:
                break
            await response.aclose()
        raise await self.refused(response, model=(body or {}).get("model"))


class AcmeReply(Reply):
    """Collects the lines of a reply; the base class knows the words for its end, and joins the pieces of calls."""

    stops: ClassVar[Mapping[str, str]] = {"done": "end", "tools": "toolUse", "no": "refusal"}

    def add(self, event: Mapping[str, Any]) -> str:
        """Take a line and return the text in it."""
        if "call" in event:
            self.calls.add(event["call"])
        if "end" in event:
            self.ended(event["end"])
            self.used({"input_tokens": event["in"], "output_tokens": event["out"]})
        return content_text(event.get("text"))


def _body(request: ModelRequest) -> dict[str, Any]:
    return {
        "model": request.model,
        "system": request.system,
        "limit": request.max_tokens,
        "temperature": request.temperature,
        "messages": [
            {
                "role": message.role.value,
                "text": message.text,
                "calls": [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in message.tool_calls],
                "results": [{"answers": r.call_id, "text": r.text} for r in message.tool_results],
            }
            for message in request.messages
        ],
        "tools": [
            {"name": tool.name, "about": tool.description, "schema": dict(tool.parameters)} for tool in request.tools
        ],
    }
