"""The JSON Schema for editors: valid documents pass, and what a schema can refuse is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from nika_core.app.workspace import Workspace
from nika_core.document import load_workflow
from nika_core.document.json_schema import project_json_schema, workflow_json_schema
from nika_core.document.reading.project_file import PROJECT

HERE = Path(__file__).parent
VALID = sorted((HERE / "valid").glob("*.nika.yaml"))
EXAMPLES = sorted((HERE.parents[1] / "examples").rglob("*.nika.yaml"))

# What needs more than types and names: references, ids that are taken, files, graphs, the environment.
UNSEEN = {
    f"NIKA-{number:03d}"
    for number in (1, 2, 3, 6, 7, 9, 11, 15, 16, 17, 18, 20, 21, 22, 23, 24, 30, 40, 41, 42, 50, 51, 52, 54, 56, 76)
}


@pytest.fixture(scope="module")
def nika() -> Workspace:
    return Workspace.open(HERE, environ={})


@pytest.fixture(scope="module")
def validator(nika: Workspace) -> Draft7Validator:
    schema = workflow_json_schema(nika.registry)
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def as_an_editor_reads(path: Path) -> Any:
    return yaml.load(path.read_text(), yaml.CSafeLoader)


@pytest.mark.parametrize("path", VALID + EXAMPLES, ids=lambda path: path.name)
def test_valid_documents_pass(nika: Workspace, validator: Draft7Validator, path: Path) -> None:
    loaded = load_workflow(path, nika.registry, nika.limits)
    assert loaded.workflow is not None, loaded.problems
    assert list(validator.iter_errors(as_an_editor_reads(path))) == []


@pytest.mark.parametrize("path", sorted((HERE / "invalid").glob("*.nika.yaml")), ids=lambda path: path.name)
def test_invalid_documents_are_refused_where_a_schema_can(validator: Draft7Validator, path: Path) -> None:
    if path.name[:8] in UNSEEN:
        return
    try:
        document = as_an_editor_reads(path)
    except yaml.YAMLError:
        return
    assert list(validator.iter_errors(document))


def test_every_keyword_has_its_payload_and_words_for_it(nika: Workspace) -> None:
    schema = workflow_json_schema(nika.registry)
    for word in nika.registry.keywords():
        assert schema["definitions"][word]["description"]
        assert {"$ref": f"#/definitions/{word}"} == schema["definitions"]["task"]["properties"][word]
    assert "mcpServers" in schema["properties"]


@pytest.mark.parametrize("payload", [{"a": [1, "{{b}}"]}, ["x", None], "text", 3, True])
def test_a_keyword_with_only_a_short_form_takes_what_its_field_takes(validator: Draft7Validator, payload: Any) -> None:
    assert list(validator.iter_errors({"tasks": [{"id": "a", "set": payload}]})) == []


@pytest.mark.parametrize("key", ["allowedTools", "disallowedTools", "askTools"])
def test_an_entry_of_a_list_of_tools_is_a_name_or_a_rule(validator: Draft7Validator, key: str) -> None:
    def is_valid(entry: Any) -> bool:
        lists = {key: [entry]}
        task = {"id": "a", "agent": "x", **lists}
        document = {"agent": {"model": "m", **lists}, "tasks": [task]}
        return validator.is_valid(document)

    assert is_valid("mcp::files::*")
    assert is_valid({"tool": "shell", "argv": ["git", "log", "*"]})
    assert is_valid({"tool": "http", "host": "api.example.com", "method": "GET"})
    assert is_valid({"tool": "mcp::files::*", "args": {"path": "docs/**"}})
    assert not is_valid({"argv": ["git"]})
    assert not is_valid({"tool": "shell", "arvg": ["git"]})
    assert not is_valid({"tool": "shell", "argv": "git log"})


@pytest.mark.parametrize(
    "keywords", [{}, {"shell": "ls"}, {"set": 1, "shell": "ls"}, {"fail": "x", "set": 1, "ask": "?"}]
)
def test_a_task_has_exactly_one_keyword(validator: Draft7Validator, keywords: dict[str, Any]) -> None:
    assert validator.is_valid({"tasks": [{"id": "a", **keywords}]}) == (len(keywords) == 1)


@pytest.fixture(scope="module")
def project(nika: Workspace) -> Draft7Validator:
    schema = project_json_schema(nika.registry, ["maxTasks", "maxConcurrent"], ["mock"])
    Draft7Validator.check_schema(schema)
    return Draft7Validator(schema)


def test_every_key_of_a_project_file_that_nika_reads_is_in_its_schema(nika: Workspace) -> None:
    properties = project_json_schema(nika.registry)["properties"]
    owned = {key for key in nika.registry.settings_keys() if nika.registry.settings_owner(key) is not None}
    assert properties.keys() == PROJECT.keys() | owned
    assert {key for key, schema in properties.items() if not schema.get("description")} == set()


@pytest.mark.parametrize(
    "text", ["providr: mock", "limits: {maxTask: 3}", "plugins: {alow: []}", "http: {alow: [a]}", "[a]", "secrets: x"]
)
def test_a_project_file_with_a_mistake_is_refused(project: Draft7Validator, text: str) -> None:
    assert not project.is_valid(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text", ["", "limits:", "limits: {maxTasks: 3}", "provider: elsewhere", "plugins: {allow: []}"]
)
def test_a_project_file_that_nika_takes_passes(project: Draft7Validator, text: str) -> None:
    assert project.is_valid(yaml.safe_load(text))
