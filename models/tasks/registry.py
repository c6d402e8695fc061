"""The tasks of the service, in the order of their outputs in the ensemble's last layer.

This tuple is the default; an ensemble is built from any tuple of tasks (`build_ensemble`), so a test or another service
passes its own. Append new tasks: the order of stored weights follows it.
"""

from models.tasks.depth import DepthTask
from models.tasks.keypoints import KeypointTask
from models.tasks.segmentation import SegmentationTask
from models.tasks.task import Task

TASKS: tuple[type[Task], ...] = (SegmentationTask, KeypointTask, DepthTask)
