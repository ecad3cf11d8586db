"""The container files against the code: commands, paths, settings and passwords they name exist."""

import importlib
import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import typer
import yaml

from services.cli.main import app as cli
from services.kit.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE_TEXT = (ROOT / "deploy" / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
OURS = [name for name, service in SERVICES.items() if "build" in service]
SERVING = [name for name in OURS if SERVICES[name]["command"][0] == "serve"]
SETTINGS = {f"LEADLINE_{name.upper()}" for name in Settings.model_fields}


class TestCompose:
    def test_runs_the_four_processes_and_a_gateway(self) -> None:
        assert set(OURS) == {
            "migrate", "qualification", "pipeline", "forecast", "gateway", "worker", "operator",
        }  # fmt: skip

    @pytest.mark.parametrize("name", OURS)
    def test_gives_commands_that_exist(self, name: str) -> None:
        command, *arguments = SERVICES[name]["command"]
        known = typer.main.get_command(cli).commands  # type: ignore[attr-defined]
        assert command in known
        known[command].make_context(command, arguments)  # raises on an argument it does not take

    @pytest.mark.parametrize("name", SERVING)
    def test_checks_health_at_a_path_that_is_served(self, name: str) -> None:
        url = re.search(r"http://[^\"]+", SERVICES[name]["healthcheck"]["test"][-1])
        assert url is not None
        address = urlsplit(url.group())
        assert f"LEADLINE_HTTP_PORT={address.port}" in DOCKERFILE
        module = "services.gateway" if name == "gateway" else f"services.{name}.app"
        application = importlib.import_module(module).app
        assert address.path in {getattr(route, "path", None) for route in application.routes}

    @pytest.mark.parametrize("name", OURS)
    def test_sets_settings_that_exist(self, name: str) -> None:
        given = {key for key in SERVICES[name].get("environment", {}) if key.startswith("LEADLINE")}
        assert given <= SETTINGS

    @pytest.mark.parametrize("name", ["qualification", "pipeline", "forecast", "worker"])
    def test_gives_a_process_no_login_but_its_own(self, name: str) -> None:
        addresses = {
            key: value
            for key, value in SERVICES[name]["environment"].items()
            if key.endswith("DATABASE_URL")
        }
        assert list(addresses) == [f"LEADLINE_{name.upper()}_DATABASE_URL"]
        assert f"leadline_{name}_login:" in next(iter(addresses.values()))

    @pytest.mark.parametrize("name", list(SERVICES))
    def test_waits_for_what_can_come_true(self, name: str) -> None:
        for other, wanted in SERVICES[name].get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other]
            else:
                assert wanted["condition"] == "service_completed_successfully"
                assert SERVICES[other]["restart"] == "on-failure"

    @pytest.mark.parametrize("name", [*SERVING, "worker", "postgres", "valkey"])
    def test_starts_again_what_ends(self, name: str) -> None:
        assert SERVICES[name]["restart"] == "unless-stopped"

    def test_lists_every_password_in_the_example(self) -> None:
        wanted = set(re.findall(r"\$\{([A-Z_]+):\?", COMPOSE_TEXT))
        example = (ROOT / "deploy" / "example.env").read_text()
        assert wanted == set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))

    def test_mounts_files_that_exist(self) -> None:
        for service in SERVICES.values():
            for volume in service.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith("."):
                    assert (ROOT / "deploy" / source).exists()
                else:
                    assert source in COMPOSE["volumes"]


class TestDockerfile:
    def test_does_not_run_as_root(self) -> None:
        final_stage = DOCKERFILE.rpartition("\nFROM ")[2]
        assert re.search(r"^USER 10001$", final_stage, re.MULTILINE)

    def test_installs_with_hashes_only(self) -> None:
        installs = [line for line in DOCKERFILE.splitlines() if "pip install" in line]
        assert all("--require-hashes" in line or "--no-deps" in line for line in installs)

    def test_sets_settings_that_exist(self) -> None:
        assert set(re.findall(r"\b(LEADLINE_[A-Z_]+)=", DOCKERFILE)) <= SETTINGS

    def test_copies_files_that_exist_and_are_not_ignored(self) -> None:
        allowed = re.findall(r"^!([^/\s]+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
            for source in line.split()[:-1]:
                assert (ROOT / source).exists()
                assert source in allowed

    def test_starts_the_command_of_the_project(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        entry = re.search(r'^ENTRYPOINT \["(\w+)"\]$', DOCKERFILE, re.MULTILINE)
        assert entry is not None
        assert entry.group(1) in project["scripts"]
