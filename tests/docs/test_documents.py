"""What the documents name exists: make targets, commands, files, links, settings."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.docs.guide import ROOT, blocks

DOCUMENTS = ["README.md", "CONTRIBUTING.md", *(
    str(path.relative_to(ROOT)) for path in sorted((ROOT / "docs").rglob("*.md"))
)]  # fmt: skip


def _words(document: str) -> str:
    return (ROOT / document).read_text()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", _words(document)):
        assert ((ROOT / document).parent / target).exists(), f"{document}: {target}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_named_exist(document: str) -> None:
    for name in re.findall(r"`((?:services|tests|migrations|deploy|bench|tools|docs)/[\w./-]+)`",
                           _words(document)):  # fmt: skip
        assert (ROOT / name).exists(), f"{document}: {name}"


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        for _, language, text in blocks(document):
            if language == "sh":
                named = set(re.findall(r"^make (\w+)", text, re.MULTILINE))
                assert named <= targets, f"{document}: {named - targets}"


def test_commands_exist() -> None:
    named: set[str] = set()
    for document in DOCUMENTS:
        named |= set(re.findall(r"leadline ([a-z]+(?: create)?)\b", _words(document)))
    known = {"up", "migrate", "import", "audit", "rebuild", "demo", "doctor", "serve", "worker",
             "workspace create", "key create"}  # fmt: skip
    for command in sorted(named & known):
        answer = subprocess.run(
            [sys.executable, "-m", "services.cli.main", *command.split(), "--help"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert answer.returncode == 0, f"leadline {command}: {answer.stderr}"


def test_settings_named_exist() -> None:
    from services.kit.settings import Settings

    fields = {f"LEADLINE_{name.upper()}" for name in Settings.model_fields}
    for document in DOCUMENTS:
        named = set(re.findall(r"\bLEADLINE_[A-Z_]+[A-Z]\b(?!_)", _words(document)))
        assert named <= fields, f"{document}: {named - fields}"
