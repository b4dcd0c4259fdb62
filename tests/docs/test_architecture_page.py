"""The architecture page names every folder, and names nothing that does not exist."""

from __future__ import annotations

import re

from ..environments import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text()
_PATH = re.compile(r"`((?:nika_core|plugins|tests)/[^`\s]*)`")


def test_every_path_on_the_page_exists() -> None:
    paths = set(_PATH.findall(PAGE))

    assert len(paths) > 30
    assert [path for path in sorted(paths) if not any(ROOT.glob(path.rstrip("/")))] == []


def test_every_package_of_the_kernel_is_in_the_tree() -> None:
    tree = PAGE.split("## The tree")[1].split("\n## ")[0]
    packages = {folder.parent.relative_to(ROOT).as_posix() for folder in ROOT.glob("nika_core/*/__init__.py")}
    for parent in ("nika_core/document", "nika_core/engine"):
        packages.remove(parent)
        packages |= {folder.parent.relative_to(ROOT).as_posix() for folder in ROOT.glob(f"{parent}/*/__init__.py")}

    assert sorted(package for package in packages if f"`{package}/`" not in tree) == []


def test_every_example_of_a_change_names_where_to_make_it() -> None:
    table = PAGE.split("## Where to make a change")[1].split("\n## ")[0]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")][1:]

    assert len(rows) >= 10
    assert [change for change, place in rows if not _PATH.search(place)] == []
