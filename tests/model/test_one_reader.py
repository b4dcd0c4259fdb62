"""No module but the reader opens files by name: a file that a user, a workflow or a folder names goes through it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ..environments import ROOT

READER = "nika_core/model/files.py"
# Modules that open files that nobody outside names, each with its reason.
EXCEPTIONS = {
    READER: "is the reader",
    "nika_core/explanations/__init__.py": "reads Nika's own texts",
    "nika_core/plugin/project_template.py": "reads files of an installed package",
    "plugins/project-starters/nika_project_starters/projects/agent/notes.py": "is a file of a new project",
    "nika_core/journal/locks.py": "writes its own lock files, and checks that they are",
    "nika_core/journal/blobs.py": "syncs a folder",
    "nika_core/journal/patience.py": "connects SQLite to what the store and the rate store have checked",
    "nika_core/journal/result_store.py": "makes and connects its own database",
    "nika_core/journal/store.py": "connects SQLite to files that the reader has checked",
    "nika_core/app/own_runs.py": "makes the user's key",
    "nika_core/app/backend/run_index.py": "appends to its own file, which the reader reads",
    "nika_core/app/rate_store.py": "makes and connects its own database",
    "nika_core/registry/installed_files.py": "reads what installers wrote about installed distributions",
    "nika_core/testing/own_time.py": "reads the system's figures of its scheduler",
    "nika_core/testing/odd_mcp.py": "writes the log of a test's own process",
    "nika_core/toolbox/process/proc.py": "reads the system's table of processes",
    "nika_core/toolbox/process/fork_servers.py": "opens the null device",
    "nika_core/toolbox/process/table.py": "reads the system's table of processes",
    "nika_core/cli/exit_deadline.py": "opens the null device",
    "nika_core/cli/console.py": "opens the null device",
    "nika_core/cli/program.py": "opens the null device",
    "plugins/command-mcp/nika_command_mcp/stdio.py": "opens its standard input and the null device",
    "plugins/command-ui/nika_command_ui/server.py": "reads the files of its own page",
    "nika_core/registry/metadata.py": "reads what installers wrote about installed distributions",
    "nika_core/registry/probe.py": "reads and writes a file in a temporary folder of its own",
    "nika_core/scaffold/plugin_template.py": "reads Nika's own templates",
    "nika_core/scaffold/project.py": "makes new files",
    "nika_core/testing/interpreter.py": "reads the answer of a test's own process",
    "nika_core/testing/in_subprocess.py": "reads what a test's own process wrote, and the system's table of processes",
    "plugins/command-migrate/nika_command_migrate/files.py": "makes a new file, syncs a folder",
    "plugins/keyword-function/nika_keyword_function/worker.py": "opens its standard input and the null device",
    "plugins/limit-spend/nika_limit_spend/accounts.py": "makes and connects its own database",
    "plugins/limit-spend/nika_limit_spend/database_file.py": "makes its own database, and looks at whose it is",
    "plugins/limit-spend/nika_limit_spend/owners.py": "makes and looks at the locks of the processes that use it",
}
OPENERS = frozenset({"Workspace", "Journal", "cls", "nika", "groups"})  # classes whose `open` is not of files

MODULES = frozenset({"os", "io", "codecs", "Path", "gzip", "tarfile"})


def _is_mode(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def opened_files(tree: ast.AST) -> Iterator[int]:
    """Yield the lines of calls that open a file by its name, however it is written."""
    readers = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if node.module not in ("io", "os", "codecs", "pathlib")
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in ("open", "FileIO") and called.id not in readers:
            yield node.lineno
        elif isinstance(called, ast.Attribute):
            on = called.value
            owner = on.id if isinstance(on, ast.Name) else on.attr if isinstance(on, ast.Attribute) else ""
            if called.attr == "connect" and owner != "sqlite3":
                continue
            if called.attr == "open" and node.args and owner not in MODULES and not _is_mode(node.args[0]):
                continue  # of an object that is not a path: that takes its mode first
            if called.attr in ("open", "read_text", "read_bytes", "connect") and owner not in (*OPENERS, "files"):
                yield node.lineno


def test_only_the_reader_opens_named_files() -> None:
    seen: dict[str, list[int]] = {}
    for folder in ("nika_core", "plugins"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            if "/tests/" in name or "/.venv/" in name or "cookiecutter" in name:
                continue
            lines = list(opened_files(ast.parse(path.read_bytes())))
            if lines:
                seen[name] = lines
    others = {name: lines for name, lines in seen.items() if name not in EXCEPTIONS}
    assert others == {}, f"open named files by {READER}, or give a reason in this test"
    assert seen.keys() == EXCEPTIONS.keys(), "an exception that is no longer needed"


def test_every_way_to_open_a_file_is_seen() -> None:
    text = """
open("f")
io.open("f")
os.open("f", 0)
Path("f").open()
path.open("rb")
Path.open(path)
path.read_text()
(folder / "f").read_bytes()
sqlite3.connect("f")
codecs.open("f")
Workspace.open("f")
self._groups.open(node)
files.read_text("f")
"""
    assert len(list(opened_files(ast.parse(text)))) == 10
    assert list(opened_files(ast.parse("from nika_core.plugin import read_text\nread_text(path)"))) == []
