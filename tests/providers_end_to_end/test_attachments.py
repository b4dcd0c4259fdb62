"""Files beside a prompt: how they reach a model, which may be named, and when a task with them is done again."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nika_core.testing.file_checks import SAMPLES, pdf_of

from .conftest import Nika, Wire, Write

PNG = SAMPLES["image/png"]


@pytest.fixture
def files(folder: Path) -> Path:
    """A folder with a file of each kind."""
    (folder / "chart.png").write_bytes(PNG)
    (folder / "report.pdf").write_bytes(pdf_of(2))
    (folder / "data.csv").write_text("word,number\nseventeen,17\n")
    return folder


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_files_reach_the_model_from_the_folder_and_from_an_earlier_task(
    nika: Nika, write: Write, wire: Wire, files: Path
) -> None:
    document = "report.pdf, " if wire.provider == "claude" else ""  # of the other one not every server takes any
    write(
        "w.nika.yaml",
        f"""\
        agent: {{model: {wire.model}, provider: {wire.provider}, maxTokens: 100}}
        tasks:
          - id: draw
            shell: |
              cp chart.png ${{run.folder}}/drawn.png
              echo ${{run.folder}}/drawn.png
          - id: look
            llm:
              prompt: What do you see?
              attach: [{document}data.csv, "{{{{draw}}}}"]
        """,
    )
    wire.say("A chart.")
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    assert done.json["output"] == "A chart."
    body = json.dumps(wire.calls[0])
    assert encoded(PNG) in body
    assert encoded(pdf_of(2)) in body or not document
    assert "seventeen,17" in body
    assert "What do you see?" in body


def test_later_tasks_of_the_conversation_see_the_names_of_files_and_not_the_files(
    nika: Nika, write: Write, wire: Wire, files: Path
) -> None:
    write(
        "w.nika.yaml",
        f"""\
        agent: {{model: {wire.model}, provider: {wire.provider}, maxTokens: 100}}
        tasks:
          - {{id: look, agent: {{prompt: "What is this?", attach: [chart.png]}}}}
          - {{id: next, agent: "And what then? {{{{look}}}}"}}
        """,
    )
    wire.say("A chart.", "Nothing.")
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 0, done.err
    first, second = map(json.dumps, wire.calls)
    assert encoded(PNG) in first
    assert encoded(PNG) not in second
    assert "[attached: chart.png]" in second


def test_a_task_is_done_again_only_if_its_file_has_changed(
    nika: Nika, write: Write, wire: Wire, files: Path, the_run: Callable[[], str]
) -> None:
    write(
        "w.nika.yaml",
        f"""\
        agent: {{model: {wire.model}, provider: {wire.provider}, maxTokens: 100}}
        tasks:
          - {{id: look, llm: {{prompt: "What is this?", attach: [data.csv]}}}}
          - {{id: fails, shell: "exit 1 # {{{{look}}}}", retry: {{max: 1}}}}
        """,
    )
    wire.say("First.", "Second.")
    nika("run", "w.nika.yaml")
    nika("resume", the_run())
    assert len(wire.calls) == 1
    (files / "data.csv").write_text("word,number\neighteen,18\n")
    nika("resume", the_run())
    assert len(wire.calls) == 2
    assert "eighteen" in json.dumps(wire.calls[1])


def problems(nika: Nika, write: Write, *names: str, model: str = "claude-sonnet-5") -> list[Any]:
    head = f"agent: {{model: {model}}}\ntasks:\n  - id: a\n    llm:\n      prompt: hi\n      attach:\n"
    write("w.nika.yaml", head + "".join(f"        - {name}\n" for name in names))
    done = nika("validate", "w.nika.yaml", "--format", "json")
    return [(each["line"], each["column"], each["message"]) for each in done.json["files"][0]["problems"]]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none.png", "does not exist"),
        ("../chart.png", "has `..` in it"),
        ("/etc/hosts", "is an absolute path"),
        ("out.txt", "is a link to a file outside the folder"),
        ("photo.jpg", "is a PNG image, not a JPEG image, as its name says"),
        ("locked.pdf", "is an encrypted PDF"),
        ("cut.png", "is a part of a PNG image only"),
        ("large.txt", "41,943,040 bytes"),
        (".", "is a directory"),
    ],
)
def test_a_file_that_cannot_be_attached_is_an_error_at_its_place(
    nika: Nika, write: Write, files: Path, name: str, why: str
) -> None:
    (files / "photo.jpg").write_bytes(PNG)
    (files / "cut.png").write_bytes(PNG[:-8])
    (files / "locked.pdf").write_bytes(b"%PDF-1.4 trailer << /Encrypt 5 0 R >>")
    (files / "out.txt").symlink_to("/etc/hosts")
    with (files / "large.txt").open("wb") as large:
        large.truncate(40 * 1024 * 1024)
    ((line, column, message),) = problems(nika, write, "chart.png", f'"{name}"')
    assert (line, column) == (8, 11)
    assert why in message


@pytest.mark.parametrize(
    ("model", "name", "why"),
    [
        ("smollm2-135m", "chart.png", "takes no images"),
        ("gpt-3.5-turbo", "report.pdf", "takes no PDF files"),
        ("claude-3-haiku-20240307", "report.pdf", "takes no PDF files"),
        ("claude-haiku-4-5", "long.pdf", "takes at most 100 pages, not 101"),
        ("claude-sonnet-5", "large.png", "takes such files of at most 3,932,160 bytes"),
        ('"qwen3:8b", provider: ollama', "picture.gif", "takes no GIF images"),
        ("mock", "chart.png", "takes no images"),
        ("mock", "report.pdf", "takes no PDF files"),
    ],
)
def test_a_file_that_the_model_does_not_take_is_an_error_at_its_place(
    nika: Nika, write: Write, files: Path, model: str, name: str, why: str
) -> None:
    (files / "long.pdf").write_bytes(pdf_of(101))
    (files / "large.png").write_bytes(PNG + b"\0" * 4_000_000)
    (files / "picture.gif").write_bytes(SAMPLES["image/gif"])
    ((line, column, message),) = problems(nika, write, "data.csv", name, model=model)
    assert (line, column) == (8, 11)
    assert why in message


@pytest.mark.parametrize(
    ("where", "why"),
    [
        ("chart.png", "does not exist"),
        ("${run.folder}/none.png", "does not exist"),
        ("/etc/hosts", "does not lie in the folder of the run"),
        ("${run.folder}/../../journal.db", "does not lie in the folder of the run"),
    ],
)
def test_a_path_from_a_value_lies_in_the_folder_of_the_run(
    nika: Nika, write: Write, files: Path, where: str, why: str
) -> None:
    write(
        "w.nika.yaml",
        f"""\
        agent: {{model: mock, provider: mock}}
        tasks:
          - {{id: make, set: {{file: "{where}"}}}}
          - {{id: look, llm: {{prompt: "hi", attach: ["{{{{make.file}}}}"]}}, retry: {{max: 1}}}}
        """,
    )
    done = nika("run", "w.nika.yaml", "--format", "json")
    assert done.code == 1
    error = done.tasks["look"]["error"]
    assert error["category"] == "template"
    assert "attach.0" in error["message"]
    assert why in error["message"]


MOCKED = """\
agent: {{model: claude-sonnet-5}}
tasks:
  - {{id: draw, shell: "false"}}
  - {{id: look, llm: {{prompt: "hi", attach: [{file}, "{{{{draw}}}}"]}}}}
"""


@pytest.mark.parametrize(
    ("file", "why"), [("none.png", "does not exist"), ("chart.png", "to no model"), ("report.pdf", "to no model")]
)
def test_a_mocked_run_refuses_a_file_that_is_not_there_and_one_that_nothing_looks_at(
    nika: Nika, write: Write, files: Path, file: str, why: str
) -> None:
    write("w.nika.yaml", MOCKED.format(file=file))
    done = nika("run", "w.nika.yaml", "--mock")
    assert done.code == 2
    assert "w.nika.yaml:4:45" in done.err
    assert f"'{file}' " in done.err
    assert why in done.err


def test_a_mocked_run_takes_text_and_what_the_user_says_need_not_be_seen(
    nika: Nika, write: Write, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("w.nika.yaml", MOCKED.format(file="data.csv"))
    assert nika("run", "w.nika.yaml", "--mock").code == 0
    monkeypatch.setenv("NIKA_MOCK_FILES", "1")
    write("w.nika.yaml", MOCKED.format(file="chart.png, report.pdf"))
    assert nika("run", "w.nika.yaml", "--mock").code == 0
    write("w.nika.yaml", "agent: {model: mock}\ntasks: [{id: look, llm: {prompt: Well?, attach: [chart.png]}}]\n")
    assert nika("run", "w.nika.yaml", "--format", "json").json["output"] == "mock: Well?"


def test_files_that_are_too_much_together_are_an_error_at_the_first_that_is_too_much(
    nika: Nika, write: Write, files: Path
) -> None:
    for name, data in (("a.png", PNG), ("b.png", PNG), ("c.pdf", pdf_of(1))):
        with (files / name).open("wb") as file:
            file.write(data)
            file.truncate(3_900_000 if name.endswith("png") else 14_000_000)
    (files / "many.pdf").write_bytes(pdf_of(60))
    head = "agent: {model: claude-haiku-4-5}\ntasks: [{id: a, llm: {prompt: hi, attach: ["
    for attached, refused, why in (
        ("a.png, b.png, c.pdf, data.csv", None, ""),
        (
            "a.png, c.pdf, b.png, a.png, b.png",
            3,
            "takes at most 23,068,672 bytes of files in one request, not 25,700,000",
        ),
        ("many.pdf, data.csv, many.pdf", 2, "takes at most 100 pages of PDF files in one request, not 120"),
    ):
        write("w.nika.yaml", f"{head}{attached}]}}}}]\n")
        found = nika("validate", "w.nika.yaml", "--format", "json").json["files"][0]["problems"]
        before = ", ".join(attached.split(", ")[:refused])
        column = len(head.splitlines()[1]) + len(before) + 3
        assert [each["column"] for each in found] == ([] if refused is None else [column])
        assert why in "".join(each["message"] for each in found)


def test_files_of_values_that_are_too_much_together_are_not_sent(nika: Nika, write: Write, files: Path) -> None:
    write(
        "w.nika.yaml",
        """\
        agent: {model: mock}
        tasks:
          - id: draw
            shell: |
              head -c 30000000 /dev/zero | tr '\\0' a > ${run.folder}/a.txt
              echo ${run.folder}/a.txt
          - {id: look, llm: {prompt: hi, attach: ["{{draw}}", "{{draw}}", "{{draw}}"]}}
        """,
    )
    error = nika("run", "w.nika.yaml", "--format", "json").tasks["look"]["error"]
    assert error["category"] == "config"
    assert "90,000,000 bytes of files for one prompt; at most 67,108,864" in error["message"]


def test_a_plan_lists_the_files(nika: Nika, write: Write, files: Path) -> None:
    write(
        "w.nika.yaml",
        "agent: {model: mock, provider: mock}\ntasks: [{id: a, llm: {prompt: hi, attach: [notes.txt, data.csv]}}]\n",
    )
    write("notes.txt", "Seventeen.")
    done = nika("plan", "w.nika.yaml")
    assert "touches path: notes.txt" in done.out
    assert "touches path: data.csv" in done.out


def test_a_file_for_a_model_whose_name_is_a_template_is_checked_before_it_is_sent(
    nika: Nika, write: Write, files: Path
) -> None:
    write(
        "w.nika.yaml",
        """\
        agent: {model: mock, provider: local}
        tasks:
          - {id: which, set: smollm2-135m}
          - {id: look, llm: {prompt: hi, model: "{{which}}", attach: [chart.png]}, retry: {max: 1}}
        """,
    )
    done = nika("run", "w.nika.yaml", "--format", "json")
    error = done.tasks["look"]["error"]
    assert (error["code"], "takes no images" in error["message"]) == ("NIKA-078", True)
