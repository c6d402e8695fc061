"""What the blocks of a page expect to be there: names in Python, and files in the working folder."""

import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from PIL import Image

from tests.client.converters import whole_exports
from tests.client.converters.conftest import save_image
from tests.documentation.blocks import REPOSITORY

CHECKPOINT = REPOSITORY / "tests/fixtures/checkpoints/nvidia-ada-skip-32.pkl"

NAMES: Mapping[str, str] = {
    "client/README.md": """
import torch
from types import SimpleNamespace
data = SimpleNamespace(ignore_index=255)
logits = torch.zeros(2, 7, 8, 8)
batch = {"soft_labels": torch.full((2, 7, 8, 8), 1 / 7), "mask": torch.zeros(2, 8, 8, dtype=torch.int64)}
""",
    "docs/13-streams.md": """
import torch
steps = []
def train(image, mask):
    steps.append(image.shape)
    if len(steps) == 2:
        print(steps)
        raise SystemExit
""",
    "docs/16-label-your-images.md": "import os\nfit_id = os.environ['FIT']\n",
    "docs/25-webhooks.md": """
from datetime import UTC, datetime
from standardwebhooks.webhooks import Webhook
secret, body, now = "whsec_" + "QUJD" * 8, '{"id": "message"}', datetime.now(UTC)
signature = Webhook(secret).sign("message", now, body)
headers = {"webhook-id": "message", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}
""",
}
"""Python that runs before each block of a page: the names that the text introduces."""


def photographs(folder: Path) -> None:
    """Two images of the domain, as a folder, a zip and single files."""
    images = sorted((folder / "pairs" / "images").iterdir())[:2]
    (folder / "photos").mkdir()
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        for number, image in enumerate(images):
            shutil.copy(image, folder / "photos" / image.name)
            archive.write(image, image.name)
            Image.open(image).convert("RGB").save(folder / f"{('one', 'two')[number]}.jpg")


def exports_of_tools(folder: Path) -> None:
    """The export of each tool under the name that the recipes use."""
    shutil.make_archive(str(folder / "task"), "zip", whole_exports.cvat(folder / "cvat"))
    shutil.copy(folder / "cvat" / "annotations.xml", folder)
    shutil.copytree(folder / "cvat" / "images", folder / "photos")
    project = whole_exports.label_studio(folder / "studio")
    shutil.copytree(project / "media", folder / "media")
    shutil.copy(next(project.glob("*.json")), folder / "project.json")
    whole_exports.voc(folder / "VOC2012")
    whole_exports.voc(folder / "mine")
    whole_exports.yolo(folder / "dataset")
    _pose(folder / "pose")
    version = whole_exports.roboflow(folder / "version")
    shutil.copytree(version / "train", version / "test")
    shutil.make_archive(str(folder / "version"), "zip", version)


def _pose(folder: Path) -> None:
    save_image(folder / "images" / "train" / "a.png")
    (folder / "labels" / "train").mkdir(parents=True)
    points = "0.5 0.5 2 0.25 0.25 2 0.75 0.25 1"
    (folder / "labels" / "train" / "a.txt").write_text(f"0 0.5 0.5 1 1 {points}\n")
    (folder / "data.yaml").write_text("names: [face]\nkpt_shape: [3, 3]\nflip_idx: [0, 2, 1]\n")


def checkpoint(folder: Path) -> None:
    """A StyleGAN2 of 32 px as `faces.pkl`."""
    shutil.copy(CHECKPOINT, folder / "faces.pkl")


def client_examples(folder: Path) -> None:
    """The examples of the source distribution instead of those of the repository."""
    (folder / "examples").unlink()
    (folder / "examples").symlink_to(REPOSITORY / "client" / "examples")


FILES: Mapping[str, Callable[[Path], None]] = {
    "docs/01-thirty-photographs.md": exports_of_tools,
    "client/README.md": client_examples,
    "docs/11-own-generator.md": checkpoint,
    "docs/16-label-your-images.md": photographs,
    "docs/18-labels-of-other-tools.md": exports_of_tools,
}
NEED_DATA = ("docs/14-batches-for-other-tools.md", "docs/27-provenance.md")
"""Pages whose commands read the downloaded batch `data`."""
BEFORE: Mapping[str, str] = {
    "docs/16-label-your-images.md": """
DIGEST=$(sha256sum photos.zip | cut -d ' ' -f 1)
UPLOAD=$(curl -sS $API/uploads -H 'Content-Type: application/json' \\
  -d '{"num_bytes": '$(stat -c %s photos.zip)', "sha256": "'$DIGEST'"}' | json '["id"]')
curl -sS --fail-with-body -T photos.zip "$(curl -sS $API/uploads/$UPLOAD | json '["put"]["url"]')"
""",
    "docs/27-provenance.md": "tar -xOf data/*0.tar 000000042.png > 000000042.png\n",
}
"""Shell that runs before the first block of a page."""
