"""What `plan`, `graph` and `validate` say of lists and loops, without running anything."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .conftest import Nika

Write = Callable[[str, str], Path]
MODEL = "agent: {model: mock-small, provider: mock}\n"


def planned(nika: Nika, write: Write, task: str, *arguments: str, head: str = "") -> tuple[dict[str, Any], str]:
    """The plan's last task as JSON, and the plan as text."""
    write("w.nika.yaml", f"{MODEL}{head}tasks:\n- {{id: l, shell: ls, output: lines}}\n- {task}\n")
    done = nika("plan", "w.nika.yaml", "--format", "json", *arguments)
    assert done.code == 0, done.err
    return done.json["tasks"][-1], nika("plan", "w.nika.yaml", *arguments).out


def test_a_list_that_is_not_known_counts_with_its_max_or_the_limit(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIKA_MAX_ITEMS", "70")
    task, text = planned(nika, write, "{id: a, forEach: {items: '{{l}}', max: 50}, shell: 'echo ${each.item}'}")
    assert (task["items"], task["dependsOn"]) == ({"atMost": 50}, ["l"])
    assert "a  shell  up to 50 items  after l\n" in text
    task, text = planned(nika, write, "{id: a, forEach: '{{l}}', shell: 'echo ${each.item}'}")
    assert task["items"] == {"atMost": 70}
    assert "up to 70 items" in text
    assert "rounds" not in task


@pytest.mark.parametrize("items", ["[a, '{{l.0}}', {b: 1}]", "${input.names}", "${input.text}"])
def test_a_list_in_the_file_or_from_inputs_counts_exactly(nika: Nika, write: Write, items: str) -> None:
    head = "inputs: {names: {type: json, default: [1, 2, 3]}, text: {default: '[1, 2, 3]'}}\n"
    each = f"{{id: a, forEach: {items if items[0] == '[' else repr(items)}, shell: 'echo ${{each.item}}'}}"
    task, text = planned(nika, write, each, head=head)
    assert task["items"] == {"exactly": 3}
    assert "a  shell  3 items" in text


def test_inputs_of_the_command_line_decide_how_many_items_there_are(nika: Nika, write: Write) -> None:
    head = "inputs: {names: {type: json, default: [1, 2, 3]}}\n"
    each = "{id: a, forEach: {items: '${input.names}', max: 4}, shell: 'echo ${each.item}'}"
    task, text = planned(nika, write, each, "-i", "names=[1]", head=head)
    assert task["items"] == {"exactly": 1}
    assert "1 item\n" in text
    task, _ = planned(nika, write, each, "-i", "names=[1,2,3,4,5]", head=head)
    assert task["items"] == {"atMost": 4}  # the run will refuse this list
    task, _ = planned(nika, write, each, "-i", 'names={"no": "list"}', head=head)
    assert task["items"] == {"atMost": 4}  # nor is this one


def test_the_cost_of_a_list_is_that_of_its_items(nika: Nika, write: Write) -> None:
    def estimate(for_each: str) -> tuple[int, int]:
        task, _ = planned(nika, write, f"{{id: a, {for_each} llm: {{prompt: hello there, maxTokens: 10}}}}")
        return task["estimate"]["tokensLow"], task["estimate"]["tokensHigh"]

    low, high = estimate("")
    assert low > 0
    assert estimate("forEach: [1, 2, 3],") == (3 * low, 3 * high)
    assert estimate("forEach: {items: '{{l}}', max: 50},") == (0, 50 * high)  # the list may be empty
    assert estimate("forEach: [1, 2, 3], when: '${each.item} > 1',") == (0, 3 * high)  # each item may be skipped
    assert estimate("""repeat: {until: "{{a}} == 'x'", max: 5},""") == (low, 5 * high)


def test_a_loop_is_one_to_max_rounds(nika: Nika, write: Write) -> None:
    task, text = planned(nika, write, """{id: a, repeat: {until: "{{a}} == {{l.0}}", max: 5}, shell: ls}""")
    assert (task["rounds"], task["dependsOn"]) == ({"atMost": 5}, ["l"])
    assert "a  shell  1 to 5 rounds  after l\n" in text
    task, text = planned(nika, write, """{id: a, repeat: {until: "{{a}} == 'x'", max: 1}, shell: ls}""")
    assert task["rounds"] == {"exactly": 1}
    assert "a  shell  1 round\n" in text


def test_rounds_that_go_on_with_a_conversation_are_sent_what_was_said_before(nika: Nika, write: Write) -> None:
    def most(conversation: str) -> int:
        repeat = f"""repeat: {{until: "{{{{a}}}} == 'x'", max: 3, conversation: {conversation}}}"""
        task, _ = planned(nika, write, f"{{id: a, {repeat}, agent: {{prompt: hello there, maxTokens: 10}}}}")
        return int(task["estimate"]["tokensHigh"])

    once, _ = planned(nika, write, "{id: a, agent: {prompt: hello there, maxTokens: 10}}")
    high = once["estimate"]["tokensHigh"]
    assert (most("fresh"), most("continue")) == (3 * high, 6 * high)  # 1 + 2 + 3: each round is sent all before it


def test_a_run_is_not_refused_for_what_its_list_or_loop_takes_at_most(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIKA_MAX_TOKENS_TOTAL", "100")
    llm = "llm: {prompt: hello there, maxTokens: 10}"
    for task in (
        f"{{id: a, forEach: '${{input.names}}', {llm}}}",
        f"""{{id: a, repeat: {{until: "{{{{a}}}} != ''", max: 90}}, {llm}}}""",
    ):
        write("w.nika.yaml", f"{MODEL}inputs: {{names: {{type: json, default: [1]}}}}\ntasks: [{task}]\n")
        assert nika("run", "w.nika.yaml").code == 0
    monkeypatch.setenv("NIKA_MAX_TOKENS_TASK", "90")
    items = ", ".join(map(str, range(15)))
    write("w.nika.yaml", f"{MODEL}tasks: [{{id: a, forEach: [{items}], {llm}}}]\n")
    assert "refusals" not in nika("plan", "w.nika.yaml", "--format", "json").json
    monkeypatch.setenv("NIKA_MAX_TOKENS_TOTAL", "20")
    refusals = nika("plan", "w.nika.yaml", "--format", "json").json["refusals"]
    assert ["NIKA_MAX_TOKENS_TOTAL" in refusal["message"] for refusal in refusals] == [True]
    assert nika("run", "w.nika.yaml").code == 3


def test_a_plan_notes_that_the_place_of_an_item_is_part_of_its_payload(nika: Nika, write: Write) -> None:
    task, text = planned(nika, write, "{id: a, forEach: [1], shell: 'echo ${each.number} ${each.index ?? 0}'}")
    (note,) = task["notes"]
    assert note.startswith("${each.index} and ${each.number} in its payload: a resumed run does those items again")
    assert f"      note: {note}\n" in text
    task, _ = planned(nika, write, "{id: a, forEach: [1], shell: 'echo ${each.item.index} ${each.item}'}")
    assert "notes" not in task


def test_a_plan_notes_that_a_list_is_longer_than_it_may_be(nika: Nika, write: Write) -> None:
    each = "{id: a, forEach: {items: '${input.names}', max: 2}, shell: 'echo ${each.item}'}"
    head = "inputs: {names: {type: json, default: [a, b, c]}}\n"
    note = "its list has 3 items, at most 2 are allowed: it fails before its first item"
    task, text = planned(nika, write, each, head=head)
    assert (task["notes"], note in text) == ([note], True)
    task, _ = planned(nika, write, each, "-i", "names=[1, 2]", head=head)
    assert not task.get("notes")


@pytest.mark.parametrize("format_", ["text", "mermaid", "dot", "svg"])
def test_a_graph_marks_lists_and_loops(nika: Nika, write: Write, format_: str) -> None:
    write(
        "w.nika.yaml",
        """\
        tasks:
        - {id: files, shell: ls, output: lines}
        - {id: goal, shell: date}
        - {id: review, forEach: "{{files}}", shell: "echo ${each.item}"}
        - {id: draft, repeat: {until: "{{draft}} == {{goal}}", max: 5}, shell: date}
        """,
    )
    drawn = nika("graph", "w.nika.yaml", "--format", format_).out
    assert drawn.count("review [list]") == 1
    assert drawn.count("draft [loop, up to 5]") == 1
    edges = {
        "text": ("after files", "after goal"),
        "mermaid": ("n0 --> n2", "n1 --> n3"),
        "dot": ("n0 -> n2;", "n1 -> n3;"),
        "svg": (),
    }[format_]
    assert [edge in drawn for edge in edges] == [True] * len(edges)
    assert format_ != "svg" or drawn.count('class="e"') == 2


@pytest.mark.parametrize("group", ["""repeat: {until: "{{a}} == 'x'", max: 5}""", "forEach: [1, 2]"])
def test_a_lone_list_or_loop_is_warned_of_once(nika: Nika, write: Write, folder: Path, group: str) -> None:
    lone = f"- {{id: a, {group}, shell: ls}}"
    path = write("sub/w.nika.yaml", f"tasks:\n- {{id: l, shell: ls}}\n- {{id: m, shell: 'echo {{{{l}}}}'}}\n{lone}\n")
    for command in ("validate", "plan", "run", "graph"):
        assert nika(command, path).said.count("NIKA-041") == 1, command
    for paths in ((folder, path), ("sub", folder / "sub"), ("sub", "sub/../sub/w.nika.yaml"), (path, path)):
        assert nika("validate", "--format", "compact", *paths).out.count("NIKA-041") == 1, paths
    write("sub/w.nika.yaml", "outputs: {x: '{{a}}'}\n" + path.read_text())
    assert "NIKA-041" not in nika("validate", path).out
