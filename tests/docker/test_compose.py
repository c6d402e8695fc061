"""The Compose files are valid and agree with the code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.kinds import QUEUE_NAMES
from state.settings import ENV_PREFIX, Settings
from tests.docker.composition import BASE, FILES, GPU, OWN_SERVICES, environment, load, services
from tests.docker.dockerfiles import REPOSITORY, read

BASE_SERVICES = services(BASE)


def flaws(*compose_files: Path) -> str:
    """Return the errors of files against the schema of the Compose specification (from check-jsonschema)."""
    check = str(Path(sys.executable).with_name("check-jsonschema"))
    command = [check, "--builtin-schema", "vendor.compose-spec", *map(str, compose_files)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    return checked.stdout if checked.returncode else ""


def test_the_files_are_valid() -> None:
    """Both files follow the specification."""
    assert flaws(*(REPOSITORY / name for name in FILES)) == ""


def test_an_invalid_file_is_reported(tmp_path: Path) -> None:
    """An unknown key makes the check of the test above fail."""
    broken = (REPOSITORY / BASE).read_text().replace("stop_grace_period", "grace")
    (tmp_path / BASE).write_text(broken)
    assert "grace" in flaws(tmp_path / BASE)


def test_every_queue_has_a_pool() -> None:
    """Each queue of the table has a service, and so have the reconciler and the API."""
    commands = {BASE_SERVICES[name]["command"][0] for name in OWN_SERVICES if name != "app"}
    assert commands == {*QUEUE_NAMES, "reconcile"}


@pytest.mark.parametrize("name", OWN_SERVICES)
def test_every_variable_of_a_service_is_a_setting(name: str) -> None:
    """Each variable is a field of the settings, or the file of one."""
    variables = environment(services(BASE, GPU)[name])
    fields = {f"{ENV_PREFIX}{field.upper()}" for field in Settings.model_fields}
    assert {variable.removesuffix("_FILE") for variable in variables} <= fields


@pytest.mark.parametrize("name", OWN_SERVICES)
def test_an_image_is_built_from_an_existing_file(name: str) -> None:
    """The Dockerfile exists and has the arguments that Compose sets."""
    build = services(BASE, GPU)[name]["build"]
    dockerfile = REPOSITORY / build["dockerfile"]
    arguments = {arg.text.split("=")[0] for arg in read(dockerfile.stem)[0].all("ARG")}
    assert set(build.get("args", {})) <= arguments


@pytest.mark.parametrize("name", OWN_SERVICES)
def test_containers_have_few_privileges(name: str) -> None:
    """They have no root, no capability, no new privilege, and write only to volumes and /tmp."""
    service = BASE_SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] == read("app")[-1].last("USER").text


@pytest.mark.parametrize("name", OWN_SERVICES)
def test_containers_stop_in_time_and_restart(name: str) -> None:
    """A worker has two minutes to reach its next step. A service that ends is restarted."""
    service = BASE_SERVICES[name]
    assert service["init"] is True
    assert service["restart"] == "unless-stopped"
    assert service["stop_grace_period"] == ("30s" if name == "app" else "2m")


@pytest.mark.parametrize("name", sorted(BASE_SERVICES))
def test_ports_are_published_only_on_loopback(name: str) -> None:
    """API keys are off by default and need TLS in front, so no port is public."""
    assert all(port.startswith("127.0.0.1:") for port in BASE_SERVICES[name].get("ports", []))


def test_only_a_service_with_a_loopback_port_trusts_its_network() -> None:
    """The app needs the setting, because loopback of the container cannot be reached from outside."""
    trusting = [
        name
        for name in OWN_SERVICES
        if "HANDSOFF_TRUST_NETWORK" in environment(BASE_SERVICES[name])
    ]
    assert trusting == ["app"]


@pytest.mark.parametrize("name", sorted(BASE_SERVICES))
def test_no_secret_is_in_a_file(name: str) -> None:
    """Secrets are set only by the paths of their files."""
    secret = {"HANDSOFF_REDIS_URL", "HANDSOFF_LINK_SECRET", "HANDSOFF_STORE_SECRET_ACCESS_KEY"}
    assert not secret & set(environment(BASE_SERVICES[name]))


def test_redis_is_a_valkey_of_one_version() -> None:
    """The image has a BSD license and a full version, and uses the programs of Valkey."""
    image = BASE_SERVICES["redis"]["image"]
    assert re.fullmatch(r"valkey/valkey:9\.\d+\.\d+-alpine", image)
    assert BASE_SERVICES["prepare"]["image"] == image
    assert BASE_SERVICES["redis"]["command"][0] == "valkey-server"
    assert "valkey-cli ping" in BASE_SERVICES["redis"]["healthcheck"]["test"][-1]


def test_valkey_does_not_use_a_volume_of_redis() -> None:
    """Valkey cannot read the files of Redis 7.4 in the volume `redis` of an earlier version."""
    (data,) = [volume for volume in BASE_SERVICES["redis"]["volumes"] if isinstance(volume, dict)]
    assert (data["source"], data["target"]) == ("valkey", "/data")
    assert "redis" not in load(BASE)["volumes"]


def test_redis_does_not_evict() -> None:
    """It persists to a volume, and refuses writes at its limit of memory instead of evicting keys."""
    command = " ".join(BASE_SERVICES["redis"]["command"])
    assert "--maxmemory 1gb" in command
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    assert BASE_SERVICES["redis"]["networks"] == ["inside"]
    assert load(BASE)["networks"]["inside"]["internal"] is True


@pytest.mark.parametrize("name", ["fit", "generate"])
def test_the_pools_that_compute_get_a_device(name: str) -> None:
    """The second file reserves a GPU and sets the device."""
    service = services(BASE, GPU)[name]
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
    assert environment(service)["HANDSOFF_DEVICE"] == "cuda"


def test_with_devices_one_worker_image_is_built() -> None:
    """The pools without a device share the image of those with one."""
    merged = services(BASE, GPU)
    assert {merged[name]["image"] for name in OWN_SERVICES} == {
        "handsoff-app",
        "handsoff-worker:cuda",
    }
