"""Exports as the tools write them, with all files and fields, of two images of 8 x 6: a.png has labels, b.png has none.

The fields follow the documentation of CVAT ("XML annotation format"), Label Studio ("Task format"), the VOC development
kit, Ultralytics ("Segment datasets") and exports of Roboflow.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.client.converters.bits import pack
from tests.client.converters.conftest import save_image, save_mask

VOC_PALETTE = [0, 0, 0, 128, 0, 0, 0, 128, 0] + [0] * (3 * 252) + [224, 224, 192]
ROWS = [[1] * 4 + [2] * 3 + [0]] * 6
"""The mask of a.png in every export: a cat, a dog, and a column of background."""

CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <job>
      <id>12</id>
      <size>2</size>
      <mode>annotation</mode>
      <overlap>0</overlap>
      <bugtracker></bugtracker>
      <created>2026-03-02 09:12:44.120000+00:00</created>
      <updated>2026-03-02 10:01:02.903000+00:00</updated>
      <subset>Train</subset>
      <start_frame>0</start_frame>
      <stop_frame>1</stop_frame>
      <frame_filter></frame_filter>
      <segments>
        <segment><id>12</id><start>0</start><stop>1</stop><url>http://localhost:8080/api/jobs/12</url></segment>
      </segments>
      <owner><username>ana</username><email>ana@example.org</email></owner>
      <assignee></assignee>
      <labels>
        <label><name>cat</name><color>#fa3253</color><type>any</type><attributes></attributes></label>
        <label>
          <name>dog</name>
          <color>#33ddff</color>
          <type>any</type>
          <attributes>
            <attribute>
              <name>breed</name><mutable>False</mutable><input_type>text</input_type>
              <default_value></default_value><values></values>
            </attribute>
          </attributes>
        </label>
      </labels>
    </job>
    <dumped>2026-03-02 10:02:13.415000+00:00</dumped>
  </meta>
  <image id="0" name="a.png" subset="Train" task_id="4" width="8" height="6">
    <polygon label="cat" source="manual" occluded="0" points="0.00,0.00;4.00,0.00;4.00,6.00;0.00,6.00" z_order="0">
    </polygon>
    <mask label="dog" source="semi-auto" occluded="0" rle="0, 18" left="4" top="0" width="3" height="6" z_order="0">
      <attribute name="breed">terrier</attribute>
    </mask>
  </image>
  <image id="1" name="b.png" subset="Train" task_id="4" width="8" height="6">
  </image>
</annotations>
"""


def _label_studio() -> str:
    alpha = [255 * (4 <= place % 8 < 7) for place in range(48)]
    common = {
        "original_width": 8,
        "original_height": 6,
        "image_rotation": 0,
        "to_name": "image",
        "origin": "manual",
    }
    corners = [[0, 0], [50, 0], [50, 100], [0, 100]]
    results = [
        {
            "id": "Dx_aB91ISN",
            "type": "polygonlabels",
            "from_name": "polygon",
            "value": {"points": corners, "closed": True, "polygonlabels": ["cat"]},
        },
        {
            "id": "t5sp3TyXPo",
            "type": "brushlabels",
            "from_name": "brush",
            "value": {
                "format": "rle",
                "rle": pack([one for value in alpha for one in (7, 8, 9, value)]),
                "brushlabels": ["dog"],
            },
        },
    ]
    annotation = {
        "id": 9,
        "completed_by": {"id": 1, "email": "ana@example.org", "first_name": "Ana", "last_name": ""},
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-03-02T10:02:13.415000Z",
        "updated_at": "2026-03-02T10:02:13.415000Z",
        "draft_created_at": None,
        "lead_time": 41.6,
        "prediction": {},
        "result_count": 2,
        "unique_id": "6ef1f25c-2a1f-4a5d-9b5b-3a5b9d0d2a11",
        "import_id": None,
        "last_action": None,
        "task": 3,
        "project": 2,
        "updated_by": 1,
        "parent_prediction": None,
        "parent_annotation": None,
        "last_created_by": None,
        "result": [common | one for one in results],
    }
    task = {
        "file_upload": "1a2b3c4d-a.png",
        "drafts": [],
        "predictions": [],
        "meta": {},
        "created_at": "2026-03-02T09:12:44.120000Z",
        "updated_at": "2026-03-02T10:02:13.500000Z",
        "inner_id": 1,
        "total_annotations": 1,
        "cancelled_annotations": 0,
        "total_predictions": 0,
        "comment_count": 0,
        "unresolved_comment_count": 0,
        "last_comment_updated_at": None,
        "project": 2,
        "updated_by": 1,
        "comment_authors": [],
    }
    labelled = {
        "id": 3,
        "annotations": [annotation],
        "data": {"image": "/data/upload/2/1a2b3c4d-a.png"},
    }
    empty = {"id": 4, "annotations": [], "data": {"image": "/data/upload/2/5e6f7a8b-b.png"}}
    return json.dumps([labelled | task, empty | task | {"file_upload": "5e6f7a8b-b.png"}])


def _coco() -> str:
    images = [
        {
            "id": number,
            "license": 1,
            "file_name": f"{name}_png.rf.0123456789abcdef0123456789abcdef.png",
            "height": 6,
            "width": 8,
            "date_captured": "2026-03-02T10:02:13+00:00",
            "extra": {"name": f"{name}.png"},
        }
        for number, name in enumerate("ab")
    ]
    objects = {1: (0, 4), 2: (4, 7)}
    annotations = [
        {
            "id": category - 1,
            "image_id": 0,
            "category_id": category,
            "bbox": [left, 0, right - left, 6],
            "area": (right - left) * 6,
            "segmentation": [[left, 0, right, 0, right, 6, left, 6]],
            "iscrowd": 0,
        }
        for category, (left, right) in objects.items()
    ]
    names = {0: ("pets", "none"), 1: ("cat", "pets"), 2: ("dog", "pets")}
    content = {
        "info": {
            "year": "2026",
            "version": "3",
            "description": "Exported from roboflow.com",
            "contributor": "",
            "url": "https://public.roboflow.com/object-detection/undefined",
            "date_created": "2026-03-02T10:02:13+00:00",
        },
        "licenses": [
            {"id": 1, "url": "https://creativecommons.org/licenses/by/4.0/", "name": "CC BY 4.0"}
        ],
        "categories": [
            {"id": number, "name": name, "supercategory": parent}
            for number, (name, parent) in names.items()
        ],
        "images": images,
        "annotations": annotations,
    }
    return json.dumps(content)


def _write(folder: Path, texts: Mapping[str, str], images: str) -> Path:
    """Write text files, and the photographs a and b by their pattern; return the folder."""
    for name in "ab":
        save_image(folder / images.format(name))
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def cvat(folder: Path) -> Path:
    """CVAT for images 1.1 with images."""
    return _write(folder, {"annotations.xml": CVAT}, "images/Train/{}.png")


def label_studio(folder: Path) -> Path:
    """The JSON of a project, and its media folder beside it."""
    return _write(
        folder, {"project-2-at-2026-03-02-10-02-13415a.json": _label_studio()}, "media/{}.png"
    )


def voc(folder: Path) -> Path:
    """The folder of the VOC development kit."""
    sets = {"ImageSets/Segmentation/train.txt": "a\n", "ImageSets/Segmentation/val.txt": ""}
    boxes = (
        "<annotation><folder>VOC2012</folder><filename>a.png</filename><size><width>8</width><height>6</height>"
        "<depth>3</depth></size><segmented>1</segmented><object><name>cat</name><pose>Unspecified</pose>"
        "<truncated>0</truncated><difficult>0</difficult><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>4</xmax>"
        "<ymax>6</ymax></bndbox></object></annotation>"
    )
    _write(folder, sets | {"Annotations/a.xml": boxes}, "JPEGImages/{}.png")
    save_mask(folder / "SegmentationClass" / "a.png", ROWS, VOC_PALETTE)
    save_mask(folder / "SegmentationObject" / "a.png", ROWS, VOC_PALETTE)
    return folder


def yolo(folder: Path) -> Path:
    """An Ultralytics segmentation data set."""
    texts = {
        "data.yaml": "path: ../datasets/pets # root\ntrain: images/train\nval: images/val\ntest:\n\nnames:\n"
        "  0: cat\n  1: dog\n",
        "labels/train/a.txt": "0 0 0 0.5 0 0.5 1 0.25 1 0 1\n1 0.5 0 0.875 0 0.875 1 0.5 1\n",
        "labels/train/b.txt": "",
        "labels/train.cache": "",
    }
    return _write(folder, texts, "images/train/{}.png")


def roboflow(folder: Path) -> Path:
    """An exported version in the format COCO Segmentation."""
    texts = {
        "README.dataset.txt": "# pets > 2026-03-02\nhttps://universe.roboflow.com/ana/pets\n",
        "README.roboflow.txt": "pets - v3\n==============================\n",
        "train/_annotations.coco.json": _coco(),
    }
    return _write(folder, texts, "train/{}_png.rf.0123456789abcdef0123456789abcdef.png")


WRITERS: Mapping[str, Callable[[Path], Path]] = {
    "from-cvat": cvat,
    "from-labelstudio": label_studio,
    "from-voc": voc,
    "from-yolo": yolo,
    "from-roboflow": roboflow,
}
