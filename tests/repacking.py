"""Other people's packages as wheels, packed again from what the tests' own environment has: installers ask no index."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_WRITTEN_BY_INSTALLERS = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json"}


def required_by(*names: str) -> dict[str, Distribution]:
    """Every distribution that these need, and they themselves, by name."""
    needed: dict[str, Distribution] = {}
    seen: set[Requirement] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        requirement = waiting.pop()
        if requirement in seen:
            continue
        seen.add(requirement)
        found = needed.setdefault(canonicalize_name(requirement.name), distribution(requirement.name))
        for text in found.requires or ():
            further = Requirement(text)
            extras = ("", *requirement.extras)
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(further)
    return needed


def repack(distributions: Iterable[Distribution], target: Path) -> None:
    """Write the wheel of each distribution as it is installed. Scripts are left to the installer."""
    for installed in distributions:
        record = io.StringIO()
        rows = csv.writer(record, lineterminator="\n")
        with zipfile.ZipFile(target / _wheel_name(installed), "w") as wheel:
            for file in installed.files or ():
                if file.parts[0] == ".." or "__pycache__" in file.parts or _of_an_installer(file.parts):
                    continue
                content = Path(str(installed.locate_file(file))).read_bytes()
                digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                wheel.writestr(str(file), content)
                rows.writerow([str(file), f"sha256={digest}", len(content)])
            name = f"{_metadata_folder(installed)}/RECORD"
            rows.writerow([name, "", ""])
            wheel.writestr(name, record.getvalue())


def _of_an_installer(parts: tuple[str, ...]) -> bool:
    return len(parts) == 2 and parts[0].endswith(".dist-info") and parts[1] in _WRITTEN_BY_INSTALLERS


def _metadata_folder(installed: Distribution) -> str:
    return next(file.parts[0] for file in installed.files or () if file.match("*.dist-info/METADATA"))


def _wheel_name(installed: Distribution) -> str:
    tags = re.findall(r"^Tag: (\S+)-(\S+)-(\S+)$", installed.read_text("WHEEL") or "", re.MULTILINE)
    compressed = (".".join(sorted(set(column))) for column in zip(*tags, strict=True))
    return "-".join([re.sub(r"[-_.]+", "_", installed.name), installed.version, *compressed]) + ".whl"
