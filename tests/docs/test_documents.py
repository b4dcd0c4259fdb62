"""What the pages say is so: their workflows are valid, their commands exist, their links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer.main
import yaml

from nika_core import codes
from nika_core.cli.program import app
from nika_core.errors import Severity
from nika_core.testing import validate_workflow

from ..environments import ROOT
from .pages import Block, blocks

PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / page for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "plugins").glob("*/README.md")),
    *sorted((ROOT / "examples").glob("**/README.md")),
]
FOLLOWED = {
    "tutorial.md",
    "commands.md",
    "keywords.md",
    "providers.md",
    "template-sources.md",
    "limit-policies.md",
    "notifiers.md",
    "secret-sources.md",
    "backends.md",
    "observers.md",
    "private.md",
}
# What depends on the machine on which the example is read, not on the example.
NOT_HERE = {codes.ENV_NOT_SET, codes.MISSING_SECRET, codes.FILE_UNREADABLE, codes.BAD_SYSTEM_PROMPT, codes.UNKNOWN_TOOL}
MARK = "invalid"  # ```yaml invalid: shown because it is wrong

_ABSENT = re.compile(r"^the file .* does not exist$|^no MCP server .* is declared$")
_LINK = re.compile(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)")
_COMMAND = re.compile(r"(?:^|[`$&|(] ?)nika ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)((?: [^`\n&|)]*)?)", re.MULTILINE)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def workflows() -> Iterator[tuple[str, Block]]:
    for page in PAGES:
        followed = page.parent.name == "plugins" and page.name in FOLLOWED
        for block in blocks(page):
            starts = block.language == "yaml" and re.search(r"^tasks:", block.text, re.MULTILINE)
            if starts and MARK not in block.marks and not (followed and block.title):
                yield f"{name(page)}:{block.line}", block


@pytest.mark.parametrize(("where", "block"), [pytest.param(*each, id=each[0]) for each in workflows()])
def test_every_workflow_that_is_shown_is_valid(where: str, block: Block, tmp_path: Path) -> None:
    # An excerpt may leave out the agent block, and the files and servers that it names.
    text = block.text if re.search(r"^agent:", block.text, re.MULTILINE) else f"agent: {{model: mock}}\n{block.text}"
    migrated = where.startswith("docs/guide/migration.md")
    if migrated and not re.search(r"^flows:", text, re.MULTILINE):
        text = f"{text}flows: []\n"  # which a v4 file always has
    found = [problem for problem in validate_workflow(text, folder=tmp_path) if problem.severity is Severity.ERROR]
    if migrated and any(problem.code == codes.V4_DOCUMENT for problem in found):
        return  # what it was like before
    problems = [
        f"{problem.place}: {problem.code} {problem.message}"
        for problem in found
        if problem.code not in NOT_HERE and not _ABSENT.search(problem.message)
    ]

    assert problems == [], f"{where}: fix it, or mark the block: ```yaml {MARK}"


def anchors(page: Path) -> set[str]:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    found = set()
    for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE):
        plain = re.sub(r"[^\w\s-]", "", heading.replace("`", "").lower()).strip()
        found.add(re.sub(r"\s", "-", plain))
    return found


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for link in _LINK.findall(re.sub(r"`[^`\n]*`", "", text)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name(page)} links to {link}, which is not there"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{name(page)} links to {link}, and there is no such heading"


@cache
def commands() -> dict[str, set[str]]:
    """Every command, with its options; of a group also each of its commands."""
    group = typer.main.get_command(app)
    context = group.make_context("nika", [], resilient_parsing=True)
    found: dict[str, set[str]] = {}
    for word in group.list_commands(context):  # type: ignore[attr-defined]  # a group
        command = group.get_command(context, word)  # type: ignore[attr-defined]  # a group
        found[word] = options(command)
        subs = command.list_commands(context) if hasattr(command, "list_commands") else ()
        for sub in subs:  # those of plugins, too
            found[f"{word} {sub}"] = options(command.get_command(context, sub))
    return found


def options(command: object) -> set[str]:
    listed = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}  # type: ignore[attr-defined]  # a command
    return {option for option in listed if option.startswith("-")} | {"--help", "-h"}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_command_that_is_mentioned_exists_with_its_options(page: Path) -> None:
    known = commands()
    examples = set(re.findall(r"\bCommand\(\s*(?:name=)?\"([a-z-]+)\"", page.read_text()))  # plugins that it shows
    groups = {each.split()[0] for each in known if " " in each}
    shown = "\n".join(block.text for block in blocks(page) if block.language in {"sh", "console", "bash"})
    inline = "\n".join(re.findall(r"`(nika [^`\n]+)`", page.read_text()))
    for match in _COMMAND.finditer(f"{shown}\n{inline}"):
        words = match[1].split()
        if words[0] in examples:
            continue
        command = " ".join(words) if " ".join(words) in known else words[0]
        assert command in known, f"{name(page)}: `nika {match[1]}` does not exist"
        if words[0] in groups and len(words) > 1 and "|" not in match[0]:
            assert " ".join(words) in known, f"{name(page)}: `nika {match[1]}` does not exist"
        for option in re.findall(r"(?<= )--?[a-z][a-z-]*", match[2].split(" #")[0]):
            assert option in known[command], f"{name(page)}: `nika {command}` has no {option}"


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "plugins").glob("*.md")), ids=name)
def test_the_test_functions_that_are_shown_pass(page: Path) -> None:
    for block in blocks(page):
        if block.language == "python" and "def test_" in block.text and not block.title:
            space: dict[str, object] = {}
            exec(compile(block.text, f"{page}:{block.line}", "exec"), space)
            for word, function in space.items():
                if word.startswith("test_") and callable(function):
                    function()


def test_the_books_table_of_contents_has_every_page() -> None:
    def listed(entry: object) -> Iterator[str]:
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, dict):
            for value in entry.values():
                yield from listed(value)
        elif isinstance(entry, list):
            for each in entry:
                yield from listed(each)

    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    contents = set(listed(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    assert pages <= contents
    assert all((ROOT / page).is_file() for page in contents - pages)


def test_every_room_that_contributing_names_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    rooms = {room for room in re.findall(r"`([a-z_.]+/[\w./-]*)`", text) if not re.search("NAME|^site/", room)}

    assert {room for room in rooms if not (ROOT / room).exists()} == set()
    assert len(rooms) > 20


@pytest.mark.parametrize("form", sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=name)
def test_every_issue_form_asks_for_something_under_a_label(form: Path) -> None:
    asked = yaml.safe_load(form.read_text())

    assert asked["name"]
    assert asked["description"]
    assert all(part["attributes"]["label"] for part in asked["body"])
    assert len({part["id"] for part in asked["body"]}) == len(asked["body"])
