"""What a file is, by its content, and where it may lie."""

from __future__ import annotations

import time
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nika_core.model.files import FileError
from nika_core.model.media import IMAGES, PDF, inside, media_type_of, pages_of, read_media
from nika_core.testing.file_checks import SAMPLES, pdf_of


@pytest.mark.parametrize("media_type", SAMPLES)
def test_a_type_is_seen_by_the_content(media_type: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(SAMPLES[media_type])
    assert read_media(tmp_path / "file").media_type == media_type


@pytest.mark.parametrize("pages", [1, 2, 101])
def test_the_pages_of_a_pdf_are_counted(pages: int) -> None:
    assert pages_of(pdf_of(pages)) == pages


def test_pages_in_compressed_objects_are_counted() -> None:
    packed = zlib.compress(
        b"1 0 2 40 << /Type /Pages /Kids [2 0 R 3 0 R] /Count 2 >> << /Type /Page >> << /Type /Page >>"
    )
    head = f"<< /Type /ObjStm /N 3 /First 8 /Filter /FlateDecode /Length {len(packed)} >>".encode()
    assert pages_of(b"%PDF-1.5\n5 0 obj\n" + head + b"\nstream\n" + packed + b"\nendstream\nendobj\n") == 2


def test_compressed_objects_that_never_end_take_little_memory() -> None:
    bomb = zlib.compress(b"\0" * (200 * 1024 * 1024), 9)
    head = b"<< /Type /ObjStm /Filter /FlateDecode >>"
    assert pages_of(b"%PDF-1.5\n" + head + b"\nstream\n" + bomb + b"\nendstream") == 0


@pytest.mark.parametrize(
    "piece",
    [b"<<", b"/ObjStm", b"/ObjStm >>", b"/Type /Pages ", b"<< /Type /Pages ", b"/Count 1", b"/Encrypt 1 ", b"/Type "],
)
def test_a_hostile_pdf_takes_time_in_proportion_to_its_size(piece: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.4\n" + piece * (2_000_000 // len(piece)))
    began = time.process_time()
    read_media(tmp_path / "a.pdf")
    assert time.process_time() - began < 5  # what grows with its square takes many minutes


@given(st.binary(max_size=200), st.sampled_from([b"", b"%PDF-1.4\n", b"<< /Type /Pages ", b"/ObjStm >>\nstream\n"]))
def test_any_bytes_have_a_type_and_a_number_of_pages(data: bytes, head: bytes) -> None:
    assert media_type_of(head + data) in (None, *SAMPLES)
    assert pages_of(head + data) >= 0


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.pdf", SAMPLES["image/png"], "is a PNG image, not a PDF document, as its name says"),
        ("a.png", b"words", "is text, not a PNG image"),
        ("a.jpg", b"\x00\x01", "is not a JPEG image, as its name says"),
        ("a.bin", b"\x00\x01", "is of a type that no model takes"),
        ("a.txt", b"caf\xe9", "is not UTF-8"),
        ("a.pdf", b"%PDF-1.4 trailer << /Encrypt 5 0 R >>", "is an encrypted PDF"),
        ("a.pdf", b"%PDF-1.4 trailer << /Encrypt << /V 1 >> >>", "is an encrypted PDF"),
        ("a.txt", b"", "is empty"),
    ],
)
def test_a_file_that_no_model_can_be_given_is_refused_with_the_reason(
    name: str, data: bytes, why: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FileError) as caught:
        read_media(tmp_path / name)
    assert why in caught.value.reason


def test_a_large_file_is_refused_without_being_read(tmp_path: Path) -> None:
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(40 * 1024 * 1024)
    with pytest.raises(FileError) as caught:
        read_media(tmp_path / "a.txt")
    assert "41,943,040 bytes" in caught.value.reason


def test_only_files_of_the_folder_may_be_named(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "a.png").write_bytes(SAMPLES["image/png"])
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "out.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "in.png").symlink_to(folder / "images" / "a.png")
    (folder / "up").symlink_to(tmp_path)
    assert inside(folder, "images/a.png").name == inside(folder, "in.png").name == "a.png"
    for name in (
        "../secret.txt",
        "images/../../secret.txt",
        str(folder / "images" / "a.png"),
        "out.txt",
        "up/secret.txt",
    ):
        with pytest.raises(FileError):
            inside(folder, name)
    with pytest.raises(FileError) as caught:
        inside(folder, "none.png")
    assert caught.value.missing


def test_images_and_documents_are_what_models_take() -> None:
    assert {*IMAGES, PDF} < set(SAMPLES)
