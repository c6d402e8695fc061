"""Promises of the Compose files: they are valid, and they say what the code behind them understands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.kinds import QUEUE_NAMES
from state.settings import ENV_PREFIX, Settings
from tests.docker.composition import BASE, FILES, GPU, OURS, environment, load, services
from tests.docker.dockerfiles import REPOSITORY, read

BASE_SERVICES = services(BASE)


def flaws(*compose_files: Path) -> str:
    """What the Compose specification's own schema, which check-jsonschema carries, finds wrong with files."""
    check = str(Path(sys.executable).with_name("check-jsonschema"))
    command = [check, "--builtin-schema", "vendor.compose-spec", *map(str, compose_files)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    return checked.stdout if checked.returncode else ""


def test_the_files_are_valid() -> None:
    """Each keeps to the specification."""
    assert flaws(*(REPOSITORY / name for name in FILES)) == ""


def test_an_invalid_file_is_noticed(tmp_path: Path) -> None:
    """The test before can fail: a word that the specification does not know breaks it."""
    broken = (REPOSITORY / BASE).read_text().replace("stop_grace_period", "grace")
    (tmp_path / BASE).write_text(broken)
    assert "grace" in flaws(tmp_path / BASE)


def test_every_queue_has_a_pool() -> None:
    """One service for each queue of the table, one for the reconciler, and one for the API."""
    commands = {BASE_SERVICES[name]["command"][0] for name in OURS if name != "app"}
    assert commands == {*QUEUE_NAMES, "reconcile"}


@pytest.mark.parametrize("name", OURS)
def test_what_a_service_is_told_is_a_setting(name: str) -> None:
    """Each variable is a field of the settings, or names the file of one."""
    told = environment(services(BASE, GPU)[name])
    fields = {f"{ENV_PREFIX}{field.upper()}" for field in Settings.model_fields}
    assert {variable.removesuffix("_FILE") for variable in told} <= fields


@pytest.mark.parametrize("name", OURS)
def test_an_image_is_built_from_a_file_that_is_there(name: str) -> None:
    """The Dockerfile exists, and takes the arguments that Compose hands it."""
    build = services(BASE, GPU)[name]["build"]
    dockerfile = REPOSITORY / build["dockerfile"]
    taken = {arg.text.split("=")[0] for arg in read(dockerfile.stem)[0].all("ARG")}
    assert set(build.get("args", {})) <= taken


@pytest.mark.parametrize("name", OURS)
def test_our_containers_can_do_little(name: str) -> None:
    """No root, no capability, no new privilege, nothing to write but volumes and /tmp."""
    service = BASE_SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] == read("app")[-1].last("USER").text


@pytest.mark.parametrize("name", OURS)
def test_our_containers_stop_in_time_and_start_again(name: str) -> None:
    """A worker has two minutes to reach its next step; whatever ends by itself is started again."""
    service = BASE_SERVICES[name]
    assert service["init"] is True
    assert service["restart"] == "unless-stopped"
    assert service["stop_grace_period"] == ("30s" if name == "app" else "2m")


@pytest.mark.parametrize("name", sorted(BASE_SERVICES))
def test_ports_are_published_on_loopback_alone(name: str) -> None:
    """There are no API keys yet, and nothing else is for strangers either."""
    assert all(port.startswith("127.0.0.1:") for port in BASE_SERVICES[name].get("ports", []))


def test_only_a_service_with_a_loopback_port_trusts_its_network() -> None:
    """Without that setting the app would bind to the container's own loopback, out of everybody's reach."""
    trusting = [
        name for name in OURS if "HANDSOFF_TRUST_NETWORK" in environment(BASE_SERVICES[name])
    ]
    assert trusting == ["app"]


@pytest.mark.parametrize("name", sorted(BASE_SERVICES))
def test_no_secret_stands_in_a_file(name: str) -> None:
    """Secrets are named by their files only."""
    secret = {"HANDSOFF_REDIS_URL", "HANDSOFF_LINK_SECRET", "HANDSOFF_STORE_SECRET_ACCESS_KEY"}
    assert not secret & set(environment(BASE_SERVICES[name]))


def test_redis_is_a_valkey_of_one_version() -> None:
    """BSD-licensed, named by its full version, started and checked by its own programs."""
    image = BASE_SERVICES["redis"]["image"]
    assert re.fullmatch(r"valkey/valkey:9\.\d+\.\d+-alpine", image)
    assert BASE_SERVICES["prepare"]["image"] == image
    assert BASE_SERVICES["redis"]["command"][0] == "valkey-server"
    assert "valkey-cli ping" in BASE_SERVICES["redis"]["healthcheck"]["test"][-1]


def test_valkey_starts_on_a_volume_that_redis_never_wrote() -> None:
    """It cannot read the files of Redis 7.4, and would not start on the volume `redis` of an earlier version."""
    (data,) = [it for it in BASE_SERVICES["redis"]["volumes"] if isinstance(it, dict)]
    assert (data["source"], data["target"]) == ("valkey", "/data")
    assert "redis" not in load(BASE)["volumes"]


def test_redis_forgets_nothing_to_make_room() -> None:
    """It writes what it holds to a volume, and refuses rather than evicts."""
    command = " ".join(BASE_SERVICES["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    assert BASE_SERVICES["redis"]["networks"] == ["inside"]
    assert load(BASE)["networks"]["inside"]["internal"] is True


@pytest.mark.parametrize("name", ["fit", "generate"])
def test_the_pools_that_compute_get_a_device(name: str) -> None:
    """Laid over the base, the second file reserves a GPU and asks for it."""
    service = services(BASE, GPU)[name]
    (device,) = service["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
    assert environment(service)["HANDSOFF_DEVICE"] == "cuda"


def test_with_devices_one_worker_image_is_built() -> None:
    """The pools without a device share the image of those with one."""
    merged = services(BASE, GPU)
    assert {merged[name]["image"] for name in OURS} == {"handsoff-app", "handsoff-worker:cuda"}
