"""`notify` with a url: a real server on loopback, which the guard refuses unless an operator allows it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ..signals.conftest import Project
from .conftest import Server

Configure = Callable[[str], None]
ASK = "- {id: ask, ask: 'Go on?'}\n"


def test_a_notice_is_posted_as_json_with_headers_from_the_environment(
    project: Project, configure: Configure, server: Server
) -> None:
    configure("notify: [{url: '${env.HOOK}', headers: {Authorization: 'Bearer ${env.ACME_TOKEN}'}}]\n")
    project.environ |= {"HOOK": server.url, "ACME_TOKEN": "hunter2hunter2", "NIKA_NOTIFY_ALLOW": server.address}
    project.write(ASK)
    for _ in range(2):
        assert project.nika(*(("resume", "last") if server.received else ("run", "w.nika.yaml"))).code == 4
    ((headers, notice),) = server.received
    assert (headers["content-type"], headers["authorization"]) == ("application/json", "Bearer hunter2hunter2")
    assert (headers["idempotency-key"], notice["message"]) == (notice["key"], "Go on?")
    assert notice["command"] in notice["text"]


@pytest.mark.parametrize("allow", ["[127.0.0.0/8]", "[%s]"])
def test_the_project_may_allow_an_address_beside_the_url(
    allow: str, project: Project, configure: Configure, server: Server
) -> None:
    configure(f"notify: [{{url: '{server.url}', allow: {allow.replace('%s', repr(server.address))}}}]\n")
    project.write(ASK)
    assert project.nika("run", "w.nika.yaml").code == 4
    assert len(server.received) == 1


def test_an_address_that_is_not_public_is_refused(project: Project, configure: Configure, server: Server) -> None:
    configure(f"notify: [{{url: '{server.url}'}}]\n")
    project.write(ASK)
    done = project.nika("run", "w.nika.yaml")
    assert done.code == 4
    assert "notify does not connect to 127.0.0.1" in done.err
    assert "a loopback address, not a public one" in done.err
    assert server.received == []


def test_a_server_that_refuses_is_asked_again_when_the_run_is_resumed(
    project: Project, configure: Configure, server: Server
) -> None:
    configure(f"notify: [{{url: '{server.url}?secret', allow: [127.0.0.1]}}]\n")
    project.write(ASK)
    server.status = 503
    done = project.nika("run", "w.nika.yaml")
    assert "has not told of the question of `ask`: 127.0.0.1 answers with status 503" in done.err
    assert "?secret" not in done.err
    server.status = 200
    for _ in range(2):
        assert project.nika("resume", "last").code == 4
    assert len({notice["key"] for _, notice in server.received}) == 1
    assert len(server.received) == 2


@pytest.mark.parametrize(
    ("url", "warning"),
    [
        ("${env.NOT_SET}", "the url of notify needs the environment variable NOT_SET, which is not set"),
        ("${env.BAD}", "the url of notify, with its variables put in: expected a URL that begins with http://"),
        ("http://127.0.0.1:1/", "127.0.0.1 cannot be reached: it refuses the connection"),
    ],
)
def test_a_url_that_cannot_be_used_is_a_warning(url: str, warning: str, project: Project, configure: Configure) -> None:
    configure(f"notify: [{{url: '{url}', allow: [127.0.0.1]}}]\n")
    project.environ["BAD"] = "ftp://example.com"
    project.write(ASK)
    done = project.nika("run", "w.nika.yaml")
    assert done.code == 4
    assert warning in done.err


def test_a_header_with_a_line_break_is_not_sent(project: Project, configure: Configure, server: Server) -> None:
    configure(f"notify: [{{url: '{server.url}', allow: [127.0.0.1], headers: {{X-Who: '${{env.WHO}}'}}}}]\n")
    project.environ["WHO"] = "ada\r\nX-Evil: 1"
    project.write(ASK)
    assert "the header X-Who of notify has a line break" in project.nika("run", "w.nika.yaml").err
    assert server.received == []
