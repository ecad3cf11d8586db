"""The house rules that no common linter knows, as checks over the syntax tree.

`python -m tools.lints` prints each breach as `path:line: rule: what` and exits 1 when there is any.
A rule without a check leaks, so a rule that matters is added here together with a test.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
ROOT = Path(__file__).resolve().parent.parent

Breach = tuple[int, str, str]
Rule = Callable[[str, ast.Module, str], Iterator[Breach]]

_TRANSACTION = re.compile(r"^\s*(BEGIN|COMMIT|ROLLBACK)\b(?! TO)")
_STATEMENT = re.compile(r"^\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)
_TENANT_TABLE = re.compile(
    r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(?:workspace|pipeline|forecast|qualification)\.(\w+)"
)
_TRANSACTION_METHODS = {"commit", "rollback", "begin", "transaction"}
_CONNECTION_NAMES = {
    "session",
    "driver",
    "connection",
    "conn",
    "engine",
    "database",
    "write",
    "read",
}
# Tables that are not of one workspace: the workspaces themselves, and which workers are alive.
_GLOBAL_TABLES = {"workspace_slugs", "workspaces", "workers"}
_NOW_IN_SQL = re.compile(r"\b(now|clock_timestamp|gen_random_uuid|random)\(\)", re.IGNORECASE)
_DOMAIN_WORD = re.compile(
    r"\b(opportunit(?:y|ies)|quotas?|net_arr|leads?|renewals?|accounts?)\b", re.IGNORECASE
)


def _in_services(path: str) -> bool:
    return path.startswith("services/")


def size(path: str, tree: ast.Module, source: str) -> Iterator[Breach]:
    """Files and functions stay small enough to be read at once."""
    lines = source.count("\n")
    if lines > FILE_LINES_MAX:
        yield 1, "file-size", f"{lines} lines, at most {FILE_LINES_MAX}"
    if path.startswith("migrations/versions/"):
        return  # a table is as long as it is
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield node.lineno, "function-size", f"{node.name}: {length} lines"


def module_docstring(path: str, tree: ast.Module, source: str) -> Iterator[Breach]:
    """Every module says what it owns."""
    text = ast.get_docstring(tree)
    if text is None or len(text) < 20:
        yield 1, "module-docstring", "say what the module owns and must not do"


def transactions(path: str, tree: ast.Module, source: str) -> Iterator[Breach]:
    """Only the boundary begins, commits or rolls back."""
    if not _in_services(path) or path == "services/kit/db.py":
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = node.func.attr
            owner = getattr(node.func.value, "id", getattr(node.func.value, "attr", ""))
            if name in _TRANSACTION_METHODS and owner in _CONNECTION_NAMES:
                yield node.lineno, "transaction", f".{name}() belongs to kit.db"
        elif isinstance(node, ast.Constant) and _is_transaction_statement(node.value):
            yield node.lineno, "transaction", "transaction statements belong to kit.db"


def _is_transaction_statement(value: object) -> bool:
    return isinstance(value, str) and "\n" not in value and bool(_TRANSACTION.match(value))


def errors(path: str, tree: ast.Module, source: str) -> Iterator[Breach]:
    """Errors are facts with a class; nothing is swallowed."""
    if not _in_services(path) or path.startswith("services/cli/"):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise):
            name = _called_name(node.exc)
            if name in ("ValueError", "HTTPException", "Exception", "RuntimeError"):
                yield node.lineno, "error-class", f"raise {name}: write a class for the fact"
        if isinstance(node, ast.ExceptHandler) and _catches_everything(node):
            raises = any(isinstance(part, ast.Raise) for part in ast.walk(node))
            allowed = "# boundary:" in source.splitlines()[node.lineno - 1]
            if not raises and not allowed:
                yield node.lineno, "swallowed", "`except Exception` must raise again"


def _called_name(node: ast.expr | None) -> str:
    if isinstance(node, ast.Call):
        node = node.func
    return node.id if isinstance(node, ast.Name) else ""


def _catches_everything(node: ast.ExceptHandler) -> bool:
    return node.type is None or (
        isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
    )


def time_and_ids(path: str, tree: ast.Module, source: str) -> Iterator[Breach]:
    """Time comes from kit.clock and ids from kit.ids, so that tests can hold both."""
    if not _in_services(path) or path in ("services/kit/clock.py", "services/kit/ids.py"):
        return
    banned = {"now": "datetime", "utcnow": "datetime", "today": "date", "time": "time"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and banned.get(node.func.attr) == owner.id:
                yield node.lineno, "clock", f"{owner.id}.{node.func.attr}(): use kit.clock.now()"
        if isinstance(node, ast.ImportFrom) and node.module == "uuid":
            for alias in node.names:
                if alias.name in ("uuid4", "uuid1"):
                    yield node.lineno, "ids", f"{alias.name}: use kit.ids.new_id()"


def arq_is_replaceable(path: str, tree: ast.Module, source: str) -> Iterator[Breach]:
    """Two modules know arq."""
    if not _in_services(path) or path in (
        "services/kit/tasks.py",
        "services/forecast/worker.py",
    ):
        return
    for node in ast.walk(tree):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names.append(node.module)
        if any(name.split(".")[0] == "arq" for name in names):
            yield getattr(node, "lineno", 1), "arq", "only kit.tasks and forecast.worker import arq"


def statements(path: str, tree: ast.Module, source: str) -> Iterator[Breach]:
    """Each statement on a tenant table names the workspace; time is a parameter of it."""
    if not _in_services(path):
        return
    parts = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(tree):
        if id(node) in parts:
            continue
        if isinstance(node, ast.JoinedStr):
            text = "".join(
                part.value if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if not _STATEMENT.match(text):
            continue
        tables = {name for name in _TENANT_TABLE.findall(text) if name not in _GLOBAL_TABLES}
        tables -= {"{}"}
        names_it = "workspace_id" in text or "WHERE {}" in text
        if tables and not names_it:
            yield node.lineno, "tenancy", f"no workspace_id in a statement on {sorted(tables)}"
        if _NOW_IN_SQL.search(text):
            yield node.lineno, "sql-time", "pass times and ids as parameters"


def kit_is_technical(path: str, tree: ast.Module, source: str) -> Iterator[Breach]:
    """The plumbing knows no word of the sales domain."""
    if not path.startswith("services/kit/"):
        return
    for number, line in enumerate(source.splitlines(), 1):
        found = _DOMAIN_WORD.search(line)
        if found:
            yield number, "domain-word", f"{found.group(0)!r} has no place in the kit"


RULES: tuple[Rule, ...] = (
    size,
    module_docstring,
    transactions,
    errors,
    time_and_ids,
    arq_is_replaceable,
    statements,
    kit_is_technical,
)


def check(path: str, source: str) -> list[str]:
    """The breaches of one file, as printable lines."""
    tree = ast.parse(source, path)
    return [
        f"{path}:{line}: {rule_name}: {what}"
        for rule in RULES
        for line, rule_name, what in rule(path, tree, source)
    ]


def tracked_files() -> list[str]:
    """Python files of the repository, committed or about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def main() -> int:
    """Checks the repository this file stands in."""
    found = [line for name in tracked_files() for line in check(name, (ROOT / name).read_text())]
    print("\n".join(found) or "house rules: no breach")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
