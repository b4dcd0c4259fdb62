"""The project file as a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from nika_core.errors import Place
from nika_core.model.workflow import NodePath
from nika_core.values import dataclass, field

FILE_NAME: Final = "nika.yaml"


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """What a model costs here: US dollars per million tokens; with `free`, nothing, whatever the prices say."""

    input_per_million: Decimal
    output_per_million: Decimal
    cached_per_million: Decimal | None = None
    cache_write_per_million: Decimal | None = None
    free: bool = False

    @property
    def is_zero(self) -> bool:
        """Whether tokens that are not cached cost nothing."""
        return not self.input_per_million and not self.output_per_million


def _nowhere(_: NodePath, *, at_key: bool = False) -> Place:
    return Place(FILE_NAME)


@dataclass(frozen=True, slots=True)
class Project:
    """The content of `nika.yaml`. Without such a file, all of it is empty and `path` is None.

    `governor` says whether rates are shared with other runs. `labels` are what providers are told of the project's
    calls. `backend` is the address of the one on which its workflows run. `allow` None: every plugin may be loaded.
    `prefer` has the distribution for an id such as `keywords:shell`. `models` has names for models: each is resolved,
    never another of these names. `limits` has texts by camelCase key. `settings` has the keys that belong to plugins,
    by the plugin's word; they are plain trees of text until `nika_core.document.check_settings` has validated them.
    `digest` is the SHA-256 of the file's bytes, in hexadecimal. `at` returns the place of a key's value, with
    `at_key` that of the key itself.
    """

    path: Path | None = None
    main: str | None = None
    provider: str | None = None
    model: str | None = None
    models: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)
    allow: tuple[str, ...] | None = None
    block: tuple[str, ...] = ()
    prefer: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    prices: Mapping[str, ModelPrice] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    governor: bool = True
    backend: str | None = None
    digest: str = ""
    at: Callable[..., Place] = field(default=_nowhere, compare=False, repr=False)

    def resolve_model(self, name: str) -> str:
        """Return the model that a name stands for; any other name is a model's own."""
        return self.models.get(name, name)

    @property
    def folder(self) -> Path | None:
        """The folder of the file; None without one."""
        return None if self.path is None else self.path.parent
