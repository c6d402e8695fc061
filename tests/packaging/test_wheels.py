"""Both distributions are built and installed outside the checkout, and the service runs from them."""

import os
import shutil
import subprocess
import sys
import time
import zipfile
from email.parser import Parser
from pathlib import Path

import httpx2
import pytest

from examples.demo.stack import REPOSITORY, free_port

pytestmark = [pytest.mark.wheels, pytest.mark.timeout(600)]

PACKAGES = ("app", "assets", "contracts", "handsoff_service", "models", "state", "workers")
FILES = ("pyproject.toml", "README.md", "LICENSE", "MANIFEST.in")
DATA = {
    "app/pages/swagger_ui/swagger-ui-bundle.js.gz",
    "app/pages/swagger_ui/swagger-ui.css.gz",
    "app/pages/swagger_ui/NOTICE",
    *(
        f"assets/generators/portraits-64/{name}.{ending}"
        for name in ("generator", "discriminator", "inverter")
        for ending in ("safetensors", "json")
    ),
    "assets/generators/portraits-64/about.json",
    *(
        f"assets/generators/portraits-64-diffusion/{name}"
        for name in ("generator.safetensors", "generator.json", "about.json")
    ),
}
START_SECONDS = 60


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both wheels from a copy of the sources. Returns their folder."""
    source, folder = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheels")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "build")
    for name in (*PACKAGES, "client"):
        shutil.copytree(REPOSITORY / name, source / name, ignore=ignored)
    for name in FILES:
        shutil.copy(REPOSITORY / name, source / name)
    build = ["wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), ".", "./client"]
    subprocess.run([sys.executable, "-m", "pip", *build], cwd=source, check=True)
    return folder


@pytest.fixture(scope="module")
def site(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install both wheels into a folder, without dependencies. Returns the folder."""
    folder = tmp_path_factory.mktemp("site")
    install = ["install", "--quiet", "--no-deps", "--target", str(folder)]
    files = [str(wheel) for wheel in wheels.glob("*.whl")]
    subprocess.run([sys.executable, "-m", "pip", *install, *files], check=True)
    return folder


def environment(site: Path) -> dict[str, str]:
    """Return an environment in which the installed packages come first."""
    return {"PATH": os.defpath, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}


def test_the_wheel_has_the_packages_and_their_data(wheels: Path) -> None:
    """It contains the weights and the page's files, and no tests, examples or benchmarks."""
    (wheel,) = wheels.glob("handsoff_service-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info" not in name} == set(PACKAGES)
    assert set(names) >= DATA
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_wheel_requires_the_client(wheels: Path) -> None:
    """It requires the client of the same version, which has the shard format."""
    (wheel,) = wheels.glob("handsoff_service-*.whl")
    (client,) = wheels.glob("handsoff_client-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    version = client.name.split("-")[1]
    assert f"handsoff-client=={version}" in metadata.get_all("Requires-Dist", [])
    extras = ["app", "worker", "c2pa", "downstream", "otel", "oidc"]
    assert metadata.get_all("Provides-Extra") == extras
    with zipfile.ZipFile(client) as archive:
        assert "handsoff_shards/__init__.py" in archive.namelist()


def test_an_installed_worker_finds_the_built_in_generator(site: Path, tmp_path: Path) -> None:
    """Its code and its weights come from the installed packages."""
    code = (
        "from workers.importing import builtin; import handsoff_shards;"
        "print(builtin.__file__, builtin.FOLDER / 'portraits-64', handsoff_shards.__file__)"
    )
    command = [sys.executable, "-c", code]
    output = subprocess.run(
        command, cwd=tmp_path, env=environment(site), check=True, capture_output=True, text=True
    ).stdout
    paths = [Path(word) for word in output.split()]
    assert all(path.is_relative_to(site) and path.exists() for path in paths)


def test_the_installed_service_answers(site: Path, tmp_path: Path, redis_url: str) -> None:
    """`handsoff-service app` serves the API outside the checkout."""
    port = free_port()
    settings = {
        "HANDSOFF_PORT": str(port),
        "HANDSOFF_REDIS_URL": redis_url,
        "HANDSOFF_STORE_URL": tmp_path.as_uri(),
    }
    command = [sys.executable, str(site / "bin" / "handsoff-service"), "app"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(site) | settings) as app:
        try:
            assert wait_for_status(f"http://127.0.0.1:{port}/livez", app) == 200
            page = httpx2.get(f"http://127.0.0.1:{port}/docs/swagger-ui.css")
            assert page.status_code == 200
        finally:
            app.terminate()


def wait_for_status(url: str, process: subprocess.Popen[bytes]) -> int:
    """Request a URL until it answers. Returns the status."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return int(httpx2.get(url).status_code)
        except httpx2.TransportError:
            time.sleep(0.2)
    raise TimeoutError(f"expected a response from {url} within {START_SECONDS} s")
