"""What a server says in an error, what it used, and the words with which it ends."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nika_core import codes
from nika_core.errors import Category
from nika_core.model.message import Message, ReasoningPart, Role, ToolCall
from nika_core.plugin import ModelRequest
from nika_core.toolbox.providers import (
    ChatReply,
    clean,
    content_text,
    error_in,
    read_error_body,
    read_usage,
    retry_after_of,
    status_error,
    stop_reason,
    transport_error,
)

TOKENS = {"prompt_tokens": 10, "completion_tokens": 5}
REASON = "the adapter is not loaded"


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": REASON, "type": "x", "code": 5}},
        {"error": REASON},
        {"error": [REASON]},
        {"error": {"error": {"message": REASON}}},
        {"error": {"msg": REASON}},
        {"errors": [{"message": REASON}]},
        {"errors": {"base": None, "detail": REASON}},
        {"detail": REASON},
        {"detail": [{"type": "x", "loc": ["body", 0], "msg": REASON}]},
        {"detail": {"reason": REASON}},
        {"message": REASON},
        {"msg": REASON, "code": 1113, "success": False},
        {"title": "Bad Request", "status": 400, "detail": REASON},
        {"error_description": REASON, "error": "invalid"},
        {
            "error": {
                "message": "Provider returned error",
                "metadata": {"raw": json.dumps({"error": {"message": REASON}})},
            }
        },
        [{"error": {"message": REASON}}],
        [REASON],
        {"unknown": REASON},
        REASON,
        f"<!DOCTYPE html><html><head><title>502</title><style>{{}}</style></head><body><h1>{REASON}</h1></body></html>",
        f"<html><head><title>{REASON}</title></head></html>",
    ],
)
def test_the_reason_is_found_in_a_body_of_any_form(body: Any) -> None:
    said = read_error_body(body)
    assert REASON in said.message
    assert "<" not in said.message
    if not isinstance(body, str):
        assert read_error_body(json.dumps(body).encode()) == said


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ({"error": {"code": 429, "message": "x"}}, 429),
        ({"error": {"code": "429", "message": "x"}}, 429),
        ({"error": {"code": "rate_limit_exceeded"}}, 429),
        ({"error": {"status": "RESOURCE_EXHAUSTED"}}, 429),
        ({"type": "error", "error": {"type": "overloaded_error"}}, 529),
        ({"object": "error", "message": "x", "code": 400}, 400),
        ({"error": {"type": "server_error"}}, 500),
        ({"error": {"message": "x", "code": "1113"}}, None),
        ({"error": "x", "status_code": 503}, 503),
    ],
)
def test_an_error_in_a_stream_has_the_status_that_it_names(event: dict[str, Any], status: int | None) -> None:
    said = error_in(event)
    assert said is not None
    assert said.status == status


@pytest.mark.parametrize("event", [{"error": None}, {"error": ""}, {"error": {}}, {"choices": []}])
def test_an_event_without_an_error_is_none(event: dict[str, Any]) -> None:
    assert error_in(event) is None


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (
            "Unsupported parameter: 'max_tokens' is not supported here. Use 'max_completion_tokens'",
            "max_tokens",
        ),
        ("body.stream_options: Extra inputs are not permitted", "stream_options"),
        ("unknown field: temperature", "temperature"),
        ("'temperature' does not support 0.5 with this model. Only the default (1) value is supported.", "temperature"),
        ("temperature must be between 0 and 2", None),
        ("max_tokens is too large: 100000", None),
        ("this model is not supported", None),
    ],
)
def test_a_field_is_refused_if_the_server_says_that_it_does_not_take_it(message: str, field: str | None) -> None:
    said = read_error_body({"error": {"message": message}})
    assert said.refuses(["max_tokens", "stream_options", "temperature"]) == field


def test_a_missing_page_is_named_with_the_address_of_the_server() -> None:
    error = status_error("acme", 404, "no", {}, model="m", address="http://127.0.0.1:8000/v2")
    assert "nothing at this address, http://127.0.0.1:8000/v2 (HTTP 404)" in error.message


@pytest.mark.parametrize(
    ("status", "message", "words", "category"),
    [
        (404, "404 page not found", "nothing at this address", Category.CONFIG),
        (404, "the model `m` does not exist", "has no model 'm'", Category.CONFIG),
        (405, "Method Not Allowed", "nothing at this address", Category.CONFIG),
        (301, "", "nothing at this address", Category.CONFIG),
        (407, "", "the proxy before acme", Category.CONFIG),
        (401, "the key was revoked", "the key was revoked", Category.CONFIG),
        (403, "your country is not supported", "your country is not supported", Category.CONFIG),
        (503, "", "failed (HTTP 503)", Category.PROVIDER),
    ],
)
def test_an_error_names_its_reason(status: int, message: str, words: str, category: Category) -> None:
    error = status_error("acme", status, message, {}, model="m")
    assert words in error.message
    assert error.category is category


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 4096 tokens",
        "the request exceeds the available context size",
        "Input is too long for requested model.",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "Please reduce the length of the messages or completion.",
        "prompt is too long: 200001 tokens > 200000 maximum",
    ],
)
@pytest.mark.parametrize("status", [400, 413, 422, 500])
def test_a_request_that_is_too_long_is_known_by_what_is_said(status: int, message: str) -> None:
    assert status_error("acme", status, message, {}, model="m").code == codes.CONTEXT_TOO_LONG


@pytest.mark.parametrize(
    "shown", ["sk-abc123-secret-6789", "sk-ab***************6789", "sk-a...6789", "****6789", "sk-abc123-secr"]
)
def test_a_key_is_never_shown_nor_a_part_of_it(shown: str) -> None:
    text = clean(f"Incorrect API key provided: {shown}. See the page.", ["sk-abc123-secret-6789"])
    assert text.startswith("Incorrect API key provided: ***")
    assert "6789" not in text
    assert "the page" in text


@pytest.mark.parametrize(
    ("told", "tokens"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, (10, 5)),
        ({"prompt_tokens": 10, "completion_tokens": 5}, (10, 5)),
        ({"input_tokens": 10, "output_tokens": 5}, (10, 5)),
        ({"prompt_eval_count": 10, "eval_count": 5}, (10, 5)),
        ({"prompt_tokens": 10.0, "completion_tokens": "5"}, (10, 5)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 500}, (10, 490)),
        ({**TOKENS, "completion_tokens_details": {"reasoning_tokens": 100}}, (10, 105)),
        ({**TOKENS, "completion_tokens_details": {"reasoning_tokens": 3}}, (10, 5)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "reasoning_tokens": 100}, (10, 105)),
        ({"prompt_tokens": 0, "completion_tokens": 5, "total_tokens": 15}, (10, 5)),
        ({"prompt_tokens": None, "completion_tokens": 5}, (0, 5)),
        ({"prompt_tokens": -3, "completion_tokens": True}, (0, 0)),
        ({"input_tokens": 10, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 7}, (117, 0)),
    ],
)  # fmt: skip
def test_all_tokens_are_counted_whatever_they_are_called(told: dict[str, Any], tokens: tuple[int, int]) -> None:
    usage = read_usage(told)
    assert (usage.input_tokens, usage.output_tokens) == tokens


def test_tokens_of_the_cache_are_told_apart() -> None:
    told = {"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3}}
    usage = read_usage(told)
    assert (usage.input_tokens, usage.cached_tokens, usage.cache_write_tokens) == (10, 4, 3)
    assert read_usage({"prompt_tokens": 10, "prompt_cache_hit_tokens": 4}).cached_tokens == 4


def test_what_a_later_event_does_not_tell_keeps_its_value() -> None:
    before = read_usage({"input_tokens": 10, "output_tokens": 1, "cache_creation_input_tokens": 7})
    after = read_usage({"output_tokens": 5}, before)
    assert (after.input_tokens, after.output_tokens, after.cache_write_tokens) == (17, 5, 7)


@pytest.mark.parametrize("word", ["length", "max_tokens", "MAX_TOKENS", "max_output_tokens", "model_length"])
def test_a_limit_of_tokens_is_one_under_any_name(word: str) -> None:
    assert stop_reason(word) == "maxTokens"


@pytest.mark.parametrize("word", ["error", "network_error", "sensitive", "load", "SAFETY", "pause_turn", "nonsense"])
def test_an_unknown_word_for_the_end_stays_as_it_is(word: str) -> None:
    assert stop_reason(word) == word


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("x", "x"),
        (None, ""),
        ([{"type": "text", "text": "x"}, {"type": "text", "text": "y"}], "xy"),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "x"}], "x"),
        (["x", {"type": "output_text", "text": "y"}, None, {"type": "text", "text": None}], "xy"),
        ({"type": "text", "text": "x"}, "x"),
        ([{"type": "reasoning", "text": "hm"}, {"text": "x"}], "x"),
    ],
)
def test_the_text_of_a_content_is_that_of_its_parts(content: Any, text: str) -> None:
    assert content_text(content) == text


REQUEST = ModelRequest((Message(Role.USER, "hello"),), model="m")
CALL = {"id": "a", "index": 0, "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize("word", ["length", "content_filter", "error", "max_output_tokens", "network_error"])
def test_calls_of_a_reply_that_is_not_whole_are_not_made(word: str) -> None:
    reply = ChatReply(REQUEST)
    reply.add({"choices": [{"delta": {"tool_calls": [CALL]}, "finish_reason": word}]})
    assert reply.finished().tool_calls == ()


def test_a_whole_message_at_the_end_of_a_stream_is_not_read_twice() -> None:
    reply = ChatReply(REQUEST)
    texts = [
        reply.add({"choices": [{"delta": {"content": "x"}}]}),
        reply.add({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}),
    ]
    assert texts == ["x", ""]


def test_what_a_vendor_sent_with_calls_is_kept_with_them() -> None:
    reply = ChatReply(REQUEST)
    for text in ("I need ", "it."):
        reply.add({"choices": [{"delta": {"reasoning_content": text}}]})
    reply.add({"choices": [{"delta": {"tool_calls": [{**CALL, "signature": "S"}]}, "finish_reason": "tool_calls"}]})
    reasoning, call = reply.finished().parts
    assert reasoning == ReasoningPart(
        {"message": {"reasoning_content": "I need it."}, "calls": {"a": {"signature": "S"}}}
    )
    assert isinstance(call, ToolCall)


@pytest.mark.parametrize("shown", ["sk-a/b+c-123", "sk-a%2Fb%2Bc-123", "c2stYS9iK2MtMTIz"])
def test_a_key_is_not_shown_in_another_form_either(shown: str) -> None:
    assert clean(f"wrong key {shown} here", ("sk-a/b+c-123",)) == "wrong key *** here"


@pytest.mark.parametrize("value", ["inf", "nan", "-inf", "1e999"])
def test_a_time_that_never_comes_is_no_time_to_wait(value: str) -> None:
    assert retry_after_of({"retry-after": value}) is None
    assert retry_after_of({"retry-after-ms": value}) is None


def test_the_address_of_a_redirect_is_shown_without_its_query_and_without_a_key() -> None:
    headers = {"location": "https://elsewhere.example/sk-secret-1/v1?token=abc"}
    error = status_error("acme", 307, "", headers, secrets=("sk-secret-1",))
    assert error.message.endswith("; it is at https://elsewhere.example/***/v1")


@pytest.mark.parametrize("status", [401, 403, 429, 400])
def test_a_quota_that_is_used_up_is_told_as_such_with_any_status(status: int) -> None:
    error = status_error("acme", status, "insufficient balance", {}, code="insufficient_quota")
    assert (error.category, error.retriable) == (Category.CONFIG, False)
    assert "credit or quota is used up" in error.message


def test_a_proxy_that_wants_a_user_is_told_as_such_before_a_server_with_tls() -> None:
    class ProxyError(Exception):
        pass

    error = transport_error("acme", ProxyError("407 Proxy Authentication Required"), address="https://acme.example")
    assert error is not None
    assert error.category is Category.CONFIG
    assert "wants a user and password" in error.message
    assert "HTTPS_PROXY=" in (error.hint or "")
