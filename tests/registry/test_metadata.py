"""Reading the installed metadata ourselves finds what importlib_metadata finds, and asks it where that may be more."""

import sys
import zipfile

import importlib_metadata
import pytest

from nika_core.errors import PluginError
from nika_core.registry import Kind, Registry, scan
from nika_core.registry.metadata import Folder, installed

METADATA = "Metadata-Version: 2.1\nName: Acme.Plugin\nVersion: 1.2\n\nName: not this one\n"


def test_everything_installed_here_is_found_as_importlib_metadata_finds_it():
    assert scan() == scan(importlib_metadata.distributions())
    ours = [(found.name, found.version) for found in installed()]
    assert ours == [(found.name, found.version) for found in importlib_metadata.distributions()]
    points = [(point.name, point.value, point.group) for found in installed() for point in found.entry_points]
    assert points == [
        (point.name, point.value, point.group)
        for found in importlib_metadata.distributions()
        for point in found.entry_points
    ]


@pytest.mark.parametrize("kind", ["dist-info", "egg-info", "DIST-INFO"])
def test_folders_of_metadata_are_read(site, kind):
    info = site.folder / f"acme_plugin-1.2.{kind}"
    info.mkdir()
    (info / ("PKG-INFO" if kind == "egg-info" else "METADATA")).write_text(METADATA)
    text = "; [x]\n[console_scripts]\na = b:c\n# d\n\n[nika.keywords]\n work=acme.plugin [extra]\n"
    (info / "entry_points.txt").write_text(text.removeprefix("; [x]\n"))
    (record,) = [record for record in scan() if record.distribution == "Acme.Plugin"]
    assert (record.word, record.module, record.version) == ("work", "acme.plugin", "1.2")
    assert site.records() == (record,)


BROKEN = [
    (METADATA.encode(), b"[nika.keywords]\nwork = acme\nno pair\n", "'no pair'"),
    (METADATA.encode(), b"[nika.keywords]\nwork = \xff\n", "entry_points.txt is not UTF-8"),
    (b"Version: 1\n", b"[nika.keywords]\nwork = acme\n", "no Name"),
    (b"Name: Acme.Plugin\n", b"[nika.keywords]\nwork = acme\n", "no Version"),
    (METADATA.encode() + b"\xff\n", b"[nika.keywords]\nwork = acme\n", "METADATA is not UTF-8"),
    (b"", b"[nika.keywords]\nwork = acme\n", "no METADATA"),
    (None, b"[nika.keywords]\nwork = acme\n", "no METADATA"),
]


def broken_site(site, metadata, points):
    info = site.folder / "acme_plugin-1.2.dist-info"
    info.mkdir()
    if metadata is not None:
        (info / "METADATA").write_bytes(metadata)
    (info / "entry_points.txt").write_bytes(points)


@pytest.mark.parametrize(("metadata", "points", "said"), BROKEN)
def test_what_cannot_be_read_is_told_and_has_no_word(site, metadata, points, said):
    broken_site(site, metadata, points)
    registry = Registry()
    (listed,) = [each for each in registry.listing() if "acme" in each.record.distribution.lower()]
    assert (listed.status, said in listed.why, "reinstall" in listed.hint) == ("broken", True, True)
    assert "work" not in registry.words(Kind.KEYWORD)
    assert listed.record not in registry.usable()
    with pytest.raises(PluginError, match=said):
        registry.keyword(listed.record.word)


def test_metadata_that_cannot_be_read_takes_no_word_of_another(site):
    broken_site(site, b"Name: Acme.Plugin\n", b"[nika.keywords]\nshell = acme\n")
    assert Registry().record(Kind.KEYWORD, "shell").distribution == "nika-keyword-shell"


def test_what_pip_left_behind_is_no_plugin(site):
    info = site.folder / "~cme_plugin-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text("[nika.keywords]\nwork = acme\n")
    assert not [record for record in scan() if record.word == "work"]


def test_a_zip_file_on_the_path_is_looked_into(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "plugins.zip", "w") as archive:
        archive.writestr("acme_plugin-1.2.dist-info/METADATA", METADATA)
        archive.writestr("acme_plugin-1.2.dist-info/entry_points.txt", "[nika.keywords]\nzipped = acme\n")
    monkeypatch.syspath_prepend(tmp_path / "plugins.zip")
    assert "zipped" in {record.word for record in scan()}


def test_a_finder_of_another_kind_is_asked(monkeypatch):
    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            return None

        @staticmethod
        def find_distributions(context):
            return []

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])
    assert not any(isinstance(found, Folder) for found in installed())


def test_the_scan_imports_no_parser_of_mails():
    import subprocess

    code = "import sys; from nika_core.registry import scan; assert scan(); assert 'email' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
