"""The reference is what the generator makes of the code as it is, and every hook has an example that tests run."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nika_core.registry import Kind
from nika_core.scaffold import NewPlugin
from nika_core.scaffold.plugin_template import rendered_file

from ..environments import ROOT
from .pages import blocks

REFERENCE = ROOT / "docs" / "reference"
HOOKS = {kind.option: kind.value.hook for kind in Kind}
PAGES = {
    "keyword": "keywords.md",
    "provider": "providers.md",
    "template_source": "template-sources.md",
    "limit_policy": "limit-policies.md",
    "command": "commands.md",
    "notifier": "notifiers.md",
    "secret_source": "secret-sources.md",
    "backend": "backends.md",
    "observer": "observers.md",
    "project_template": "project-templates.md",
}


def test_the_committed_reference_is_what_the_generator_makes() -> None:
    command = [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, f"{done.stdout}{done.stderr}\nwrite it again: python docs/generate.py"


@pytest.mark.parametrize(("kind", "hook"), HOOKS.items())
def test_every_hook_is_in_the_reference_with_the_example_that_the_templates_tests_run(kind: str, hook: str) -> None:
    page = (REFERENCE / "plugin-api.md").read_text()

    assert f"### The hook `{hook}`" in page
    assert rendered_file(NewPlugin(kind=kind, word="sample"), "plugin.py") in page
    # And the kind's own page has one that its test runs.
    assert any(f"def {hook}(" in block.text for block in blocks(ROOT / "docs" / "plugins" / PAGES[kind]) if block.title)


def test_every_public_name_is_in_the_reference() -> None:
    import nika_core.plugin
    import nika_core.testing
    from nika_core.toolbox import agent, process, providers

    told = {
        "plugin-api.md": [*nika_core.plugin.__all__, *nika_core.plugin.fields.__all__],
        "toolboxes.md": [*agent.__all__, *process.__all__, *providers.__all__],
        "testing.md": nika_core.testing.__all__,
    }
    for page, names in told.items():
        text = (REFERENCE / page).read_text()
        missing = [name for name in names if f"## {name}\n" not in text and f"`{name}`" not in text]
        assert missing == [], page
