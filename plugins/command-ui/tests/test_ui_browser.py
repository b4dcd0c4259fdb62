"""The pages in a real Chromium: what a person sees, and that nothing of a run is more than text there."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

import nika_core as nika

from .conftest import WORKFLOW, apart, run_nika

if TYPE_CHECKING:
    from .conftest import Served

CHROMIUM = shutil.which("chromium")
REQUIRED = bool(os.environ.get("NIKA_TEST_MACHINE"))  # `.ci/run` sets it if it installs the browser
PATIENCE = 60_000  # milliseconds
HOSTILE = "<img src=x onerror=alert(1)><script>alert(1)</script>"
pytestmark = [
    pytest.mark.beside,
    pytest.mark.skipif(not CHROMIUM and not REQUIRED, reason="there is no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM or "chromium", args=arguments)
        yield browser
        browser.close()


class Watched:
    """A page, and what its console said."""

    def __init__(self, page: Page) -> None:
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        self.expected = ""  # what the console may say
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: self.said.append(f"a dialog: {dialog.message}"))
        page.on("request", lambda request: self.asked.append(request.url))

    def open(self, served: Served, place: str = "#/") -> Page:
        """Open a place of the page, as with the address that was printed."""
        self.page.goto(served.address)
        self.page.evaluate("place => { location.hash = place }", place)
        return self.page


@pytest.fixture
def watched(browser: Browser, serve: Any) -> Iterator[Watched]:  # the servers end after the page, which would complain
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    watched = Watched(context.new_page())
    yield watched
    context.close()
    said = [text for text in watched.said if not watched.expected or watched.expected not in text]
    assert said == []  # neither errors nor violations of the content security policy


def newest(served: Served) -> str:
    """Return the id of the newest run."""
    return str(json.loads(served.ask("/api/runs")[2])["runs"][0]["runId"])


def test_a_run_a_list_and_a_task_open_with_the_keyboard_alone(watched: Watched, served: Served) -> None:
    page = watched.open(served)
    link = page.get_by_role("link", name="demo").first
    link.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Show 3 items").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="many[1]").focus()
    page.keyboard.press("Enter")
    panel = page.get_by_role("complementary", name="Task")
    expect(panel.get_by_role("heading", name="many[1]")).to_be_focused()
    expect(panel.get_by_text("mock: Say two about a much longer")).to_be_visible()
    panel.locator("summary", has_text="Payload").focus()
    page.keyboard.press("Enter")
    expect(panel.get_by_text("Say two about a much longer", exact=False).nth(1)).to_be_visible()
    page.get_by_role("tab", name="List").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Timeline")).to_be_focused()
    bar = page.get_by_role("button", name="bad: failed")
    bar.focus()
    page.keyboard.press("Enter")
    expect(panel.get_by_role("heading", name="bad")).to_be_visible()


def test_the_graph_is_drawn_when_it_is_asked_for_and_not_before(watched: Watched, served: Served) -> None:
    page = watched.open(served, f"#/run/{newest(served)}")
    expect(page.get_by_role("button", name="many", exact=True)).to_be_visible()
    assert not any("cytoscape" in address for address in watched.asked)
    page.get_by_role("tab", name="Graph").click()
    expect(page.locator("#graph canvas").first).to_be_visible()
    assert any("cytoscape" in address for address in watched.asked)


def test_a_run_on_a_backend_is_followed_and_answered_on_its_page(
    watched: Watched, serve: Any, far: Path, place: Any
) -> None:
    place["away"] = "nobody listens there"
    page = watched.open(serve(far))
    page.get_by_role("link", name="far").click()
    expect(page.get_by_text("nobody listens there")).to_be_visible()
    expect(page.get_by_text("No task has begun yet.")).to_be_visible()
    place["away"] = ""
    expect(page.get_by_text("nobody listens there")).to_be_hidden()
    page.get_by_role("button", name="Show 3 items").click()
    page.get_by_role("button", name="many[1]").click()
    panel = page.get_by_role("complementary", name="Task")
    expect(panel.get_by_text("mock: Say two")).to_be_visible()
    panel.locator("summary", has_text="Payload").click()
    expect(panel.get_by_text("keeps neither payloads nor conversations").first).to_be_visible()
    page.get_by_role("button", name="Yes").click()
    expect(page.locator("dd .state").first).to_have_text("✓ succeeded")
    expect(page.get_by_role("button", name="end", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Yes")).to_be_hidden()


def test_two_runs_show_in_a_sentence_why_one_took_more(watched: Watched, served: Served) -> None:
    page = watched.open(served)
    boxes = page.get_by_role("checkbox")
    boxes.nth(0).check()
    boxes.nth(1).check()
    page.get_by_role("link", name="Compare the two runs").click()
    told = page.locator("#main > p").first
    expect(told).to_contain_text("times the tokens of the first")
    expect(told).to_contain_text("many makes up 100 % of the difference")
    expect(told).to_contain_text("input tokens a call, then")


@pytest.mark.parametrize(
    "place", ["#/", "#/run/last", "#/run/last/timeline", "#/run/last/cost", "#/questions", "#/compare/last/last"]
)
def test_no_page_breaks_a_rule_of_accessibility(browser: Browser, served: Served, place: str) -> None:
    # axe is put into the page by its debugger, which a content security policy would forbid.
    context = browser.new_context(color_scheme="light", bypass_csp=True, viewport={"width": 1280, "height": 800})
    page = Watched(context.new_page()).open(served, place)
    page.locator("#main h2, #main table").first.wait_for()
    if place == "#/run/last":
        page.get_by_role("button", name="Show 3 items").click()
        page.get_by_role("button", name="many[0]").click()
        page.get_by_role("complementary", name="Task").get_by_role("heading", name="many[0]").wait_for()
        for summary in page.locator("summary").all():
            summary.click()
        page.get_by_role("heading", name="prompt").wait_for()
    themes: tuple[Any, ...] = ("light", "dark")
    for theme in themes:
        page.emulate_media(color_scheme=theme)
        found = Axe().run(page)
        assert found.violations_count == 0, f"{theme}: {found.generate_report()}"
    context.close()


@pytest.mark.parametrize(("width", "height"), [(380, 700), (3840, 2160)])
def test_no_page_is_wider_than_its_window(browser: Browser, served: Served, width: int, height: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": height})
    watched = Watched(context.new_page())
    for place in ("#/", "#/run/last", "#/run/last/timeline", "#/run/last/cost", "#/compare/last/last"):
        page = watched.open(served, place)
        page.locator("#main h2").first.wait_for()
        page.locator("#main table, #main svg, #main .bars").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, place
    context.close()


def test_a_comparison_in_a_narrow_window_squeezes_no_sentence_into_a_tall_row(browser: Browser, served: Served) -> None:
    after, before = (run["runId"] for run in json.loads(served.ask("/api/runs")[2])["runs"][:2])
    context = browser.new_context(viewport={"width": 380, "height": 700})
    page = Watched(context.new_page()).open(served, f"#/compare/{before}/{after}")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="many"))
    expect(row).to_contain_text("input tokens a call")
    line = page.get_by_role("link", name="many").bounding_box()
    box = row.bounding_box()
    assert line is not None
    assert box is not None
    assert box["height"] < 6 * line["height"]
    context.close()


def test_a_run_is_live_and_its_question_is_answered_there(watched: Watched, serve: Any, tmp_path: Path) -> None:
    (tmp_path / "demo.nika.yaml").write_text(WORKFLOW)
    served = serve(tmp_path)
    page = watched.open(served)
    expect(page.get_by_text("There are no runs yet.")).to_be_visible()
    run_nika(tmp_path, "run", "demo.nika.yaml")  # another process
    page.get_by_role("link", name="demo").click()
    question = page.get_by_role("form", name="Question of sure")
    expect(question).to_contain_text("Ship ")
    question.get_by_role("button", name="Yes").click()
    expect(question).to_contain_text("Answered.")
    assert run_nika(tmp_path, "resume", "last").returncode in {0, 1}
    expect(page.get_by_role("row", name="sure")).to_contain_text("success")


def test_tokens_are_drawn_by_task_and_by_model_with_the_figures_as_text(watched: Watched, served: Served) -> None:
    page = watched.open(served, f"#/run/{newest(served)}/cost")
    expect(page.get_by_role("heading", name="Tokens by model")).to_be_visible()
    tasks, models = page.locator(".bars").all()
    for bars, name in ((tasks, "many"), (models, "mock-small")):
        expect(bars).to_contain_text(name)
        expect(bars).to_contain_text("3 calls")
        assert float(bars.locator("rect").first.get_attribute("width") or 0) == 100


def test_hostile_names_and_outputs_stay_text(watched: Watched, serve: Any, tmp_path: Path) -> None:
    long, right_to_left = "x" * 1_000_000, "\u202egnp.exe \u05d0\u05d1\u05d2"
    texts = {
        "page": HOSTILE,
        "link": "[a](javascript:alert(1)) **b** ![c](http://192.0.2.1/x.png)",
        "long": long,
        "mixed": right_to_left,
        "tags": {HOSTILE: [HOSTILE]},
        "frame": "# a\n<iframe src=javascript:alert(1)></iframe>",
        "controls": "a\x1b[31mb\x07\x9b",
        "picture": "data:image/svg+xml;base64,PHN2Zy8+",
    }
    (tmp_path / "values.py").write_text(
        "import json\ndef texts():\n    return json.loads(open(__file__[:-9] + 'texts.json').read())\n"
    )
    (tmp_path / "texts.json").write_text(json.dumps(texts))
    (tmp_path / "odd.nika.yaml").write_text(
        f"name: {json.dumps(HOSTILE)}\ntasks:\n  - {{id: all, function: 'values.py::texts'}}\n"
        "  - {id: each, forEach: [page, long], set: '${each.item}'}\n"
        + "".join(f"  - {{id: t-{name}, set: '{{{{all.{name}}}}}'}}\n" for name in texts)
    )
    environ = os.environ | {"NIKA_MAX_OUTPUT_BYTES": "100000000"}
    assert apart(nika.run, tmp_path / "odd.nika.yaml", environ=environ).status == "succeeded"
    served = serve(tmp_path)
    page = watched.open(served, "#/run/last")
    expect(page.get_by_role("heading", name=HOSTILE)).to_be_visible()
    panel = page.get_by_role("complementary", name="Task")
    for name in texts:
        page.get_by_role("button", name=f"t-{name}", exact=True).click()
        expect(panel.get_by_role("heading", name=f"t-{name}")).to_be_visible()
        if name == "long":
            panel.get_by_role("button", name="Load all").click()
            panel.get_by_role("button", name="Show all 1,000,000").click()
            assert panel.locator("pre").first.inner_text() == long
        if name == "mixed":
            expect(panel.locator("pre").first).to_contain_text(r"\u202egnp.exe")
        if name == "controls":
            expect(panel.locator("pre").first).to_contain_text(r"a\u001b[31mb\u0007\u009b")
        if name == "link":
            expect(panel.locator(".markdown strong")).to_have_text("b")
        assert panel.locator("script, iframe, img, a[href^=javascript]").count() == 0, name
    hosts = {address.split("/")[2] for address in watched.asked if not address.startswith("data:")}
    assert hosts == {served.host}


def test_a_run_of_many_items_opens_at_once_and_scrolls(watched: Watched, serve: Any, tmp_path: Path) -> None:
    (tmp_path / "many.nika.yaml").write_text(
        "name: many\ntasks:\n  - {id: list, function: 'many.py::numbers'}\n"
        "  - {id: each, forEach: '{{list}}', set: {x: '${each.item}'}}\n"
    )
    (tmp_path / "many.py").write_text("def numbers():\n    return list(range(2000))\n")
    environ = os.environ | {"NIKA_MAX_ITEMS": "20000", "NIKA_MAX_TASKS": "100000"}
    assert apart(nika.run, tmp_path / "many.nika.yaml", environ=environ).status == "succeeded"
    page = watched.open(serve(tmp_path), "#/run/last")
    fold = page.get_by_role("button", name="Show 2,000 items")
    expect(fold).to_be_visible()
    assert page.locator("tr").count() < 10
    fold.click()
    expect(page.get_by_role("button", name="each[99]")).to_be_visible()
    page.get_by_role("button", name="Show 100 more of 2,000").click()
    expect(page.get_by_role("button", name="each[199]")).to_be_visible()
    assert page.locator("tr").count() < 220


def test_a_place_that_is_asked_for_while_another_is_loaded_is_the_one_that_is_shown(
    watched: Watched, served: Served
) -> None:
    page = watched.open(served)
    for _ in range(20):
        page.evaluate(
            "for (const place of ['#/', '#/run/last', '#/questions', '#/run/last/cost']) location.hash = place"
        )
    expect(page.get_by_role("tab", name="Cost")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("heading", name="Tokens by task")).to_be_visible()


def test_more_tabs_than_a_browser_has_connections_are_all_told_of_a_change(
    browser: Browser, serve: Any, tmp_path: Path
) -> None:
    (tmp_path / "demo.nika.yaml").write_text(WORKFLOW)
    served = serve(tmp_path)
    context = browser.new_context()
    first, *others = [Watched(context.new_page()).open(served) for _ in range(8)]  # six connections for a server
    for page in (first, *others):
        expect(page.get_by_text("There are no runs yet.")).to_be_visible()
    apart(nika.run, tmp_path / "demo.nika.yaml")
    for page in (first, *others):
        expect(page.get_by_role("link", name="demo")).to_have_count(1)
    first.close()  # it was the one that listened
    apart(nika.run, tmp_path / "demo.nika.yaml")
    for page in others:
        expect(page.get_by_role("link", name="demo")).to_have_count(2)
    context.close()


def test_a_page_says_that_its_run_or_its_server_is_gone(watched: Watched, serve: Any, tmp_path: Path) -> None:
    (tmp_path / "demo.nika.yaml").write_text(WORKFLOW)
    apart(nika.run, tmp_path / "demo.nika.yaml")
    watched.expected = "status of 404"
    page = watched.open(serve(tmp_path), "#/run/last")
    expect(page.get_by_role("button", name="many", exact=True)).to_be_visible()
    apart(nika.runs.remove, "last", folder=tmp_path)
    expect(page.get_by_role("alert")).to_contain_text("run")
