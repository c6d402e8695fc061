"""The script that runs before the containers: it creates the secrets once, and they give access."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from examples.demo.redis_servers import redis_server
from examples.demo.stack import free_port
from tests.docker.composition import BASE, services
from tests.docker.dockerfiles import FOLDER


def prepare(folder: Path) -> Path:
    """Run the script like the container, on folders of this user. Returns the folder of the secrets."""
    secrets, volumes = folder / "secrets", folder / "volumes"
    for path in (secrets, volumes / "valkey"):
        path.mkdir(parents=True, exist_ok=True)
    variables = {
        "SECRETS": str(secrets),
        "VOLUMES": str(volumes),
        "OWNER": f"{os.getuid()}:{os.getgid()}",
    }
    subprocess.run(["sh", FOLDER / "prepare.sh"], env=os.environ | variables, check=True)
    return secrets


def contents(folder: Path) -> dict[str, str]:
    """Return the text of every file by name."""
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_secrets_are_created_once(tmp_path: Path) -> None:
    """Each secret is random, readable only by its owner, and unchanged after a restart."""
    secrets = prepare(tmp_path)
    first = contents(secrets)
    assert len({first["link_secret"], first["redis_password"]}) == 2
    assert len(first["link_secret"]) == 48
    assert all(path.stat().st_mode & 0o077 == 0 for path in secrets.iterdir())
    assert contents(prepare(tmp_path)) == first


def test_a_secret_of_an_operator_is_kept(tmp_path: Path) -> None:
    """A secret written before the first start is kept and used in derived files."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "redis_password").write_text("chosen")
    written = contents(prepare(tmp_path))
    assert written["redis_password"] == "chosen"
    assert written["redis_url"] == "redis://:chosen@redis:6379/0\n"


def test_the_store_has_the_key_of_the_workers(tmp_path: Path) -> None:
    """SeaweedFS's only user has the key in the files that the settings name."""
    written = contents(prepare(tmp_path))
    (user,) = json.loads(written["s3.json"])["identities"]
    (key,) = user["credentials"]
    assert key["accessKey"] == written["store_access_key_id"]
    assert key["secretKey"] == written["store_secret_access_key"]


def test_redis_accepts_the_address_of_the_workers(tmp_path: Path) -> None:
    """With Compose's command, Redis requires the password in `redis_url` and does not evict keys."""
    secrets, port = prepare(tmp_path), free_port()
    command = [
        part.replace("/run/handsoff", str(secrets)) for part in services(BASE)["redis"]["command"]
    ]
    command = [redis_server(), *command[1:], "--port", str(port), "--bind", "127.0.0.1"]
    url = (secrets / "redis_url").read_text().strip().replace("redis:6379", f"127.0.0.1:{port}")
    with subprocess.Popen([*command, "--dir", str(tmp_path)], stdout=subprocess.DEVNULL) as server:
        try:
            with redis.Redis.from_url(url, retry=Retry(ConstantBackoff(0.05), 200)) as client:
                assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            with (
                redis.Redis(port=port) as anonymous,
                pytest.raises(redis.AuthenticationError),
            ):
                anonymous.ping()
        finally:
            server.terminate()
