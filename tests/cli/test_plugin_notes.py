"""`nika plugins list` and `check` tell of entries that match nothing that is installed."""

from __future__ import annotations

import pytest

PROJECT = "plugins: {block: [keyword:shell], prefer: {'keywords:nothing': acme}}\n"


@pytest.mark.parametrize("command", ["list", "check"])
def test_an_entry_that_matches_nothing_is_a_note(nika, write, command):
    write("nika.yaml", PROJECT)
    shown = nika("plugins", command)
    assert "note: 'keyword:shell' in the block list of nika.yaml matches nothing that is installed" in shown.err
    assert "note: 'keywords:nothing: acme' in the prefer list of nika.yaml matches nothing" in shown.err
    assert nika("plugins", command, "--format", "json").json["unmatched"] == [
        {"list": "block", "where": "nika.yaml", "entry": "keyword:shell"},
        {"list": "prefer", "where": "nika.yaml", "entry": "keywords:nothing: acme"},
    ]


def test_without_such_an_entry_there_is_no_note(nika):
    assert nika("plugins", "list", "--format", "json").json["unmatched"] == []
    assert "note" not in nika("plugins", "list").err
