"""Lists and loops as a user runs them: with real commands, a real journal, and a run that goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from .conftest import Nika

Write = Callable[[str, str], Path]


def test_a_list_has_the_outputs_of_its_items_in_their_order(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        outputs: {all: "{{each}}", second: "{{each.1}}", plain: 3}
        tasks:
          - {id: names, shell: "printf 'ada\\\\nbob\\\\neve\\\\n'", output: lines}
          - {id: each, forEach: {items: "{{names}}", maxConcurrent: 1}, shell: "echo x >> n; wc -l < n | tr -d ' '"}
        """,
    )
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, done.err) == (0, "")
    assert done.tasks["names"]["output"] == ["ada", "bob", "eve"]
    assert done.json["output"] == {"all": ["1", "2", "3"], "second": "2", "plain": 3}


def test_a_task_reads_its_item_its_place_and_its_key(nika: Nika, write: Write) -> None:
    write("people.json", '[{"name": "ada"}, {"name": "bob"}]')
    write(
        "w.nika.yaml",
        """\
        tasks:
          - {id: people, shell: "cat people.json", output: {format: json}}
          - id: each
            when: "${each.item.name} != 'bob'"
            forEach: {items: "{{people}}", key: "${each.item.name}"}
            shell: {argv: [echo, "${each.number}", "${each.index}", "${each.key}", "${each.item.name}"]}
        """,
    )
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, done.err, done.json["output"]) == (0, "", ["1 0 ada ada", None])


def test_a_key_that_comes_twice_fails_the_task_before_its_first_item(nika: Nika, write: Write) -> None:
    each = "forEach: {items: [a, a], key: '${each.item}'}"
    write("w.nika.yaml", f"tasks: [{{id: each, {each}, shell: 'echo x >> done'}}]\n")
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, done.tasks["each"]["error"]["category"], Path("done").exists()) == (1, "template", False)


def test_a_round_reads_the_round_before(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        tasks:
          - id: loop
            repeat: {until: "{{loop}} == 'x0x1x2'", max: 5}
            shell: {argv: [echo, "${last.output ?? ''}x${last.round ?? 0}"]}
        """,
    )
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, done.json["output"]) == (0, "x0x1x2")


def test_an_empty_list_is_an_empty_list_at_once(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "tasks: [{id: a, shell: 'true', output: lines}, {id: b, forEach: '{{a}}', shell: 'exit 1'}]\n")
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, done.json["output"]) == (0, [])


def test_what_is_no_list_fails_its_task_and_the_message_says_how_to_get_one(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "tasks: [{id: a, shell: 'echo 3'}, {id: b, forEach: '{{a}}', shell: 'echo x'}]\n")
    done = nika("run", "w.nika.yaml", "--format", "json")
    failed = done.tasks["b"]["error"]
    assert (done.code, failed["category"]) == (1, "template")
    assert "forEach takes a list" in failed["message"]
    assert "output: lines" in json.dumps(failed)


def test_a_list_goes_on_after_a_bad_item_if_it_says_so(nika: Nika, write: Write) -> None:
    command = "echo x >> n; test $(wc -l < n) != 2 && echo good"
    for on_error, output in (("continue", ["good", None, "good"]), ("{value: stood in}", ["good", "stood in", "good"])):
        Path("n").unlink(missing_ok=True)
        write(
            "w.nika.yaml",
            f"""\
            tasks:
              - id: each
                forEach: {{items: [1, 2, 3], maxConcurrent: 1, onItemError: {on_error}}}
                shell: "{command}"
            """,
        )
        done = nika("run", "w.nika.yaml", "--format", "json")
        assert (done.code, done.json["output"]) == (0, output)


def test_a_list_longer_than_its_max_fails_before_its_first_item(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        tasks:
          - {id: a, shell: "seq 4", output: lines}
          - {id: b, forEach: {items: "{{a}}", max: 3}, shell: "echo x >> done"}
        """,
    )
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert (done.code, Path("done").exists()) == (1, False)
    assert "4" in done.tasks["b"]["error"]["message"]


def test_a_loop_ends_when_its_condition_holds(nika: Nika, write: Write) -> None:
    for collect, output in (("false", "3"), ("true", ["1", "2", "3"])):
        Path("n").unlink(missing_ok=True)
        write(
            "w.nika.yaml",
            f"""\
            tasks:
              - id: loop
                repeat: {{until: "{{{{loop}}}} == 3", max: 5, collect: {collect}}}
                shell: "echo x >> n; wc -l < n | tr -d ' '"
            """,
        )
        done = nika("run", "w.nika.yaml", "--format", "json")
        assert (done.code, done.json["output"]) == (0, output)


def test_a_loop_that_never_ends_fails_at_its_max_unless_it_may_go_on(nika: Nika, write: Write) -> None:
    for exhausted, code in (("fail", 1), ("continue", 0)):
        Path("n").unlink(missing_ok=True)
        loop = f"repeat: {{until: '{{{{loop}}}} == 9', max: 2, onExhausted: {exhausted}}}"
        write("w.nika.yaml", f'tasks: [{{id: loop, {loop}, shell: "echo x >> n; wc -l < n"}}]\n')
        assert nika("run", "w.nika.yaml").code == code
        assert Path("n").read_text() == "x\nx\n"


def test_a_run_that_goes_on_does_no_item_and_no_round_twice(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        tasks:
          - id: each
            forEach: {items: [a, b, c, d], maxConcurrent: 1}
            shell: "echo x >> n; test $(wc -l < n) != 3 && wc -l < n | tr -d ' '"
          - id: loop
            repeat: {until: "{{loop}} == 4", max: 9}
            shell: "echo x >> m; test $(wc -l < m) != 3 && wc -l < m | tr -d ' '"
        """,
    )
    first = nika("run", "w.nika.yaml", "--format", "json")
    assert first.code == 1
    assert (Path("n").read_text().count("x"), Path("m").read_text().count("x")) == (4, 3)
    second = nika("resume", first.json["runId"], "--format", "json")
    assert (second.code, second.tasks["each"]["output"]) == (0, ["1", "2", "5", "4"])
    assert second.tasks["loop"]["output"] == "4"
    assert (Path("n").read_text().count("x"), Path("m").read_text().count("x")) == (5, 4)


def test_a_run_ends_at_its_own_timeout(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "timeout: 300ms\ntasks: [{id: a, shell: 'sleep 60'}]\n")
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code not in (0, 2)
    assert done.tasks["a"]["state"] == "cancelled"


def test_values_in_a_longer_text_are_compact_json(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        """\
        outputs: {text: "is {{a.yes}}, {{a.no}} and {{a}}", items: "{{each}}"}
        tasks:
          - {id: a, set: {yes: true, no: null}}
          - id: each
            forEach: {items: ["{{a}}", "a {{a.yes}}"], key: "${each.item}"}
            shell: {argv: [echo, "${each.key}"]}
        """,
    )
    done = nika("run", "w.nika.yaml", "--format", "json")
    whole = '{"yes":true,"no":null}'
    assert (done.code, done.json["output"]) == (0, {"text": f"is true, null and {whole}", "items": [whole, "a true"]})


def test_a_mocked_list_of_lines_has_an_item(nika: Nika, write: Write) -> None:
    write(
        "w.nika.yaml",
        "tasks: [{id: a, shell: 'exit 1', output: lines}, {id: b, forEach: '{{a}}', shell: 'echo ${each.item}'}]\n",
    )
    done = nika("run", "w.nika.yaml", "--mock", "--format", "json")
    assert (done.code, done.tasks["a"]["output"], len(done.json["output"])) == (0, ["mock"], 1)
