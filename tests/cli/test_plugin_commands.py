"""Commands that plugins bring: known by their metadata, imported when called, never the cause of a traceback."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nika_core.cli.program import COMMANDS
from nika_core.registry import Kind, scan
from nika_core.registry.lock import lock_of, write_lock

from .conftest import Nika

PLUGINS = Path(__file__).parents[2] / "plugins"
MODULE = '''
from nika_core.plugin import Command, hookimpl
NIKA_API = 1
@hookimpl
def nika_commands():
    return [Command(name="{word}", app="{module}:{app}")]
def main(context: __import__("typer").Context, times: int = 1):
    """Do what the test says."""
    context.obj.terminal.print_data("done \\x1b[31m" * times)
def fails():
    """Fail."""
    raise RuntimeError("oops")
def tasks(context: __import__("typer").Context, path: __import__("pathlib").Path):
    """List tasks."""
    context.obj.terminal.print_json([task.id for task in context.obj.load_workflow(path).tasks])
number = 3
'''

GROUP = """
app = __import__("typer").Typer()
@app.callback()
def group():
    pass
@app.command()
def own():
    print("own", file=__import__("sys").stderr)
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Lay a distribution with one command on sys.path."""
    site = tmp_path_factory.mktemp("site")
    monkeypatch.syspath_prepend(site)
    modules: set[str] = set()

    def install(word: str, distribution: str = "acme", app: str = "main", text: str = MODULE) -> None:
        module = f"{distribution.replace('-', '_')}_{word.replace('-', '_').replace('.', '_')}_command"
        info = site / f"{distribution}-1.0.dist-info"
        info.mkdir()
        summary = f"Summary: What {distribution} does."
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n{summary}\n")
        (info / "entry_points.txt").write_text(f"[nika.commands]\n{word} = {module}\n")
        filled = text.replace("{word}", word).replace("{module}", module).replace("{app}", app)
        (site / f"{module}.py").write_text(filled)
        modules.add(module)

    yield install
    for module in modules:
        sys.modules.pop(module, None)


def test_help_shows_the_summary_of_the_distribution_and_imports_nothing(nika: Nika, install: Install) -> None:
    install("greet", text="raise SystemExit('imported')")
    done = nika("--help")
    assert done.code == 0
    assert "  greet      What acme does.\n" in done.out
    assert done.err == ""


def test_its_own_help_imports_it(nika: Nika, install: Install) -> None:
    install("greet")
    done = nika("greet", "--help")
    assert (done.code, done.err) == (0, "")
    assert "Do what the test says." in done.out
    assert "--times" in done.out


def test_a_command_with_a_dot_is_one_of_a_group_of_nika_or_of_a_plugin(nika: Nika, install: Install) -> None:
    install("runs.tally")
    install("mine", "ours", app="app", text=MODULE.replace("number = 3", GROUP))
    install("mine.more", "theirs")
    assert "tally" not in nika("--help").out
    assert "  tally " in nika("runs", "--help").out
    assert nika("runs", "tally").out == "done \\x1b[31m\n"
    assert "own" in nika("mine", "own").err
    assert nika("mine", "more", "--times", "1").out == "done \\x1b[31m\n"
    assert "Usage: nika mine more " in nika("mine", "more", "--help").out
    assert nika("runs.tally").code == 2
    assert "No such command 'count'" in nika("runs", "count").err


def test_no_plugin_takes_a_word_of_a_group_that_has_it(nika: Nika, install: Install) -> None:
    install("runs.list", text="raise SystemExit('imported')")
    assert nika("runs", "list").code == 0


def test_it_is_called_with_a_context_whose_terminal_shows_control_characters(nika: Nika, install: Install) -> None:
    install("greet")
    assert nika("greet", "--times", "2").out == "done \\x1b[31mdone \\x1b[31m\n"
    assert nika("greet", "--times", "x").code == 2


def test_the_context_loads_workflows_and_tells_their_problems(
    nika: Nika, install: Install, write: Callable[[str, str], Path]
) -> None:
    install("tasks", app="tasks")
    write("w.nika.yaml", "tasks: [{id: a, shell: ls}]")
    assert nika("tasks", "w.nika.yaml").json == ["a"]
    write("w.nika.yaml", "tasks: [{id: a}]")
    done = nika("tasks", "w.nika.yaml")
    assert (done.code, done.out) == (2, "")
    assert "a task needs a keyword" in done.err


@pytest.mark.parametrize("how", ["project", "environment"])
def test_a_blocked_command_is_neither_listed_nor_called(
    how: str, nika: Nika, install: Install, write: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("greet", text="raise SystemExit('imported')")
    if how == "project":
        write("nika.yaml", "plugins: {block: ['commands:greet']}\n")
    else:
        monkeypatch.setenv("NIKA_PLUGINS_BLOCK", "acme")
    assert "greet" not in nika("--help").out
    done = nika("greet")
    assert done.code == 3
    assert "'greet' of acme 1.0 may not be used: blocked by" in done.err


def test_the_lock_holds_for_commands(nika: Nika, install: Install, write: Callable[[str, str], Path]) -> None:
    write("nika.yaml", "{}\n")
    write_lock(Path("nika.lock"), lock_of(scan()))
    install("greet", text="raise SystemExit('imported')")
    done = nika("greet")
    assert done.code == 3
    assert "acme 1.0 is installed, but not locked" in done.err


def test_nobody_takes_a_word_of_nika_itself_unless_the_project_prefers_it(
    nika: Nika, install: Install, write: Callable[[str, str], Path]
) -> None:
    install("limits")
    assert "NIKA_MAX" in nika("limits").out
    listed = {plugin["word"]: plugin for plugin in nika("plugins", "list", "--format", "json").json["plugins"]}
    assert listed["limits"]["status"] == "conflict"
    assert listed["limits"]["why"] == "the command 'limits' of Nika itself is offered by acme 1.0, too"
    write("nika.yaml", "plugins: {prefer: {'commands:limits': acme}}\n")
    assert "NIKA_MAX" in nika("limits").out  # not trusted yet
    assert nika("trust").code == 0
    assert nika("limits").out == "done \\x1b[31m\n"


def test_two_plugins_with_one_word_are_a_conflict_that_names_both(nika: Nika, install: Install) -> None:
    install("greet")
    install("greet", "bolt")
    assert "greet" not in nika("--help").out
    done = nika("greet")
    assert done.code != 0
    assert "the command 'greet' is offered by acme 1.0 and bolt 1.0" in done.err


@pytest.mark.parametrize(
    ("app", "says"),
    [
        ("fails", "fails: RuntimeError: oops"),
        ("missing", "cannot be loaded: AttributeError"),
        ("number", "names no Typer app or function: "),
    ],
)
def test_a_broken_command_is_an_error_with_its_distribution(app: str, says: str, nika: Nika, install: Install) -> None:
    install("greet", app=app)
    done = nika("greet")
    assert done.code != 0
    assert "the plugin for 'greet' (acme 1.0) " in done.err
    assert says in done.err


def test_a_command_that_cannot_be_imported_is_an_error_with_its_distribution(nika: Nika, install: Install) -> None:
    install("greet", text="import there_is_no_such_module")
    done = nika("greet", "--help")
    assert done.code != 0
    assert "the plugin for 'greet' (acme 1.0) cannot be imported: ModuleNotFoundError" in done.err


def test_a_broken_project_file_does_not_hide_the_help(nika: Nika, write: Callable[[str, str], Path]) -> None:
    write("nika.yaml", "plugins: [\n")
    done = nika("--help")
    assert done.code == 0
    assert "  run " in done.out
    assert "the commands of plugins are not listed" in done.err


def test_a_mistyped_command_of_a_plugin_has_a_suggestion(nika: Nika, install: Install) -> None:
    install("greet")
    done = nika("gret")
    assert done.code == 2
    assert "Did you mean 'greet'?" in done.err


def test_the_words_that_are_reserved_are_those_of_the_command_line() -> None:
    assert Kind.COMMAND.value.reserved == frozenset(COMMANDS)


@pytest.mark.parametrize("plugin", sorted(path.name for path in PLUGINS.glob("command-*")))
def test_a_command_of_ours_uses_the_public_interface_and_nothing_behind_it(plugin: str) -> None:
    allowed = {"nika_core", "nika_core.plugin", "nika_core.toolbox"}
    found = set()
    for path in PLUGINS.glob(f"{plugin}/nika_*/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                found.add(node.module or "")
            elif isinstance(node, ast.Import):
                found.update(alias.name for alias in node.names)
    kernel = {name for name in found if name.partition(".")[0] == "nika_core"}
    assert {name for name in kernel if name not in allowed and not name.startswith("nika_core.toolbox.")} == set()
    assert "nika_core.plugin" in kernel
