"""Who trusts whom: a project file widens nothing until the user trusts it, and an organization's file only narrows."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import nika_core as nika_face
from nika_core.app import organization
from tests.cli.conftest import Nika

Write = Callable[[str, str], Path]

WIDE = "http: {allow: [127.0.0.1]}\nprices: {acme: {inputPerMillion: 1, outputPerMillion: 1}}\n"
WORKFLOW = "tasks:\n  - {id: a, http: {url: 'http://127.0.0.1:9/'}}\n"


@pytest.fixture(autouse=True)
def _own_decisions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))


@pytest.fixture
def project(write: Write) -> Path:
    write("w.nika.yaml", WORKFLOW)
    return write("nika.yaml", WIDE)


def _code(nika: Nika) -> str:
    """Return the code with which the address is refused (088), or with which nobody answers there (081)."""
    return str(nika("run", "w.nika.yaml", "--no-journal", "--format", "json").tasks["a"]["error"]["code"])


def test_what_a_file_widens_counts_from_nika_trust_until_the_file_changes(nika: Nika, project: Path) -> None:
    assert _code(nika) == "NIKA-088"
    trusted = nika("trust")
    assert (trusted.code, trusted.out) == (0, f"trusted: {project}\n")
    assert "it widens http.allow, prices" in trusted.err
    assert _code(nika) == "NIKA-081"
    project.write_text(WIDE + "# harmless\n")
    assert _code(nika) == "NIKA-088"
    project.write_text(WIDE)
    assert _code(nika) == "NIKA-081"
    assert nika("trust", "--remove").code == 0
    assert _code(nika) == "NIKA-088"


def test_the_same_file_in_another_folder_is_not_trusted(nika: Nika, project: Path, write: Write) -> None:
    nika("trust")
    write("other/nika.yaml", WIDE)
    write("other/w.nika.yaml", WORKFLOW)
    assert (
        nika("run", "other/w.nika.yaml", "--no-journal", "--format", "json").tasks["a"]["error"]["code"] == "NIKA-088"
    )


def test_a_warning_says_once_what_does_not_count_and_how_to_trust_it(nika: Nika, project: Path, write: Write) -> None:
    write("x.nika.yaml", WORKFLOW)
    done = nika("validate")
    assert done.code == 0
    assert done.out.count("warning[NIKA-105]") == 1
    assert "`http.allow` and `prices` of nika.yaml do not count" in done.out
    assert f"nika trust {project.parent}" in done.out


def test_the_command_in_the_warning_can_be_pasted(nika: Nika, write: Write, folder: Path) -> None:
    write("two words/nika.yaml", WIDE)
    write("two words/w.nika.yaml", WORKFLOW)
    hint = next(line for line in nika("validate", "two words").out.splitlines() if "nika trust" in line)
    assert f"nika trust '{folder}/two words' (in CI: NIKA_TRUST='{folder}/two words')" in hint


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("1", "NIKA-081"),
        ("true", "NIKA-081"),
        ("", "NIKA-088"),
        ("0", "NIKA-088"),
        (".", "NIKA-081"),
        ("/", "NIKA-081"),
        (os.pathsep, "NIKA-088"),
        (f"/usr{os.pathsep}", "NIKA-088"),
    ],
)
def test_the_variable_decides_for_ci(
    nika: Nika, project: Path, monkeypatch: pytest.MonkeyPatch, value: str, code: str
) -> None:
    monkeypatch.setenv("NIKA_TRUST", value)
    assert _code(nika) == code


def test_the_variable_names_folders_and_trusts_no_others(
    nika: Nika, project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setenv("NIKA_TRUST", str(elsewhere))
    assert _code(nika) == "NIKA-088"
    monkeypatch.setenv("NIKA_TRUST", f"{elsewhere}{os.pathsep}{project.parent}")
    assert _code(nika) == "NIKA-081"
    monkeypatch.setenv("NIKA_TRUST", "/no/such/folder")
    refused = nika("validate")
    assert refused.code == 2
    assert "there is no folder '/no/such/folder'" in refused.err


def test_a_folder_of_a_link_is_the_folder_that_it_leads_to(nika: Nika, project: Path, folder: Path) -> None:
    nika("trust")
    (folder / "link").symlink_to(folder, target_is_directory=True)
    done = nika("run", "link/w.nika.yaml", "--no-journal", "--format", "json")
    assert done.tasks["a"]["error"]["code"] == "NIKA-081"


def test_decisions_are_listed_and_a_damaged_one_decides_nothing(nika: Nika, project: Path) -> None:
    nika("trust")
    assert nika("trust", "--list").out == f"trusted   {project}\n"
    assert nika("trust", "--list", "--format", "json").json == {"decisions": [{"path": str(project), "trusted": True}]}
    for entry in Path(os.environ["XDG_DATA_HOME"], "nika", "trust").iterdir():
        entry.write_text("{half")
    assert _code(nika) == "NIKA-088"
    assert nika("trust", "--list").out == ""


def test_without_a_project_file_there_is_nothing_to_trust(nika: Nika, folder: Path) -> None:
    done = nika("trust")
    assert (done.code, "there is no nika.yaml in" in done.err) == (2, True)
    assert nika("trust", "--remove", "--list").code == 2


def test_a_broken_project_file_is_not_trusted(nika: Nika, write: Write) -> None:
    write("nika.yaml", "prices: {acme: {inputPerMillion: x}}\n")
    done = nika("trust")
    assert done.code == 2
    assert "NIKA-096" in done.err


def test_a_project_that_init_made_is_trusted(nika: Nika, folder: Path) -> None:
    assert nika("init", "new").code == 0
    assert nika_face.trust_status(folder=folder / "new").trusted is True
    (folder / "kept").mkdir()
    (folder / "kept" / "nika.yaml").write_text(WIDE)
    assert nika("init", "kept").code == 0
    assert nika_face.trust_status(folder=folder / "kept").trusted is None


def test_a_price_of_zero_is_unknown_unless_the_model_is_free(
    nika: Nika, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    write("w.nika.yaml", "agent: {model: acme, provider: openai}\ntasks:\n  - {id: a, llm: hi}\n")
    write("nika.yaml", "prices: {acme: {inputPerMillion: 0, outputPerMillion: 0}}\n")
    nika("trust")
    planned = nika("plan", "w.nika.yaml", "--format", "json")
    assert planned.json["estimate"]["unpriced"] == ["acme"]
    assert "the price of `acme` is zero" in nika("validate").out
    write("nika.yaml", "prices: {acme: {free: true}}\n")
    assert nika("plan", "w.nika.yaml", "--format", "json").json["estimate"]["unpriced"] == ["acme"]  # not trusted
    nika("trust")
    assert nika("plan", "w.nika.yaml", "--format", "json").json["estimate"]["unpriced"] == []


def test_a_project_file_takes_no_limit_policy_away(nika: Nika, write: Write) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: echo hi}\n")
    for lists in ("block: ['limit_policies:*']", "allow: ['keywords:*', 'template_sources:*']"):
        write("nika.yaml", f"plugins: {{{lists}}}\n")
        nika("trust")
        done = nika("run", "w.nika.yaml")
        assert (done.code, done.out) == (3, "")
        assert "no list takes a limit away" in done.err


@pytest.fixture
def policy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Write the organization's file that NIKA_POLICY names."""

    def write(text: str) -> Path:
        path = folder / "policy.yaml"
        path.write_text(text)
        monkeypatch.setenv("NIKA_POLICY", str(path))
        return path

    return write


def test_an_organization_says_what_a_trusted_file_may_widen(
    nika: Nika, project: Path, policy: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIKA_TRUST", "1")
    policy("widen: [prices]\n")
    assert _code(nika) == "NIKA-088"
    assert "lets no project file widen this" in nika("validate").out
    policy("widen: ['http.*']\n")
    assert _code(nika) == "NIKA-081"


def test_an_organization_requires_a_lock_plugins_and_limit_policies(
    nika: Nika, write: Write, policy: Callable[[str], Path]
) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: echo hi}\n")
    for text, says in (
        ("lock: required\n", "requires a lock of the plugins"),
        ("limitPolicies: [acme-budget]\n", "requires the limit policy 'acme-budget'"),
        ("plugins: {block: ['keywords:shell']}\n", "blocked by 'keywords:shell' in"),
    ):
        policy(text)
        done = nika("run", "w.nika.yaml")
        assert (done.code, done.out) == (3, ""), text
        assert says in done.err
        assert "policy.yaml" in done.err
    policy("limitPolicies: [env]\nplugins: {allow: ['nika-*']}\n")
    assert nika("run", "w.nika.yaml").out == "hi\n"


@pytest.mark.parametrize("text", ["widen: prices\n", "lock: maybe\n", "- a\n", "wide: []\n", "a: [\n", "\0"])
def test_nothing_runs_if_the_organization_s_file_is_not_right(
    nika: Nika, write: Write, policy: Callable[[str], Path], text: str
) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: echo hi}\n")
    path = policy(text)
    for command in ("run", "validate"):
        done = nika(command, "w.nika.yaml")
        assert done.code == 3
        assert f"the organization's file {path} cannot be used" in done.said  # problems are the data of `validate`
    path.unlink()
    assert nika("run", "w.nika.yaml").code == 3


def test_the_machine_s_file_and_the_named_one_both_hold(
    nika: Nika, write: Write, policy: Callable[[str], Path], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: echo hi}\n")
    machine = folder / "machine.yaml"
    machine.write_text("lock: required\n")
    monkeypatch.setattr(organization, "SYSTEM_FILE", machine)
    policy("widen: []\n")
    done = nika("run", "w.nika.yaml")
    assert (done.code, "machine.yaml requires a lock" in done.err) == (3, True)


def test_a_machine_s_file_that_cannot_be_seen_refuses_everything(
    nika: Nika, write: Write, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("w.nika.yaml", "tasks:\n  - {id: a, shell: echo hi}\n")
    monkeypatch.setattr(organization, "SYSTEM_FILE", folder / "none" / "policy.yaml")
    assert nika("run", "w.nika.yaml").out == "hi\n"
    (folder / "loop").symlink_to(folder / "loop")
    monkeypatch.setattr(organization, "SYSTEM_FILE", folder / "loop" / "policy.yaml")  # as for a folder without access
    done = nika("run", "w.nika.yaml")
    assert (done.code, "cannot be used" in done.err) == (3, True)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_a_project_file_of_another_user_is_refused_with_3(nika: Nika, project: Path) -> None:
    os.chown(project, 65534, -1)
    for command in ("validate", "run", "plan"):
        done = nika(command, "w.nika.yaml")
        assert done.code == 3, done.said
        assert "belongs to another user" in done.said


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize(
    ("name", "command", "code"),
    [
        ("nika.lock", "validate", 3),
        ("nika.lock", "run", 3),
        (".mcp.json", "validate", 2),
        (".mcp.json", "run", 2),
    ],
)
def test_what_is_looked_for_under_a_name_is_not_used_if_it_is_another_user_s(
    nika: Nika, write: Write, folder: Path, name: str, command: str, code: int
) -> None:
    server = '{"command": "sh", "args": ["-c", "touch harmed"]}'
    write("w.nika.yaml", "tasks:\n  - {id: a, mcp: 's::t'}\n")
    write(".mcp.json", f'{{"mcpServers": {{"s": {server}}}}}')
    write("nika.lock", '{"format": 2, "plugins": []}') if name == "nika.lock" else None
    nika("run", "w.nika.yaml", "--mock")
    os.chown(folder / name, 65534, -1)
    done = nika(command, "w.nika.yaml")
    assert done.code == code, done.err
    assert "belongs to another user" in done.said
    assert "chown root " in done.said
    assert not (folder / "harmed").exists()


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give files away")
def test_a_run_keeps_no_history_in_a_folder_of_another_user(nika: Nika, write: Write, folder: Path) -> None:
    write("w.nika.yaml", "tasks: [{id: a, set: payroll}]\n")
    (folder / ".nika").mkdir()
    (folder / ".nika").chmod(0o777)
    os.chown(folder / ".nika", 65534, -1)
    done = nika("run", "w.nika.yaml")
    assert done.code == 0
    assert "belongs to another user" in done.err
    assert not list((folder / ".nika").iterdir())


def test_a_home_directory_that_is_a_link_is_the_last_one_looked_into(
    nika: Nika, write: Write, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("nika.yaml", "limits: {maxShell: nonsense}\n")
    write("homes/ada/flows/w.nika.yaml", "tasks: [{id: a, set: 1}]\n")
    (folder / "link").symlink_to(folder / "homes" / "ada")
    for home in ("link", "homes/ada/", "homes/../homes/ada"):
        monkeypatch.setenv("HOME", f"{folder}/{home}")
        assert nika("validate", "homes/ada/flows/w.nika.yaml").code == 0


def test_the_fixture_for_pytest_trusts_a_folder_for_one_test(
    nika: Nika, project: Path, nika_trust: Callable[[Path], None]
) -> None:
    nika_trust(project.parent)
    assert _code(nika) == "NIKA-081"
