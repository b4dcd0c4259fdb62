"""Servers as they really are: what http makes of odd answers, from a scenario."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from nika_keyword_http.response import retry_after
from nika_keyword_http.step import HttpStep

from nika_core.errors import Category, TaskError
from nika_core.testing import ScenarioServer, read_scenarios


async def call(context: Any, folder: Path, answer: Mapping[str, Any], **payload: Any) -> Any:
    """The output of a request to a server with that answer."""
    (folder / "s.json").write_text(json.dumps({"scenarios": {"s": {"answers": {"GET *": [answer]}}}}))
    (scenario,) = read_scenarios(folder / "s.json")
    context.environ["NIKA_HTTP_ALLOW"] = "127.0.0.1"
    async with ScenarioServer(scenario) as server, asyncio.timeout(120):
        try:
            return (await HttpStep().run({"url": f"{server.url}/x", **payload}, context)).value
        finally:
            await context.aclose()


@pytest.mark.parametrize(
    ("answer", "output"),
    [
        ({"text": "abc", "headers": {"content-encoding": "utf-8"}}, "abc"),
        ({"text": "abc", "headers": {"content-encoding": "none, identity"}}, "abc"),
        ({"text": "", "headers": {"content-encoding": "br"}}, ""),
        ({"chunks": [{"hex": "efbbbf"}, '{"a": 1}'], "headers": {"content-type": "application/json"}}, '{"a": 1}'),
        ({"chunks": ["gr", {"hex": "c3"}, {"hex": "bc"}], "headers": {"content-type": "text/plain"}}, "grü"),
        ({"text": "ü", "headers": {"content-type": "text/plain; charset=klingon"}}, "ü"),
        ({"text": "abc", "headers": {"content-type": "text/plain; charset=base64"}}, "abc"),
        ({"text": "abc", "pieces": 1}, "abc"),
        ({"chunks": [{"hex": "fffe7b007d00"}], "headers": {"content-type": "application/json"}}, "{}"),
        ({"chunks": [{"hex": "fffe00007b0000007d000000"}], "headers": {"content-type": "text/plain"}}, "{}"),
        ({"chunks": [{"hex": "fc006200"}], "headers": {"content-type": "text/plain; charset=utf-16"}}, "üb"),
        ({"chunks": [{"hex": "1f8b0800"}], "headers": {"content-type": "text/plain"}}, "H4sIAA=="),
        ({"chunks": [{"hex": "fffe00"}], "headers": {"content-type": "audio/mpeg"}}, "//4A"),
    ],
)
async def test_what_can_be_read_is_read(context: Any, tmp_path: Path, answer: Any, output: str) -> None:
    assert await call(context, tmp_path, answer) == output


@pytest.mark.parametrize(
    ("answer", "category", "said"),
    [
        ({"text": "abc", "headers": {"content-encoding": "br"}}, Category.EXECUTION, "'br', which cannot be undone"),
        ({"text": "abc", "headers": {"content-encoding": "gzip, zstd"}}, Category.EXECUTION, "'zstd'"),
        ({"text": "abc", "headers": {"content-encoding": "gzip"}}, Category.EXECUTION, "compression is broken"),
        (
            {"status": 503, "text": "abc", "headers": {"content-encoding": "gzip", "retry-after": "7"}},
            Category.EXECUTION,
            "answered 503",
        ),
        ({"status": 429, "text": "abc", "headers": {"content-encoding": "br"}}, Category.RATE_LIMIT, "answered 429"),
        ({"text": "abc", "headers": {"content-length": "10"}, "then": "close"}, Category.NETWORK, "broke off"),
        ({"text": "abc", "then": "close"}, Category.NETWORK, "broke off"),
        ({"then": "drop"}, Category.NETWORK, "broke off"),
        ({"text": "abc", "headers": {"content-length": "3, 5"}}, Category.NETWORK, "broke off"),
        ({"text": "abc", "headers": {"x-a": "a" * 200_000}}, Category.NETWORK, "broke off"),
        ({"status": 302, "headers": {"location": "http://[::1"}}, Category.EXECUTION, "it is not a URL"),
        ({"status": 302, "headers": {"location": "file:///etc/passwd"}}, Category.EXECUTION, "is not a URL"),
        ({"status": 302, "headers": {"location": "/x"}}, Category.EXECUTION, "11th redirect"),
        ({"status": 302}, Category.EXECUTION, "answered 302"),
        ({"status": 503, "chunks": ["too busy"], "then": "hang"}, Category.EXECUTION, "answered 503"),
        ({"status": 503, "chunks": ["too busy"], "then": "hang"}, Category.EXECUTION, "too busy"),
        ({"status": 429, "text": "abc", "then": "close"}, Category.RATE_LIMIT, "answered 429"),
        (
            {"status": 502, "text": f"<html><head><style>{'p {}' * 200}</style></head><body>no worker</body></html>"},
            Category.EXECUTION,
            "expected 2xx: no worker",
        ),
        (
            {"status": 422, "json": {"input": "x" * 300, "detail": [{"loc": ["a"], "msg": "too long"}]}},
            Category.EXECUTION,
            "expected 2xx: a: too long",
        ),
    ],
)
async def test_no_odd_answer_is_taken_for_a_good_one(
    context: Any, tmp_path: Path, answer: Any, category: Category, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nika_keyword_http.step.REASON", 0.2)
    with pytest.raises(TaskError) as caught:
        await call(context, tmp_path, answer, followRedirects=True)
    assert said in caught.value.message
    assert caught.value.category is category


@pytest.mark.parametrize(
    ("value", "seconds"), [("1.5", 1.5), ("7", 7.0), ("-5", 0.0), ("inf", None), ("nan", None), ("soon", None)]
)
def test_a_time_to_wait_is_a_number_of_seconds(value: str, seconds: float | None) -> None:
    assert retry_after(value, 0.0) == seconds
