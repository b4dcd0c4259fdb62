"""Checks of a client whose models take files: each that `info` speaks of reaches the server whole."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import Final

from nika_core.errors import TaskError
from nika_core.model.media import PDF, TEXT, media_type_of
from nika_core.model.message import DocumentPart, ImagePart, Message, Role, TextPart
from nika_core.plugin import Client, ModelInfo, ModelRequest
from nika_core.testing.errors import NotConformant, require
from nika_core.testing.fault_server import FaultServer
from nika_core.testing.provider_checks import ABILITIES, in_time, read_stream


def _png() -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0\0"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + pixels + chunk(b"IEND", b"")


def pdf_of(pages: int) -> bytes:
    """Return a PDF with empty pages."""
    kids = " ".join(f"{number + 3} 0 R" for number in range(pages))
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>"]
    objects += ["<< /Type /Page /Parent 2 0 R /MediaBox [0 0 72 72] >>"] * pages
    data, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(data))
        data += f"{number} 0 obj\n{one}\nendobj\n".encode()
    start = len(data)
    data += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    data += b"".join(f"{place:010} 00000 n \n".encode() for place in places)
    return data + f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()


SAMPLES: Final = {
    "image/png": _png(),
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9",
    "image/gif": b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02"
    b"\x02D\x01\x00;",
    "image/webp": b"RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00/\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00",
    PDF: pdf_of(1),
    TEXT: b"word,number\nseventeen,17\n",
}


async def check_files(client: Client, model: str, info: ModelInfo, server: FaultServer | None) -> None:
    """Check that a file of each type that the model takes is sent, whole.

    Args:
        server: sees the requests; None: not looked at.

    Raises:
        NotConformant: with the type.
    """
    for media_type in dict.fromkeys(each for ability in info.files for each in ability.media_types):
        data = SAMPLES.get(media_type)
        if data is None or media_type_of(data) != media_type:
            raise NotConformant(ABILITIES, f"`files` has {media_type!r}; there are {', '.join(SAMPLES)}")
        part = ImagePart(media_type, data, "sample") if media_type.startswith("image/") else None
        file = part or DocumentPart(media_type, data, "sample", int(media_type == PDF))
        request = ModelRequest((Message(Role.USER, [file, TextPart("What is this?")]),), model=model, max_tokens=64)
        before = 0 if server is None else len(server.requests)
        try:
            await in_time(read_stream(client, request), ABILITIES)
        except TaskError as error:
            raise NotConformant(
                ABILITIES, f"it says that it takes {media_type}, and refuses: {error.message}"
            ) from error
        if server is not None:
            sent = "".join(json.dumps(dict(each.body), ensure_ascii=False) for each in server.requests[before:])
            whole = base64.b64encode(data).decode("ascii")
            plain = json.dumps(data.decode(), ensure_ascii=False)[1:-1] if media_type == TEXT else whole
            require(
                whole in sent or plain in sent, ABILITIES, f"it says that it takes {media_type}, and does not send it"
            )
