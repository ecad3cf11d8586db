"""Imports of a fresh workspace, and of a second one to compare with."""

from __future__ import annotations

import pytest

from tests.client import Api
from tests.pipeline.imports.harness import Imports


@pytest.fixture
def imports(api: Api) -> Imports:
    return Imports(api)


@pytest.fixture
def other_imports(other_api: Api) -> Imports:
    """Of another workspace, to compare with."""
    return Imports(other_api)
