"""Budgets of a day: never over them, whatever processes do, and nothing that costs money without accounts."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from nika_limit_spend import accounts as accounts_module
from nika_limit_spend.accounts import Accounts
from nika_limit_spend.policy import SpendPolicy

import nika_core as nika
from nika_core.errors import RefusedError, UsageError
from nika_core.plugin import Admission, Refusal, Spending, Stage

NOON = 1_795_694_400.0  # 2026-11-26, 12:00 UTC
DAY = 86_400.0
NOBODY = 65_534


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


class House:
    """A policy, asked as the kernel asks it, in an environment and at a time of one's own."""

    def __init__(self, path: Path, team: float = 1.0, user: float | None = None, **environ: str) -> None:
        self.policy = SpendPolicy()
        self.limits = {"spend.team.day": team} | ({} if user is None else {"spend.user.day": user})
        self.environ = {"NIKA_SPEND_DATABASE": str(path), **environ}
        self.time = NOON

    def admit(self, call: str, cost: str | None, stage: Stage = Stage.MODEL, **changes: Any) -> Refusal | None:
        return self.policy.admit(self.request(call, cost, stage, **changes))

    def request(self, call: str, cost: str | None, stage: Stage = Stage.MODEL, **changes: Any) -> Admission:
        known: dict[str, Any] = {
            "cost_usd": None if cost is None else Decimal(cost),
            "call": call,
            "user": "ada",
            "environ": self.environ,
            "time": self.time,
            "limits": self.limits,
            "model": "m",
        }
        return Admission(stage, "w", **(known | changes))

    def send(self, call: str, cost: str) -> None:
        self.policy.sending(self.request(call, cost))

    def settle(self, call: str, cost: str, **changes: Any) -> None:
        known: dict[str, Any] = {"user": "ada", "environ": self.environ, "time": self.time, "limits": self.limits}
        self.policy.settle(Spending(Stage.MODEL, "w", "r", call=call, cost_usd=Decimal(cost), **(known | changes)))

    @property
    def left(self) -> float:
        return self.policy.left(self.request("", None))["spend.team.day"]


@pytest.fixture
def house(folder: Path) -> House:
    return House(folder / "spend.db")


# ---- a budget


def test_a_call_is_refused_by_the_most_that_it_may_cost_and_not_by_what_it_will(house: House) -> None:
    refusal = house.admit("a", "1.01")
    assert refusal is not None
    assert refusal.retry_after is None
    assert refusal.reason == (
        "a call may cost up to $1.01, and today's runs may spend $1 a day (NIKA_MAX_COST_DAY): "
        "$1 is left today, $0 is spent"
    )


def test_what_is_reserved_counts_and_what_is_left_over_is_given_back(house: House) -> None:
    assert house.admit("a", "0.9") is None
    later = house.admit("b", "0.2")
    assert later is not None
    assert later.retry_after is not None  # the first may take less
    house.send("a", "0.9")
    house.settle("a", "0.1")
    assert house.left == 0.9
    assert house.admit("b", "0.2") is None
    house.settle("b", "0")  # it was never sent
    assert house.left == 0.9


def test_a_call_is_settled_once_and_counts_even_if_nothing_was_reserved_for_it(house: House) -> None:
    for _ in range(2):
        house.settle("a", "0.3")
    assert house.left == 0.7
    house.admit("b", "0.1")
    for _ in range(2):
        house.settle("b", "0.05")
    assert house.left == 0.65
    house.settle("c", "5")  # its server took more than it was asked to
    assert house.left == 0


def test_a_user_has_a_budget_of_their_own_within_the_team_and_teams_have_each_their_own(folder: Path) -> None:
    house = House(folder / "spend.db", 1.0, 0.4, NIKA_SPEND_TEAM="search")
    assert house.admit("a", "0.4") is None
    refusal = house.admit("b", "0.1")
    assert refusal is not None
    assert "the user 'ada' may spend $0.4 a day (NIKA_MAX_COST_USER_DAY)" in refusal.reason
    assert house.admit("c", "0.4", user="bob") is None
    refusal = house.admit("d", "0.4", user="eve")
    assert refusal is not None
    assert "the team 'search' may spend $1 a day" in refusal.reason
    others = House(folder / "spend.db", 1.0, NIKA_SPEND_TEAM="ads")
    assert others.admit("e", "1", user="eve") is None


def test_without_a_budget_and_for_what_costs_nothing_there_is_not_even_a_file(folder: Path) -> None:
    house = House(folder / "spend.db", float("inf"))
    assert tuple(house.policy.stages(house.limits)) == ()
    assert house.admit("a", "5") is None
    house = House(folder / "spend.db")
    assert house.admit("a", "0") is None
    assert house.admit("a", None, mocked=True) is None
    house.send("a", "0")
    house.settle("a", "0")
    assert house.left == 1.0
    assert not (folder / "spend.db").exists()


def test_what_nobody_knows_the_price_of_is_refused(house: House) -> None:
    refusal = house.admit("a", None)
    assert refusal is not None
    assert "the model 'm'" in refusal.reason
    assert "prices:" in (refusal.hint or "")
    assert house.admit("a", None, Stage.TASK, model="", keyword="deploy") is not None


def test_a_run_of_which_no_call_could_be_made_is_refused(house: House) -> None:
    assert house.admit("", "5", Stage.RUN) is None  # it may cost less
    house.settle("a", "1")
    assert house.admit("", "5", Stage.RUN) is not None
    assert house.admit("", None, Stage.RUN) is not None
    assert house.admit("", "0", Stage.RUN) is None


# ---- days


def test_a_day_begins_at_midnight_in_the_zone_and_a_call_counts_on_the_day_that_admitted_it(folder: Path) -> None:
    house = House(folder / "spend.db", NIKA_SPEND_ZONE="Europe/Berlin")
    house.time = NOON + 10.9 * 3600  # 23:54 in Berlin
    assert house.admit("a", "0.8") is None
    house.time += 600
    assert house.admit("b", "0.8") is None  # a new day
    house.settle("a", "0.7")
    house.settle("b", "0.1")
    assert house.left == 0.9


def test_a_clock_that_goes_back_opens_no_budget_of_the_past(house: House) -> None:
    house.settle("a", "0.5")
    house.time -= DAY
    assert house.left == 0.5  # the day that was
    house.time -= DAY
    refusal = house.admit("b", "0.1")
    assert refusal is not None
    assert "it is 2026-11-24 by the clock, and calls were accounted on 2026-11-26" in refusal.reason
    assert "set the clock right" in (refusal.hint or "")
    with pytest.raises(UsageError, match="by the clock"):
        _ = house.left


def test_days_that_are_long_past_are_forgotten(house: House) -> None:
    house.settle("a", "0.5")
    house.time += 90 * DAY
    house.admit("b", "0.5")
    database = sqlite3.connect(house.environ["NIKA_SPEND_DATABASE"])
    assert database.execute("SELECT COUNT(*) FROM spent").fetchone() == (0,)
    assert database.execute("SELECT COUNT(*) FROM settled").fetchone() == (0,)


# ---- accounts that cannot be used: nothing that costs money is called


def damaged(path: Path) -> None:
    path.write_bytes(b"this is not a database, " * 1000)


def half_gone(path: Path) -> None:
    accounts = Accounts(path)
    accounts.settle("a", "2026-11-26", "team:", "user:ada", 1)
    accounts.close()
    path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 8192)


def a_folder(path: Path) -> None:
    path.mkdir()


def a_link(path: Path) -> None:
    path.symlink_to("elsewhere.db")


def no_folder(path: Path) -> None:
    path.parent.rmdir()
    path.parent.write_text("")


@pytest.mark.parametrize(
    ("spoil", "reason", "hint"),
    [
        (damaged, "file is not a database", "restore"),
        (half_gone, "", "restore"),
        (a_folder, "Is a directory", "writable"),
        (a_link, "the database is a link", "writable"),
        (os.mkfifo, "the database is not a regular file", "writable"),
        (no_folder, "File exists", "writable"),
    ],
)
def test_accounts_that_cannot_be_used_refuse_what_costs_money(
    folder: Path, spoil: Callable[[Path], None], reason: str, hint: str
) -> None:
    (folder / "state").mkdir()
    path = folder / "state" / "spend.db"
    spoil(path)
    house = House(path)
    refusals = [house.admit("a", "0.1"), house.admit("", "0.1", Stage.RUN)]
    assert all(refusal is not None and "nothing that costs money is called" in refusal.reason for refusal in refusals)
    assert refusals[0] is not None
    assert (reason in refusals[0].reason, hint in (refusals[0].hint or "")) == (True, True), refusals[0]
    assert house.admit("a", "0") is None


def read_only(path: Path) -> None:
    path.chmod(0o444)


def a_read_only_folder(path: Path) -> None:
    path.parent.chmod(0o555)


def a_closed_folder(path: Path) -> None:
    path.parent.chmod(0)


def a_folder_beside(path: Path) -> None:
    path.with_name("spend.db-wal").mkdir()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a folder that every user may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="nika-spend-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("spoil", [None, read_only, a_read_only_folder, a_closed_folder, a_folder_beside])
def test_accounts_that_may_not_be_written_refuse_what_costs_money_and_say_so(
    open_folder: Path, spoil: Callable[[Path], None] | None
) -> None:
    path = open_folder / "state" / "spend.db"
    path.parent.mkdir()
    Accounts(path).close()
    if spoil is not None:
        spoil(path)
    try:
        told = as_a_user_that_is_not_root(path)
    finally:
        path.parent.chmod(0o755)
    if spoil is None:
        assert told == ["", "", "0.9"]
        return
    for text in told:
        assert f"what was spent today cannot be read or written in {path} (" in text
        assert "nothing that costs money is called" in text
    assert f"make {path} and its folder writable" in told[0]


def as_a_user_that_is_not_root(path: Path) -> list[str]:
    """Return what a call, a run and `nika limits` are told, of which the last may be told what is left."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            if os.geteuid() == 0:
                for each in (path, path.parent, *path.parent.glob("*")):
                    os.chown(each, NOBODY, NOBODY)
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            house = House(path)
            refusals = [house.admit("a", "0.1"), house.admit("", "0.1", Stage.RUN)]
            told = ["" if each is None else f"{each.reason} {each.hint}" for each in refusals]
            try:
                told.append(str(house.left))
            except UsageError as error:
                told.append(error.message)
            os.write(writing, json.dumps(told).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    found: list[str] = json.loads(text)
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize(
    ("file", "shared", "reason"),
    [
        (0o600, 0o700, "not shared with a group"),
        (0o644, 0o755, "not shared with a group"),
        (0o666, 0o755, "everybody may write to it"),
        (0o660, 0o1777, "everybody may write to it"),
        (0o660, 0o2770, ""),
    ],
)
def test_accounts_of_another_user_count_only_if_they_are_shared_with_a_group(
    folder: Path, file: int, shared: int, reason: str
) -> None:
    path = folder / "state" / "spend.db"
    path.parent.mkdir()
    Accounts(path).close()
    path.parent.chmod(shared)
    path.chmod(file)
    os.chown(path, NOBODY, NOBODY)
    refusal = House(path).admit("a", "0.1")
    if reason:
        assert refusal is not None
        assert reason in refusal.reason
        assert "belongs to" in refusal.reason
        with pytest.raises(UsageError, match="belongs to"):
            _ = House(path).left
    else:
        assert refusal is None


def test_accounts_that_another_process_holds_and_a_full_disk_refuse(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts_module, "BUSY_SECONDS", 0.01)
    path = house.environ["NIKA_SPEND_DATABASE"]
    house.settle("a", "0.1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    refusal = house.admit("b", "0.1")
    assert refusal is not None
    assert ("database is locked" in refusal.reason, "another process" in (refusal.hint or "")) == (True, True)
    with pytest.raises(sqlite3.OperationalError):
        house.settle("a2", "0.1")  # the kernel says so, and tells it again
    other.execute("ROLLBACK")

    database = house.policy._accounts.of(Path(path))._database
    pages = database.execute("PRAGMA page_count").fetchone()[0]
    database.execute(f"PRAGMA max_page_count = {pages}")
    refusal = None
    for number in range(1000):
        refusal = refusal or house.admit(f"{'x' * 200}{number}", "0.0001")
    assert refusal is not None
    assert ("is full" in refusal.reason, "free some space" in (refusal.hint or "")) == (True, True)


def test_what_is_no_longer_reserved_is_not_sent(house: House) -> None:
    house.admit("a", "0.1")
    for path in Path.cwd().glob("spend.db*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(UsageError, match="no longer has what was reserved"):
        house.send("a", "0.1")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NIKA_MAX_COST_DAY", "much"),
        ("NIKA_MAX_COST_DAY", "-1"),
        ("NIKA_MAX_COST_USER_DAY", "nan"),
        ("NIKA_SPEND_ZONE", "Europe/Atlantis"),
        ("NIKA_SPEND_ZONE", "../../etc/passwd"),
        ("NIKA_SPEND_DATABASE", "spend.db"),
    ],
)
def test_a_variable_that_makes_no_sense_is_an_error_that_names_it(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"The variable {name} is"):
        SpendPolicy().limits({name: value})


# ---- processes


def in_child(do: Callable[[], None]) -> int:
    """Do it in a process of its own, and return how that ended: its exit code, or minus the signal."""
    process = os.fork()
    if not process:
        try:
            do()
        except BaseException as error:  # a child never goes back into the test
            print(error, file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def test_what_a_killed_process_had_not_sent_is_given_back_and_what_it_had_stays(folder: Path) -> None:
    house = House(folder / "spend.db")

    def reserve() -> None:
        house.admit("reserved", "0.4")
        house.admit("sent", "0.3")
        house.send("sent", "0.3")
        house.admit("settled", "0.2")
        house.settle("settled", "0.1")
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_child(reserve) == -signal.SIGKILL
    other = House(folder / "spend.db")
    assert other.left == 0.6
    refusal = other.admit("big", "0.7")
    assert refusal is not None
    assert refusal.retry_after is None  # nobody will give it back
    assert other.admit("fits", "0.6") is None

    other.settle("sent", "0.3", exact=False, recovered=True)  # nobody knows what it took
    other.settle("reserved", "0.4", exact=False, recovered=True)  # it was never sent
    assert other.left == 0


def test_a_live_process_keeps_what_it_has_reserved(folder: Path) -> None:
    house = House(folder / "spend.db")
    house.admit("a", "0.9")
    assert in_child(lambda: _require(House(folder / "spend.db").left == 0.1)) == 0


def _require(condition: bool) -> None:
    assert condition


WORKFLOW = """\
agent: {model: acme, provider: acme}
inputs: {say: {type: string}}
tasks:
  - {id: a, llm: "${input.say}"}
  - {id: b, llm: "${input.say} again"}
"""
WATCH = """
CREATE TABLE seen (most INTEGER);
CREATE TRIGGER reserved AFTER INSERT ON open BEGIN
  INSERT INTO seen SELECT
    (SELECT TOTAL(amount) FROM spent WHERE account = 'team:') + (SELECT TOTAL(amount) FROM open);
END;
CREATE TRIGGER counted AFTER INSERT ON spent BEGIN
  INSERT INTO seen SELECT (SELECT TOTAL(amount) FROM spent WHERE account = 'team:');
END;
"""


@pytest.mark.alone  # it forks: a lock that another test's thread holds would never be released in a child
@pytest.mark.parametrize("runs", [5, pytest.param(50, marks=pytest.mark.long)])
def test_twenty_processes_at_a_time_are_never_over_the_budget(folder: Path, runs: int) -> None:
    """Each run makes two calls at once: worst case 1.001 cents each. A third breaks off, and costs that much."""
    from tests.app import judged

    Path("w.nika.yaml").write_text(WORKFLOW)
    path = folder / "spend.db"
    Accounts(path).close()
    database = sqlite3.connect(path)
    database.executescript(WATCH)
    database.close()
    budget = Decimal("0.01001") * 20
    environ = {"NIKA_MAX_COST_DAY": str(budget), "NIKA_SPEND_DATABASE": str(path), "HOME": str(folder)}

    def work(number: int) -> None:
        for each in range(runs):
            kind = "killed" if each == runs - 1 and number % 5 == 0 else ("good", "lost", "good")[(number + each) % 3]
            say = f"kill {number}" if kind == "killed" else kind
            (folder / f"{number}").mkdir(exist_ok=True)
            os.chdir(folder / f"{number}")  # each has its own file that says whether it was killed
            nika.run(
                folder / "w.nika.yaml",
                plugins=[OnlyProvider(judged)],
                inputs={"say": say},
                environ=environ,
                journal=False,
            )

    options: dict[str, Any] = {"plugins": [OnlyProvider(judged)], "journal": False}
    nika.run("w.nika.yaml", inputs={"say": "good"}, environ={}, **options)  # imports what all need, once
    processes = {}
    for number in range(20):
        process = os.fork()
        if not process:
            try:
                work(number)
            except BaseException as error:  # as above
                print(type(error), error, file=sys.stderr)
                os._exit(0 if isinstance(error, RefusedError) else 1)  # a run that begins when all is spent
            os._exit(0)
        processes[process] = number
    ends = {number: os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) for process, number in processes.items()}
    assert set(ends.values()) <= {0, -signal.SIGKILL}

    database = sqlite3.connect(path)
    seen = database.execute("SELECT MAX(most), COUNT(*) FROM seen").fetchone()
    assert seen[1] > 20
    assert seen[0] <= int(budget * 10**9)
    spent = database.execute("SELECT amount FROM spent WHERE account = 'team:'").fetchone()[0]
    gone = database.execute("SELECT TOTAL(amount) FROM open").fetchone()[0]
    assert spent + gone <= int(budget * 10**9)
    killed = sum(end == -signal.SIGKILL for end in ends.values())
    assert gone <= killed * 2 * 10_010_000  # nobody else holds anything


class OnlyProvider:
    """The provider of `tests/app/judged.py`, without its limit policy."""

    NIKA_API = 1

    def __init__(self, module: Any) -> None:
        self.nika_providers = module.nika_providers


# ---- the organization's file, and the command line


def test_no_project_file_and_no_variable_takes_the_organizations_budget_away(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from tests.app import judged

    Path("policy.yaml").write_text(
        "limitPolicies: [spend]\n"
        f"variables: {{NIKA_MAX_COST_DAY: '0.02', NIKA_SPEND_DATABASE: {folder}/org.db, NIKA_SPEND_TEAM: search}}\n"
    )
    Path("nika.yaml").write_text("limits: {maxCostDay: 500}\n")
    Path("w.nika.yaml").write_text(WORKFLOW)
    environ = {
        "NIKA_POLICY": str(folder / "policy.yaml"),
        "NIKA_TRUST": "1",
        "NIKA_MAX_COST_DAY": "100",
        "NIKA_SPEND_DATABASE": str(folder / "mine.db"),
        "NIKA_SPEND_TEAM": "mine",
        "HOME": str(folder),
    }
    options: dict[str, Any] = {"plugins": [OnlyProvider(judged)], "environ": environ, "journal": False}
    for _ in range(2):
        nika.run("w.nika.yaml", inputs={"say": "lost"}, **options)
    spent = sqlite3.connect("org.db").execute("SELECT account, amount FROM spent ORDER BY account").fetchall()
    assert ("team:search", 10_010_000) in spent
    assert not Path("mine.db").exists()
    left = nika.limits_left(environ=environ)
    assert left == {"spend.team.day": pytest.approx(0.02 - 0.01001)}
    bound = min(limit.value for limit in nika.limits(environ=environ) if limit.measure == "spend.team.day")
    assert bound == 0.02

    Path("nika.yaml").write_text("plugins: {block: ['limit_policies:spend']}\n")
    with pytest.raises(RefusedError):
        nika.run("w.nika.yaml", inputs={"say": "good"}, **options)


def test_a_malformed_variable_of_the_organization_refuses_every_run_and_names_the_file(folder: Path) -> None:
    Path("policy.yaml").write_text("variables: {NIKA_MAX_COST_DAY: much}\n")
    Path("w.nika.yaml").write_text("tasks: [{id: a, set: 1}]\n")
    with pytest.raises(RefusedError, match=r"policy\.yaml: The variable NIKA_MAX_COST_DAY is 'much'"):
        nika.run("w.nika.yaml", environ={"NIKA_POLICY": str(folder / "policy.yaml")}, journal=False)


def test_an_allow_list_may_leave_the_policy_out_only_while_there_is_no_budget(folder: Path) -> None:
    Path("nika.yaml").write_text("plugins: {allow: [nika-limit-env, nika-keyword-set]}\n")
    Path("w.nika.yaml").write_text("tasks: [{id: a, set: 1}]\n")
    assert nika.run("w.nika.yaml", environ={}, journal=False).status == "succeeded"
    with pytest.raises(RefusedError, match="no list takes a limit away"):
        nika.run("w.nika.yaml", environ={"NIKA_MAX_COST_DAY": "5"}, journal=False)


def test_the_command_shows_what_is_left_today(folder: Path) -> None:

    environ = {**os.environ, "NIKA_MAX_COST_DAY": "2", "NIKA_SPEND_DATABASE": str(folder / "spend.db")}
    House(folder / "spend.db", 2.0).policy.settle(
        Spending(
            Stage.MODEL, "w", "r", call="a", cost_usd=Decimal("0.5"), user="ada", environ=environ,
            time=time.time(),
        )
    )  # fmt: skip
    command = [sys.executable, "-m", "nika_core", "limits"]
    shown = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    assert "$1.5 of $2 is left (NIKA_MAX_COST_DAY)" in shown
    data = json.loads(
        subprocess.run([*command, "--format", "json"], env=environ, capture_output=True, check=True).stdout
    )
    found = {each["name"]: each for each in data["limits"]}
    assert (found["NIKA_MAX_COST_DAY"]["left"], found["NIKA_MAX_COST_USER_DAY"]["value"]) == (1.5, None)
