"""Start a small local issue tracker, then run the report against it: `python examples/report/run.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PAGE_SIZE = 2
ISSUES = [
    {"title": "The start page is slow", "state": "open"},
    {"title": "A typo in the manual", "state": "closed"},
    {"title": "The search is slow", "state": "open"},
    {"title": "No dark mode", "state": "closed"},
    {"title": "The export is slow", "state": "open"},
]


class Tracker(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        number = int(parse_qs(urlsplit(self.path).query).get("page", ["1"])[0])
        end = number * PAGE_SIZE
        page: dict[str, object] = {"items": ISSUES[end - PAGE_SIZE : end]}
        if end < len(ISSUES):
            page["next"] = f"http://{self.headers['Host']}/issues?page={number + 1}"
        body = json.dumps(page).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def main() -> int:
    tracker = ThreadingHTTPServer(("127.0.0.1", 0), Tracker)
    threading.Thread(target=tracker.serve_forever, daemon=True).start()
    address = f"127.0.0.1:{tracker.server_port}"
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("NIKA_")},  # same for all
        "NIKA_HTTP_ALLOW": address,  # by default the http keyword refuses local addresses
    }
    workflow = Path(__file__).with_name("report.nika.yaml")
    nika = [sys.executable, "-m", "nika_core"]
    command = [*nika, "run", str(workflow), "-i", f"url=http://{address}/issues", *sys.argv[1:]]
    try:
        return subprocess.run(command, env=environ, check=False).returncode
    finally:
        tracker.shutdown()


if __name__ == "__main__":
    sys.exit(main())
