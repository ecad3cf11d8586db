"""Imports of a fresh workspace, and of a second one to compare with."""

from __future__ import annotations

import pytest

from services import lead_import
from tests.client import Api
from tests.pipeline.imports.harness import Imports

# As whoever runs imports does: mappings name kinds of records that are not pipeline's own.
lead_import.register()


@pytest.fixture
def imports(api: Api) -> Imports:
    return Imports(api)


@pytest.fixture
def other_imports(other_api: Api) -> Imports:
    """Of another workspace, to compare with."""
    return Imports(other_api)
