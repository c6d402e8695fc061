"""What runs before the containers start: the secrets are made once, and open what they should."""

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
    """Runs the script as the container does, for this user's folders; returns the one with the secrets."""
    secrets, volumes = folder / "secrets", folder / "volumes"
    for wanted in (secrets, volumes / "valkey"):
        wanted.mkdir(parents=True, exist_ok=True)
    told = {
        "SECRETS": str(secrets),
        "VOLUMES": str(volumes),
        "OWNER": f"{os.getuid()}:{os.getgid()}",
    }
    subprocess.run(["sh", FOLDER / "prepare.sh"], env=os.environ | told, check=True)
    return secrets


def contents(folder: Path) -> dict[str, str]:
    """Every file's text."""
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_secrets_are_made_once(tmp_path: Path) -> None:
    """Each is random, for its owner's eyes alone, and stays the same when the service starts again."""
    secrets = prepare(tmp_path)
    first = contents(secrets)
    assert len({first["link_secret"], first["redis_password"]}) == 2
    assert len(first["link_secret"]) == 48
    assert all(path.stat().st_mode & 0o077 == 0 for path in secrets.iterdir())
    assert contents(prepare(tmp_path)) == first


def test_a_secret_of_an_operator_stays(tmp_path: Path) -> None:
    """What was put there before the first start is kept, and what follows from it follows."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "redis_password").write_text("chosen")
    made = contents(prepare(tmp_path))
    assert made["redis_password"] == "chosen"
    assert made["redis_url"] == "redis://:chosen@redis:6379/0\n"


def test_the_store_knows_the_key_that_workers_get(tmp_path: Path) -> None:
    """SeaweedFS's one user has the key of the files that the settings name."""
    made = contents(prepare(tmp_path))
    (user,) = json.loads(made["s3.json"])["identities"]
    (key,) = user["credentials"]
    assert key["accessKey"] == made["store_access_key_id"]
    assert key["secretKey"] == made["store_secret_access_key"]


def test_redis_opens_to_the_address_that_workers_get(tmp_path: Path) -> None:
    """Started as Compose starts it, it asks for the password that stands in `redis_url`, and it never evicts."""
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
                redis.Redis(port=port) as stranger,
                pytest.raises(redis.AuthenticationError),
            ):
                stranger.ping()
        finally:
            server.terminate()
