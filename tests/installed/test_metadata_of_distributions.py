"""What a package index and an installer are told about each distribution, and what is in its wheel."""

from __future__ import annotations

import re
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from nika_core.scaffold import NewPlugin, make_plugin

from ..environments import ROOT

PLUGINS = [file.parent for file in sorted((ROOT / "plugins").glob("*/pyproject.toml"))]
FOLDERS = [ROOT, *PLUGINS]
META = "nika"  # nothing but dependencies
VERSIONS = {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13, 14)}
NOUNS = {
    "nika.backends": "backend",
    "nika.keywords": "keyword",
    "nika.limit_policies": "limit policy",
    "nika.notifiers": "notifier",
    "nika.observers": "observer",
    "nika.providers": "provider",
    "nika.secret_sources": "secret source",
    "nika.template_sources": "template source",
}


def project(folder: Path) -> dict[str, Any]:
    return dict(tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))["project"])


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_every_distribution_describes_itself_and_has_its_licence(folder: Path) -> None:
    about, kernel = project(folder), project(ROOT)
    readme = (folder / about["readme"]).read_text("utf-8")

    assert about["version"] == kernel["version"]
    assert readme.startswith(f"# {about['name']}\n")
    assert len(readme) > 150
    assert re.findall(r"\]\((?!https://)", readme) == [], "an index has nothing that a relative link could lead to"
    assert (about["license"], about["license-files"], about["authors"]) == (
        kernel["license"],
        kernel["license-files"],
        kernel["authors"],
    )
    assert (folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert about.get("urls") == kernel.get("urls")
    assert about["requires-python"] == ">=3.11"
    classifiers = set(about["classifiers"])
    assert {each for each in classifiers if "Python :: 3." in each} == VERSIONS
    assert ("Typing :: Typed" in classifiers) == (folder.name != META)
    assert classifiers | {"Typing :: Typed"} == set(kernel["classifiers"])


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda folder: folder.name)
def test_a_plugins_description_says_what_it_is_to_somebody_who_reads_only_that(folder: Path) -> None:
    about = project(folder)
    for group, points in about.get("entry-points", {}).items():
        if group == "nika.commands":  # `nika --help` shows it
            assert about["description"].endswith(".")
        for word in points if group in NOUNS else ():
            assert about["description"].startswith(f"The {NOUNS[group]} {word} for Nika: ")


@pytest.mark.parametrize("private", [False, True])
def test_a_new_plugin_has_the_same_metadata(private: bool, tmp_path: Path) -> None:
    made = make_plugin(tmp_path, NewPlugin(kind="keyword", word="greet", author="Ada Lovelace", private=private))
    about = project(made)

    assert (made / about["readme"]).is_file()
    assert about["authors"] == [{"name": "Ada Lovelace"}]
    assert {*VERSIONS, "Typing :: Typed"} <= set(about["classifiers"])
    assert ("Private :: Do Not Upload" in about["classifiers"]) == private
    assert (about.get("license-files") == ["LICENSE"] and (made / "LICENSE").is_file()) != private


def test_every_wheel_has_the_licence_the_long_description_and_its_types(wheelhouse: Path) -> None:
    wheels = sorted(wheelhouse.glob("*.whl"))
    assert len(wheels) > 30
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as packed:
            names = packed.namelist()
            (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
            said = message_from_bytes(packed.read(metadata))
            licence = packed.read(metadata.replace("METADATA", "licenses/LICENSE"))
        assert licence == (ROOT / "LICENSE").read_bytes()
        assert (said["License-Expression"], said["License-File"]) == ("MIT", "LICENSE"), wheel.name
        assert said["Description-Content-Type"] == "text/markdown"
        assert said.get_payload().startswith(f"# {said['Name']}\n")
        if said["Name"] != "nika-workflows":
            packages = {name.partition("/")[0] for name in names if name.endswith("/__init__.py")}
            assert {f"{package}/py.typed" for package in packages} <= set(names), wheel.name
