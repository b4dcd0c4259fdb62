"""A project with a run on a backend, which is the one of the hook's docstring, in one place of this process."""

from __future__ import annotations

import asyncio
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from nika_command_ui import followed_run

import nika_core as nika
from nika_core.plugin import hookspec

URL = "inline://here"
WORKFLOW = """\
name: far
agent: {model: mock-small, provider: mock, maxTokens: 50}
tasks:
  - id: many
    forEach: [one, two, three]
    llm: "Say ${each.item}"
  - id: large
    set: "LARGE"
  - id: sure
    ask: Go on?
  - id: end
    set: "the answer is {{sure}}"
flows:
  - {source: many, target: sure}
"""
# The backend of the hook's docstring, but in one place of the process that all its connections share.
PLACE = """
import threading

LOOP, INLINE, STATE = asyncio.new_event_loop(), None, {"away": "", "silent": False}
THREAD = threading.Thread(target=LOOP.run_forever, daemon=True)
THREAD.start()

def end():
    STATE["silent"] = True  # to those who still follow a run
    async def work():
        if INLINE is not None:
            await INLINE.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        _ = [task.cancel() for task in others]
        await asyncio.gather(*others, return_exceptions=True)
    asyncio.run_coroutine_threadsafe(work(), LOOP).result(60)
    LOOP.call_soon_threadsafe(LOOP.stop)
    THREAD.join(60)
    LOOP.close()

class Place:
    def __init__(self, setup):
        global INLINE
        INLINE = INLINE or Inline(setup)

    async def there(self, work):
        if STATE["away"]:
            work.close()
            raise UsageError(STATE["away"])
        if STATE["silent"]:
            work.close()
            await asyncio.Event().wait()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, LOOP))

    async def submit(self, submission):
        await self.there(INLINE.submit(submission))

    async def events(self, run_id, since=0):
        async def look():
            async for update in INLINE.events(run_id, since):
                return update
        while True:
            update = await self.there(look())
            since += len(update.events)
            yield update
            if update.result is not None:
                return
            await asyncio.sleep(0.01)

    async def signal(self, run_id, signal):
        await self.there(INLINE.signal(run_id, signal))

    async def definition(self, run_id):
        return await self.there(INLINE.definition(run_id))

    async def close(self):
        pass
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return the state of an installed backend: `away` is why it cannot be reached, `silent` that it never answers."""
    begins, ends = "A complete plugin, `acme_inline.py`:\n", "and in its pyproject.toml"
    source = textwrap.dedent((hookspec.nika_backends.__doc__ or "").split(begins)[1].split(ends)[0])
    folder = tmp_path / "site"
    about = folder / "acme_inline-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "acme_inline.py").write_text(source.replace(":Inline", ":Place") + PLACE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-inline\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[nika.backends]\ninline = acme_inline\n")
    (about / "RECORD").write_text("acme_inline.py,,\n")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "acme_inline", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(followed_run, "AGAIN", 0.01)
    import acme_inline  # type: ignore[import-not-found]  # the fixture has just written it

    yield acme_inline.STATE
    acme_inline.end()


def apart(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Return what a function returns in a thread of its own: Playwright has an event loop in the test's."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call, *arguments, **options).result()


@pytest.fixture
def far(place: Any, tmp_path: Path) -> Path:
    """Return a project with a run of this machine and one on the backend."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / ".git").mkdir()
    (folder / "near.nika.yaml").write_text("name: near\ntasks:\n  - {id: one, set: 1}\n")
    apart(nika.run, folder / "near.nika.yaml")
    apart(submitted, folder, URL, WORKFLOW.replace("LARGE", "x" * 100_000))
    return folder


def submitted(folder: Path, url: str, text: str) -> str:
    """Submit a workflow as `nika run --on` does, and return the run's id."""
    path = folder / "far.nika.yaml"
    path.write_text(text)
    prepared = nika.prepare(path, elsewhere=True)
    submission = nika.backends.submission(prepared, url=url)

    async def submit() -> None:
        backend = nika.backends.connect(url, workspace=prepared.workspace)
        await backend.submit(submission)
        await backend.close()

    asyncio.run(submit())
    index = nika.backends.index(workspace=prepared.workspace)
    index.note(run_id=submission.run_id, url=url, workflow="far", submitted_at=time.time(), shared=None)
    return submission.run_id
