"""What a request is before it is sent: the agent block's defaults, the model's abilities, the room in its context."""

from __future__ import annotations

from typing import Any, Final

from nika_core import codes
from nika_core.errors import Category, TaskError
from nika_core.model.effort import default_max_tokens
from nika_core.model.media import IMAGES, PDF, WORDS, Media
from nika_core.model.message import DocumentPart, ImagePart, kinds_of
from nika_core.model.workflow import AgentBlock
from nika_core.plugin import ModelInfo, ModelRequest, estimate_tokens
from nika_core.values import replace

_FILES: Final = frozenset({ImagePart, DocumentPart})
_PER_MESSAGE: Final = 16
_PER_TOOL: Final = 64
_FOR_TOOLS: Final = 1024  # a server's own words about tools or a schema
LEAST_MAX_TOKENS: Final = 256  # a shorter reply helps nobody: then the call is refused, with the figures


def with_defaults(request: ModelRequest, agent: AgentBlock, info: ModelInfo, **known: Any) -> ModelRequest:
    """Fill in the agent block's system prompt, temperature, effort and `maxTokens`, if the request says nothing.

    A temperature or an effort that is set for all tasks is left out for a model that takes none (see
    `require_abilities`).

    Args:
        known: other fields that are to be set.
    """
    system = request.system
    if system is None and isinstance(agent.system_prompt, str):
        system = agent.system_prompt
    return replace(
        request,
        model=info.name,
        system=system,
        max_tokens=request.max_tokens if request.max_tokens is not None else agent.max_tokens,
        temperature=agent.temperature if request.temperature is None and info.temperature else request.temperature,
        cache_prompt=info.prompt_cache
        and (agent.cache_prompt if request.cache_prompt is None else request.cache_prompt),
        effort=agent.effort if request.effort is None and agent.effort in info.efforts else request.effort,
        **known,
    )


def require_abilities(request: ModelRequest, agent: AgentBlock, info: ModelInfo) -> str | None:
    """Return what of the agent block is not sent to this model, in words for the user; None: all of it is sent.

    Raise TaskError (NIKA-078) for what the model cannot do: nothing that the author asks for is silently left out.
    Most of it is found before anything runs; a model whose name is a template is known only now.
    """
    if request.tools and not info.tools:
        raise _cannot(
            f"The model '{info.name}' cannot use tools, and this task gives it {len(request.tools)}.",
            "Choose another model, or set `allowedTools: []`.",
        )
    if request.temperature is not None and not info.temperature:
        raise _cannot(
            f"The model '{info.name}' takes no temperature, and one is set.",
            "Remove `temperature`, or choose another model.",
        )
    if request.effort and request.effort not in info.efforts:
        raise _cannot(
            f"The model '{info.name}' knows no effort '{request.effort}'.",
            "Remove `effort`, or choose another model.",
        )
    if not _FILES.isdisjoint(kinds_of(request.messages)):
        _require_files(request, info)
    most = info.max_output_tokens
    if request.max_tokens is not None and most is not None and request.max_tokens > most:
        raise _cannot(
            f"The model '{info.name}' answers with at most {most:,} tokens, and {request.max_tokens:,} are asked for.",
            f"Set `maxTokens` to {most} or less.",
        )
    unsent = []
    if not info.temperature and agent.temperature is not None and request.temperature is None:
        unsent.append(f"takes no temperature: the agent block's {agent.temperature:g} is not sent to it")
    if agent.effort is not None and request.effort is None:
        unsent.append(f"knows no effort: the agent block's '{agent.effort}' is not sent to it")
    return f"The model '{info.name}' {', and '.join(unsent)}." if unsent else None


def _require_files(request: ModelRequest, info: ModelInfo) -> None:
    so_far = FilesSoFar(info)
    parts = (part for message in request.messages for part in message.parts)
    for part in (part for part in parts if isinstance(part, ImagePart | DocumentPart)):
        if (why := why_refused(part, info) or so_far.why_too_much(part)) is not None:
            raise _cannot(
                f"The model '{info.name}' {why}, and this task attaches '{part.name}'.",
                "Choose another model, or attach something else.",
            )


def why_refused(file: ImagePart | DocumentPart | Media, info: ModelInfo) -> str | None:
    """Return why a model does not take a file, in words that follow its name; None: it takes it."""
    ability = next((each for each in info.files if file.media_type in each.media_types), None)
    if ability is None:
        what = "images" if file.media_type in IMAGES else "PDF files" if file.media_type == PDF else "files of text"
        kind = WORDS.get(file.media_type, file.media_type).split()
        takes_some = any(each in IMAGES for ability in info.files for each in ability.media_types)
        return f"takes no {kind[1]} images" if what == "images" and takes_some else f"takes no {what}"
    size, pages = len(file.data), getattr(file, "pages", 0)
    if ability.max_bytes is not None and size > ability.max_bytes:
        return f"takes such files of at most {ability.max_bytes:,} bytes, not of {size:,}"
    if ability.max_pages is not None and pages > ability.max_pages:
        return f"takes at most {ability.max_pages} pages, not {pages}"
    return None


class FilesSoFar:
    """Adds up the files of one request, in their order."""

    def __init__(self, info: ModelInfo) -> None:
        self._totals = info.file_totals
        self._bytes = self._pages = self._images = 0
        self._is_told = False

    def why_too_much(self, file: ImagePart | DocumentPart | Media) -> str | None:
        """Add a file. Return, for the first that is too much, why a model does not take it beside those before it."""
        if self._is_told:
            return None
        self._bytes += len(file.data)
        self._pages += getattr(file, "pages", 0)
        self._images += file.media_type in IMAGES
        for count, most, what in (
            (self._bytes, self._totals.max_bytes, "bytes of files"),
            (self._pages, self._totals.max_pages, "pages of PDF files"),
            (self._images, self._totals.max_images, "images"),
        ):
            if most is not None and count > most:
                self._is_told = True
                return f"takes at most {most:,} {what} in one request, not {count:,}"
        return None


def _cannot(message: str, hint: str) -> TaskError:
    return TaskError(message, category=Category.CONFIG, code=codes.MODEL_CANNOT, hint=hint)


def most_tokens(request: ModelRequest) -> int:
    """Return how many tokens a prompt can have at most, by any tokenizer: a token has at least one byte.

    What servers put around messages and tools is counted generously.
    """
    around = _PER_MESSAGE * (1 + len(request.messages))
    if request.tools or request.output_schema is not None:
        around += _FOR_TOOLS + _PER_TOOL * len(request.tools)
    return 4 * estimate_tokens(request) + around


def wanted_tokens(request: ModelRequest, info: ModelInfo) -> int:
    """Return how many tokens a reply may have if nothing is short."""
    if request.max_tokens is not None:
        return request.max_tokens
    default = default_max_tokens(request.effort)
    return min(default, info.max_output_tokens or default)


def fitting_max_tokens(request: ModelRequest, info: ModelInfo, prompt: int, room: int | None) -> int:
    """Return the `max_tokens` with which prompt and reply fit the model.

    Args:
        prompt: tokens of the prompt.
        room: tokens that the task may still take; a default `max_tokens` is cut to it, one that is set is not.

    Raises:
        TaskError: NIKA-069, with the figures.
    """
    context = info.context_tokens
    wanted = request.max_tokens
    if wanted is None:
        most = wanted_tokens(request, info)
        left = min(bound - prompt for bound in (most + prompt, room, context) if bound is not None)
        if request.effort:  # thinking is given its part of it: another one each turn would spoil what is cached
            left = next((step for step in (most, most // 2, most // 4) if step <= left), left)
        wanted = max(left, min(LEAST_MAX_TOKENS, most))
    if context is not None and prompt + wanted > context:
        raise TaskError(
            f"The prompt has about {prompt:,} tokens and the reply may have {wanted:,}: together {prompt + wanted:,}, "
            f"but the model '{info.name}' holds {context:,}. Nothing was sent.",
            category=Category.VALIDATION,
            code=codes.CONTEXT_TOO_LONG,
            hint="Shorten the prompt, lower maxTokens, choose a model that holds more, "
            "or set `overflow: summarize` in the `agent:` block.",
        )
    return wanted
