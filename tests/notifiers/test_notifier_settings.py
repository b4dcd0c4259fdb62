"""Settings of notifiers in the project file: every mistake is a problem with its place, before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ..signals.conftest import Project

Configure = Callable[[str], None]
ASK = "- {id: ask, ask: 'Go on?'}\n"


@pytest.mark.parametrize(
    ("text", "message", "place"),
    [
        ("notify: {command: [x]}", "expected a list, found a mapping", "1:9"),
        ("notify:\n  - {comand: [x]}", "unknown key `comand`", "2:6"),
        ("notify:\n  - {command: [x], url: 'http://x'}", "an entry has either `command` or `url`", "2:5"),
        ("notify:\n  - {headers: {a: b}}", "an entry has either `command` or `url`", "2:5"),
        ("notify:\n  - {command: []}", "`command` names no program", "2:5"),
        ("notify:\n  - {command: [x], allow: [localhost]}", "`allow` goes with `url`", "2:5"),
        ("notify:\n  - {url: 'ftp://x'}", "expected a URL that begins with http:// or https://", "2:11"),
        ("notify:\n  - {url: 'http://x/{{y}}'}", "`{{y}}` is not filled in here", "2:11"),
        ("notify:\n  - {url: 'http://x', headers: {a b: c}}", "the name of a header has only", "2:33"),
        ("notify:\n  - {url: 'http://x', headers: {Host: c}}", "the header `Host` is set by notify itself", "2:33"),
        ("notify:\n  - {url: 'http://x', headers: {A: '${input.x}'}}", "`${input.x}` is not filled in here", "2:36"),
        ("notify:\n  - {url: 'http://x', allow: ['a b']}", "'a b' is not a host, host:port or CIDR block", "2:31"),
        ("pigeon: {does: x, nest: y}", "unknown key `nest`", "1:19"),
        ("pigeon: [x]", "expected a mapping, found a list", "1:9"),
        ("pigoen: {}", "unknown key `pigoen`", "1:1"),
    ],
)
def test_a_wrong_setting_is_a_problem_with_line_and_column(
    text: str, message: str, place: str, project: Project, configure: Configure
) -> None:
    configure(text)
    project.write(ASK)
    for command in ("validate", "run"):
        done = project.nika(command, "w.nika.yaml")
        assert done.code == 2
        assert message in done.out + done.err
        assert f"nika.yaml:{place}" in done.out + done.err


def test_a_notifier_that_may_not_be_used_is_a_problem_that_names_the_list(
    project: Project, configure: Configure
) -> None:
    configure("notify: [{command: [x]}]\nplugins: {block: ['notifiers:*']}\n")
    project.write(ASK)
    done = project.nika("run", "w.nika.yaml")
    assert (done.code, "blocked by 'notifiers:*' in nika.yaml" in done.err) == (2, True)


def test_a_project_without_the_key_loads_no_notifier(project: Project, tmp_path: Path) -> None:
    (tmp_path / "site" / "acme_pigeon.py").write_text("raise SystemExit('imported')\n")
    project.write(ASK)
    assert project.nika("run", "w.nika.yaml").code == 4


def test_a_broken_notifier_is_a_problem_at_its_key(project: Project, configure: Configure, tmp_path: Path) -> None:
    (tmp_path / "site" / "acme_pigeon.py").write_text("1 / 0\n")
    configure("secrets: []\npigeon: {}\n")
    project.write(ASK)
    done = project.nika("run", "w.nika.yaml")
    assert done.code == 2
    assert "the plugin for 'pigeon' (acme-pigeon 1.0) cannot be imported: ZeroDivisionError" in done.err
    assert "nika.yaml:2:1" in done.err


def test_a_key_that_a_keyword_and_a_notifier_have_is_a_conflict_that_a_block_list_ends(
    project: Project, configure: Configure, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    module = (site / "acme_pigeon.py").read_text()
    (site / "acme_pigeon.py").write_text(
        module
        + """
from nika_core.plugin import Keyword

@hookimpl
def nika_task_keywords():
    return [Keyword(name="pigeon", summary="Flies.", primary="to", payload=fields.Map({"to": fields.Str()}),
                    step="acme_pigeon:Pigeon", settings=fields.Map({"loft": fields.Str()}))]
"""
    )
    points = "[nika.notifiers]\npigeon = acme_pigeon\n[nika.keywords]\npigeon = acme_pigeon\n"
    (site / "acme_pigeon-1.0.dist-info" / "entry_points.txt").write_text(points)
    project.write(ASK)
    configure("pigeon: {file: told}\n")
    done = project.nika("run", "w.nika.yaml")
    assert done.code == 2
    assert "is that of the keyword 'pigeon' (acme-pigeon 1.0) and the notifier 'pigeon' (acme-pigeon 1.0)" in done.err
    configure("pigeon: {file: told}\nplugins: {block: [keywords:pigeon]}\n")
    assert project.nika("run", "w.nika.yaml").code == 4
    assert (project.folder / "told").exists()


def test_notifiers_are_listed_shown_and_checked(project: Project) -> None:
    listed = project.nika("plugins", "list", "--format", "json").json["plugins"]
    words = {each["word"]: each["distribution"] for each in listed if each["kind"] == "notifiers"}
    assert words == {"notify": "nika-notifier-notify", "pigeon": "acme-pigeon"}
    shown = project.nika("plugins", "show", "notifiers:pigeon")
    assert "does: What it does then." in shown.out
    assert "form: pigeon: ... (in nika.yaml)" in shown.out
    assert "url: Where the notice is posted as JSON." in project.nika("plugins", "show", "notify").out
    checked = project.nika("plugins", "check", "notify", "pigeon", "--format", "json").json["plugins"]
    assert {each["word"]: each["status"] for each in checked} == {"notify": "available", "pigeon": "available"}
