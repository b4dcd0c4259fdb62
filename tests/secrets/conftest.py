"""A secret source that counts what it is asked, and a keyword that tells what it was given."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

import nika_core as nika
from nika_core.plugin import Category, Keyword, SecretSourceDescription, TaskError, fields, hookimpl

TOKEN = "Zq9vLm3XtR7pWc5K"
STORED: dict[str, Any] = {
    "token": TOKEN,
    "login": json.dumps({"user": "ada", "password": TOKEN}),
    "marker": "${secret.other-value}",
    "quotes": "a'b\"c $(touch pwned) `x` \\ ; done",
    "pin": "1234",
}


class Vault:
    """A secret source. `failures` are raised first, one for each call."""

    asked: list[str]
    threads: set[int]
    failures: list[BaseException]

    def __init__(self, setup: Any) -> None:
        self.setup = setup

    async def fetch(self, name: str) -> str | None:
        Vault.asked.append(name)
        Vault.threads.add(threading.get_ident())
        if Vault.failures:
            raise Vault.failures.pop(0)
        return STORED.get(name)

    def places(self, name: str) -> str:
        return "a dictionary"


class ShowStep:
    """Returns what it was given backwards, so that masking does not hide it."""

    async def run(self, payload: Any, context: Any) -> Any:
        if payload.get("fails"):
            raise TaskError(f"refused {payload['text']}", category=Category.EXECUTION)
        if payload.get("fetch"):
            return (await context.fetch_secret(payload["fetch"]))[::-1]
        return json.dumps({"text": payload["text"], "tree": payload.get("tree")})[::-1]


class Plugin:
    __name__ = "acme"
    NIKA_API = 1

    def __init__(self, **description: Any) -> None:
        self.description = description

    @hookimpl
    def nika_secret_sources(self) -> Any:
        yield SecretSourceDescription(
            **{"name": "dictionary", "summary": "Ours.", "source": f"{__name__}:Vault", "order": 20, **self.description}
        )

    @hookimpl
    def nika_task_keywords(self) -> Any:
        optional = {
            "tree": fields.Anything(),
            "fails": fields.Bool(),
            "fetch": fields.Str(),
            "count": fields.Templated(fields.Int()),
        }
        payload = fields.Map(
            {"text": fields.Str(), **{fields.Optional(name): validator for name, validator in optional.items()}}
        )
        step = f"{__name__}:ShowStep"
        yield Keyword(
            name="show", summary="Shows.", primary="text", payload=payload, step=step, json_fields=frozenset({"tree"})
        )


class Bench:
    """Runs workflows in a folder, with the plugin."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[Any] = []

    def write(self, *tasks: dict[str, Any], **root: Any) -> None:
        (self.folder / "w.nika.yaml").write_text(json.dumps({**root, "tasks": list(tasks)}))

    def run(self, *tasks: dict[str, Any], root: dict[str, Any] | None = None, **options: Any) -> Any:
        if tasks:
            self.write(*tasks, **(root or {}))
        self.events = []
        return nika.run("w.nika.yaml", plugins=[Plugin()], on_event=self.events.append, **options)

    def problems(self, *tasks: dict[str, Any], **root: Any) -> list[Any]:
        self.write(*tasks, **root)
        found = nika.validate("w.nika.yaml", plugins=[Plugin()])
        return [problem for problem in found.problems if problem.severity.value == "error"]

    def kept(self) -> str:
        """Return all that the run has left in files, and all events."""
        files = (path for path in (self.folder / ".nika").rglob("*") if path.is_file())
        kept = "".join(path.read_bytes().decode("latin-1") for path in files)
        return f"{kept}{[(event.kind, event.data) for event in self.events if event.kind != 'task.chunk']}"


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NIKA_SECRETS_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("NIKA_PLUGINS_BLOCK", "secret_sources:keyring")
    Vault.asked, Vault.threads, Vault.failures = [], set(), []
    return Bench(tmp_path)


def shown(result: Any, task: str = "a") -> Any:
    """Return what the keyword `show` was given."""
    return json.loads(next(each for each in result.tasks if each.id == task).output[::-1])
