"""`nika worker`: does the tasks of runs on a backend."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

import nika_core as nika
from nika_core.cli.console import format_table, mask_with, plain, print_data, print_json, print_message
from nika_core.cli.options import Format, FormatOption, OnOption, SharedOption
from nika_core.cli.remote_options import url_of
from nika_core.errors import UsageError
from nika_core.plugin import WorkerOptions

app = typer.Typer(
    invoke_without_command=True, rich_markup_mode=None, add_completion=False, help="Do the tasks of runs on a backend."
)
_DRAINING = "draining: no more work is taken, and what runs may end (again: end it now)"


@app.callback()
def worker(
    context: typer.Context,
    on: OnOption = None,
    shared: SharedOption = None,
    keywords: Annotated[
        str | None, typer.Option("--keywords", metavar="A,B", help="Only tasks of these keywords; else all that work.")
    ] = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", min=1, metavar="N", help="Tasks at once, for each keyword.")
    ] = 20,
) -> None:
    """Do the tasks of runs on a backend until SIGTERM or Ctrl-C, which lets them end; the second ends them."""
    if context.invoked_subcommand is not None:
        return
    workspace = nika.Workspace.open()
    mask_with(workspace.masker)
    url = url_of(workspace, on)
    names = nika.backends.keywords(workspace=workspace)
    wanted = tuple(filter(None, keywords.split(","))) if keywords else names
    if unknown := [word for word in wanted if word not in names]:
        raise UsageError(f"the keyword `{unknown[0]}` does not work here", hint=f"there are: {', '.join(names)}")
    nika.run_to_end(_serve(workspace, url, shared, wanted, concurrency), grace=15.0)


async def _serve(
    workspace: nika.Workspace, url: str, shared: Path | None, keywords: tuple[str, ...], concurrency: int
) -> None:
    backend = nika.backends.connect(url, workspace=workspace, shared=shared)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    me = asyncio.current_task()

    def told() -> None:
        if stop.is_set():
            assert me is not None
            me.cancel()
            return
        print_message(_DRAINING)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    ready = f"worker on {url}: {', '.join(keywords)}"
    try:
        await backend.serve(
            WorkerOptions(
                keywords=keywords, concurrency=concurrency, ready=lambda: print_message(plain(ready)), stop=stop.wait
            )
        )
    except asyncio.CancelledError:
        print_message("ended at once; the tasks are done again elsewhere")
    finally:
        await backend.close()


@app.command("check")
def check_worker(on: OnOption = None, format_: FormatOption = Format.PRETTY) -> None:
    """Say which keywords work on this machine, how many workers offer each, and which versions workers have.

    Exit 1 if a keyword cannot be done here.
    """
    workspace = nika.Workspace.open()
    url = url_of(workspace, on)
    names = nika.backends.keywords(workspace=workspace)

    async def asked() -> tuple[dict[str, int], dict[str, int]]:
        backend = nika.backends.connect(url, workspace=workspace)
        try:
            return dict(await backend.offered()), dict(await backend.versions())
        finally:
            await backend.close()

    counts, versions = nika.run_to_end(asked())
    version = nika.backends.worker_version(workspace=workspace)
    broken = [
        (each.record.word, each.why or "it cannot be loaded")
        for each in nika.plugins()
        if each.record.kind.id == "keywords" and each.record.word not in names
    ]
    if format_ is Format.JSON:
        here = [{"keyword": word, "workers": counts.get(word, 0)} for word in names]
        problems = [{"keyword": w, "problem": p} for w, p in broken]
        there = [{"version": each, "workers": count} for each, count in versions.items()]
        print_json({"url": url, "version": version, "versions": there, "keywords": here, "broken": problems})
    else:
        print_data(format_table(("KEYWORD", "WORKERS"), [(word, str(counts.get(word, 0))) for word in names]))
        print_message(f"version of a worker here: {version}")
        for each, count in versions.items():
            if each != version:
                others = "1 worker has" if count == 1 else f"{count} workers have"
                print_message(f"{others} another version, {plain(each)}: a run stays with the one that it began with")
        for word, problem in broken:
            print_message(f"`{plain(word)}` cannot be done here: {plain(problem)}")
    if broken or not names:
        sys.exit(1)
