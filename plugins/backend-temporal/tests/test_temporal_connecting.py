"""TLS and API keys: what works, and what a user is told if it does not, through a TLS proxy before a real server."""

from __future__ import annotations

import asyncio
import shutil
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.beside
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]
KEY = {"TEMPORAL_API_KEY": "abc-key-of-a-test"}


class Loopback:
    """Servers on loopback, in an event loop of a thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._servers: list[asyncio.Server] = []

    def port(self, serve: Serve, context: ssl.SSLContext | None = None) -> int:
        """Return the port of a server."""

        async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(OSError, asyncio.IncompleteReadError):
                try:
                    await serve(reader, writer)
                finally:
                    writer.transport.abort()

        starting = asyncio.start_server(quietly, "127.0.0.1", 0, ssl=context)
        server = asyncio.run_coroutine_threadsafe(starting, self._loop).result()
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def end(self) -> None:
        """End all of them."""

        async def end() -> None:
            for server in self._servers:
                server.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            await asyncio.sleep(0)  # what was aborted is closed in the next step

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def to(port: int) -> Serve:
    """Return what passes everything on to the server at a port."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))
        finally:
            there_writer.transport.abort()

    return serve


async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every gRPC call as a server does that knows none of the API keys."""
    settings, headers, end = 4, 1, 0x05

    def frame(kind: int, flags: int, stream: int, data: bytes = b"") -> bytes:
        return len(data).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + data

    def field(name: bytes, value: bytes) -> bytes:
        return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value

    status_200 = b"\x88"
    answer = status_200 + field(b"content-type", b"application/grpc") + field(b"grpc-status", b"16")
    answer += field(b"grpc-message", b"Request unauthorized.")
    await reader.readexactly(24)  # the preface of HTTP/2
    writer.write(frame(settings, 0, 0))
    while True:
        head = await reader.readexactly(9)
        await reader.readexactly(int.from_bytes(head[:3], "big"))
        if head[3] == settings and not head[4] & 1:
            writer.write(frame(settings, 1, 0))
        elif head[3] == headers:
            writer.write(frame(headers, end, int.from_bytes(head[5:], "big"), answer))


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with certificates and keys of the server, a client, and somebody else."""
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command to make certificates")
    folder = tmp_path_factory.mktemp("certificates")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    command += " -addext basicConstraints=critical,CA:FALSE -addext subjectAltName=IP:127.0.0.1"
    for name in ("server", "client", "other"):
        files = ["-subj", f"/CN={name}", "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.pem"]
        subprocess.run([*command.split(), *files], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    """Return what starts servers."""
    servers = Loopback()
    yield servers
    servers.end()


@pytest.fixture(scope="module")
def ports(server: Any, certificates: Path, loopback: Loopback) -> dict[str, int]:
    """Return ports: a server with TLS, one that asks for a certificate, one that refuses keys, one without TLS."""

    def context(*, asks: bool = False) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(certificates / "server.pem", certificates / "server.key")
        made.set_alpn_protocols(["h2"])
        if asks:
            made.verify_mode = ssl.CERT_REQUIRED
            made.load_verify_locations(certificates / "client.pem")
        return made

    return {
        "tls": loopback.port(to(server.port), context()),
        "mutual": loopback.port(to(server.port), context(asks=True)),
        "refuses": loopback.port(refuse, context()),
        "plain": server.port,
    }


@pytest.mark.parametrize(
    ("options", "environ"),
    [
        ("tls?ca=server.pem", {}),
        ("tls?ca=server.pem", KEY),
        ("mutual?ca=server.pem&cert=client.pem&key=client.key", {}),
    ],
)
def test_a_server_with_tls_is_used_with_what_it_wants(
    ports: dict[str, int], certificates: Path, nika: Any, options: str, environ: dict[str, str]
) -> None:
    name, _, query = options.partition("?")
    url = f"temporal://127.0.0.1:{ports[name]}/default?{query}"

    listed = nika("runs", "list", "--on", url, "--format", "json", folder=certificates, environ=environ)

    assert listed.returncode == 0, listed.stderr
    assert '"runs"' in listed.stdout


@pytest.mark.parametrize(
    ("options", "environ", "why", "hint"),
    [
        ("tls", {}, "it has ended the connection", "?tls=yes"),
        ("tls?tls=yes", {}, "no authority that is known here has signed its certificate", "?ca=FILE"),
        ("tls?ca=other.pem", {}, "no authority that is known here has signed its certificate", "?ca=FILE"),
        ("tls?ca=server.key", {}, "`ca`: server.key has no certificate in PEM format", "name a file that has one"),
        ("tls?ca=absent.pem", {}, "`ca`: ", "correct the path"),
        ("localhost tls?ca=server.pem", {}, "its certificate is for another name", "a name that the certificate has"),
        ("plain?tls=yes", {}, "it does not speak TLS", "leave `tls`"),
        ("plain", KEY, "it does not speak TLS", "TEMPORAL_API_KEY unset"),
        ("plain?tls=no", KEY, "TEMPORAL_API_KEY would be sent without TLS", "leave `tls=no` out"),
        ("mutual?ca=server.pem", {}, "it has ended the TLS connection", "?cert=FILE&key=FILE"),
        ("mutual?ca=server.pem&cert=other.pem&key=other.key", {}, "it has ended the TLS connection", "another cert"),
        ("mutual?ca=server.pem&cert=client.pem&key=other.key", {}, "`key` is not the key of", "belong together"),
        ("mutual?ca=server.pem&cert=client.pem&key=client.pem", {}, "has no private key", "name a file that has one"),
        ("refuses?ca=server.pem", KEY, "refuses you: Request unauthorized.", "check TEMPORAL_API_KEY"),
        ("refuses?ca=server.pem", {}, "refuses you: Request unauthorized.", "set TEMPORAL_API_KEY"),
        ("tls?ca=server.pem", {"TEMPORAL_API_KEY": "abc\ndef"}, "characters that no API key has", "in one line"),
    ],
)
def test_a_wrong_setting_is_told_with_its_fix(
    ports: dict[str, int],
    certificates: Path,
    nika: Any,
    options: str,
    environ: dict[str, str],
    why: str,
    hint: str,
) -> None:
    name, _, query = options.partition("?")
    host = "localhost" if " " in name else "127.0.0.1"
    url = f"temporal://{host}:{ports[name.rpartition(' ')[2]]}/default?{query}"

    refused = nika("runs", "list", "--on", url, folder=certificates, environ=environ)

    assert refused.returncode == 2
    error, _, fix = refused.stderr.partition("hint:")
    assert why in error
    assert hint in fix
    assert "abc" not in refused.stdout + refused.stderr  # no part of a key is shown


def test_the_process_ends_well_after_a_server_that_gives_no_answer(loopback: Loopback, tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)

    url = f"temporal://127.0.0.1:{loopback.port(silent)}/default?tls=yes"
    program = "import sys; from nika_backend_temporal import connecting; from nika_core.cli import main\n"
    program += f"connecting._SECONDS = 0.3; sys.argv = ['nika', 'runs', 'list', '--on', {url!r}]; main()"

    ended = [
        subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        for _ in range(3)
    ]

    assert [(each.returncode, "panicked" in each.stderr, "Fatal" in each.stderr) for each in ended] == [
        (2, False, False)
    ] * 3
    assert "it gave no answer within 0.3 s" in ended[0].stderr


def test_ctrl_c_ends_a_submission_that_gets_no_answer_and_says_what_is_not_known(
    loopback: Loopback, folder: Path
) -> None:
    connected = threading.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read(-1)

    url = f"temporal://127.0.0.1:{loopback.port(silent)}/default"
    (folder / "w.nika.yaml").write_text("tasks:\n  - {id: one, set: 1}\n")
    nika = str(Path(sys.executable).with_name("nika"))
    run = subprocess.Popen([nika, "run", "--on", url, "w.nika.yaml"], cwd=folder, stderr=subprocess.PIPE, text=True)
    assert connected.wait(60)
    assert run.stderr is not None

    for told in ("detaching", "cancelling"):
        run.send_signal(signal.SIGINT)
        assert told in run.stderr.readline()
    run.send_signal(signal.SIGINT)
    said = run.communicate(timeout=60)[1]

    assert run.returncode == 130
    assert f"it is not known whether the run was submitted: nika runs list --on {url}" in said
