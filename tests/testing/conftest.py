"""Installs the cheats: a dist-info folder on sys.path, beside the modules that it names."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

CHEATS = Path(__file__).with_name("cheats")
OTHER_MODULES = {
    "heavy": "cheating_heavy",
    "sluggish": "cheating_slow",
    "loud": "cheating_loud",
    "misnamed": "cheating_keywords",
    "nowhere": "no_such_module_anywhere",
}


def words() -> dict[str, dict[str, str]]:
    """Group to word to module, as the entry points say."""
    import cheating_keywords
    import cheating_notifiers
    import cheating_observers
    import cheating_others
    import cheating_providers

    keywords = [each.name for each in cheating_keywords.nika_task_keywords()]
    return {
        "keywords": {**dict.fromkeys(keywords, "cheating_keywords"), **OTHER_MODULES},
        "providers": {each.name: "cheating_providers" for each in cheating_providers.nika_providers()},
        "limit_policies": {each.name: "cheating_others" for each in cheating_others.nika_limit_policies()},
        "notifiers": {each.name: "cheating_notifiers" for each in cheating_notifiers.nika_notifiers()},
        "observers": {each.name: "cheating_observers" for each in cheating_observers.nika_observers()},
        "template_sources": {each.name: "cheating_others" for each in cheating_others.nika_template_sources()},
    }


Install = Callable[[str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install the cheats of one group, as long as the test runs."""
    monkeypatch.syspath_prepend(str(CHEATS))

    def install(group: str) -> None:
        site = tmp_path / "site"
        info = site / "nika_cheats-0.1.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nika-cheats\nVersion: 0.1\n")
        lines = [f"[nika.{group}]", *(f"{word} = {module}" for word, module in words()[group].items())]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        monkeypatch.syspath_prepend(str(site))

    yield install
    for name in [name for name in sys.modules if name.startswith("cheating_")]:
        del sys.modules[name]
    gc.collect()  # what a cheat has left open warns here, where that is expected, and not in another test
