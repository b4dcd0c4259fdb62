"""Runs of one user share the rates of models: levels, turns, pauses, and what killed and broken processes leave."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from nika_core.app.rate_governor import RateGovernor, governor_path
from nika_core.app.rate_store import Level, RateStore
from nika_core.model.clock import SystemClock
from nika_core.plugin import Provider, RateLimit
from nika_core.testing import FaultServer

NOW = 1_700_000_000.0
ONE = {"requests": 1.0}
ACME = Provider(name="acme", summary="x", client="x:Y", secrets=("ACME_KEY",))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RateStore]:
    opened = RateStore(tmp_path / "nika" / "rates.db")
    yield opened
    opened.close()


class Time:
    def __init__(self) -> None:
        self.now = NOW

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def limited(left: float = 0, capacity: float = 10, per_second: float = 1) -> dict[str, Level]:
    return {"requests": Level(left, capacity, per_second)}


def test_without_a_limit_nobody_waits_and_nothing_is_written(store: RateStore) -> None:
    assert store.ask("a", "run", ONE, NOW, {}) == 0
    assert store._database.execute("SELECT COUNT(*) FROM runs").fetchone() == (0,)


def test_what_one_run_takes_is_not_there_for_another(store: RateStore) -> None:
    store.learn("a", limited(left=1), NOW)
    assert store.ask("a", "one", ONE, NOW, {}) == 0
    assert store.ask("a", "two", ONE, NOW, {}) == pytest.approx(1)
    assert store.ask("another", "two", ONE, NOW, {}) == 0
    assert store.ask("a", "two", ONE, NOW + 1, {}) == 0


def test_declared_limits_hold_from_the_first_call_on(store: RateStore) -> None:
    declared = limited(left=2, capacity=2)
    waits = [store.ask("a", run, ONE, NOW, declared) for run in ("one", "two", "three")]
    assert waits == [0, 0, pytest.approx(1)]


def test_a_run_whose_last_call_is_longer_ago_comes_first(store: RateStore) -> None:
    store.learn("a", limited(left=1), NOW)
    assert store.ask("a", "greedy", ONE, NOW, {}) == 0
    assert store.ask("a", "greedy", ONE, NOW, {}) > 0
    assert store.ask("a", "modest", ONE, NOW, {}) > 0
    assert store.ask("a", "greedy", ONE, NOW + 1, {}) > 0  # there is one, and it is the other's
    assert store.ask("a", "modest", ONE, NOW + 1, {}) == 0
    assert store.ask("a", "greedy", ONE, NOW + 2, {}) == 0


def test_a_run_that_no_longer_asks_keeps_nobody_waiting(store: RateStore) -> None:
    store.learn("a", limited(left=1), NOW)
    assert store.ask("a", "one", ONE, NOW, {}) == 0
    assert store.ask("a", "killed", ONE, NOW, {}) > 0
    assert store.ask("a", "one", ONE, NOW + 2, {}) > 0
    assert store.ask("a", "one", ONE, NOW + 6, {}) == 0


def test_a_call_that_gave_up_and_a_run_that_ended_keep_nobody_waiting(store: RateStore) -> None:
    store.learn("a", limited(left=1), NOW)
    store.ask("a", "one", ONE, NOW, {})
    for leave in (lambda: store.give_up("a", "other"), lambda: store.leave("other")):
        assert store.ask("a", "other", ONE, NOW, {}) > 0
        leave()
    assert store.ask("a", "one", ONE, NOW + 1, {}) == 0


def test_a_pause_holds_for_all_runs_and_ends(store: RateStore) -> None:
    store.pause("a", 7, NOW)
    store.pause("a", 3, NOW)
    assert store.ask("a", "run", ONE, NOW, {}) == pytest.approx(7)
    assert store.ask("a", "run", ONE, NOW + 7.1, {}) == 0


def test_a_pause_of_hours_is_not_waited_for_whole(store: RateStore) -> None:
    store.pause("a", 10_000, NOW)
    assert store.ask("a", "run", ONE, NOW, {}) == pytest.approx(60)


def test_a_servers_word_is_forgotten_after_minutes(store: RateStore) -> None:
    store.learn("a", limited(per_second=0.0001), NOW)
    assert store.ask("a", "run", ONE, NOW + 1, {}) > 0
    assert store.ask("a", "run", ONE, NOW + 601, {}) == 0


def test_a_clock_that_is_set_back_makes_nobody_wait_for_it(store: RateStore) -> None:
    store.learn("a", limited(), NOW)
    store.pause("a", 50, NOW)
    assert store.ask("a", "run", ONE, NOW - 10_000, {}) == 0


def test_a_declared_limit_comes_back_after_a_clock_was_set_back(store: RateStore) -> None:
    declared = limited(left=1, capacity=1)
    assert store.ask("a", "run", ONE, NOW, declared) == 0
    assert store.ask("a", "run", ONE, NOW - 3600, declared) == 0
    assert store.ask("a", "run", ONE, NOW - 3600, declared) == 1
    assert store.ask("a", "run", ONE, NOW - 3599, declared) == 0


async def test_the_file_has_no_key_in_it_and_other_keys_have_other_limits(tmp_path: Path) -> None:
    path, clock = tmp_path / "rates.db", Time()
    governors = [
        RateGovernor(path, key, {"ACME_KEY": key}, clock, pytest.fail) for key in ("sk-secret-1", "sk-secret-2")
    ]
    governors[0].learn(ACME, "m", {"requests": RateLimit(0, 10, 1)})
    await governors[1].acquire(ACME, "m", ONE)
    await governors[0].acquire(ACME, "other", ONE)
    assert clock.now == NOW
    await governors[0].acquire(ACME, "m", ONE)
    assert clock.now == pytest.approx(NOW + 10, abs=0.5)
    for governor in governors:
        await governor.close()
    assert b"sk-secret" not in b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert path.stat().st_mode & 0o077 == 0


async def test_a_call_that_waits_for_the_runs_together_says_so(tmp_path: Path) -> None:
    governor, waits = RateGovernor(tmp_path / "rates.db", "run", {}, Time(), pytest.fail), []
    governor.learn(ACME, "m", {"requests": RateLimit(0, 10, 1)})
    await governor.acquire(ACME, "m", ONE, lambda seconds, cause: waits.append((seconds, cause)))
    await governor.close()
    assert waits[0][0] == pytest.approx(10)
    assert {cause for _, cause in waits} == {
        "all of your runs share what the server, or the plugin of the provider, allows a minute"
    }


@pytest.mark.parametrize("content", [b"", b"not a database, but some text that is long enough for its header" * 40])
async def test_a_file_that_cannot_be_used_is_told_once_and_no_call_depends_on_it(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "rates.db"
    path.write_bytes(content)
    told: list[str] = []
    governor = RateGovernor(path, "run", {}, Time(), told.append)
    for _ in range(3):
        await governor.acquire(ACME, "m", ONE)
    governor.learn(ACME, "m", {"requests": RateLimit(0, 10, 1)})
    await governor.close()
    assert len(told) == (1 if content else 0)
    assert all("`governor: false`" in message for message in told)


async def test_a_folder_that_cannot_be_made_is_no_reason_not_to_call(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    told: list[str] = []
    governor = RateGovernor(tmp_path / "file" / "rates.db", "run", {}, Time(), told.append)
    governor.pause(ACME, "m", 10)
    await governor.acquire(ACME, "m", ONE)
    await governor.close()
    assert len(told) == 1


async def test_a_folder_that_cannot_be_looked_into_is_no_reason_not_to_call(tmp_path: Path) -> None:
    told: list[str] = []
    path = tmp_path / ("x" * 300) / "rates.db"  # as for a folder of somebody else, whom root could not test
    governor = RateGovernor(path, "run", {}, SystemClock(), told.append)
    assert await governor.wait(ACME, "m", ONE) == 0
    await governor.acquire(ACME, "m", ONE)
    governor.learn(ACME, "m", {"requests": RateLimit(0, 1.0)})
    await governor.close()
    assert len(told) == 1
    assert "File name too long" in told[0]


def test_the_file_is_the_users_own() -> None:
    assert governor_path({"XDG_STATE_HOME": "/x"}) == Path("/x/nika/rates.db")
    assert governor_path({}) == Path.home() / ".local" / "state" / "nika" / "rates.db"


# ---- real processes

WORKER = dedent(
    """\
    import asyncio, json, sys, time
    from pathlib import Path
    from nika_core.app.rate_governor import RateGovernor
    from nika_core.model.clock import SystemClock
    from nika_core.plugin import Provider

    ACME = Provider(name="acme", summary="x", client="x:Y", secrets=("ACME_KEY",))

    async def main():
        path, run, calls = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
        governor = RateGovernor(path, run, {}, SystemClock(), sys.exit)
        print("ready", flush=True)
        sys.stdin.readline()
        times = []

        async def call():
            await governor.acquire(ACME, "m", {"requests": 1})
            times.append(time.time())
            if run == "killed":
                print("called", flush=True)

        await asyncio.gather(*(call() for _ in range(calls)))
        await governor.close()
        print(json.dumps(times))

    asyncio.run(main())
    """
)


def worker(path: Path, run: str, calls: int) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    arguments = [sys.executable, "-c", WORKER, str(path), run, str(calls)]
    process = subprocess.Popen(arguments, stdin=pipe, stdout=pipe, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def end(process: subprocess.Popen[str]) -> list[float]:
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    found: list[float] = json.loads(out.splitlines()[-1])
    return found


async def limit_to(path: Path, per_second: float, capacity: int) -> None:
    governor = RateGovernor(path, "first", {}, SystemClock(), pytest.fail)
    governor.learn(ACME, "m", {"requests": RateLimit(0, capacity / per_second, capacity)})
    await governor.close()


async def test_processes_together_keep_to_the_rate_and_none_is_starved(tmp_path: Path) -> None:
    path = tmp_path / "rates.db"
    workers = {
        "greedy": worker(path, "greedy", 40),
        "modest": worker(path, "modest", 4),
        "third": worker(path, "third", 4),
    }
    await limit_to(path, per_second=20, capacity=5)
    begin(workers["greedy"])
    assert await asyncio.to_thread(_waits, path, "greedy")
    begin(workers["modest"])
    begin(workers["third"])
    times = {name: end(process) for name, process in workers.items()}
    together = sorted(moment for each in times.values() for moment in each)
    assert len(together) == 48
    for start in range(len(together) - 20):
        assert together[start + 20] - together[start] > 0.6  # 20 a second, and 5 that may have been saved
    assert max(times["modest"][-1], times["third"][-1]) < times["greedy"][-10]


def _waits(path: Path, run: str) -> bool:
    """Whether a run has asked; looks until it has."""
    for _ in range(100_000):
        with closing(sqlite3.connect(path, timeout=5)) as database:
            if database.execute("SELECT 1 FROM runs WHERE run = ?", (run,)).fetchone():
                return True
    return False


async def test_a_killed_process_leaves_a_file_that_others_go_on_with(tmp_path: Path) -> None:
    path = tmp_path / "rates.db"
    killed, other = worker(path, "killed", 1000), worker(path, "other", 5)
    await limit_to(path, per_second=20, capacity=5)
    begin(killed)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "called\n"
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    begin(other)
    assert len(end(other)) == 5
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def nika_run(folder: Path, url: str) -> Any:
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "OPENAI_BASE_URL": url, "NIKA_RETRY_DELAY": "1ms"}
    nika = Path(sys.executable).with_name("nika")
    arguments = [str(nika), "run", "w.nika.yaml", "--format", "json"]
    return subprocess.run(arguments, cwd=folder, env=environ, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "governor: false"])
def test_a_run_waits_for_what_the_server_told_another_run(tmp_path: Path, shared: bool) -> None:
    (tmp_path / "nika.yaml").write_text("" if shared else "governor: false\n")
    (tmp_path / "w.nika.yaml").write_text(
        "agent: {model: gpt-4o, provider: openai, maxTokens: 50}\ntasks:\n  - {id: a, llm: hi, retry: {max: 1}}\n"
    )
    began = time.monotonic()
    with FaultServer() as server:
        with server.fault(429, retry_after="6"):
            assert nika_run(tmp_path, server.url).returncode == 1
        done = nika_run(tmp_path, server.url)
        assert len(server.requests) == 2
    assert done.returncode == 0, done.stderr
    assert governor_path({"XDG_STATE_HOME": str(tmp_path / ".local" / "state")}).exists() is shared
    assert not shared or time.monotonic() - began >= 6
