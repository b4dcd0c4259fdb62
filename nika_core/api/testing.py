"""Test files: read, run, and recorded anew."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

from nika_core import codes
from nika_core.api.checking import refuse_running_loop
from nika_core.api.options import TEXT_NAME, is_text
from nika_core.app.cases.running import CaseResult, FileRun, UpdateForecast, run_cases
from nika_core.app.recording.recording import Recording
from nika_core.document.reading.cases_file import read_cases
from nika_core.engine.local.event_loop import run_to_end
from nika_core.errors import Problem, ProblemsError, UsageError
from nika_core.model.cases import SUFFIX
from nika_core.values import dataclass

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SuiteReport:
    """How the cases of some test files ended.

    Attributes:
        cases: in the order of the files.
        stale: files of recordings that no case has asked for; empty if a case failed, or if all were recorded anew.
    """

    cases: tuple[CaseResult, ...]
    stale: tuple[Path, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every case was as expected."""
        return all(case.passed for case in self.cases)


class TestSuite:
    """Test files that were read: `nika_core.load_tests` returns one."""

    __test__ = False  # no test of pytest's

    def __init__(self, runs: Iterable[FileRun], recordings: Mapping[Path, Recording]) -> None:
        self._runs = tuple(runs)
        self._recordings = recordings.values()

    def __len__(self) -> int:
        return sum(len(run.cases.cases) for run in self._runs)

    def forecast(self) -> UpdateForecast:
        """Return what it would cost to record all cases anew. Raise NikaError. Nothing is called."""
        found = [run.forecast() for run in self._runs]
        highs = [each.cost_high for each in found]
        high = None if None in highs else sum(each or 0.0 for each in highs)
        cases, low = sum(each.cases for each in found), sum(each.cost_low for each in found)
        return UpdateForecast(cases, low, high, tuple(dict.fromkeys(one for each in found for one in each.unpriced)))

    def run(self, *, update: bool = False, on_case: Callable[[CaseResult], object] | None = None) -> SuiteReport:
        """Run all cases, one after the other, and return how they ended.

        Args:
            update: run those that have a recording for real, and record them anew; it costs what real runs cost.
            on_case: called with each as it ends.

        Raises:
            UsageError: an event loop runs in this thread: use `arun`.
        """
        refuse_running_loop("run", "arun")
        return run_to_end(self.arun(update=update, on_case=on_case))

    async def arun(self, *, update: bool = False, on_case: Callable[[CaseResult], object] | None = None) -> SuiteReport:
        """Run all cases from inside an event loop, as `run` does."""
        found: list[CaseResult] = []
        async for result in run_cases(self._runs, update=update):
            found.append(result)
            if on_case is not None:
                on_case(result)
        if update or not all(case.passed for case in found):  # what a failed case did not get to is not stale
            return SuiteReport(tuple(found))
        return SuiteReport(tuple(found), tuple(path for each in self._recordings for path in each.unused))


def load_tests(
    files: str | Path | Iterable[str | Path] = ".",
    *,
    environ: Mapping[str, str] | None = None,
    plugins: Iterable[object] = (),
) -> TestSuite:
    """Return test files to be run: they, and the workflows that they test, are checked.

    Args:
        files: files, or folders with `*.nika.test.yaml` in them and below; or the text of a test file, which has a line
            break, and whose paths start from the working directory.
        environ, plugins: as for `run`.

    Raises:
        ProblemsError: everything that is wrong with the test files, with line and column; or else with their workflows.
        UsageError: there is no test file.
    """
    named = [files] if isinstance(files, str | Path) else list(files)
    if not named:  # a pattern that matches nothing must not pass
        raise UsageError("no test file was named", code=codes.BAD_TEST, hint="name some, or leave out `files`")
    texts = [str(name) for name in named if is_text(name)]
    paths = dict.fromkeys(path for name in named if not is_text(name) for path in _found(Path(name)))
    readers = [*(partial(read_cases, path) for path in paths)]
    readers += [partial(read_cases, Path(TEXT_NAME), text=text) for text in texts]
    recordings: dict[Path, Recording] = {}
    runs = _all_or_problems(
        [partial(FileRun, each, recordings, environ, plugins) for each in _all_or_problems(readers)]
    )
    return TestSuite(runs, recordings)


def test(
    files: str | Path | Iterable[str | Path] = ".",  # noqa: PT028  # no test of pytest's
    *,
    environ: Mapping[str, str] | None = None,  # noqa: PT028  # the same
    plugins: Iterable[object] = (),  # noqa: PT028  # the same
) -> SuiteReport:
    """Run test files, and return how their cases ended. Nothing is called, and nothing is spent.

    Args:
        files, environ, plugins: as for `load_tests`, which also tells what this raises.
    """
    return load_tests(files, environ=environ, plugins=plugins).run()


def _all_or_problems(makers: Iterable[Callable[[], T]]) -> list[T]:
    """Return what each makes. Raise ProblemsError with all that any of them finds wrong."""
    found: list[T] = []
    problems: dict[Problem, None] = {}  # several may speak of one file
    for make in makers:
        try:
            found.append(make())
        except ProblemsError as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise ProblemsError(problems)
    return found


def _found(path: Path) -> list[Path]:
    if not path.is_dir():
        if not path.name.endswith(SUFFIX):
            hint = f"a test file is called NAME{SUFFIX}"
            raise UsageError(f"{path} is not a test file", code=codes.BAD_TEST, hint=hint)
        return [path]
    found = [
        file
        for file in sorted(path.rglob(f"*{SUFFIX}"))
        if not any(part.startswith(".") for part in file.relative_to(path).parts)
    ]
    if not found:
        raise UsageError(
            f"there are no test files in {path}", code=codes.BAD_TEST, hint=f"name one, or make NAME{SUFFIX}"
        )
    return found
