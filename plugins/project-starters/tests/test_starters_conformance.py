"""Whether the plugin keeps the promises of the interface. What each template does is tested with `nika init`."""

from nika_core.testing import ProjectTemplateConformance


class TestHello(ProjectTemplateConformance):
    word = "hello"


class TestAgent(ProjectTemplateConformance):
    word = "agent"
