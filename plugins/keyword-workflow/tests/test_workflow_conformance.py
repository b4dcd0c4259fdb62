from __future__ import annotations

from nika_core.testing import KeywordConformance


class TestWorkflow(KeywordConformance):
    word = "workflow"
    payload = {"use": "part.nika.yaml", "with": {"name": "Ada", "tags": ["a", 1]}}
    files = {
        "part.nika.yaml": (
            "inputs: {name: {type: string}, tags: {type: json, default: '[]'}, more: {type: json, default: 1}}\n"
            "tasks: [{id: greet, set: 'Hello ${input.name}'}]\n"
        ),
        "slow.nika.yaml": "tasks: [{id: sleep, shell: 'sleep 60'}]\n",
    }
    slow = {"use": "slow.nika.yaml"}
    secret = {"use": "part.nika.yaml", "with": {"name": "${env.NIKA_CONFORMANCE_TOKEN}"}}
