"""An S3 server on this machine for tests and benchmarks: `rclone serve s3` on loopback, with one bucket."""

import sys
from dataclasses import dataclass
from pathlib import Path

from examples.demo.redis_access import LOOPBACK

BUCKET = "handsoff"
ACCESS_KEY, SECRET_KEY = "an-access-key", "a-secret-key"


@dataclass(frozen=True)
class S3Server:
    """The folder of the buckets, each a folder, and a loopback port."""

    root: Path
    port: int

    @property
    def bucket(self) -> Path:
        """The folder of the bucket."""
        return self.root / BUCKET

    def command(self) -> list[str]:
        """Create the bucket and return the command of the server."""
        self.bucket.mkdir(parents=True, exist_ok=True)
        return [
            str(Path(sys.executable).with_name("rclone")),
            *("serve", "s3", str(self.root)),
            *("--addr", f"{LOOPBACK}:{self.port}"),
            *("--auth-key", f"{ACCESS_KEY},{SECRET_KEY}"),
        ]

    def settings(self, port: int | None = None) -> dict[str, str]:
        """Return the settings of the service. `port` is that of a proxy in front, if there is one."""
        return {
            "HANDSOFF_STORE_URL": f"s3://{BUCKET}",
            "HANDSOFF_STORE_ENDPOINT": f"http://{LOOPBACK}:{port or self.port}",
            "HANDSOFF_STORE_ACCESS_KEY_ID": ACCESS_KEY,
            "HANDSOFF_STORE_SECRET_ACCESS_KEY": SECRET_KEY,
            "HANDSOFF_STORE_ALLOW_HTTP": "true",
        }
