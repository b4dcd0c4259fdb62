"""Start a small local issue tracker, then run the workflow against it: `python examples/tour/run.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ISSUE = {"title": "Faster strict YAML", "state": "open", "labels": ["speed", "language"]}


class Tracker(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = self.path.startswith("/issues?number=")
        body = json.dumps({**ISSUE, "number": int(self.path.partition("=")[2])} if found else {}).encode()
        self.send_response(200 if found else 404)
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
    programs = Path(sys.executable).parent
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("NIKA_")},  # same for all
        "NIKA_HTTP_ALLOW": address,  # by default the http keyword refuses local addresses
        "NIKA_VALIDATE_TIMEOUT": "1m",  # for a busy machine that imports the plugins for the first time
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",  # the MCP server needs this Python
    }
    workflow = Path(__file__).with_name("tour.nika.yaml")
    command = [str(programs / "nika"), "run", str(workflow), "-i", f"tracker=http://{address}/issues", *sys.argv[1:]]
    try:
        return subprocess.run(command, env=environ, check=False).returncode
    finally:
        tracker.shutdown()


if __name__ == "__main__":
    sys.exit(main())
