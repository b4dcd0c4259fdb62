"""The hooks. Each returns small typed descriptions; the objects that they name do the work.

No wrappers, no `firstresult`, no order: nothing may depend on the order of plugins.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import pluggy

from nika_core.plugin.command import Command
from nika_core.plugin.keyword import Keyword
from nika_core.plugin.limit_policy import LimitPolicy
from nika_core.plugin.provider import Provider
from nika_core.plugin.template_source import TemplateSource

PROJECT: Final = "nika"
hookspec: Final = pluggy.HookspecMarker(PROJECT)
hookimpl: Final = pluggy.HookimplMarker(PROJECT)


@hookspec(historic=True)
def nika_task_keywords() -> Iterable[Keyword]:  # type: ignore[empty-body]  # a hook specification has no body
    """The keywords that this plugin brings, one for each of its `nika.keywords` entry points."""


@hookspec(historic=True)
def nika_providers() -> Iterable[Provider]:  # type: ignore[empty-body]  # a hook specification has no body
    """The model providers that this plugin brings, one for each of its `nika.providers` entry points."""


@hookspec(historic=True)
def nika_template_sources() -> Iterable[TemplateSource]:  # type: ignore[empty-body]  # a hook specification
    """The template sources that this plugin brings, one for each of its `nika.template_sources` entry points."""


@hookspec(historic=True)
def nika_limit_policies() -> Iterable[LimitPolicy]:  # type: ignore[empty-body]  # a hook specification has no body
    """The limit policies that this plugin brings, one for each of its `nika.limit_policies` entry points."""


@hookspec(historic=True)
def nika_commands() -> Iterable[Command]:  # type: ignore[empty-body]  # a hook specification has no body
    """Return the commands that this plugin brings, one for each of its `nika.commands` entry points.

    A complete plugin, `acme_hello.py`:

        import typer
        from nika_core.plugin import Command, CommandContext, hookimpl

        NIKA_API = 1

        @hookimpl
        def nika_commands():
            return [Command(name="hello", app="acme_hello:hello")]

        def hello(context: typer.Context, name: str = "world") -> None:
            '''Greet somebody.'''
            nika: CommandContext = context.obj
            nika.terminal.print_data(f"hello, {name}, from {nika.folder}")

    and in its pyproject.toml:

        [project.entry-points."nika.commands"]
        hello = "acme_hello"
    """
