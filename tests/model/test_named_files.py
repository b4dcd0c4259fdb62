"""Named files are opened by one reader: regular files only, without waiting, up to a bound, and with clear errors."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from nika_core import codes
from nika_core.model.files import FileError, open_file, read_file, read_json, read_text, require_regular_files, size_of
from nika_core.model.json_text import parse_json


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def socket_at(path: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    return path


def loop(path: Path) -> Path:
    path.symlink_to(path.name)
    return path


def dangling(path: Path) -> Path:
    path.symlink_to("nowhere")
    return path


def sparse(path: Path) -> Path:
    with path.open("wb") as file:
        file.truncate(1 << 40)
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize(
    ("make", "code", "says"),
    [
        (pipe, codes.FILE_UNREADABLE, "is a named pipe, not a regular file"),
        (socket_at, codes.FILE_UNREADABLE, "is a socket, not a regular file"),
        (loop, codes.FILE_UNREADABLE, "cannot be read: Too many levels of symbolic links"),
        (dangling, codes.FILE_UNREADABLE, "is a link to a file that does not exist"),
        (sparse, codes.SIZE_LIMIT, "has 1,099,511,627,776 bytes; at most 10,485,760 are read"),
        (folder, codes.FILE_UNREADABLE, "is a directory, not a file"),
        (lambda _: Path("/dev/zero"), codes.FILE_UNREADABLE, "is a device, not a regular file"),
        (lambda _: Path("/dev/tty"), codes.FILE_UNREADABLE, "is a device, not a regular file"),
        (lambda _: Path("/proc/self/environ"), codes.FILE_UNREADABLE, "is made by the system while it is read"),
        (lambda path: path / ("x" * 5000), codes.FILE_UNREADABLE, "cannot be read: File name too long"),
        (lambda path: path / "a\0b", codes.FILE_UNREADABLE, "has a name that no file can have"),
        (lambda path: path / "\ud800", codes.FILE_UNREADABLE, "has a name that no file can have"),
    ],
)
def test_what_is_no_regular_file_is_refused_with_reason_place_and_fix(
    tmp_path: Path, make: Callable[[Path], Path], code: str, says: str
) -> None:
    path = make(tmp_path / "f")
    for read in (open_file, read_file, read_text, read_json):
        with pytest.raises(FileError) as caught:
            read(path)
        error = caught.value
        assert says in error.message
        assert (error.code, error.missing) == (code, False)
        assert error.hint
        assert error.place is not None
        assert error.place.path == str(path)
    assert size_of(path) == (1 << 40 if make is sparse else 0)


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (tmp_path / "f").touch(mode=0)
    with pytest.raises(FileError, match="cannot be read: Permission denied"):
        read_file(tmp_path / "f")


def test_only_what_nothing_names_is_missing(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    for path in (tmp_path / "none", tmp_path / "f" / "below"):
        with pytest.raises(FileError) as caught:
            read_file(path)
        assert caught.value.missing


def test_a_path_that_is_exchanged_after_it_was_looked_at_is_refused_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f"
    path.touch()
    opened = os.open

    def exchange(name: Path, flags: int) -> int:
        name.unlink()
        os.mkfifo(name)
        return opened(name, flags)

    monkeypatch.setattr(os, "open", exchange)
    with pytest.raises(FileError, match="is a named pipe"):
        read_file(path)


def test_no_more_than_the_bound_is_read_of_a_file_that_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"x" * 10)
    looked_at = os.fstat

    def grow(descriptor: int) -> os.stat_result:
        status = looked_at(descriptor)
        with path.open("ab") as file:
            file.write(b"x" * 1000)
        return status

    monkeypatch.setattr(os, "fstat", grow)
    with pytest.raises(FileError) as caught:
        read_file(path, 100)
    assert caught.value.size is not None
    assert caught.value.size == 101 or caught.value.size > 1000  # read up to the bound, or seen before


def test_files_of_exactly_the_bound_and_empty_ones_are_read(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 100)
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("f")
    assert read_file(tmp_path / "f", 100) == read_file(tmp_path / "link", 100) == b"x" * 100
    assert read_file(tmp_path / "empty") == b""
    with pytest.raises(FileError, match="at most 99 are read"):
        read_file(tmp_path / "f", 99)


@pytest.mark.parametrize(
    ("text", "says", "place"),
    [
        ("[" * 200_000, "is nested too deeply", (None, None)),
        ("[" * 101 + "]" * 101, "is nested deeper than 100 levels", (None, None)),
        ('{"a":' * 200_000, "is nested too deeply", (None, None)),
        ("9" * 5000, "is not strict JSON: Exceeds the limit", (None, None)),
        ("1e999", "the number 1e999 is too large", (None, None)),
        ("NaN", "NaN is not a JSON value", (None, None)),
        ('{\n  "a": ,', "is not JSON: Expecting value", (2, 8)),
        ("", "is not JSON: Expecting value", (1, 1)),
        ('"é\udcff"', "is not UTF-8: byte 0xff is not valid here", (1, 3)),
    ],
)
def test_hostile_content_is_a_clear_error(
    tmp_path: Path, text: str, says: str, place: tuple[int | None, int | None]
) -> None:
    path = tmp_path / "f.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(FileError, match=says) as caught:
        read_json(path)
    assert caught.value.place is not None
    assert (caught.value.place.line, caught.value.place.column) == place


def test_a_key_that_stands_twice_among_very_many_is_found_at_once() -> None:
    text = "{" + ", ".join(f'"{number}": 0' for number in range(200_000)) + ', "199999": 0}'
    with pytest.raises(ValueError, match="'199999' stands twice"):
        parse_json(text)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xef\xbb\xbf{}")
    assert read_text(tmp_path / "f") == "{}"
    assert read_json(tmp_path / "f") == {}


def test_a_library_may_open_regular_files_and_make_new_ones(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    require_regular_files(tmp_path / "f")
    require_regular_files(tmp_path / "new")
    with pytest.raises(FileError, match="is a named pipe"):
        require_regular_files(pipe(tmp_path / "pipe"))
