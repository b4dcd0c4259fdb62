"""What is fuzzed: each target puts a case's bytes where Nika reads them, and says which commands read them there."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.fuzz import seeds
from tests.fuzz.mutations import mutated

Commands = Sequence[Sequence[str]]
FILE: Final = "w.nika.yaml"


@dataclass(frozen=True)
class Target:
    """One kind of what Nika reads.

    Attributes:
        seeds: what is changed.
        commands: what is called for each case, one of them.
        file: where the case's bytes are put; "": the last argument of the command has them.
        environ: variables that hold meanwhile.
        put: puts the case where it is read, in place of `file`.
    """

    seeds: tuple[bytes, ...]
    commands: Commands
    file: str = ""
    environ: dict[str, str] = field(default_factory=dict)
    put: Callable[[Path, bytes], None] | None = None

    def case(self, number: int) -> tuple[bytes, list[str]]:
        """Return the bytes and the command of a case."""
        chance = random.Random(number)  # to be repeated, not to be secret
        data = mutated(chance.choice(self.seeds), self.seeds, chance)
        command = list(chance.choice(self.commands))
        if not self.file and self.put is None:
            command.append(data.replace(b"\0", b"").decode("utf-8", "surrogateescape"))
        return data, command

    def prepare(self, folder: Path, data: bytes) -> None:
        """Put the bytes of a case where Nika reads them."""
        if self.put is not None:
            self.put(folder, data)
        elif self.file:
            (folder / self.file).write_bytes(data)


_READ: Final = (["validate", FILE], ["validate", FILE, "--format", "json"], ["plan", FILE], ["graph", FILE])
_VALIDATE: Final = (["validate", FILE], ["plan", FILE, "--format", "json"])
_JOURNAL: Final = (
    ["runs", "list"],
    ["runs", "list", "--format", "json"],
    *(["runs", "show", run] for run in ("first", "second", "last")),
    ["answer", "--list"],
    ["answer", "second", "i", "-i", "t=p"],
    ["signal", "second", "i", "1"],
    ["resume", "second"],
    ["resume", "second", "--trust-history"],
    ["resume", "last", "--from", "a", "--trust-history"],
    ["runs", "rm", "second"],
)


def damage_journal(folder: Path, data: bytes) -> None:
    """Damage a history as a case's bytes say: first which way, then with which value."""
    path = folder / ".nika" / "journal.db"
    chance = random.Random(data)  # as above
    if chance.random() < 0.2:
        content = bytearray(path.read_bytes())
        for _ in range(chance.choice((1, 5, 100))):
            content[chance.randrange(100, len(content))] = chance.randrange(256)
        path.write_bytes(content)
        return
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("PRAGMA synchronous=OFF")
        database.execute("PRAGMA writable_schema=ON")
        database.text_factory = bytes
        for _ in range(chance.choice((1, 1, 2, 4))):
            table = chance.choice(("runs", "events", "events", "events", "memo", "signals"))
            columns = [row[1].decode() for row in database.execute(f"PRAGMA table_info({table})")]
            column = chance.choice(columns)
            key = "run" if table == "memo" else "rowid"
            rows = database.execute(f"SELECT {key}, {column} FROM {table}").fetchall()
            number, before = chance.choice(rows)
            value: Any = chance.choice((None, 7, -1, 1e308, float("inf"), b"\xff\0", "", "[]", "{}", "x", 2**62))
            if isinstance(before, bytes) and chance.random() < 0.8:
                value = mutated(before, (before, data), chance).decode("utf-8", "surrogateescape")
                value = value.encode("utf-8", "surrogateescape") if chance.random() < 0.1 else _text(value)
            with suppress(sqlite3.Error):
                database.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (value, number))


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode()


def _put_inputs(folder: Path, data: bytes) -> None:
    for name in ("in.json", "in.yaml"):
        (folder / name).write_bytes(data)


TARGETS: Final = {
    "document": Target(seeds.DOCUMENTS, _READ, FILE),
    "project": Target(
        seeds.PROJECTS, (*_VALIDATE, ["limits"], ["trust"], ["run", FILE, "--mock", "--no-journal"]), "nika.yaml"
    ),
    "trusted project": Target(seeds.PROJECTS, (*_VALIDATE, ["limits"]), "nika.yaml", {"NIKA_TRUST": "1"}),
    "policy": Target(seeds.POLICIES, _VALIDATE, "policy.yaml", {"NIKA_POLICY": "policy.yaml"}),
    "lock": Target(seeds.LOCKS, (["validate", FILE], ["limits"], ["plugins", "list"]), "nika.lock"),
    "servers": Target(seeds.SERVERS, _VALIDATE, ".mcp.json"),
    "inputs": Target(
        seeds.INPUTS, (["plan", FILE, "--inputs", "in.json"], ["plan", FILE, "--inputs", "in.yaml"]), put=_put_inputs
    ),
    "input values": Target(seeds.VALUES, (["plan", FILE, "-i"],)),
    "function": Target(seeds.FUNCTIONS, _VALIDATE, "t.py"),
    "answers": Target(seeds.ANSWERS, (["run", FILE, "--mock", "--no-journal", "--answers", "answers"],), "answers"),
    "journal": Target((b"journal",), _JOURNAL, put=damage_journal),
}
