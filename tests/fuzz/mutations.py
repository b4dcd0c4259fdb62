"""Changes to a file's bytes, from a seed: so a case is repeated by its number."""

# ruff: noqa: E501  # a table of pieces
from __future__ import annotations

import random
from typing import Final

_PIECES: Final = (
    *(b"\n", b"  ", b": ", b"- ", b"[", b"]", b"{", b"}", b"'", b'"', b"|", b">", b"#", b"&a ", b"*a", b"!!x ", b"%", b"---\n"),
    *(b"{{", b"}}", b"{{a}}", b"${", b"${input.x}", b"${env.HOME}", b"??", b"||", b"&&", b"==", b"\\", b"\\{{", b"| length"),
    *(b"null", b"true", b"~", b"-1", b"0", b"1e999", b"NaN", b"9" * 400, b"0x10", b"1_000", b".5", b"99999999999999999999"),
    *(b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\r", b"\t", b"\x1b[31m", "\u2028\u202e\u200b😀é".encode(), b"\xed\xa0\x80"),
    *(b"../" * 8 + b"etc/passwd", b"/dev/zero", b"/proc/self/fd/0", b"~/.ssh/id_rsa", b"file:///etc/passwd", b"CON", b"x" * 5000),
    *(b"[" * 500, b"{" * 500, b"(" * 500, b"- " * 300, b"\n" * 300, b"!" * 300, b"-" * 2000, b"lambda: " * 200, b"a.b." * 300),
)  # fmt: skip


def mutated(seed: bytes, others: tuple[bytes, ...], chance: random.Random) -> bytes:
    """Return a seed with one to eight changes."""
    data = bytearray(seed)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        at = chance.randint(0, len(data))
        match chance.randrange(8):
            case 0:  # take something away
                del data[at : at + chance.choice((1, 1, 2, 5, 40))]
            case 1:  # repeat something
                piece = bytes(data[at : at + chance.choice((1, 4, 20, 200))])
                data[at:at] = piece * chance.choice((1, 1, 2, 50))
            case 2:  # other bytes
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 3:  # a part of another seed
                other = chance.choice(others)
                begin = chance.randint(0, len(other))
                data[at:at] = other[begin : begin + chance.choice((3, 20, 200))]
            case 4:  # two lines change places
                lines = bytes(data).split(b"\n")
                one, two = chance.randrange(len(lines)), chance.randrange(len(lines))
                lines[one], lines[two] = lines[two], lines[one]
                data = bytearray(b"\n".join(lines))
            case 5:  # a word becomes a piece
                words = bytes(data).split(b" ")
                words[chance.randrange(len(words))] = chance.choice(_PIECES)
                data = bytearray(b" ".join(words))
            case _:
                data[at:at] = chance.choice(_PIECES)
    return bytes(data[:200_000])
