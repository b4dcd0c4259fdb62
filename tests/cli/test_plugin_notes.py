"""What `nika plugins list` and `check` tell: of which plugins, and of entries that match nothing that is installed."""

from __future__ import annotations

import pytest

PROJECT = "plugins: {block: [keywords:shel], prefer: {'keywords:nothing': acme}}\n"


def test_only_the_plugins_that_are_named_are_checked(nika):
    done = nika("plugins", "check", "keywords:set", "nika-keyword-fail")
    assert (done.code, done.err) == (0, "")
    assert [line.split()[1] for line in done.out.splitlines()] == ["WORD", "fail", "set", "available:"]
    unknown = nika("plugins", "check", "set", "sett")
    assert (unknown.code, unknown.out) == (2, "")
    assert "no installed plugin is called 'sett'" in unknown.err


@pytest.mark.parametrize("command", ["list", "check"])
def test_an_entry_that_matches_nothing_is_a_note(nika, write, command):
    write("nika.yaml", PROJECT)
    nika("trust")
    shown = nika("plugins", command)
    notes = shown.err if command == "list" else shown.out  # which are what a check looks for
    assert "note: 'keywords:shel' in the block list of nika.yaml matches nothing that is installed" in notes
    assert "note: 'keywords:nothing: acme' in the prefer list of nika.yaml matches nothing" in notes
    assert nika("plugins", command, "--format", "json").json["unmatched"] == [
        {"list": "block", "where": "nika.yaml", "entry": "keywords:shel"},
        {"list": "prefer", "where": "nika.yaml", "entry": "keywords:nothing: acme"},
    ]


def test_an_entry_of_an_unknown_kind_is_a_note_where_nothing_is_imported_and_refused_where_plugins_are(nika, write):
    write("nika.yaml", "plugins: {block: [keyword:shell]}\n")
    shown = nika("plugins", "list")
    assert "note: 'keyword:shell' in the block list of nika.yaml matches nothing that is installed" in shown.err
    refused = nika("plugins", "check")
    assert (refused.code, refused.out) == (2, "")
    assert "error[NIKA-096]: 'keyword:shell' in nika.yaml: there are no plugins of the kind 'keyword'" in refused.err
    assert "keywords:shell" in refused.err


def test_without_such_an_entry_there_is_no_note(nika):
    assert nika("plugins", "list", "--format", "json").json["unmatched"] == []
    assert "note: " not in nika("plugins", "list").err
