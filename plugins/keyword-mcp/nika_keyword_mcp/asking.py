"""Puts what a server asks in a call to a person, by the same questions as `ask`.

If there is no answer yet, the call is cancelled and the task waits; with the answer its step is run again, the call is
made once more, and the server's equal request is given the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from nika_core.plugin import Category, StepContext, TaskError, import_in_thread
from nika_keyword_mcp.elicitation import Call, Reply, request_of
from nika_keyword_mcp.form import UnusableError

if TYPE_CHECKING:
    from nika_keyword_mcp.session import Session

_MAX_ROUNDS: Final = 10  # calls that are refused until a page has been opened
_MAX_QUESTIONS: Final = 50  # of one call


class Asking:
    """One call of a tool in a step."""

    def __init__(self, call: Call, context: StepContext) -> None:
        self._call = call
        self._context = context
        self._pages = 0  # of what it has asked before it makes the call

    async def called(self, session: Session) -> Mapping[str, Any]:
        """Make the call, and return its result as the server sent it. Raise TaskError."""
        module: Any = await import_in_thread("nika_keyword_mcp.session")
        call, context = self._call, self._context
        for _ in range(_MAX_ROUNDS):
            try:
                return await session.call(
                    call.tool, call.arguments, context.progress, context.key, self._answer, context.traceparent
                )
            except module.PagesRequiredError as error:
                if not error.pages:
                    raise
                for page in error.pages:
                    await self._opened(page)
        raise TaskError(
            f"{call.server}::{call.tool} still wants pages to be opened after {_MAX_ROUNDS} calls", retriable=False
        )

    async def _answer(self, params: Any, number: int) -> Mapping[str, Any] | str:
        """Return the result of a request of the server, or why it is refused."""
        if number > _MAX_QUESTIONS:
            return self._refused(f"it asks more than {_MAX_QUESTIONS} times in one call")
        try:
            return (await self._asked(params, number)).as_json()
        except UnusableError as error:
            return self._refused(str(error))

    async def _opened(self, params: Any) -> None:
        """Ask whether a page has been opened that the call needs. Raise TaskError if it has not."""
        self._pages += 1
        reference = f"{self._call.server}::{self._call.tool}"
        try:
            reply = await self._asked(params, self._pages, first=True)
        except UnusableError as error:
            self._refused(str(error))
            raise TaskError(
                f"{reference} needs a page to be opened first, which cannot be asked for: {error}", retriable=False
            ) from None
        if reply.action != "accept":
            raise TaskError(
                f"{reference} needs a page to be opened first, and the answer was: {reply.action}",
                category=Category.VALIDATION,
            )

    async def _asked(self, params: Any, number: int, *, first: bool = False) -> Reply:
        request = request_of(params, self._call, number, self._context.mask, first=first)
        return request.reply(await self._context.ask(request.question))

    def _refused(self, why: str) -> str:
        """Tell the user what is not asked, and return the same for the server."""
        server, tool = self._call.server, self._call.tool
        self._context.notice(f"the MCP server '{server}' asks something in a call of `{tool}`, and is refused: {why}")
        return f"this cannot be asked: {why}"
