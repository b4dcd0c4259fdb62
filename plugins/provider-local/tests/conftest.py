"""The provider is an extra: where it is not installed, its tests are not collected."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("nika_provider_local") else ["test_*.py"]
