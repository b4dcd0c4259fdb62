"""The page with the runs, on a run of 10,000 items: `python tests/benchmarks/bench_ui.py [--json]`.

A real Chromium opens the page of a real `nika ui`. Measured are the seconds from the address to the first paint of the
run with its list folded, the page's memory after its items and all views were shown, and the server's. Then 50 tabs are
open while another run is recorded: measured are the seconds until all of them show it. The bounds are figures of the
machine of docs/performance.md. Without Chromium there are no rows, and a word on stderr.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import sync_playwright
from rows import Row, duration, tell

ITEMS, TABS = 10_000, 50
MOST_SECONDS, MOST_TOLD, MOST_PAGE, MOST_SERVER = 1.0, 5.0, 150e6, 80e6
NIKA = Path(sys.executable).with_name("nika")
WORKFLOW = """\
name: many
tasks:
  - {id: list, function: "many.py::numbers"}
  - {id: each, forEach: "{{list}}", set: {x: "${each.item}"}}
"""


def measured(chromium: str) -> Iterator[Row]:
    """Open the page, and show everything of the run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "many.nika.yaml").write_text(WORKFLOW)
        (folder / "small.nika.yaml").write_text("name: small\ntasks:\n  - {id: one, set: 1}\n")
        (folder / "many.py").write_text(f"def numbers():\n    return list(range({ITEMS}))\n")
        environ = os.environ | {"NIKA_MAX_ITEMS": str(ITEMS * 2), "NIKA_MAX_TASKS": str(ITEMS * 2)}
        subprocess.run([NIKA, "run", "many.nika.yaml"], cwd=folder, env=environ, stdout=-3, stderr=-3, check=True)
        with (
            subprocess.Popen([NIKA, "ui"], cwd=folder, stdout=subprocess.PIPE, stderr=-3, text=True) as server,
            sync_playwright() as playwright,
        ):
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            arguments = ["--no-sandbox"] * (os.geteuid() == 0)
            browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
            context = browser.new_context()  # its pages share the connections, as tabs do
            page = context.new_page()
            page.goto("about:blank")
            began = time.perf_counter()
            page.goto(f"{address}#/run/last")
            fold = page.get_by_role("button", name=f"Show {ITEMS:,} items")
            fold.wait_for()
            seconds = time.perf_counter() - began
            fold.click()
            page.get_by_role("button", name="each[99]").wait_for()
            for view in ("Timeline", "Cost", "Graph", "List"):
                page.get_by_role("tab", name=view).click()
                page.wait_for_load_state("networkidle")
            used = page_bytes()
            resident = resident_bytes(server.pid)
            pages = [context.new_page() for _ in range(TABS)]
            for each in pages:
                each.goto(address)
                each.get_by_role("link", name="many").wait_for()
            subprocess.run([NIKA, "run", "small.nika.yaml"], cwd=folder, stdout=-3, stderr=-3, check=True)
            began = time.perf_counter()
            for each in pages:
                each.get_by_role("link", name="small").wait_for()
            told = time.perf_counter() - began
            with_tabs = resident_bytes(server.pid)
            browser.close()
            server.terminate()
    yield Row(
        "the page of a run of 10,000 items: first paint", duration(seconds), "", seconds, MOST_SECONDS, reported=True
    )
    yield Row(f"{TABS} tabs: all show a run that has ended", duration(told), "", told, MOST_TOLD, reported=True)
    for what, size, most in (
        ("the page's memory", used, MOST_PAGE),
        ("the server's memory", resident, MOST_SERVER),
        (f"the server's memory with {TABS} tabs", with_tabs, MOST_SERVER),
    ):
        yield Row(f"the same: {what}", f"{size / 1e6:.0f} MB", f"{most / 1e6:.0f} MB", size / most, 1.0, reported=True)


def page_bytes() -> float:
    """Return the memory that the largest process that draws a page of a browser has for itself."""
    found = [0.0]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"--type=renderer" in (folder / "cmdline").read_bytes():
                lines = (folder / "smaps_rollup").read_text().splitlines()
                found.append(sum(float(line.split()[1]) * 1024 for line in lines if line.startswith("Private_")))
        except OSError:  # it has ended, or is somebody else's
            continue
    return max(found)


def resident_bytes(pid: int) -> float:
    """Return the memory that a process has now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


if __name__ == "__main__":
    found = shutil.which("chromium")
    if found is None:
        print("there is no Chromium: the page is not measured", file=sys.stderr)
    tell(list(measured(found)) if found else [])
