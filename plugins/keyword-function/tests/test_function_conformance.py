from __future__ import annotations

from nika_core.testing import KeywordConformance

FUNCTIONS = """
import time

def greet(who):
    return f"Hello {who}!"

def sleep():
    time.sleep(600)

def many():
    return "x" * 100_000_000
"""


class TestFunction(KeywordConformance):
    word = "function"
    files = {"f.py": FUNCTIONS}
    payload = {"reference": "f.py::greet", "args": {"who": "Ada"}}
    slow = {"reference": "f.py::sleep"}
    large = {"reference": "f.py::many"}
    secret = {"reference": "f.py::greet", "args": {"who": "${env.NIKA_CONFORMANCE_TOKEN}"}}
