"""A conversation of many turns: each message is digested and measured once, and the forecast adds up as it goes."""

import sys
import threading
from itertools import pairwise

import pytest

import nika_core as nika

HEAD = "agent: {provider: mock, model: mock-large}\ntasks:\n"


def conversation(folder, turns):
    """A workflow with so many `agent` tasks, one after the other."""
    names = [f"t{number}" for number in range(turns)]
    tasks = "".join(f'  - {{id: {name}, agent: "One word about {name}."}}\n' for name in names)
    flows = "".join(f"  - {{source: {one}, target: {other}}}\n" for one, other in pairwise(names))
    path = folder / f"talk{turns}.nika.yaml"
    path.write_text(f"{HEAD}{tasks}flows:\n{flows}")
    return path


def calls_in(work):
    """How many Python functions are called while something is done, in all threads."""
    count = 0

    def watch(_, event, __):
        nonlocal count
        count += event == "call"

    threading.setprofile(watch)
    sys.setprofile(watch)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return count


@pytest.mark.parametrize("work", [lambda path: nika.run(path, journal=False), nika.plan], ids=["a run", "a plan"])
def test_the_work_for_a_conversation_grows_with_its_turns(tmp_path, work):
    paths = {turns: conversation(tmp_path, turns) for turns in (10, 100, 200)}
    work(paths[10])  # what is imported and described once
    half, whole = (calls_in(lambda path=paths[turns]: work(path)) for turns in (100, 200))
    assert whole <= 2.2 * half
