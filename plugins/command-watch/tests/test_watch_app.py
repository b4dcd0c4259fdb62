"""The screens, driven by keys: real runs, real histories, no terminal."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
from nika_command_watch.answer_screen import AnswerScreen
from nika_command_watch.rows import RowList
from nika_command_watch.run_screen import RunScreen
from nika_command_watch.runs_screen import RunsScreen
from nika_command_watch.task_screen import TaskScreen
from rich.cells import cell_len

import nika_core as nika

from .conftest import Project, line, opened, recorded, rows, until

NIKA = str(Path(sys.executable).with_name("nika"))
WORKFLOW = """\
name: several
agent: {provider: mock, model: echo}
tasks:
  - {id: each, forEach: [one, two], llm: "Say ${each.item}"}
  - {id: bad, shell: exit 3}
"""


async def test_from_all_runs_to_a_run_to_a_task_and_back(project: Project) -> None:
    result = await project.run(WORKFLOW)
    app = project.app()
    async with app.run_test(size=(100, 20)) as pilot:
        await until(lambda: isinstance(app.screen, RunsScreen) and app.screen.rows.count == 1)
        assert "several" in rows(app)[0]
        assert "failed" in rows(app)[0]
        await pilot.press("enter")
        screen = await opened(app)
        assert result.run_id in line(app, "head")
        shown = rows(app)
        assert len(shown) == 4
        (bad,) = (place for place, row in enumerate(shown) if "bad" in row)
        assert "the command failed" in shown[bad]
        await pilot.press("home", *["down"] * bad, "enter")
        await until(lambda: isinstance(app.screen, TaskScreen))
        assert "exit code 3" in "\n".join(rows(app))
        await pilot.press("v")
        assert any("task.failed" in row for row in rows(app))
        await pilot.press("a")
        assert [row.split()[1] for row in rows(app) if row[2:3] == ":"] == ["started", "failed"]
        await pilot.press("escape")
        assert app.screen is screen
        await pilot.press("escape")
        await until(lambda: isinstance(app.screen, RunsScreen))


async def test_a_task_shows_what_its_model_was_asked_and_answered(project: Project) -> None:
    await project.run(WORKFLOW)
    app = project.app("last")
    async with app.run_test(size=(80, 20)) as pilot:
        await opened(app)
        (item,) = (place for place, row in enumerate(rows(app)) if "[1]" in row)
        await pilot.press("home", *["down"] * item, "enter", "p")
        await until(lambda: any("Say two" in row for row in rows(app)))


async def test_space_folds_and_s_sorts(project: Project) -> None:
    await project.run(WORKFLOW)
    app = project.app("last")
    async with app.run_test(size=(80, 20)) as pilot:
        await opened(app)
        (each,) = (place for place, row in enumerate(rows(app)) if "each" in row)
        await pilot.press("home", *["down"] * each, "space")
        assert len(rows(app)) == 2
        await pilot.press("right")
        assert len(rows(app)) == 4
        await pilot.press("s")
        assert line(app, "counts").endswith("by cost")
        await pilot.press("s")
        assert line(app, "counts").endswith("by time")


async def test_a_run_of_another_process_is_followed_to_its_end(project: Project) -> None:
    go = project.folder / "go"
    project.write("name: slow\ntasks:\n  - {id: wait, shell: 'until [ -e go ]; do sleep 0.02; done; echo done'}\n")
    with subprocess.Popen([NIKA, "run", "w.nika.yaml"], cwd=project.folder, stdout=-3, stderr=-3) as process:
        await until(lambda: (project.folder / ".nika" / "journal.db").exists() and nika.runs.list())
        app = project.app("last")
        async with app.run_test(size=(80, 20)):
            screen = await opened(app)
            await until(lambda: "1 running" in line(app, "counts"))
            assert screen.lives
            go.touch()
            await until(lambda: "1 success" in line(app, "counts"))
            await until(lambda: "succeeded" in line(app, "head"))
        process.wait(60)


async def test_a_run_that_is_removed_meanwhile_is_said_to_be(project: Project) -> None:
    await project.run(WORKFLOW)
    app = project.app("last")
    async with app.run_test(size=(80, 20)):
        await opened(app)
        await asyncio.to_thread(nika.runs.remove, "last")
        await until(lambda: line(app, "question") == "this run was removed")
        assert len(rows(app)) == 4  # what was read of it stays in sight


async def test_a_question_is_answered_and_a_wrong_answer_is_told(project: Project) -> None:
    project.write("tasks:\n  - {id: sure, ask: 'Is this right?'}\n")
    subprocess.run([NIKA, "run", "w.nika.yaml"], cwd=project.folder, stdin=-3, stdout=-3, stderr=-3, check=False)
    app = project.app("last")
    async with app.run_test(size=(80, 20)) as pilot:
        await opened(app)
        assert "sure asks: Is this right?" in line(app, "question")
        await pilot.press("r")
        await until(lambda: isinstance(app.screen, AnswerScreen))
        await pilot.press(*"perhaps", "enter")
        assert "yes or no" in line(app, "keys")
        assert isinstance(app.screen, AnswerScreen)
        await pilot.press(*["backspace"] * 7, *"yes", "enter")
        await until(lambda: isinstance(app.screen, RunScreen))
        await until(lambda: "asks" not in line(app, "question"))
    (asked,) = nika.questions("last")
    assert asked.answer is True


@pytest.mark.parametrize("size", [(20, 8), (60, 15), (100, 30), (200, 60)])
async def test_hostile_texts_stay_texts_at_every_size(project: Project, size: tuple[int, int]) -> None:
    bad = "[bold red]x[/] \\e]0;title\\a \\e[2J \\u202e 名前 $(id) "
    await project.run(f'name: "[blink]{bad}"\ntasks:\n  - {{id: a, set: "{bad * 20}"}}\n  - {{id: b, fail: "{bad}"}}\n')
    app = project.app()
    async with app.run_test(size=size) as pilot:
        await until(lambda: isinstance(app.screen, RunsScreen) and app.screen.rows.count == 1)
        await pilot.press("enter")
        await opened(app)
        for keys in (["end"], ["enter"], ["v"], ["escape"], ["home"], ["enter"]):
            await pilot.press(*keys)
            for row in rows(app):
                assert cell_len(row) <= size[0]
                assert row.isprintable()
            shown = "".join(text for strip in app.screen._compositor.render_strips() for text in strip.text)
            assert "\x1b" not in shown
            assert "\u202e" not in shown
    assert "[bold red]" in "".join(nika.runs.get("last").task("a").output)


async def test_a_terminal_that_is_resized_shows_everything_in_the_new_size(project: Project) -> None:
    await project.run(WORKFLOW)
    app = project.app("last")
    async with app.run_test(size=(120, 20)) as pilot:
        await opened(app)
        for width, height in ((20, 6), (5, 3), (200, 60), (60, 15)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            await until(lambda width=width: app.screen.size.width == width)  # type: ignore[misc]  # a default
            assert all(cell_len(row) <= width for row in rows(app))
        assert len(rows(app)) == 4


async def test_a_run_of_ten_thousand_items_scrolls_and_draws_only_what_is_in_sight_and_has_changed(
    project: Project,
) -> None:
    recorded(project.folder, 10_000)
    app = project.app("last")
    async with app.run_test(size=(80, 20)) as pilot:
        screen = await opened(app)
        await until(lambda: not screen._opening)
        assert "10000/10000" in rows(app)[0]
        await pilot.press("space", "end")
        assert "[9999]" in rows(app)[-1]
        await pilot.press("pageup", "home", "down")
        assert "[0]" in rows(app)[1]
        shown = screen.query_one(RowList)
        await pilot.pause()
        before = shown.redrawn
        screen._show()
        await pilot.pause()
        assert shown.redrawn == before  # nothing is new
        screen.model.nodes["each[1]"].now = "works on it"
        screen._show()
        await pilot.pause()
        assert before < shown.redrawn <= before + 2


async def test_a_history_that_cannot_be_read_for_a_while_is_told_and_read_on(project: Project) -> None:
    await project.run(WORKFLOW)
    app = project.app("last")
    async with app.run_test(size=(80, 20)):
        screen = await opened(app)
        journal = project.folder / ".nika" / "journal.db"
        kept = journal.read_bytes()
        for each in (project.folder / ".nika").glob("journal.db*"):
            each.write_bytes(b"no database at all, but as long as one" * 100)
        await until(lambda: screen._lost)
        for each in (project.folder / ".nika").glob("journal.db-*"):
            each.unlink()
        journal.write_bytes(kept)
        await until(lambda: not screen._lost)


async def test_without_a_terminal_it_says_what_to_do(project: Project) -> None:
    await project.run("tasks:\n  - {id: a, set: 1}\n")
    for arguments in (["last"], []):
        done = subprocess.run(
            [NIKA, "runs", "watch", *arguments],
            cwd=project.folder,
            stdin=-3,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert "needs a terminal" in done.stderr
    unknown = subprocess.run(
        [NIKA, "runs", "watch", "none"], cwd=project.folder, stdin=-3, capture_output=True, text=True, check=False
    )
    assert "There is no run 'none' here" in unknown.stderr


def test_textual_is_imported_by_no_other_command(project: Project) -> None:
    code = (
        "import sys; sys.argv = ['nika', 'runs', '--help']\n"
        "from nika_core.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'textual'], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    assert "watch" in done.stdout
    assert done.stderr == "[]\n"
