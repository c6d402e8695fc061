"""The tasks of a worker, in the order of every listing. A new task is one new file and one row.

This tuple is the default of `Machine`; a test may pass another. Append new tasks: the order of the outputs in the
ensemble's last layer, and so of stored weights, follows it.
"""

from workers.codecs.depth import DepthCodec
from workers.codecs.keypoints import KeypointCodec
from workers.codecs.segmentation import SegmentationCodec
from workers.codecs.task import TaskCodec

TASKS: tuple[TaskCodec, ...] = (SegmentationCodec(), KeypointCodec(), DepthCodec())
