from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from nika_core import codes
from nika_core.errors import RefusedError, UsageError
from nika_core.registry.lock import LOCK_NAME, changed_files, lock_of, locked, require_lock, write_lock

from .conftest import Site


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
def acme(site: Site) -> Site:
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
    write_lock(tmp_path / LOCK_NAME, [*lock_of([]), locked("pluggy")])
    with pytest.raises(RefusedError, match=r"acme 1\.0 is installed, but not locked; pluggy .* not installed"):
        require_lock(tmp_path / LOCK_NAME, acme.records())


def test_a_file_that_was_changed_after_it_was_installed_is_found(acme: Site) -> None:
    assert changed_files("acme") == []
    (acme.folder / "acme_locked.py").write_text("# changed in place\n")
    assert changed_files("acme") == ["acme_locked.py"]


def test_a_file_that_was_changed_after_it_was_installed_is_refused_too(acme: Site, tmp_path: Path) -> None:
    write_lock(tmp_path / LOCK_NAME, lock_of(acme.records()))
    (acme.folder / "acme_locked.py").write_text("# changed in place\n")
    with pytest.raises(RefusedError, match=r"acme 1\.0 was changed after it was installed: acme_locked\.py"):
        require_lock(tmp_path / LOCK_NAME, acme.records())


def test_a_script_does_not_count_since_it_has_the_path_of_its_environment_in_it(acme: Site) -> None:
    before = locked("acme")
    with (acme.folder / "acme-1.0.dist-info" / "RECORD").open("a") as file:
        file.write("../../../bin/acme,sha256=of-this-machine,10\n")
    assert locked("acme") == before


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 2, "plugins": []}', '{"format": 1, "plugins": [{}]}'])
def test_a_lock_that_is_none_says_so(acme: Site, tmp_path: Path, text: str) -> None:
    (tmp_path / LOCK_NAME).write_text(text)
    with pytest.raises(UsageError, match="is not a lock of plugins") as caught:
        require_lock(tmp_path / LOCK_NAME, acme.records())
    assert caught.value.hint == "write it again: nika plugins lock"
