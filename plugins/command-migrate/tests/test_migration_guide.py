"""The examples of the migration guide are what migration does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nika_command_migrate import grammar
from nika_command_migrate.migrate import Status, migrate_text

from nika_core.document import load_workflow
from nika_core.errors import Severity

from .seven_keywords import NO_LIMITS, SevenKeywords

GUIDE = (Path(__file__).parents[3] / "docs/guide/migration.md").read_text("utf-8")
EXAMPLES = {
    (when, name): text
    for when, name, text in re.findall(r"<!-- (before|after): (\w+) -->\n```yaml\n(.*?)```", GUIDE, re.DOTALL)
}
NAMES = [name for when, name in EXAMPLES if when == "before"]


def test_every_yaml_example_is_one_of_a_pair() -> None:
    assert GUIDE.count("```yaml") == len(EXAMPLES) == 2 * len(NAMES)
    assert len(NAMES) >= 6


@pytest.mark.parametrize("name", NAMES)
def test_an_example_becomes_what_the_guide_shows(name: str) -> None:
    migration = migrate_text(EXAMPLES["before", name])
    assert migration.status is Status.MIGRATED, migration.notes
    assert migration.text == EXAMPLES["after", name]


@pytest.mark.parametrize("name", NAMES)
def test_v5_takes_what_the_guide_shows(name: str) -> None:
    text = "agent: {model: claude-sonnet-5}\n" + EXAMPLES["after", name]
    loaded = load_workflow(Path("guide.nika.yaml"), SevenKeywords(), NO_LIMITS, text=text.encode())
    assert [problem for problem in loaded.problems if problem.severity is Severity.ERROR] == []


def test_the_table_has_every_key_of_v4() -> None:
    table = GUIDE[GUIDE.index("## Every key") :]
    keys = {key for keyword in grammar.KEYWORDS.values() for key in keyword.beside} | set(grammar.KEYWORDS)
    keys |= grammar.CONFIG_KEYS | grammar.FLOW_KEYS | grammar.RETRY_KEYS | {"allowedTools", "env"}
    assert {key for key in keys if not re.search(rf"[`.]{key}[`.]", table)} == set()
