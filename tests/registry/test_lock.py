from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from nika_core import codes
from nika_core.errors import RefusedError, UsageError
from nika_core.registry import lock
from nika_core.registry.installed_files import InstalledFiles
from nika_core.registry.kinds import Kind
from nika_core.registry.lock import LOCK_NAME, Locked, faults, lock_of, refuse_faults, require_lock, write_lock

from .conftest import Site

EMPTY = "sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"  # of a file with nothing in it


def record(site: Site, distribution: str, version: str = "1.0") -> None:
    """Write the RECORD as an installer would."""
    info = site.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
    lines = []
    for file in sorted(site.folder.glob("*.py")):
        digest = base64.urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).rstrip(b"=").decode()
        lines.append(f"{file.name},sha256={digest},{file.stat().st_size}")
    lines.append(f"{info.name}/RECORD,,")
    (info / "RECORD").write_text("\n".join(lines) + "\n")


@pytest.fixture
def acme(site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A distribution as an installer leaves it; the kernel of this environment, which is editable, is not judged."""
    monkeypatch.setattr(lock, "_kernel_folder", lambda: str(site.folder / "kernel-1.0.dist-info"))
    site.install("kernel", {})
    record(site, "kernel")
    site.keyword("acme", "deploy", "acme_locked")
    record(site, "acme")
    return site


def test_what_is_as_locked_may_run(acme: Site, tmp_path: Path) -> None:
    write_lock(tmp_path / LOCK_NAME, lock_of(acme.records()))
    require_lock(tmp_path / LOCK_NAME, acme.records())


def test_without_a_lock_everything_may_run(acme: Site, tmp_path: Path) -> None:
    require_lock(tmp_path / "elsewhere" / LOCK_NAME, acme.records())


def test_other_files_under_the_same_version_are_refused(acme: Site, tmp_path: Path) -> None:
    write_lock(tmp_path / LOCK_NAME, lock_of(acme.records()))
    (acme.folder / "acme_locked.py").write_text("# changed and installed again\n")
    record(acme, "acme")
    with pytest.raises(RefusedError, match=r"acme is locked at version 1\.0, but other files") as caught:
        require_lock(tmp_path / LOCK_NAME, acme.records())
    assert caught.value.code == codes.PLUGIN_LOCK
    assert caught.value.exit_code == 3


def test_what_is_not_locked_is_refused_and_what_is_gone_is_told(acme: Site, tmp_path: Path) -> None:
    write_lock(tmp_path / LOCK_NAME, [*lock_of([]), Locked("pluggy", "1.6", "0")])
    with pytest.raises(RefusedError, match=r"acme 1\.0 is installed, but not locked; pluggy .* not installed"):
        require_lock(tmp_path / LOCK_NAME, acme.records())


def test_a_file_that_was_changed_after_it_was_installed_is_found(acme: Site) -> None:
    files = InstalledFiles(acme.folder / "acme-1.0.dist-info")
    assert files.changed() == []
    (acme.folder / "acme_locked.py").write_text("# changed in place\n")
    assert files.changed() == ["acme_locked.py"]


def test_a_file_that_was_changed_after_it_was_installed_is_refused_too(acme: Site, tmp_path: Path) -> None:
    write_lock(tmp_path / LOCK_NAME, lock_of(acme.records()))
    (acme.folder / "acme_locked.py").write_text("# changed in place\n")
    with pytest.raises(RefusedError, match=r"acme 1\.0 was changed after it was installed: acme_locked\.py"):
        require_lock(tmp_path / LOCK_NAME, acme.records())


def test_a_script_does_not_count_since_it_has_the_path_of_its_environment_in_it(acme: Site) -> None:
    before = lock_of(acme.records())
    with (acme.folder / "acme-1.0.dist-info" / "RECORD").open("a") as file:
        file.write("../../../bin/acme,sha256=of-this-machine,10\n")
    assert lock_of(acme.records()) == before


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 2, "plugins": []}', '{"format": 1, "plugins": [{}]}'])
def test_a_lock_that_is_none_says_so(acme: Site, tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK_NAME).write_text(text)
    with pytest.raises(UsageError, match="is not a lock of plugins") as caught:
        require_lock(tmp_path / LOCK_NAME, acme.records())
    assert caught.value.hint == "write it again: nika plugins lock"


def _is_refused(site: Site, tmp_path: Path, says: str) -> None:
    """Assert that a lock that was written before is refused now, and that none is written."""
    with pytest.raises(RefusedError, match=says) as caught:
        require_lock(tmp_path / LOCK_NAME, site.records())
    assert caught.value.code == codes.PLUGIN_LOCK
    with pytest.raises(RefusedError, match=says):
        refuse_faults(site.records())


@pytest.fixture
def locked_acme(acme: Site, tmp_path: Path) -> Site:
    assert faults(acme.records()) == []
    write_lock(tmp_path / LOCK_NAME, lock_of(acme.records()))
    return acme


@pytest.mark.parametrize(
    "origin", [{"dir_info": {"editable": True}, "url": "file:///src"}, {"url": "x", "dir_info": {"editable": True}}]
)
def test_an_editable_installation_is_a_difference(locked_acme: Site, tmp_path: Path, origin: object) -> None:
    (locked_acme.folder / "acme-1.0.dist-info" / "direct_url.json").write_text(json.dumps(origin))
    _is_refused(locked_acme, tmp_path, r"acme 1\.0 is installed editable")


def test_a_link_to_the_source_is_an_editable_installation(locked_acme: Site, tmp_path: Path) -> None:
    with (locked_acme.folder / "acme-1.0.dist-info" / "RECORD").open("a") as file:
        file.write("__editable__.acme-1.0.pth,,\n")
    (locked_acme.folder / "__editable__.acme-1.0.pth").write_text("/src\n")
    _is_refused(locked_acme, tmp_path, r"acme 1\.0 is installed editable")


def test_twins_are_a_difference(
    locked_acme: Site, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path_factory.mktemp("other") / "Acme-2.0.dist-info"
    other.mkdir()
    monkeypatch.syspath_prepend(other.parent)
    _is_refused(locked_acme, tmp_path, r"acme 1\.0 is installed twice: also in .*Acme-2\.0\.dist-info")


@pytest.mark.parametrize("name", ["acme_pack/extra.py", "acme_pack/deep/er.so", "acme_pack/__init__.cpython-311.so"])
def test_a_file_in_a_package_that_no_record_names_is_a_difference(acme: Site, tmp_path: Path, name: str) -> None:
    package = acme.folder / "acme_pack"
    package.mkdir()
    (package / "__init__.py").write_text("")
    with (acme.folder / "acme-1.0.dist-info" / "RECORD").open("a") as file:
        file.write(f"acme_pack/__init__.py,{EMPTY},0\n")
    (package / "__pycache__").mkdir()
    (package / "__pycache__" / "__init__.cpython-311.pyc").write_text("")  # byte code of a listed file
    assert faults(acme.records()) == []
    write_lock(tmp_path / LOCK_NAME, lock_of(acme.records()))
    (acme.folder / name).parent.mkdir(exist_ok=True)
    (acme.folder / name).write_text("")
    _is_refused(acme, tmp_path, f"has files that its RECORD does not name: {name}")


def test_an_entry_point_into_another_distribution_is_a_difference(locked_acme: Site, tmp_path: Path) -> None:
    (locked_acme.folder / "acme-1.0.dist-info" / "entry_points.txt").write_text("[nika.keywords]\ndeploy = os.path\n")
    _is_refused(locked_acme, tmp_path, r"names os\.path in its entry points, which is not a file of its own")


def test_the_folder_that_offers_a_word_is_hashed_and_not_another_of_its_name(locked_acme: Site, tmp_path: Path) -> None:
    """A folder that claims the name of another distribution offers nothing, and is a difference."""
    smuggled = locked_acme.folder / "a00-1.0.dist-info"
    smuggled.mkdir()
    (smuggled / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n")
    (smuggled / "entry_points.txt").write_text("[nika.keywords]\ndeploy = smuggled\n")
    offers = {each.module: each for each in locked_acme.records()}
    assert offers["smuggled"].fault == "it claims to be 'acme', but its folder is a00-1.0.dist-info"
    assert offers["smuggled"].distribution == "a00"
    _is_refused(locked_acme, tmp_path, r"a00 1\.0 cannot be used: it claims to be 'acme', but its folder is a00-1\.0")


@pytest.mark.parametrize("kind", [kind.id for kind in Kind])
def test_plugins_of_every_kind_are_locked(acme: Site, kind: str) -> None:
    acme.install("bolt", {kind: {"word": "bolt_module"}}, bolt_module="")
    record(acme, "bolt")
    assert [entry.distribution for entry in lock_of(acme.records())] == ["acme", "bolt", "kernel"]
