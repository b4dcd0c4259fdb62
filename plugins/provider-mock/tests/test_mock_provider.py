import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nika_provider_mock.client import Client
from nika_provider_mock.schema_instance import instance_of
from nika_provider_mock.script import parse_script

from nika_core.errors import Category, TaskError
from nika_core.model.message import Message, Role
from nika_core.plugin import Finished, ModelRequest, TextDelta, estimate_tokens


def ask(text: Any, **more: Any) -> Any:
    return ModelRequest((Message(Role.USER, text),), **{"model": "mock", **more})


async def answer(client: Any, request: Any) -> Any:
    chunks = [chunk async for chunk in client.stream(request)]
    assert isinstance(chunks[-1], Finished)
    return "".join(chunk.text for chunk in chunks[:-1]), chunks[-1]


@pytest.fixture
def scripted(tmp_path: Any) -> Any:
    def make(value: Any) -> Any:
        path = tmp_path / "script.json"
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return Client({"NIKA_MOCK_SCRIPT": str(path)})

    return make


async def test_without_a_script_it_repeats_the_first_line_of_the_prompt_in_several_chunks() -> None:
    request = ask("\n  Say hello to the whole world\nand more")
    chunks: list[Any] = [chunk async for chunk in Client({}).stream(request)]
    assert "".join(c.text for c in chunks if isinstance(c, TextDelta)) == "mock: Say hello to the whole world"
    assert len(chunks) == 4
    assert chunks[-1].stop_reason == "end"
    assert chunks[-1].usage.input_tokens == estimate_tokens(request)
    assert chunks[-1].usage.output_tokens == 9
    assert chunks[-1].usage.calls == 1


async def test_the_same_request_gets_the_same_answer() -> None:
    assert await answer(Client({}), ask("x")) == await answer(Client({}), ask("x"))


async def test_an_answer_is_cut_at_max_tokens_and_says_so() -> None:
    text, end = await answer(Client({}), ask("a rather long first line", max_tokens=2))
    assert (text, end.stop_reason, end.usage.output_tokens) == ("mock: a ", "maxTokens", 2)


async def test_a_schema_is_answered_by_its_smallest_instance() -> None:
    schema = {"type": "object", "required": ["score"], "properties": {"score": {"type": "integer", "minimum": 3}}}
    text, _ = await answer(Client({}), ask("rate it", output_schema=schema))
    assert json.loads(text) == {"score": 3}


async def test_a_script_is_played_in_order_and_by_what_was_asked(scripted: Any) -> None:
    client = scripted(["one", {"when": {"prompt": "weather"}, "text": "warm"}, "two"])
    assert [(await answer(client, ask(q)))[0] for q in ("a", "the weather?", "b", "c")] == [
        "one",
        "warm",
        "two",
        "mock: c",
    ]


async def test_scripted_tool_calls_keep_arguments_that_are_no_json_as_text(scripted: Any) -> None:
    client = scripted([{"toolCalls": [{"name": "f", "arguments": {"x": 1}}, {"name": "g", "arguments": "{nope"}]}])
    _, end = await answer(client, ask("go"))
    assert end.stop_reason == "toolUse"
    assert [(c.name, c.arguments) for c in end.tool_calls] == [("f", {"x": 1}), ("g", None)]
    assert end.tool_calls[1].raw == "{nope"


async def test_a_scripted_error_has_its_category_and_wait_and_what_was_spent(scripted: Any) -> None:
    client = scripted([{"text": "abcdef", "error": {"category": "rateLimit", "retryAfter": 2.5, "afterChunks": 1}}])
    got = []

    async def read() -> Any:
        async for chunk in client.stream(ask("go")):
            got.append(chunk.text)

    with pytest.raises(TaskError) as caught:
        await read()
    assert (caught.value.category, caught.value.retry_after) == (Category.RATE_LIMIT, 2.5)
    assert got == ["ab"]
    assert caught.value.usage.calls == 1


async def test_a_truncated_stream_fails_as_a_network_failure(scripted: Any) -> None:
    with pytest.raises(TaskError) as caught:
        await answer(scripted([{"text": "half", "truncated": True}]), ask("go"))
    assert caught.value.category is Category.NETWORK


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("{", "is not JSON"),
        ([{"txt": "x"}], "unknown key 'txt'"),
        ([{"error": {"category": "bad"}}], "must be one of"),
        ([{"times": -1}], "times"),
        ([{"toolCalls": [{}]}], "name of a tool"),
        ({"replies": 3}, "must be a list"),
        ("3", "must be a JSON object"),
    ],
)
async def test_a_bad_script_is_a_configuration_error_that_says_why(scripted: Any, script: Any, says: Any) -> None:
    client = scripted(script)
    with pytest.raises(TaskError, match=says) as caught:
        await answer(client, ask("go"))
    assert caught.value.category is Category.CONFIG
    assert not (await client.health()).ok


async def test_a_missing_script_is_told() -> None:
    with pytest.raises(TaskError, match="does not exist"):
        await answer(Client({"NIKA_MOCK_SCRIPT": "/nowhere/x.json"}), ask("go"))


async def test_a_batch_is_collected_by_another_process_after_its_polls(scripted: Any) -> None:
    client = scripted({"batch": {"polls": 1}, "replies": ["first", {"error": {"message": "no"}}]})
    batch = await client.submit_batch({"a": ask("1"), "b": ask("2"), "c": ask("3")})
    assert not (await client.poll_batch(batch)).done
    for each in (client, Client({})):
        result: Any = await each.poll_batch(batch)
        assert result.done
        assert result.replies["a"].text == "first"
        assert result.replies["a"].finished.usage.output_tokens == 2
        assert result.replies["b"].error == "no"
        assert result.replies["c"].text == "mock: 3"


async def test_an_unknown_batch_is_an_error() -> None:
    with pytest.raises(TaskError, match="no such batch"):
        await Client({}).poll_batch("mockbatch-xyz")


@given(
    st.recursive(
        st.sampled_from(
            [
                {"type": "string"},
                {"type": "integer", "minimum": 2, "multipleOf": 3},
                {"type": "number", "exclusiveMinimum": 0},
                {"type": "boolean"},
                {"type": "null"},
                {"enum": ["b", "a"]},
                {"const": [1]},
                {"type": "string", "minLength": 9},
                {"type": ["null", "integer"]},
            ]
        ),
        lambda inner: st.one_of(
            st.builds(lambda i: {"type": "array", "minItems": 1, "items": i}, inner),
            st.builds(lambda i: {"anyOf": [i, {"type": "null"}]}, inner),
            st.builds(lambda i: {"allOf": [i]}, inner),
            st.builds(
                lambda i: {"type": "object", "required": ["k"], "properties": {"k": i}, "additionalProperties": False},
                inner,
            ),
            st.builds(
                lambda i: {"$defs": {"d": i}, "type": "object", "required": ["r"], "properties": {"r": i}}, inner
            ),
        ),
        max_leaves=8,
    )
)
def test_an_instance_fits_its_schema(schema: Any) -> None:
    jsonschema.Draft202012Validator(schema).validate(instance_of(schema))


def test_references_within_a_schema_are_followed_and_recursion_ends() -> None:
    tree = {
        "$ref": "#/$defs/t",
        "$defs": {"t": {"type": "object", "required": ["c"], "properties": {"c": {"$ref": "#/$defs/t"}}}},
    }
    assert isinstance(instance_of(tree), dict)
    listed = {"$defs": {"n": {"type": "integer"}}, "type": "array", "minItems": 2, "items": {"$ref": "#/$defs/n"}}
    assert instance_of(listed) == [0, 0]


def test_the_smallest_script_is_empty() -> None:
    assert parse_script([]).take(ask("x")) is None
