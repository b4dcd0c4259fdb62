"""What a secret source is: where the values of secrets come from, by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from nika_core.values import dataclass

if TYPE_CHECKING:
    from nika_core.plugin.fields.validator import Validator


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSourceDescription:
    """Describe a secret source. Every installed one is asked, unless a list blocks it.

    Attributes:
        name: also the name of the entry point, and the key in the project file if there are `settings`.
        summary: one sentence.
        source: "package.module:Class" of a `SecretSource`, made once per run, when the first secret is needed, with a
            `SecretSourceSetup` as its only argument.
        settings: validator of what stands under its name in the project file; None: there is no such key.
        widening_settings: those keys of a mapping in `settings` that count only if the user trusts the project file;
            `*` stands for the whole key, since a folder must not say where secrets are asked for.
        timeout: seconds after which a call of `fetch` is cancelled.
        order: when it is asked: sources with a lower number before it; with the same one, by name. The first that has a
            secret wins. The built-in `files` has 10, and `keyring` 900.
    """

    name: str
    summary: str
    source: str
    settings: Validator | None = None
    widening_settings: frozenset[str] = frozenset({"*"})
    timeout: float = 10.0
    order: int = 100


@dataclass(frozen=True, slots=True)
class SecretSourceSetup:
    """What a secret source is made with.

    Attributes:
        settings: what stands under its key in the project file, as its validator returns it; None if there is none.
        environ: the environment variables of the run.
        folder: the project's folder.
    """

    settings: Any
    environ: Mapping[str, str]
    folder: Path


class SecretSource(Protocol):
    """Return secrets by name. Made once per run, and only if a task that starts needs a secret.

    It works in a thread of its own with an event loop of its own, so neither a slow nor a blocking one delays the run.
    `nika validate`, `nika plan` and `nika run --mock` make none. What it returns is masked from then on, is kept in
    memory until the run ends, and is never recorded: a resumed run asks again.
    """

    def __init__(self, setup: SecretSourceSetup) -> None: ...

    async def fetch(self, name: str) -> str | None:
        """Return the value of a secret; None if this source does not have it: then the next one is asked.

        A name is asked for at most once per run, unless that failed with an error that another attempt may fix. Several
        names may be asked for at once. Raise TaskError, with a message without the value, if the source has the secret
        or should know, and cannot return it: then no other source is asked. Its category says whether the task is
        attempted again: `network` and `timeout` are, `config` is not.
        """
        ...

    def places(self, name: str) -> str:
        """Return where it looks for a secret, for the message that no source has it. Quick, and without asking."""
        ...
