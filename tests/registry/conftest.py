"""Plugins made by hand: a dist-info folder and modules, discovered as if they were installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import importlib_metadata
import pytest

from nika_core.registry import PluginRecord, scan

KEYWORD = """
from strictyaml import Map, Str
from nika_core.plugin import Keyword, hookimpl
NIKA_API = 1
@hookimpl
def nika_task_keywords():
    payload = Map({"text": Str()})
    return [Keyword(name={word!r}, summary="A test.", primary="text", payload=payload, step="{module}:Step")]
class Step:
    async def run(self, payload, context):
        return "done"
"""


class Site:
    """A folder on sys.path into which distributions are written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.modules: set[str] = set()

    def install(
        self, distribution: str, points: dict[str, dict[str, str]], version: str = "1.0", **modules: str
    ) -> None:
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        lines = []
        for group, entries in points.items():
            lines.append(f"[nika.{group}]")
            lines += [f"{word} = {module}" for word, module in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        for name, text in modules.items():
            (self.folder / f"{name}.py").write_text(dedent(text))
            self.modules.add(name)

    def keyword(self, distribution: str, word: str, module: str, version: str = "1.0", text: str = KEYWORD) -> None:
        body = text.replace("{word!r}", repr(word)).replace("{module}", module)
        self.install(distribution, {"keywords": {word: module}}, version, **{module: body})

    def records(self) -> tuple[PluginRecord, ...]:
        return scan(importlib_metadata.distributions(path=[str(self.folder)]))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.syspath_prepend(tmp_path)
    made = Site(tmp_path)
    yield made
    for name in made.modules:
        sys.modules.pop(name, None)


Install = Callable[..., None]
