import gc
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("quick", deadline=None, max_examples=10)
settings.register_profile("thorough", deadline=None, max_examples=60)  # `make check`, by --hypothesis-profile
settings.load_profile("quick")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "integration" in Path(item.path).relative_to(Path(__file__).parent).parts:
            item.add_marker(pytest.mark.integration)


def pytest_collection_finish() -> None:
    gc.freeze()  # modules and tests live until the end: exclude them from garbage collection
