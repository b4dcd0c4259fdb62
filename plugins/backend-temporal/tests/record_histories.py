"""Record histories of runs, in the folder beside: `python plugins/backend-temporal/tests/record_histories.py`.

The tests replay them, so that a change which would break a run that goes on over an update is noticed. Make them anew
only if such a break is meant: a run that was begun before it cannot go on after it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).with_name("histories")
MOCK: Final = "agent: {provider: mock, model: mock, maxTokens: 20}\n"
RUNS: Final = {
    "retries": "tasks:\n  - {id: one, shell: exit 3, retry: {max: 2, backoff: 10ms}, onError: {value: gone}}\n"
    "  - {id: two, shell: 'echo {{one}}'}\n",
    "models": MOCK + "tasks:\n  - id: many\n    forEach: [a, b, c]\n    llm: 'say ${each.item}'\n"
    "  - id: all\n    agent: \"{{many | join(', ')}}\"\n",
    "inside": "workflows:\n  part:\n    inputs: {n: {type: int}}\n    outputs: '{{say}}'\n    tasks:\n"
    "      - {id: say, shell: 'echo part ${input.n}'}\n"
    "tasks:\n  - id: parts\n    forEach: [1, 2]\n    workflow: {use: part, with: {n: '${each.item}'}}\n",
    "timers": "timeout: 5m\ntasks:\n  - id: approve\n    ask: {message: Shall we?, expires: 1s, default: true}\n"
    "  - {id: go, shell: 'echo {{approve}}'}\n",
}


def comparable(text: str) -> str:
    """Return a history without what tells of the machine that made it."""
    data = json.loads(text)
    for event in data["events"]:
        for attributes in event.values():
            if isinstance(attributes, dict) and "identity" in attributes:
                attributes["identity"] = "worker"
    text = re.sub(r'("stackTrace": )"(?:[^"\\]|\\.)*"', r'\1""', json.dumps(data, indent=1, sort_keys=True))
    return re.sub(r'"\d+@[\w.-]+(?:-[0-9a-f]+)?"', '"worker"', text) + "\n"


async def record(url: str, folder: Path) -> None:
    """Run each workflow on a server, with a worker in this process, and write its history."""
    from nika_backend_temporal.address import Address
    from nika_backend_temporal.connecting import connect
    from nika_backend_temporal.large_payloads import LargePayloads

    import nika_core as nika
    from nika_core.plugin import WorkerOptions
    from nika_core.testing import backend_checks

    workspace = nika.Workspace.open(folder)
    backend: Any = nika.backends.connect(url, workspace=workspace)
    stop, ready = asyncio.Event(), asyncio.Event()
    keywords = nika.backends.keywords(workspace=workspace)
    options = WorkerOptions(keywords=keywords, concurrency=5, ready=ready.set, stop=stop.wait)
    serving = asyncio.ensure_future(backend.serve(options))
    await ready.wait()
    client = await connect(Address(url, {}), LargePayloads(None))
    FOLDER.mkdir(exist_ok=True)
    runs = {"everything": backend_checks.EVERYTHING, "failing": backend_checks.FAILING, **RUNS}
    for name, text in runs.items():
        path = folder / "w.nika.yaml"
        path.write_text(text)
        submission = nika.backends.submission(nika.prepare(path, workspace=workspace, elsewhere=True))
        await backend.submit(submission)
        async for update in backend.events(submission.run_id):
            if update.result is not None:
                print(name, update.result["status"])
        history = await client.get_workflow_handle(submission.run_id).fetch_history()
        (FOLDER / f"{name}.json").write_text(comparable(history.to_json()))
    stop.set()
    await serving


def main() -> None:
    """Record all of them."""
    sys.path.insert(0, str(Path(__file__).parent))
    from conftest import Server

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / ".git").mkdir()
        # Nothing of this machine's environment is in a history.
        kept = {word: os.environ[word] for word in ("PATH", "TMPDIR") if word in os.environ}
        os.environ.clear()
        os.environ.update({**kept, "HOME": name})
        server = Server(folder)
        server.start()
        try:
            asyncio.run(record(server.url, folder))
        finally:
            server.kill()


if __name__ == "__main__":
    main()
