"""What every test sees of the machine that it runs on, and which part of the tests runs."""

from __future__ import annotations

import os
import signal
import tempfile
import time

import pytest
from coverage import Coverage
from hypothesis import settings

# Where programs are, where files may be put, what measures us, and what `.ci/test` says. No key, proxy, locale, colour
# or NIKA_ variable of the one who runs the tests is seen by any of them.
_KEPT = {
    "PATH",
    "TMPDIR",
    "NIKA_NODE_MODULES",
    "NIKA_TEST_EXAMPLES",
    "NIKA_TEST_MACHINE",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
}
_KEPT_PREFIXES = ("PYTEST_", "COVERAGE_")
_home = tempfile.TemporaryDirectory(prefix="nika-home-", ignore_cleanup_errors=True)


def _leave_the_machine() -> None:
    for name in list(os.environ):
        if name not in _KEPT and not name.startswith(_KEPT_PREFIXES):
            del os.environ[name]
    os.environ |= {"HOME": _home.name, "TZ": "UTC"}
    time.tzset()
    os.umask(0o022)
    # A run in the background, or under `nohup`, ignores these, and so would every process that a test starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    settings.load_profile("ci")  # the same examples every time, and no deadlines


_leave_the_machine()


PARTS = ["together", "beside", "alone"]


def _part(item: pytest.Item) -> str:
    return next((part for part in PARTS[1:] if item.get_closest_marker(part) is not None), PARTS[0])


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the choice of a part, which `.ci/test` makes."""
    parser.addoption("--part", choices=PARTS, help="only tests with this marker, or for `together` with none of them")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of the chosen part, and the long ones only if `-m` names them; measure no property tests."""
    part = config.getoption("--part")
    others = [item for item in items if part and _part(item) != part]
    if "long" not in config.getoption("-m"):
        others += [item for item in items if item.get_closest_marker("long") is not None and item not in others]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in set(others)]
    for item in items:
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("no_cover")  # other tests reach the same lines; measured, these take twice as long


@pytest.fixture(autouse=True)
def _measured_processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the Python processes that a test starts count for coverage, if it says so: measuring all doubles the time."""
    if request.node.get_closest_marker("measures_processes") is None:
        return
    unmeasured = request.config.getoption("--part") in PARTS[1:]  # nothing of pytest's own process is measured there
    coverage = Coverage.current() or (
        Coverage(config_file=str(request.config.rootpath / "pyproject.toml")) if unmeasured else None
    )
    if coverage is not None:
        monkeypatch.setenv("COVERAGE_PROCESS_CONFIG", coverage.config.serialize())
