"""Each house rule finds its breach and leaves the allowed form alone."""

from __future__ import annotations

import pytest

from tools.lints import check

DOC = '"""A module that says what it owns."""\n'


@pytest.mark.parametrize(
    ("path", "source", "rule"),
    [
        ("services/x.py", "x = 1\n", "module-docstring"),
        ("services/x.py", DOC + "x = 1\n" * 400, "file-size"),
        ("services/x.py", DOC + "def f():\n" + "    x = 1\n" * 70, "function-size"),
        ("services/x.py", DOC + "session.commit()\n", "transaction"),
        ("services/x.py", DOC + "q = 'COMMIT'\n", "transaction"),
        ("services/x.py", DOC + "self.connection.begin()\n", "transaction"),
        ("services/x.py", DOC + "q = f'SELECT {a} FROM pipeline.accounts'\n", "tenancy"),
        ("services/x.py", DOC + "raise ValueError('no')\n", "error-class"),
        ("services/x.py", DOC + "try:\n    f()\nexcept Exception:\n    pass\n", "swallowed"),
        ("services/x.py", DOC + "datetime.now()\n", "clock"),
        ("services/x.py", DOC + "from uuid import uuid4\n", "ids"),
        ("services/x.py", DOC + "import arq\n", "arq"),
        ("services/x.py", DOC + "q = 'SELECT id FROM pipeline.accounts'\n", "tenancy"),
        (
            "services/x.py",
            DOC + "q = 'UPDATE pipeline.accounts SET a = now() WHERE workspace_id = $1'\n",
            "sql-time",
        ),
        ("services/kit/x.py", DOC + "quota = 1\n", "domain-word"),
    ],
)
def test_finds(path: str, source: str, rule: str) -> None:
    assert any(f" {rule}: " in line for line in check(path, source))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("services/kit/db.py", DOC + "driver.commit()\n"),
        ("services/x.py", DOC + "raise DealClosedError('no')\n"),
        ("services/x.py", DOC + "try:\n    f()\nexcept Exception:\n    g()\n    raise\n"),
        ("services/kit/clock.py", DOC + "datetime.now()\n"),
        ("services/forecast/worker.py", DOC + "import arq\n"),
        ("services/x.py", DOC + "q = 'SELECT id FROM pipeline.accounts WHERE workspace_id = $1'\n"),
        ("services/x.py", DOC + "Draft.begin(1)\n"),
        ("services/x.py", DOC + "q = f'SELECT {a} FROM pipeline.accounts WHERE {where}'\n"),
        ("tests/x.py", DOC + "raise ValueError('fine here')\n"),
    ],
)
def test_leaves_alone(path: str, source: str) -> None:
    assert check(path, source) == []
