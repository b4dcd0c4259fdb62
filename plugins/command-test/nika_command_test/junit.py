"""The report for CI, in the form that JUnit gave it and every CI system reads."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import groupby
from xml.etree import ElementTree as ET

import nika_core as nika
from nika_command_test.showing import faults

_REFUSED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # by XML 1.0


def junit_xml(report: nika.SuiteReport, mask: Callable[[str], str]) -> str:
    """Return the report as XML, a suite for each file. What could not be run is an error, and no failure."""

    def text(value: str) -> str:
        return _REFUSED.sub("�", mask(value))

    root = ET.Element("testsuites")
    for file, cases in groupby(report.cases, lambda case: case.file):
        found = list(cases)
        suite = ET.SubElement(root, "testsuite", name=text(str(file)), tests=str(len(found)))
        suite.set("failures", str(sum(not case.passed and not case.problems for case in found)))
        suite.set("errors", str(sum(bool(case.problems) for case in found)))
        suite.set("time", f"{sum(case.seconds for case in found):.3f}")
        for case in found:
            seconds = f"{case.seconds:.3f}"
            element = ET.SubElement(
                suite, "testcase", classname=text(str(file)), name=text(case.case.name), time=seconds
            )
            listed = list(faults(case))
            if listed:
                kind = ET.SubElement(element, "error" if case.problems else "failure", message=text(listed[0][1]))
                kind.text = text("\n".join("\n".join(filter(None, fault)) for fault in listed))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
