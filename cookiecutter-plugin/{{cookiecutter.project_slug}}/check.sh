#!/usr/bin/env bash
# All that is checked, with the tools of this environment; it installs nothing and asks no index.
set -euo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-python}
"$python" -m ruff format --check .
"$python" -m ruff check .
"$python" -m mypy
"$python" -m pytest -q
"$python" -m hatchling build -t wheel
