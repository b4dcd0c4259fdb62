"""Does the plugin keep what the interface promises?"""

from __future__ import annotations

from nika_core.testing import NotifierConformance


class TestCommand(NotifierConformance):
    word = "notify"
    settings = [{"command": ["sh", "-c", "cat > /dev/null"]}, {"command": ["true"]}]
    failing = [{"command": ["false"]}, {"command": ["no-such-program-anywhere"]}, {"command": ["${env.NOT_SET}"]}]
    slow = [{"command": ["sleep", "60"]}]


class TestUrl(NotifierConformance):
    word = "notify"
    settings = [{"command": ["true"]}]
    failing = [
        {"url": "http://127.0.0.1:1/", "allow": ["127.0.0.1"]},
        {"url": "http://127.0.0.1:1/"},
        {"url": "${env.NOT_SET}"},
        {"url": "http://[bad/", "headers": {"X-Key": "${env.PATH}"}},
    ]
