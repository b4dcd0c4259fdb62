"""Graphs as drawings: complete, well-formed, and nothing but text whatever the text is."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nika_command_graph.drawing import FORMATS, draw
from nika_command_graph.layout import lay_out
from nika_command_graph.picture import Picture, picture_of, printable

from nika_core.errors import UsageError
from nika_core.model.graph import Graph, build_graph
from nika_core.model.workflow import Flow, Task, Workflow
from nika_core.template import compile_condition, compile_template

HOSTILE = [
    '"]; evil[x="',
    "]] --> n9",
    "<script>alert(1)</script>",
    "&amp; &lt; ' \"",
    "#quot; %%{init: {'theme': 'dark'}}%% %% x",
    "\\N \\G \\",
    "\x1b[31mred\x1b[0m\x07",
    "a\nb\r\nc\td",
    "\u202egnp.exe \u2066 \ufffe \x00 \ud800",
    "`code` {{x}} ${y} | graph end",
    "größe → ok",
    "x" * 500,
]


def made(tasks: dict[str, str], *flows: tuple[str, ...], name: str = "demo") -> tuple[Workflow, Graph]:
    """Tasks by id with what they say; flows as (source, target[, condition])."""
    nodes = tuple(Task(task, "llm", {"prompt": compile_template(text)}) for task, text in tasks.items())
    edges = tuple(Flow(f[0], f[1], compile_condition(f[2]) if len(f) > 2 else None) for f in flows)
    return Workflow(name, Path("w.nika.yaml"), nodes, edges), build_graph(nodes, edges, lambda p: p.path[:1])


def condition(text: str) -> str:
    return f"{{{{a}}}} == {json.dumps(text).replace('{{', chr(92) + '{{').replace('${', chr(92) + '${')}"


SMALL = made(
    {"fetch": "", "titles": "{{fetch}}", "report": "{{titles}} {{fetch}}", "lone": ""},
    ("fetch", "titles", "{{fetch}} != ''"),
)


def test_mermaid_is_a_flowchart():
    assert draw(*SMALL, "mermaid").splitlines() == [
        "---",
        'title: "demo"',
        "---",
        "flowchart TD",
        '    n0["fetch<br/>llm"]',
        '    n1["titles<br/>llm"]',
        '    n2["report<br/>llm"]',
        '    n3["lone<br/>llm"]',
        "    n0 -->|\"#123;#123;fetch#125;#125; != ''\"| n1",
        "    n0 --> n2",
        "    n1 --> n2",
    ]


def test_dot_is_a_digraph():
    assert draw(*SMALL, "dot").splitlines()[3:] == [
        '    n0 [label="fetch\\nllm"];',
        '    n1 [label="titles\\nllm"];',
        '    n2 [label="report\\nllm"];',
        '    n3 [label="lone\\nllm"];',
        "    n0 -> n1 [label=\"{{fetch}} != ''\"];",
        "    n0 -> n2;",
        "    n1 -> n2;",
        "}",
    ]


def test_text_has_a_row_for_each_task_with_rails_and_words():
    assert draw(*SMALL, "text").splitlines() == [
        "demo",
        "",
        "○    fetch   llm",
        "├─●  titles  llm  after fetch if {{fetch}} != ''",
        "●─╯  report  llm  after fetch, titles",
        "○    lone    llm",
    ]


def test_several_flows_between_two_tasks_are_one_line():
    tasks = {"a": "", "b": ""}
    both = made(tasks, ("a", "b", "{{a}} == 1"), ("a", "b", "{{a}} == 2"))
    assert "after a if ({{a}} == 1) || ({{a}} == 2)" in draw(*both, "text")
    always = made(tasks, ("a", "b", "{{a}} == 1"), ("a", "b"))
    assert draw(*always, "text").endswith("after a")


def test_a_line_that_only_waits_is_dotted():
    waits = made({"a": "", "b": "", "c": ""}, ("a", "c", "{{b}} == 1"))
    assert "n1 -.-> n2" in draw(*waits, "mermaid")
    assert "n1 -> n2 [style=dotted]" in draw(*waits, "dot")
    assert 'class="e w"' in draw(*waits, "svg")


def test_an_unknown_format_is_refused_with_those_there_are():
    with pytest.raises(UsageError, match="no format 'png'") as caught:
        draw(*SMALL, "png")
    assert caught.value.hint == "formats: mermaid, dot, svg, text, json"


def test_json_has_the_tasks_and_the_flows_between_them():
    found = json.loads(draw(*SMALL, "json"))
    assert found["workflow"] == "demo"
    assert found["tasks"][0] == {"id": "fetch", "keyword": "llm"}
    assert found["flows"][:2] == [
        {"source": "fetch", "target": "titles", "condition": "{{fetch}} != ''"},
        {"source": "fetch", "target": "report"},
    ]


def test_any_graph_is_drawn_cycles_and_emptiness_included():
    cyclic = made({"a": "{{b}}", "b": "{{a}} {{b}}", "c": "{{a}}", "d": ""})
    for format_ in FORMATS:
        assert draw(*cyclic, format_)
        assert draw(*made({}), format_)
        assert draw(*made({"only": ""}), format_)


@pytest.mark.parametrize("text", HOSTILE)
def test_mermaid_holds_hostile_text_as_text(text: str):
    drawn = draw(*made({"a": "", "b": ""}, ("a", "b", condition(text)), name=text), "mermaid")
    front, *rows = drawn.partition("\n---\n")[2].split("\n")
    assert front == "flowchart TD"
    assert json.loads(drawn.splitlines()[1].removeprefix("title: "))
    label = r'"[\w \-.,:=!\'/()\[\]+*?@^~|#;<>…→]*"'
    assert [re.sub(label, "L", row.strip()) for row in rows] == ["n0[L]", "n1[L]", "n0 -->|L| n1"]
    assert not re.search(r"[{}%`]", drawn)
    assert printable(drawn) == " ".join(drawn.split())


@pytest.mark.parametrize("text", HOSTILE)
def test_dot_holds_hostile_text_as_text(text: str):
    drawn = draw(*made({"a": "", "b": ""}, ("a", "b", condition(text)), name=text), "dot")
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "Q", drawn)
    assert re.fullmatch(
        r"digraph Q \{\n    node \[.*\];\n    edge \[.*\];\n    n0 \[label=Q\];\n    n1 \[label=Q\];\n"
        r"    n0 -> n1 \[label=Q(, tooltip=Q)?\];\n\}",
        bare,
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_svg_holds_hostile_text_as_text(text: str):
    drawn = draw(*made({"a": "", "b": ""}, ("a", "b", condition(text)), name=text), "svg")
    drawn.encode("utf-8")
    root = ET.fromstring(drawn)
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert names == {"svg", "title", "style", "defs", "marker", "path", "rect", "g", "text"}
    assert "://" not in drawn.replace("http://www.w3.org/2000/svg", "").replace(text, "")


@pytest.mark.parametrize("text", HOSTILE)
def test_text_holds_no_control_codes(text: str):
    drawn = draw(*made({"a": "", "b": ""}, ("a", "b", condition(text)), name=text), "text")
    assert all(line.isprintable() for line in drawn.split("\n"))
    assert len(drawn.split("\n")) == 4


def test_text_leaves_out_rails_that_nobody_could_follow():
    wide = made({**{f"t{i}": "" for i in range(40)}, "end": "".join(f"{{{{t{i}}}}}" for i in range(40))})
    rows = draw(*wide, "text").splitlines()
    assert rows[2] == "  t0   llm"
    assert rows[-1].startswith("  end  llm  after t0, t1, t2")


def test_a_large_graph_is_drawn_in_reasonable_time():
    chain = made({"t0": ""} | {f"t{i}": f"{{{{t{i - 1}}}}} {{{{t{i // 2}}}}}" for i in range(1, 1000)})
    for format_ in FORMATS:
        assert len(draw(*chain, format_)) > 10_000


pairs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda p: p[0] < p[1]), max_size=25)


def picture(edges: list[tuple[int, int]]) -> Picture:
    return picture_of(*made({f"t{i}": "" for i in range(10)}, *((f"t{a}", f"t{b}") for a, b in edges)))


@settings(deadline=None)
@given(pairs)
def test_boxes_of_a_row_do_not_overlap_and_lines_go_from_row_to_row(edges: list[tuple[int, int]]):
    layout = lay_out(picture(edges), [50.0 + 10 * i for i in range(10)])
    for row in layout.rows:
        spots = sorted((layout.spots[spot] for spot in row), key=lambda spot: spot.x)
        for one, other in itertools.pairwise(spots):
            assert one.x + one.width / 2 < other.x - other.width / 2
    for path in layout.paths:
        rows = [layout.spots[spot].row for spot in path]
        assert rows == list(range(rows[0], rows[0] + len(rows)))


@settings(deadline=None)
@given(pairs)
def test_the_rails_can_be_read_back(edges: list[tuple[int, int]]):
    found: set[tuple[str, str]] = set()
    above = ""
    carried: dict[int, str] = {}  # column -> the task whose rail it is
    for row in draw(*made({f"t{i}": "" for i in range(10)}, *((f"t{a}", f"t{b}") for a, b in edges))).splitlines()[2:]:
        rail, name = re.match(r"^(.*?)  (t\d)  ", row).groups()  # type: ignore[union-attr]  # every row is one
        own = min(rail.find(c) for c in "●○" if c in rail)
        if rail[own] == "●" and above[own : own + 1] in tuple("●○│┼┤├"):
            found.add((carried[own], name))
        for step in (-1, 1):
            at = own + step
            while 0 <= at < len(rail) and (rail[at] in "─┼┤├┴╯╰" or (at % 2 == 0 and rail[at] == "│")):
                if rail[at] in "┼┤├┴╯╰":
                    found.add((carried[at], name))
                if rail[at] in "┤├╯╰":
                    break
                at += step
                if at % 2 and at < len(rail) and rail[at] != "─":
                    break
        carried[own] = name
        above = rail
    assert found == {(f"t{a}", f"t{b}") for a, b in edges}


@pytest.mark.parametrize("format_", FORMATS)
def test_the_condition_of_a_task_stands_with_it(format_: str):
    nodes = (Task("a", "llm", {}), Task("b", "llm", {}, when=compile_condition("{{a}} == 'x'")))
    drawn = draw(Workflow("demo", Path("w.nika.yaml"), nodes), build_graph(nodes, (), lambda p: p.path[:1]), format_)
    shown = {
        "mermaid": "llm if #123;#123;a#125;#125; == 'x'",
        "text": "llm  after a; if {{a}} == 'x'",
        "json": '"when": "{{a}} ==',
    }
    assert shown.get(format_, "llm if {{a}} == 'x'") in drawn


def test_what_a_person_is_asked_about_is_drawn_with_its_task():
    asked = {"report": ["shell", "secret"]}
    for format_ in FORMATS:
        drawn = draw(*SMALL, format_, lambda text: text.replace("secret", "***"), asked)
        assert drawn.count("asks about shell") == 1
        assert "***" in drawn.replace("#42;", "*")
        assert "secret" not in drawn


def test_the_command_draws_what_is_asked_by_the_block_the_task_and_the_caller(tmp_path: Path):
    inner = "{agent: {model: mock, allowedTools: [http], askTools: [http]}, tasks: [{id: d, agent: x}]}"
    (tmp_path / "w.nika.yaml").write_text(
        "agent: {model: mock, provider: mock, allowedTools: [shell, http], askTools: [shell]}\n"
        f"workflows: {{inner: {inner}}}\n"
        "tasks:\n  - {id: a, agent: x, askTools: [http]}\n  - {id: b, llm: x}\n"
        "  - {id: c, workflow: inner}\n  - {id: e, agent: x, allowedTools: [http]}\n"
    )
    done = subprocess.run(
        [Path(sys.executable).with_name("nika"), "graph", "w.nika.yaml"], cwd=tmp_path, capture_output=True, text=True
    )
    rows = {row.split()[1]: row for row in done.stdout.splitlines()[2:]}
    assert rows["a"].endswith("asks about http; shell")
    assert "asks" not in rows["b"] + rows["c"] + rows["e"]
    assert rows["d"].endswith("asks about http")
