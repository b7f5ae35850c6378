"""A pytest plugin for `make mutants`: gives items the attribute that mutmut reads, which pytest 9 has renamed."""

import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    """Set the private attribute `_nodeid`."""
    vars(item)["_nodeid"] = item.nodeid
