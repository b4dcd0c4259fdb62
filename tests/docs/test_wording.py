"""Pages, messages and docstrings are plain English: words that readers stumble over do not come back."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..environments import ROOT

# Write instead: fix; anybody who, or the name of the thing; is not; is not JSON; reused. ("there is none" is English.)
WORDS = (
    r"[Mm]end(?:s|ed|ing)?|[Ww]ho(?:m|se)?(?:so)?ever|"
    r"(?<!\bthere )(?:is|are|was|were) (?:none(?! of)|no JSON)|(?:takes|taken|took) over"
)
_WORDS = re.compile(rf"\b(?:{WORDS})\b")

PAGES = [
    *(ROOT / page for page in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "plugins").glob("*/README.md")),
    *sorted((ROOT / "examples").rglob("*.md")),
    *sorted((ROOT / "cookiecutter-plugin").rglob("*.md")),
    *sorted((ROOT / "nika_core" / "explanations").glob("*.yaml")),
]
PACKAGES = [ROOT / "nika_core", *sorted((ROOT / "plugins").glob("*/nika_*")), *sorted((ROOT / "examples").iterdir())]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def strings(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_pages_are_plain_english(page: Path) -> None:
    assert _WORDS.findall(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("package", PACKAGES, ids=name)
def test_messages_and_docstrings_are_plain_english(package: Path) -> None:
    stumbles = [
        f"{name(path)}:{line}: {match[0]}"
        for path in sorted(package.rglob("*.py"))
        for line, text in strings(path)
        for match in _WORDS.finditer(text)
    ]

    assert stumbles == []


@pytest.mark.parametrize(
    "text", ["how to mend it", "Whoever asks", "its answer is none", "a line that is no JSON", "a task is taken over"]
)
def test_the_words_are_recognised(text: str) -> None:
    assert _WORDS.search(text)


@pytest.mark.parametrize("text", ["amended", "a recommended fix", "nonetheless", "there is none", "the limit is None"])
def test_whole_words_only(text: str) -> None:
    assert not _WORDS.search(text)
