"""Make a small repository with a branch, then review the branch: `python examples/review/run.py`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
BEFORE = {"total.py": "def total(prices):\n    return sum(prices)\n", "README.md": "# Shop\n"}
AFTER = {
    "total.py": "def total(prices, discount=0):\n    return sum(prices) / (1 - discount)\n",
    "README.md": "# Shop\n\n`total` takes a discount.\n",
    "old prices.csv": "tea,3\n",
}
IDENTITY = ["-c", "user.name=Shop", "-c", "user.email=shop@example.com", "-c", "init.defaultBranch=main"]


def git(repository: Path, *arguments: str) -> None:
    subprocess.run(["git", *IDENTITY, *arguments], cwd=repository, check=True, capture_output=True)


def commit(repository: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        (repository / name).write_text(text)
    git(repository, "add", ".")
    git(repository, "commit", "-m", message)


def main() -> int:
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("NIKA_")},  # same for all
        "NIKA_MOCK_SCRIPT": str(HERE / "script.json"),
    }
    nika = [sys.executable, "-m", "nika_core"]
    with tempfile.TemporaryDirectory() as folder:
        repository = Path(folder)
        git(repository, "init")
        commit(repository, BEFORE, "A shop")
        git(repository, "switch", "-c", "discount")
        commit(repository, AFTER, "Discounts")
        workflow = str(HERE / "review.nika.yaml")
        command = [*nika, "run", workflow, "-i", f"repository={repository}", *sys.argv[1:]]
        return subprocess.run(command, env=environ, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
