"""Declares the provider `openai`: OpenAI's models, and every server that speaks as OpenAI does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nika_core.plugin import Provider, fields, hookimpl

NIKA_API: Final = 1
_OPTIONS: Final = fields.Map(
    {
        fields.Optional("api"): fields.field(
            fields.Enum(["auto", "chat", "responses"]),
            "responses: the Responses API, if the server has it; chat: Chat Completions; auto (the default): the "
            "Responses API of OpenAI itself, Chat Completions of any other server.",
        )
    }
)


@hookimpl
def nika_providers() -> Iterable[Provider]:
    """Return one provider: `openai`."""
    return (
        Provider(
            name="openai",
            summary="OpenAI's models, and every server that speaks as OpenAI does (OPENAI_BASE_URL).",
            models=("gpt-*", "chatgpt-*", "o1", "o1-*", "o3", "o3-*", "o4", "o4-*", "ft:gpt-*", "ft:o4-*"),
            secrets=("OPENAI_API_KEY",),
            secrets_unless=("OPENAI_BASE_URL",),
            client="nika_provider_openai.client:Client",
            options=_OPTIONS,
            settings=_OPTIONS | fields.EmptyDict(),
        ),
    )
