"""Every kind of plugin that the template makes, built and installed together in one fresh environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from nika_core.scaffold import NewPlugin, make_plugin

from ...environments import Environment, build_wheels, libraries, make_environment, wheelhouse

__all__ = ["libraries", "wheelhouse"]

# Words of their own, so that all of them can be installed side by side.
CASES = {
    "keyword-public": NewPlugin(kind="keyword", word="greet", author="Ada Lovelace"),
    "keyword-private": NewPlugin(kind="keyword", word="send-mail", author="Acme Inc", private=True),
    "provider-public": NewPlugin(kind="provider", word="parrot", author="Ada Lovelace"),
    "provider-private": NewPlugin(kind="provider", word="acmeLLM", private=True, name="acme-nika-llm"),
    "template_source-public": NewPlugin(kind="template_source", word="site", author="Ada Lovelace"),
    "template_source-private": NewPlugin(kind="template_source", word="acme-site", author="acme", private=True),
    "limit_policy-public": NewPlugin(kind="limit_policy", word="thrift", author="Ada Lovelace"),
    "command-public": NewPlugin(kind="command", word="stats", author="Ada Lovelace"),
    "command-private": NewPlugin(kind="command", word="acme-stats", author="acme", private=True),
    "notifier-public": NewPlugin(kind="notifier", word="inbox", author="Ada Lovelace"),
    "notifier-private": NewPlugin(kind="notifier", word="acme-board", author="acme", private=True),
    "secret_source-public": NewPlugin(kind="secret_source", word="vault", author="Ada Lovelace"),
    "secret_source-private": NewPlugin(kind="secret_source", word="acme-vault", author="acme", private=True),
    "observer-public": NewPlugin(kind="observer", word="failures", author="Ada Lovelace"),
    "observer-private": NewPlugin(kind="observer", word="acme-audit", author="acme", private=True),
    "project_template-public": NewPlugin(kind="project_template", word="support", author="Ada Lovelace"),
    "project_template-private": NewPlugin(kind="project_template", word="acme-support", author="acme", private=True),
    "limit_policy-private": NewPlugin(kind="limit_policy", word="acme-house", author="acme", private=True),
}


@dataclass(frozen=True)
class Baked:
    """The projects by case, and the environment in which all of them are installed."""

    projects: dict[str, Path]
    environment: Environment


@pytest.fixture(scope="session")
def baked(tmp_path_factory: pytest.TempPathFactory, wheelhouse: Path, libraries: Path) -> Baked:
    folder = tmp_path_factory.mktemp("baked")
    projects = {case: make_plugin(folder, wanted) for case, wanted in CASES.items()}
    wheels = build_wheels(projects.values(), tmp_path_factory.mktemp("wheels"))
    environment = make_environment(folder / "environment", libraries, *sorted(wheelhouse.glob("*.whl")), *wheels)
    return Baked(projects, environment)
