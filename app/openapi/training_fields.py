"""The descriptions and examples of the fields of a generator's training."""

from app.openapi.described import Described, Table

TRAINING_FIELDS: Table = {
    "training": Described("The training from unlabelled images; null for an imported generator."),
    "GeneratorCreate.training": Described("Options of a training: the upload is then an archive of images."),
    "GeneratorForm.training": Described("Options of a training, as JSON: the file is then an archive of images."),
    "TrainingView.options": Described("The options of the training."),
    "TrainingOptions.family": Described("The family of generators: `stylegan2` or `diffusion`.", "stylegan2"),
    "TrainingOptions.px": Described("The longer side of the images in pixels, or [height, width].", 64),
    "TrainingOptions.fit": Described("How images of another aspect ratio are fitted: cropped or padded.", "crop"),
    "TrainingOptions.hours": Described("The time of the training, inverter included. Default 2, without `images`.", 2),
    "TrainingOptions.images": Described("The images of all steps, instead of `hours`.", 300_000),
    "TrainingOptions.batch": Described("Images per step. Default by family and size.", 16),
    "TrainingOptions.size": Described("The width of the networks. Default: small up to 64 px, large above.", "small"),
    "TrainingOptions.augment": Described("Whether images are augmented. Default: below 10,000 images.", True),
    "TrainingOptions.start_from": Described(
        "A generator of the same family and sizes whose networks the training begins with.", "portraits-64-diffusion"
    ),
    "TrainingOptions.flips": Described("Whether half of the images are mirrored (left and right).", False),
    "TrainingOptions.snapshot_images": Described("Images between two snapshots. Default: 15 snapshots.", 20_000),
    "TrainingOptions.inverter_images": Described("Samples that the inverter trains on; 0 for none.", 12_000),
    "TrainingOptions.seed": Described("The seed of all random numbers.", 0),
    "TrainingView.device": Described("The device of the worker.", "cuda"),
    "num_images": Described("The number of images in the archive.", 5_000),
    "facts": Described("Sentences about the images: sizes, colors, near-duplicates, crop.", ["all have color"]),
    "TrainingView.warnings": Described("Reasons to change the images or the options.", ["120 images are few"]),
    "expected_seconds": Described("The expected time of the whole training, from measured steps.", 7_200.0),
    "images_seen": Described("Images of all steps so far.", 64_000),
    "total_images": Described("Images of all steps at the end; an estimate if the budget is in hours.", 300_000),
    "seconds": Described("The time of the training so far.", 1_800.0),
    "images_per_second": Described("The mean speed, snapshots included.", 35.5),
    "seconds_left": Described("The time left for the generator, without its inverter.", 5_400.0),
    "snapshots": Described("The measurements so far, oldest first."),
    "best_images_seen": Described("The images seen at the snapshot that becomes the generator.", 60_000),
    "SnapshotView.losses": Described("Mean losses of the steps since the snapshot before.", {"r1": 0.02}),
    "fd": Described("The Frechet distance of samples to images in random features; lower is better.", 0.12),
}  # fmt: skip
"""For trainings of generators."""
