"""The README's example, run as a user would."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent.joinpath("README.md").read_text(encoding="utf-8")


def test_the_example_runs(tmp_path: Path) -> None:
    workflow = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert workflow is not None
    assert code is not None
    (tmp_path / "words.nika.yaml").write_text(workflow[1], encoding="utf-8")
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "text.py").write_text(code[1], encoding="utf-8")
    done = subprocess.run(
        [Path(sys.executable).with_name("nika"), "run", "words.nika.yaml", "--format", "json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    result = json.loads(done.stdout)
    assert result["status"] == "succeeded", done
    assert result["tasks"][0]["output"] == {"one": 1, "two": 2}
    assert result["output"] == "two"
