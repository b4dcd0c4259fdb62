"""The library that checks JSON Schemas is imported on first use, by whoever needs it first."""

import subprocess
import sys

CODE = """
import asyncio, sys, threading
from nika_core.engine.task import outputs
from nika_core.toolbox.agent import value_problems

halfway = threading.Event()

class SlowDisk:
    def find_spec(self, name, path=None, target=None):
        if name == "jsonschema._legacy_keywords":  # `jsonschema.validators` is half imported now
            halfway.set()
            threading.Event().wait(0.3)

async def model():
    await asyncio.to_thread(halfway.wait, 20)
    assert value_problems({"a": 1}, {"required": ["b"]})

async def main():
    sys.meta_path.insert(0, SlowDisk())
    shell = asyncio.create_task(outputs._fits({"a": 1}, {"required": ["a"]}))
    await asyncio.to_thread(halfway.wait, 20)
    await asyncio.gather(shell, model(), outputs._fits({"a": 1}, {"required": ["a"]}))

asyncio.run(main())
"""


def test_tasks_that_need_it_at_once_do_not_meet_a_half_imported_one() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
