"""What Jupyter shows: tables and pictures, with every text escaped and without scripts."""

import base64
import io
import re
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from PIL import Image

from handsoff_client.api.batch_folders import BatchFolder
from handsoff_client.api.resources import Failure, Job, Progress
from handsoff_shards.notebooks.html import colored
from handsoff_shards.samples import Sample

EVIL = "<script>alert(1)</script><img src=x onerror='alert(2)'>"
JOB = Job(
    id="fit_1", kind="fit", status="running", created_at=datetime(2026, 1, 31, 12, tzinfo=UTC)
)


def test_a_job_is_a_table_of_its_fields() -> None:
    """Progress is one line; empty fields are left out."""
    shown = replace(JOB, progress=Progress("inversion", 3, 200, 61.5))._repr_html_()
    assert "<caption>Job</caption><tr><th>id</th><td>fit_1</td></tr>" in shown
    assert "<th>progress</th><td>inversion, 3, 200, 61.5</td>" in shown
    assert "2026-01-31 12:00:00" in shown
    assert "finished_at" not in shown


def test_text_of_the_service_is_escaped() -> None:
    """An error's detail may contain the name of a file of another person."""
    shown = replace(JOB, status=EVIL, error=Failure("code", EVIL))._repr_html_()
    assert "&lt;script&gt;" in shown
    assert not re.search(r"<(script|img|a|iframe)\b", shown)


def test_a_sample_shows_its_image_and_mask() -> None:
    """Both are PNGs inside the HTML; its facts are escaped."""
    mask = np.array([[0, 1], [2, 255]], np.uint8)
    sample = Sample(np.full((2, 2, 3), 9, np.uint8), mask=mask, facts={"index": 7, "name": EVIL})
    shown = sample._repr_html_()
    sources = re.findall(r'src="([^"]+)"', shown)
    assert [one.partition(",")[0] for one in sources] == ["data:image/png;base64"] * 2
    data = io.BytesIO(base64.b64decode(sources[1].partition(",")[2]))
    assert np.array_equal(np.asarray(Image.open(data)), colored(mask))
    assert "<script" not in shown


def test_classes_have_different_colors() -> None:
    """Also neighbours; the background is black and ignored pixels are white."""
    colors = colored(np.arange(256, dtype=np.uint8)[None])[0]
    assert len(np.unique(colors, axis=0)) > 250
    assert (colors[0].tolist(), colors[255].tolist()) == ([0, 0, 0], [255, 255, 255])


def test_a_folder_shows_its_job_and_first_samples(batch_of_14: BatchFolder) -> None:
    """Not all of them: a batch may have thousands."""
    shown = batch_of_14._repr_html_()
    assert shown.count("<table>") == 1
    assert 4 <= shown.count("<img ") <= 8
