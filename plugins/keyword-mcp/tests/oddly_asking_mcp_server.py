"""A server over stdio that asks, by raw lines: the first argument is a JSON object of methods and lines.

In a line, @ID stands for the request's id. A method that is not named is answered properly. `answer` is what is written
for an answer of the client's, `error` for one that is an error: there @ID is the last request's, and @ANSWER the
answer, in a JSON text.
"""

from __future__ import annotations

import json
import sys
from typing import Any

lines: dict[str, str] = json.loads(sys.argv[1])
INFO = {"name": "odd", "version": "1"}
GOOD: dict[str, Any] = {
    "initialize": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": INFO},
    "tools/list": {"tools": [{"name": "t", "inputSchema": {"type": "object"}}]},
    "tools/call": {"content": [{"type": "text", "text": "good"}]},
}


def write(text: str) -> None:
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()


last = ""
for line in sys.stdin:
    asked = json.loads(line)
    method = asked.get("method", "")
    if "id" in asked and not method:
        shown = json.dumps(json.dumps(asked))[1:-1]
        reply = lines.get("error" if "error" in asked and "error" in lines else "answer", "")
        write(reply.replace("@ID", last).replace("@ANSWER", shown))
    if "id" not in asked or not method:
        continue
    last = str(asked["id"])
    if method in lines:
        write(lines[method].replace("@ID", str(asked["id"])))
    elif method in GOOD:
        write(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": GOOD[method]}) + "\n")
    else:
        error = {"code": -32601, "message": "Method not found"}
        write(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "error": error}) + "\n")
