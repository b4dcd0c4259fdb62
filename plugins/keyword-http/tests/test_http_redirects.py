"""Redirects: followed only where asked, with the method's rules, and no secrets to another origin."""

from __future__ import annotations

from typing import Any

import pytest
from nika_keyword_http.step import HttpStep

from nika_core.errors import TaskError


async def call(context: Any, **payload: Any) -> Any:
    context.environ.setdefault("NIKA_HTTP_ALLOW", "127.0.0.1")
    return (await HttpStep().run({"followRedirects": True, **payload}, context)).value


def by_target(answers: dict[str, Any], answer_with: Any) -> Any:
    async def answer(reader: Any, writer: Any, request: Any) -> None:
        await answers.get(request.target, answer_with(body=request.method.encode()))(reader, writer, request)

    return answer


async def test_a_redirect_is_not_followed_unless_asked_and_the_error_says_how(
    context: Any, serve: Any, answer_with: Any
) -> None:
    server = serve(answer_with(status=302, headers={"location": "/there?token=1"}))
    with pytest.raises(TaskError, match="answered 302") as caught:
        await call(context, url=server.url, followRedirects=False)
    assert "/there: set followRedirects: true" in (caught.value.hint or "")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "GET", "GET"), (301, "POST", "GET"), (302, "POST", "GET"), (302, "PUT", "PUT"), (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"), (307, "POST", "POST"), (308, "PUT", "PUT"),
    ],
)  # fmt: skip
async def test_method_and_body_follow_the_usual_rules(
    context: Any, serve: Any, answer_with: Any, status: int, method: str, then: str
) -> None:
    first = answer_with(status=status, headers={"location": "/b"})
    server = serve(by_target({"/a": first}, answer_with))
    body = {"json": {"x": 1}} if method in ("POST", "PUT") else {}
    await call(context, url=server.url + "/a", method=method, **body)
    last = server.requests[-1]
    assert (last.target, last.method) == ("/b", then)
    kept = bool(body) and then == method
    assert last.body == (b'{"x":1}' if kept else b"")
    assert ("content-type" in last.headers) is kept


async def test_secrets_stay_on_their_origin(context: Any, serve: Any, answer_with: Any) -> None:
    other = serve(body=b"there")
    server = serve(by_target({"/a": answer_with(status=307, headers={"location": other.url + "/x"})}, answer_with))
    headers = {"Authorization": "Bearer s", "Cookie": "c=1", "X-Api-Key": "k", "X-Team": "t", "Accept": "text/plain"}
    same = serve(by_target({"/a": answer_with(status=307, headers={"location": "/b"})}, answer_with))
    assert await call(context, url=server.url + "/a", headers=headers, idempotencyKey=True) == "there"
    sent = other.requests[0].headers
    assert sent["accept"] == "text/plain"
    assert not {"authorization", "cookie", "x-api-key", "x-team", "idempotency-key"} & set(sent)
    await call(context, url=same.url + "/a", headers=headers)
    assert same.requests[1].headers["authorization"] == "Bearer s"


@pytest.mark.parametrize("count", [10, 11])
async def test_at_most_ten_are_followed(context: Any, serve: Any, answer_with: Any, count: int) -> None:
    answers = {f"/{n}": answer_with(status=302, headers={"location": f"/{n + 1}"}) for n in range(count)}
    server = serve(by_target(answers, answer_with))
    if count == 10:
        assert await call(context, url=server.url + "/0") == "GET"
    else:
        with pytest.raises(TaskError, match="11th redirect") as caught:
            await call(context, url=server.url + "/0")
        assert not caught.value.retriable
        assert len(server.requests) == 11


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "http://u:p@127.0.0.1/", "http://[::1", "ftp://x/", "http://a b/"]
)
async def test_a_redirect_to_what_is_no_url_is_refused(
    context: Any, serve: Any, answer_with: Any, location: str
) -> None:
    server = serve(answer_with(status=302, headers={"location": location}))
    with pytest.raises(TaskError, match="redirects to") as caught:
        await call(context, url=server.url)
    assert not caught.value.retriable


async def test_a_redirect_without_a_location_is_an_answer_like_any_other(context: Any, serve: Any) -> None:
    assert await call(context, url=serve(status=304).url, expectStatus="304") == ""
