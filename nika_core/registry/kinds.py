"""The kinds of plugins: one table. A new kind is one row here, the type of its description, and its hook.

The table holds names and imports nothing: what is installed is known without loading the interface.
"""

from __future__ import annotations

from enum import Enum
from importlib import import_module
from typing import Any, Final

from nika_core import codes
from nika_core.values import dataclass


@dataclass(frozen=True, slots=True)
class NamedObject:
    """A field of a description that names an object, and how the registry hands that object out.

    Attributes:
        field: the description's field; its value is "package.module:Class".
        guard: "package.module:name" of what is called with each such object and its plugin, and whose result is handed
            out; None: the object itself is.
        load_only: whether `nika plugins check` only imports it, because making one needs more than its name.
    """

    field: str
    guard: str | None = None
    load_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRow:
    """One kind of plugin.

    Attributes:
        id: its name in lists (`keywords:shell`); the entry-point group is `nika.` and this.
        title: its name in messages, and for `nika plugins new --kind` with an underscore for each space.
        hook: the function that a plugin's module implements.
        description: the type, exported by `nika_core.plugin`, of what the hook returns.
        rules: "module:name" of the rules for the fields of that type.
        prefix: how the distributions that come with Nika are named.
        unknown: the code of the error for a word that no plugin offers.
        objects: the objects that a description names.
        reserved: words of the kernel itself, which a plugin gets only if the project prefers it.
        implied: whether an allow list of the environment need not name it.
        settings: whether a description has `settings`, the validator of the project file's key of its name.
    """

    id: str
    title: str
    hook: str
    description: str
    rules: str
    prefix: str
    unknown: str
    objects: tuple[NamedObject, ...]
    reserved: frozenset[str] = frozenset()
    implied: bool = False
    settings: bool = False


class Kind(Enum):
    """What a plugin may bring."""

    KEYWORD = KindRow(
        id="keywords",
        title="keyword",
        hook="nika_task_keywords",
        description="Keyword",
        rules="nika_core.registry.description_rules:KEYWORD",
        prefix="nika-keyword-",
        unknown=codes.UNKNOWN_KEYWORD,
        objects=(
            NamedObject("step"),  # what happens in it is judged where attempts are
            NamedObject("facets", "nika_core.registry.guarded_facets:GuardedFacets"),
        ),
        settings=True,
    )
    PROVIDER = KindRow(
        id="providers",
        title="provider",
        hook="nika_providers",
        description="Provider",
        rules="nika_core.registry.description_rules:PROVIDER",
        prefix="nika-provider-",
        unknown=codes.UNKNOWN_PROVIDER,
        objects=(NamedObject("client", "nika_core.registry.guarded_client:GuardedClient", load_only=True),),
        settings=True,
    )
    TEMPLATE_SOURCE = KindRow(
        id="template_sources",
        title="template source",
        hook="nika_template_sources",
        description="TemplateSource",
        rules="nika_core.registry.description_rules:TEMPLATE_SOURCE",
        prefix="nika-template-",
        unknown=codes.UNKNOWN_SOURCE,
        objects=(NamedObject("source", "nika_core.registry.guarded_source:GuardedSource"),),
    )
    LIMIT_POLICY = KindRow(
        id="limit_policies",
        title="limit policy",
        hook="nika_limit_policies",
        description="LimitPolicy",
        rules="nika_core.registry.description_rules:LIMIT_POLICY",
        prefix="nika-limit-",
        unknown=codes.POLICY_REFUSED,
        objects=(NamedObject("policy", "nika_core.registry.guarded_policy:GuardedPolicy"),),
        implied=True,  # what may be used is one thing; what bounds it must not be forgotten off a list
    )

    COMMAND = KindRow(
        id="commands",
        title="command",
        hook="nika_commands",
        description="Command",
        rules="nika_core.registry.description_rules:COMMAND",
        prefix="nika-command-",
        unknown=codes.USAGE,
        objects=(NamedObject("app", load_only=True),),  # the command line builds it and guards its calls
        reserved=frozenset(
            (
                *("run", "resume", "answer", "signal", "why", "validate", "plan", "runs", "worker"),
                *("trust", "init", "plugins", "providers", "limits", "schema", "explain"),
            )
        ),
    )

    NOTIFIER = KindRow(
        id="notifiers",
        title="notifier",
        hook="nika_notifiers",
        description="NotifierDescription",
        rules="nika_core.registry.description_rules:NOTIFIER",
        prefix="nika-notifier-",
        unknown=codes.UNKNOWN_KEY,
        objects=(NamedObject("notifier", "nika_core.registry.guarded_notifier:GuardedNotifier", load_only=True),),
        settings=True,
    )

    SECRET_SOURCE = KindRow(
        id="secret_sources",
        title="secret source",
        hook="nika_secret_sources",
        description="SecretSourceDescription",
        rules="nika_core.registry.description_rules:SECRET_SOURCE",
        prefix="nika-secret-",
        unknown=codes.UNKNOWN_KEY,
        objects=(
            NamedObject("source", "nika_core.registry.guarded_secret_source:GuardedSecretSource", load_only=True),
        ),
        settings=True,
    )

    OBSERVER = KindRow(
        id="observers",
        title="observer",
        hook="nika_observers",
        description="ObserverDescription",
        rules="nika_core.registry.description_rules:OBSERVER",
        prefix="nika-observer-",
        unknown=codes.UNKNOWN_KEY,
        objects=(NamedObject("observer", "nika_core.registry.guarded_observer:GuardedObserver", load_only=True),),
        settings=True,
    )

    BACKEND = KindRow(
        id="backends",
        title="backend",
        hook="nika_backends",
        description="BackendDescription",
        rules="nika_core.registry.description_rules:BACKEND",
        prefix="nika-backend-",
        unknown=codes.USAGE,
        objects=(NamedObject("backend", "nika_core.registry.guarded_backend:GuardedRunBackend", load_only=True),),
    )

    PROJECT_TEMPLATE = KindRow(
        id="project_templates",
        title="project template",
        hook="nika_project_templates",
        description="ProjectTemplate",
        rules="nika_core.registry.description_rules:PROJECT_TEMPLATE",
        prefix="nika-project-",
        unknown=codes.USAGE,
        objects=(NamedObject("files", "nika_core.registry.project_files:checked_files"),),
    )

    @property
    def id(self) -> str:
        """Its name in lists."""
        return self.value.id

    @property
    def group(self) -> str:
        """The entry-point group."""
        return f"nika.{self.value.id}"

    @property
    def option(self) -> str:
        """Its name for `nika plugins new --kind`, and in the template of new plugins."""
        return self.value.title.replace(" ", "_")

    @property
    def description(self) -> type[Any]:
        """The type of its descriptions."""
        found: type[Any] = getattr(import_module("nika_core.plugin"), self.value.description)
        return found


BY_GROUP: Final = {kind.group: kind for kind in Kind}
BY_ID: Final = {kind.id: kind for kind in Kind}


def load_named(name: str) -> Any:
    """Return what "module:name" of the table names."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)
