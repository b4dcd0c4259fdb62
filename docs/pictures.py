"""Makes the pictures of the page with the runs anew: `.venv/bin/python docs/pictures.py`. It needs Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURES = Path(__file__).parent / "guide" / "pictures"
NIKA = Path(sys.executable).with_name("nika")
WORKFLOW = """\
name: release-notes
inputs:
  since: {type: string, default: last week}
agent: {model: mock-small, provider: mock, maxTokens: 400}
tasks:
  - id: changes
    set: {list: [parser, budget, resume, colours, docs]}
  - id: summaries
    forEach: "{{changes.list}}"
    llm: "**${each.item}**: what changed ${input.since}, in one sentence?"
  - id: lint
    shell: "test -d missing"
    onError: continue
  - id: notes
    llm: "Write release notes from {{summaries}}"
  - id: publish
    ask: "Publish these notes? {{notes}}"
flows:
  - {source: lint, target: publish}
"""


def main() -> None:
    """Run a workflow twice, and photograph what the page shows."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "release")
        folder.mkdir()
        (folder / "notes.nika.yaml").write_text(WORKFLOW)
        for since in ("last week", "in the three months since the release before the last one, " * 6):
            subprocess.run(
                [NIKA, "run", "notes.nika.yaml", "-i", f"since={since}"],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        with subprocess.Popen([NIKA, "ui"], cwd=folder, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            photograph(server.stdout.readline().strip())
            server.terminate()


def photograph(address: str) -> None:
    """Take the pictures of the page at an address."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        page = browser.new_page(viewport={"width": 1180, "height": 640}, timezone_id="UTC")
        page.goto(address)
        page.get_by_role("checkbox").nth(0).check()
        page.get_by_role("checkbox").nth(1).check()
        page.screenshot(path=PICTURES / "runs.png")
        page.get_by_role("link", name="Compare the two runs").click()
        page.get_by_text("times the tokens").wait_for()
        page.screenshot(path=PICTURES / "compare.png", full_page=True)
        page.goto(address.partition("?")[0] + "#/run/last")
        page.get_by_role("button", name="Show 5 items").click()
        page.get_by_role("button", name="summaries[1]").click()
        page.get_by_role("complementary", name="Task").get_by_role("heading", name="summaries[1]").wait_for()
        page.screenshot(path=PICTURES / "run.png", full_page=True)
        browser.close()


if __name__ == "__main__":
    main()
