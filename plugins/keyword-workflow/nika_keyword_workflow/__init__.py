"""The workflow keyword: another workflow, run as part of this one."""
