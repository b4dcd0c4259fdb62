#!/usr/bin/env bash
# What CI runs, in an image that has Python 3.11 or newer. Packages come from your own index, or from a folder of
# wheels, and from nowhere else:
#   INDEX=https://packages.example.com/simple/ bash ci.sh
#   WHEELS=/srv/wheels bash ci.sh
set -euo pipefail
cd "$(dirname "$0")"
if [ -n "${WHEELS:-}" ]; then
    from=(--no-index --find-links "$WHEELS")
elif [ -n "${INDEX:-}" ]; then
    from=(--index-url "$INDEX")
else
    echo "set INDEX to your package index, or WHEELS to a folder of wheels" >&2
    exit 2
fi
python3 -m venv .venv
.venv/bin/python -m pip install --quiet "${from[@]}" "hatchling>=1.27"
.venv/bin/python -m pip install --quiet "${from[@]}" --no-build-isolation -e ".[dev]"
PYTHON=.venv/bin/python bash check.sh
