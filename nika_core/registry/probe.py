"""Loads a plugin in a separate process to see what it does: a plugin that ends the process, never returns or changes
shared state harms only itself.
"""

from __future__ import annotations

import faulthandler
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TextIO

from nika_core.errors import PluginError
from nika_core.plugin import Keyword
from nika_core.registry.installed_files import InstalledFiles
from nika_core.registry.kinds import BY_ID
from nika_core.registry.plugin_status import PluginStatus, select_plugins
from nika_core.registry.registry import Registry
from nika_core.registry.scan import PluginRecord
from nika_core.registry.sections import conflict_notes

PATIENCE: Final = 60.0  # seconds for one plugin: it took this long only if it never returns, also on a busy machine
SLOW: Final = 0.25  # seconds from which on importing a plugin is told to be slow


def probed(registry: Registry, names: Iterable[str] = ()) -> list[PluginStatus]:
    """Return every offer, or those with one of the names, after trying all of them that may be imported.

    Nothing is imported here. Raises UsageError if nothing has one of the names.
    """
    listed = select_plugins(registry.listing(), names)
    waiting = [each.record for each in listed if each.status == "available"]
    found: dict[PluginRecord, dict[str, Any]] = {}
    while waiting:
        told, begun = _try(waiting)
        found |= told
        waiting = [record for record in waiting if record not in found]
        if begun is not None and begun not in found:
            found[begun] = {"error": _vanished(begun), "hint": _way_out(begun)}
            waiting.remove(begun)
        elif not told and waiting:  # not even the first one was begun: that is no plugin's fault
            raise OSError("the process in which plugins are tried does not start")
    notes = conflict_notes({record: answer.get("sections", ()) for record, answer in found.items()})
    for record, more in notes.items():
        found[record]["notes"] = [*found[record].get("notes", ()), *more]
    changed = {folder: _changed(folder) for folder in {record.folder for record in found}}
    return [_merged(each, found.get(each.record), changed.get(each.record.folder, ())) for each in listed]


def _merged(listed: PluginStatus, told: dict[str, Any] | None, changed: Sequence[str]) -> PluginStatus:
    if told is None:
        return listed
    notes = list(told.get("notes", ()))
    seconds = told.get("seconds")
    if seconds is not None and seconds > SLOW:
        notes.append(f"importing it takes {seconds:.2f} s, which every run that uses it waits for")
    if changed:
        more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
        notes.append(f"changed since it was installed: {', '.join(changed[:3])}{more}")
    if "error" in told:
        return replace(
            listed, status="broken", why=told["error"], hint=told["hint"], seconds=seconds, notes=tuple(notes)
        )
    return replace(listed, seconds=seconds, notes=tuple(notes))


def _changed(folder: str) -> list[str]:
    try:
        return InstalledFiles(Path(folder)).changed()
    except Exception:  # its metadata cannot be read: that is told where it is scanned
        return []


def _vanished(record: PluginRecord) -> str:
    return (
        f"the plugin for '{record.word}' ({record.origin}) ends the whole process when it is loaded, "
        f"or does not return within {PATIENCE:g} s"
    )


def _way_out(record: PluginRecord) -> str:
    return f"upgrade or remove {record.distribution}, or block it: plugins: {{block: [{record.id}]}} in nika.yaml"


def _as_json(record: PluginRecord) -> dict[str, str]:
    return {
        "kind": record.kind.id,
        "word": record.word,
        "module": record.module,
        "distribution": record.distribution,
        "version": record.version,
    }


def _try(records: Sequence[PluginRecord]) -> tuple[dict[PluginRecord, dict[str, Any]], PluginRecord | None]:
    """Return what the process said of each, and the one that it began last."""
    command = [sys.executable, "-P", "-m", "nika_core.registry.probe"]  # -P: nothing from the folder one stands in
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with tempfile.TemporaryDirectory(prefix="nika-check-") as folder:
        answer = Path(folder) / "answer"
        answer.touch()
        process = subprocess.Popen(
            [*command, str(answer)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environ,
            text=True,
        )
        try:
            process.communicate(json.dumps([_as_json(record) for record in records]), PATIENCE * (len(records) + 1))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
        told = answer.read_text(encoding="utf-8").splitlines()
        lines = [json.loads(line) for line in told if line.endswith("}")]
    found = {records[line["index"]]: line for line in lines if "begun" not in line}
    begun = [records[line["index"]] for line in lines if "begun" in line]
    return found, begun[-1] if begun else None


# ---- in the process of its own


def _main(path: Path) -> None:
    records = [PluginRecord(**{**each, "kind": BY_ID[each["kind"]]}) for each in json.loads(sys.stdin.read())]
    registry = Registry(records)
    with path.open("w", encoding="utf-8") as answer, tempfile.TemporaryFile() as heard:
        os.dup2(heard.fileno(), 1)
        for index, record in enumerate(records):
            _say(answer, {"index": index, "begun": True})
            faulthandler.dump_traceback_later(PATIENCE, exit=True, file=sys.stderr)
            _say(answer, {"index": index, **_look(registry, record, heard.fileno())})
            faulthandler.cancel_dump_traceback_later()
        answer.flush()
        os._exit(0)  # what they registered to be done at exit is not done


def _say(answer: TextIO, told: dict[str, Any]) -> None:
    answer.write(json.dumps(told) + "\n")
    answer.flush()


def _look(registry: Registry, record: PluginRecord, heard: int) -> dict[str, Any]:
    before = os.fstat(heard).st_size
    threads = threading.active_count()
    printed = _Counted()
    real, sys.stderr = sys.stderr, printed  # a plugin's stdout goes to stderr while it is loaded
    told: dict[str, Any] = {}
    try:
        registry.try_out(record)
    except PluginError as error:
        told = {"error": error.message, "hint": error.hint or ""}
    finally:
        sys.stderr = real
    notes = []
    if printed.count or os.fstat(heard).st_size > before:
        notes.append("it prints when it is loaded")
    if threading.active_count() > threads:
        notes.append("it starts threads when it is loaded")
    if "error" not in told and isinstance(described := registry.description(record), Keyword):
        told["sections"] = sorted(described.sections)
    return {**told, "seconds": registry.import_seconds(record), "notes": notes}


class _Counted:
    """A stream that only knows that something was written."""

    def __init__(self) -> None:
        self.count = 0

    def write(self, text: str) -> int:
        self.count += len(text.strip())
        return len(text)

    def flush(self) -> None:
        """Flush nothing: nothing is kept."""

    def isatty(self) -> bool:
        return False

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
