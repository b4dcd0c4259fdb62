"""From text to a workflow, end to end."""

from collections.abc import Callable

from nika_core.document import LoadedWorkflow

GOOD = """\
tasks:
  - id: fetch
    http: {url: "https://x.example/${input.a}", json: {a: 3, b: 3.10, c: "3", d: [true, 'null', null]}}
    timeout: 5m
  - id: show
    shell: echo {{fetch.title}}
flows:
  - {source: fetch, target: show}
"""


def test_a_good_document_becomes_a_workflow(load: Callable[..., LoadedWorkflow]) -> None:
    loaded = load(GOOD)
    assert loaded.problems == ()
    assert loaded.workflow is not None
    fetch, show = loaded.workflow.tasks
    assert fetch.timeout == 300
    assert fetch.payload["json"] == {"a": 3, "b": "3.10", "c": "3", "d": [True, "null", None]}
    assert show.payload["command"].placeholders[0].path == ("fetch", "title")
    assert loaded.workflow.name == "w"


def test_places_lead_to_the_exact_character(load: Callable[..., LoadedWorkflow]) -> None:
    loaded = load(GOOD)
    assert loaded.workflow is not None
    fetch = loaded.workflow.tasks[0]
    lines = GOOD.split("\n")
    assert (fetch.at(("json", "b")).line, fetch.at(("json", "b")).column) == (3, lines[2].index("3.10") + 1)
    assert fetch.at(("url", 3)).column == lines[2].index("ps://") + 1
    assert fetch.at(("timeout",)).column == lines[3].index("5m") + 1
    flow = loaded.workflow.flows[0]
    assert flow.at(("target",)).column == lines[7].index("show") + 1
