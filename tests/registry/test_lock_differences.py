"""Whatever is odd in what is installed is a difference from the lock, or changes nothing. Nothing hangs or fails."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import marshal
import os
import py_compile
import site
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from nika_core.errors import RefusedError
from nika_core.registry import PluginRecord, byte_code, scan
from nika_core.registry.lock import LOCK_NAME, faults, lock_of, require_lock, write_lock

from .conftest import Site
from .test_lock import EMPTY, acme

__all__ = ["acme"]  # a fixture


class Odd:
    """A locked distribution `acme`, with a module, a package and a part of a namespace, to be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.info = folder / "acme-1.0.dist-info"
        self.other = folder / "elsewhere"

    def add(self, name: str, text: str = "") -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def add_info(self, name: str, metadata: str, points: str = "", file: str = "METADATA") -> None:
        self.add(f"{name}/{file}", metadata)
        self.add(f"{name}/entry_points.txt", points)

    def edit_record(self, old: str, new: str) -> None:
        text = (self.info / "RECORD").read_text()
        assert old in text
        (self.info / "RECORD").write_text(text.replace(old, new))

    def first_on_path(self, path: Path) -> None:
        sys.path.insert(0, str(path))

    def fifo(self, name: str) -> None:
        (self.info / name).unlink(missing_ok=True)
        os.mkfifo(self.info / name)

    def device(self, name: str) -> None:
        (self.info / name).unlink(missing_ok=True)
        (self.info / name).symlink_to("/dev/zero")

    def byte_code(
        self, text: str = "x = 1", *, optimization: str = "", flags: int | None = None, late: int = 0
    ) -> None:
        """Cache byte code of a text for the module, with a header that says it is that of the module's source."""
        source = self.folder / "acme_locked.py"
        cached = Path(importlib.util.cache_from_source(str(source), optimization=optimization))
        cached.parent.mkdir(exist_ok=True)
        status = source.stat()
        if flags is None:
            times = (int(status.st_mtime) + late, status.st_size)
            header = bytes(4) + b"".join(number.to_bytes(4, "little") for number in times)
        else:
            header = flags.to_bytes(4, "little") + importlib.util.source_hash(source.read_bytes())
        code = compile(text, str(source), "exec", dont_inherit=True, optimize=int(optimization or 0))
        cached.write_bytes(importlib.util.MAGIC_NUMBER + header + marshal.dumps(code))

    def own_byte_code(self, optimization: str = "") -> None:
        self.byte_code((self.folder / "acme_locked.py").read_text(), optimization=optimization)

    def cut_byte_code(self) -> None:
        self.own_byte_code()
        cached = Path(importlib.util.cache_from_source(str(self.folder / "acme_locked.py")))
        cached.write_bytes(cached.read_bytes()[:-4])

    def cached_fifo(self) -> None:
        cached = Path(importlib.util.cache_from_source(str(self.folder / "acme_locked.py")))
        cached.parent.mkdir(exist_ok=True)
        cached.unlink(missing_ok=True)
        os.mkfifo(cached)

    def installed_pth(self, written: str, recorded: str) -> None:
        """Add a `.pth` file that a distribution has installed, which offers nothing."""
        digest = base64.urlsafe_b64encode(hashlib.sha256(recorded.encode()).digest()).rstrip(b"=").decode()
        self.add_info("bolt-1.0.dist-info", "Name: bolt\nVersion: 1.0\n")
        self.add("bolt-1.0.dist-info/RECORD", f"bolt.pth,sha256={digest},1\n")
        self.add("bolt.pth", written)


ACME = "Name: acme\nVersion: 1.0\n"
WORD = "[nika.keywords]\ndeploy = acme_locked\n"
MODULE = "acme_locked.py,sha256="


def _zipped(odd: Odd) -> None:
    with zipfile.ZipFile(odd.folder / "acme.zip", "w") as archive:
        archive.writestr("acme_locked.py", "")
    odd.first_on_path(odd.folder / "acme.zip")


def _zipped_wheel(odd: Odd) -> None:
    wheel = odd.folder / "bolt-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("bolt-1.0.dist-info/METADATA", "Name: bolt\nVersion: 1.0\n")
        archive.writestr("bolt-1.0.dist-info/entry_points.txt", "[nika.keywords]\nbolt = bolt\n")
        archive.writestr("bolt.py", "")
    odd.first_on_path(wheel)


def _shadow(name: str) -> Callable[[Odd], None]:
    def change(odd: Odd) -> None:
        odd.add(f"elsewhere/{name}")
        odd.first_on_path(odd.other)

    return change


def _link(odd: Odd) -> None:
    odd.add("elsewhere/evil.py")
    (odd.folder / "acme_pack" / "sub").symlink_to(odd.other)


def _unreadable(name: str) -> Callable[[Odd], None]:
    def change(odd: Odd) -> None:
        (odd.info / name).unlink()
        (odd.info / name).mkdir()

    return change


DIFFERENCES: dict[str, tuple[Callable[[Odd], object], str]] = {
    "a twin in the same folder": (lambda odd: odd.add_info("acme-2.0.dist-info", ACME), "installed twice"),
    "a twin of another case": (lambda odd: odd.add_info("ACME-2.0.DIST-INFO", ACME), "installed twice"),
    "a twin as an egg": (lambda odd: odd.add_info("acme.egg-info", ACME, file="PKG-INFO"), "installed twice"),
    "a twin as a file": (lambda odd: odd.add("acme-1.0-py3.11.egg-info", ACME), "installed twice"),
    "a claim of an egg": (
        lambda odd: odd.add_info("a00-1.0.egg-info", ACME, WORD, "PKG-INFO"),
        "a00 1.0 cannot be used: it claims to be 'acme'",
    ),
    "a claim in capitals": (lambda odd: odd.add_info("a00-1.0.DIST-INFO", ACME, WORD), "it claims to be 'acme'"),
    "an egg, which has no hashes": (
        lambda odd: odd.add_info("bolt-1.0.egg-info", "Name: bolt\nVersion: 1.0\n", WORD, "PKG-INFO"),
        "bolt 1.0 has no RECORD that can be read",
    ),
    "no RECORD": (lambda odd: (odd.info / "RECORD").unlink(), "has no RECORD that can be read"),
    "an empty RECORD": (lambda odd: (odd.info / "RECORD").write_text(""), "has no RECORD that can be read"),
    "a RECORD that is not UTF-8": (
        lambda odd: (odd.info / "RECORD").write_bytes(b"\xff,,\n"),
        "has no RECORD that can be read",
    ),
    "a RECORD of zero bytes": (lambda odd: (odd.info / "RECORD").write_bytes(b"a\0b,,\n"), "names acme_locked"),
    "a RECORD that is a folder": (_unreadable("RECORD"), "has no RECORD that can be read"),
    "a RECORD that is a pipe": (lambda odd: odd.fifo("RECORD"), "has no RECORD that can be read"),
    "a wrong hash": (lambda odd: odd.edit_record(MODULE, MODULE + "x"), "other files of that version"),
    "no hash": (lambda odd: odd.edit_record(MODULE, "acme_locked.py,,"), "without a SHA-256 hash of: acme_locked.py"),
    "a weak hash": (lambda odd: odd.edit_record(MODULE, "acme_locked.py,md5="), "without a SHA-256 hash"),
    "an absolute line": (lambda odd: odd.edit_record(MODULE, f"/etc/x,{EMPTY},0\n{MODULE}"), "files elsewhere: /etc/x"),
    "a line that goes up": (
        lambda odd: odd.edit_record(MODULE, f"acme_pack/../../x.py,{EMPTY},0\n{MODULE}"),
        "files elsewhere",
    ),
    "byte code without source": (lambda odd: odd.add("acme_pack/evil.pyc"), "does not name: acme_pack/evil.pyc"),
    "byte code that RECORD names without hash": (
        lambda odd: (odd.add("acme_pack/evil.pyc"), odd.edit_record(MODULE, f"acme_pack/evil.pyc,,\n{MODULE}")),
        "without a SHA-256 hash of: acme_pack/evil.pyc",
    ),
    "byte code of no listed file": (
        lambda odd: odd.add("acme_pack/__pycache__/evil.cpython-311.pyc"),
        "does not name: acme_pack/__pycache__/evil",
    ),
    "an extension in a cache": (lambda odd: odd.add("acme_pack/__pycache__/evil.so"), "does not name: acme_pack/__py"),
    "a folder that is a link": (_link, "does not name: acme_pack/sub"),
    "a package beside a module": (lambda odd: odd.add("acme_locked/__init__.py"), "names acme_locked in its entry"),
    "a package beside a module of a namespace": (lambda odd: odd.add("acme_space/part/__init__.py"), "is hidden by"),
    "a package in place of a namespace": (lambda odd: odd.add("acme_space/__init__.py"), "acme_space.part would not"),
    "a module that comes first": (_shadow("acme_locked.py"), "names acme_locked in its entry points"),
    "a package that comes first": (_shadow("acme_pack/__init__.py"), "acme_pack would not be imported from it"),
    "a part of a namespace that comes first": (_shadow("acme_space/part.py"), "acme_space.part would not"),
    "a zip file that comes first": (_zipped, "names acme_locked in its entry points"),
    "a zipped wheel": (_zipped_wheel, "bolt 1.0 is installed, but not locked"),
    "a module of Python": (
        lambda odd: (odd.info / "entry_points.txt").write_text("[nika.keywords]\na = sys\n"),
        "names sys in its entry points",
    ),
    "METADATA that is a pipe": (lambda odd: odd.fifo("METADATA"), "acme 1.0 cannot be used: it has no METADATA"),
    "METADATA that is a folder": (_unreadable("METADATA"), "acme 1.0 cannot be used: it has no METADATA"),
    "METADATA that is not UTF-8": (
        lambda odd: (odd.info / "METADATA").write_bytes(b"Name: acme\nVersion: 1.0\nSummary: \xff\n"),
        "acme 1.0 cannot be used: its METADATA is not UTF-8",
    ),
    "entry points that are a pipe": (lambda odd: odd.fifo("entry_points.txt"), "acme 1.0 is locked, but not installed"),
    "entry points that are a folder": (_unreadable("entry_points.txt"), "acme 1.0 is locked, but not installed"),
    "METADATA that is a device": (lambda odd: odd.device("METADATA"), "acme 1.0 cannot be used: it has no METADATA"),
    "a RECORD that is a device": (lambda odd: odd.device("RECORD"), "has no RECORD that can be read"),
    "entry points that are a device": (
        lambda odd: odd.device("entry_points.txt"),
        "acme 1.0 is locked, but not installed",
    ),
    "byte code of another source": (lambda odd: odd.byte_code(), "has byte code that is not of its source (remove it"),
    "optimized byte code of another source": (lambda odd: odd.byte_code(optimization="1"), "byte code that is not of"),
    "byte code that is not compared with its source": (lambda odd: odd.byte_code(flags=1), "byte code that is not of"),
    "byte code with the hash of its source": (lambda odd: odd.byte_code(flags=3), "byte code that is not of"),
    "byte code that breaks off": (Odd.cut_byte_code, "byte code that is not of"),
    "byte code that is a pipe": (Odd.cached_fifo, "byte code that is not of"),
    "byte code in a cache that can be imported": (
        lambda odd: odd.add("acme_pack/__pycache__/__init__.pyc"),
        "does not name: acme_pack/__pycache__/__init__.pyc",
    ),
    "a .pth file that imports": (lambda odd: odd.add("a.pth", "# x\nimport os; os\n"), "a.pth runs code when Python"),
    "a .pth file that adds a folder": (lambda odd: odd.add("a.pth", "./elsewhere\n"), "a.pth adds folders to the path"),
    "an easy-install.pth": (lambda odd: odd.add("easy-install.pth", "/srv/x"), "easy-install.pth adds folders"),
    "the .pth file of virtual environments with a line more": (
        lambda odd: odd.add("_virtualenv.pth", "import _virtualenv\n/srv/x"),
        "_virtualenv.pth runs code",
    ),
    "a .pth file that was changed": (lambda odd: odd.installed_pth("/srv/x", "/srv/y"), "bolt.pth adds folders"),
    "a .pth file that is a pipe": (lambda odd: os.mkfifo(odd.folder / "a.pth"), "a.pth is a named pipe"),
    "a sitecustomize": (lambda odd: odd.add("sitecustomize.py"), "sitecustomize.py runs code when Python starts"),
    "a package usercustomize": (lambda odd: odd.add("usercustomize/__init__.py"), "usercustomize runs code"),
    "direct_url.json of an editable": (
        lambda odd: (odd.info / "direct_url.json").write_text('{"dir_info": {"editable": true}}'),
        "is installed editable",
    ),
}

SAME: dict[str, Callable[[Odd], object]] = {
    "what pip left behind": lambda odd: odd.add_info("~cme-1.0.dist-info", ACME, WORD),
    "a distribution that offers nothing": lambda odd: odd.add_info("bolt-1.0.dist-info", "Name: bolt\nVersion: 1\n"),
    "the folder twice on the path": lambda odd: odd.first_on_path(odd.folder / "acme_pack" / ".."),
    "byte code of a listed file": lambda odd: odd.add("acme_pack/__pycache__/__init__.cpython-311.opt-1.pyc"),
    "a file in a cache that nothing imports": lambda odd: odd.add("acme_pack/__pycache__/__init__.cpython-311.pyc.123"),
    "direct_url.json that makes no sense": lambda odd: (odd.info / "direct_url.json").write_text("[" * 10_000),
    "direct_url.json that is a pipe": lambda odd: odd.fifo("direct_url.json"),
    "byte code of its source": Odd.own_byte_code,
    "optimized byte code of its source": lambda odd: odd.own_byte_code("2"),
    "byte code that is out of date": lambda odd: odd.byte_code(late=1),
    "a .pth file of comments": lambda odd: odd.add("a.pth", "# import os\n\n"),
    "a .pth that is a folder": lambda odd: (odd.folder / "a.pth").mkdir(),
    "the .pth file of virtual environments": lambda odd: odd.add("_virtualenv.pth", "import _virtualenv"),
    "a .pth file that a distribution has installed": lambda odd: odd.installed_pth("/srv/x", "/srv/x"),
    "a script": lambda odd: odd.edit_record(MODULE, f"../../../bin/acme,,\n{MODULE}"),
}


@pytest.fixture
def odd(acme: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Odd:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(site, "getsitepackages", lambda: [str(acme.folder)])
    monkeypatch.setattr(site, "ENABLE_USER_SITE", False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = Odd(acme.folder)
    for name in ("acme_pack/__init__.py", "acme_space/part.py"):
        made.add(name)
        with (made.info / "RECORD").open("a") as file:
            file.write(f"{name},{EMPTY},0\n")
    importlib.invalidate_caches()
    assert faults(_records(tmp_path)) == []
    write_lock(tmp_path / LOCK_NAME, lock_of(_records(tmp_path)))
    return made


def _records(folder: Path) -> list[PluginRecord]:
    """What is installed there, by the way of a command: without the plugins of this environment."""
    return [each for each in scan() if str(folder) in os.path.realpath(each.folder)]


@pytest.mark.parametrize("case", DIFFERENCES)
def test_what_the_lock_cannot_vouch_for_is_a_difference(odd: Odd, tmp_path: Path, case: str) -> None:
    change, says = DIFFERENCES[case]
    change(odd)
    importlib.invalidate_caches()
    with pytest.raises(RefusedError) as caught:
        require_lock(tmp_path / LOCK_NAME, _records(tmp_path))
    assert says in caught.value.message


@pytest.mark.parametrize("case", SAME)
def test_what_changes_nothing_is_no_difference(odd: Odd, tmp_path: Path, case: str) -> None:
    SAME[case](odd)
    importlib.invalidate_caches()
    require_lock(tmp_path / LOCK_NAME, _records(tmp_path))


def test_byte_code_that_was_right_is_not_compiled_again_and_what_changes_is(
    odd: Odd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd.own_byte_code()
    require_lock(tmp_path / LOCK_NAME, _records(tmp_path))
    asked = []

    def match(source: Path, *_: object) -> bool:
        asked.append(source)
        return True

    monkeypatch.setattr(byte_code, "_match", match)
    require_lock(tmp_path / LOCK_NAME, _records(tmp_path))
    assert asked == []
    odd.byte_code()
    require_lock(tmp_path / LOCK_NAME, _records(tmp_path))
    assert asked == [odd.folder / "acme_locked.py"]


def test_what_nobody_can_remember_is_found_out_each_time(
    odd: Odd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    odd.own_byte_code()
    require_lock(tmp_path / LOCK_NAME, _records(tmp_path))
    odd.byte_code()
    with pytest.raises(RefusedError, match="byte code"):
        require_lock(tmp_path / LOCK_NAME, _records(tmp_path))


def test_all_byte_code_of_the_kernel_is_that_of_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So much code has every kind of constant in it: what Python itself has written is never called forged."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    package = Path(byte_code.__file__).parents[1]
    for number, source in enumerate(sorted(package.rglob("*.py"))):
        copied = tmp_path / f"m{number}.py"
        copied.write_bytes(source.read_bytes())
        py_compile.compile(str(copied), doraise=True)
    assert byte_code.forged_byte_code(tmp_path, sorted(tmp_path.glob("*.py"))) == []
