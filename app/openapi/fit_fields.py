"""Descriptions of fits: their options and their metrics."""

from app.openapi.described import DIGEST, Described, Table, example_id

_FIELDS: Table = {
    "generator": Described(
        "The generator, by id or by the name of a built-in one.",
        "portraits-64",
    ),
    "validation_labelset": Described(
        "Labelled images to evaluate the fit on. They are never used for training.",
        example_id("labelset"),
    ),
    "inverter": Described(
        "`default` (the generator's newest inverter), `none`, or the digest of an inverter.",
        "default",
    ),
    "name": Described("A display name.", "heads, second try"),
    "options": Described("Options of the fit. Default: the defaults of its fields."),
}
"""Of both bodies: JSON with a labelset, and the part `fit` of a form with labelled images."""

FIT_FIELDS: Table = {
    # Request
    **{f"{body}.{field}": text for body in ("FitCreate", "FitFields") for field, text in _FIELDS.items()},
    "FitCreate.labelset": Described("The labelled images to learn from.", example_id("labelset")),
    # Response
    "name": Described("The display name.", "face-07"),
    "generator": Described("The generator, pinned by its digest."),
    "inverter_digest": Described("The inverter that inversion starts from; null for none.", DIGEST),
    "labelset": Described("The labelset, pinned by its digest."),
    "validation_labelset": Described("The labelset that the fit is evaluated on; null for none."),
    "labels": Described("The label schema: classes, keypoints, depth."),
    "options": Described("Every option, with defaults and presets resolved."),
    "PinnedGenerator.id": Described("The generator's id.", "portraits-64"),
    "PinnedLabelset.id": Described("The labelset's id.", example_id("labelset")),
    "PinnedFit.id": Described("The fit's id.", example_id("fit")),
    "PinnedFit.digest": Described(
        "SHA-256 of the fit's label generator; null while a batch waits for its fit.", "0" * 64
    ),
    # Options
    "tasks": Described("Kinds of label: segmentation, keypoints, depth.", ["segmentation"]),
    "FitOptions.tasks": Described(
        "Tasks to learn. Default: all tasks that the labelset has labels for.",
        ["segmentation"],
    ),
    "FitOptions.inversion": Described("How to find the latent of each image. Default: the preset `default`."),
    "FitOptions.ensemble": Described("`compact`, `paper`, or single values. Default: `compact`.", "compact"),
    "inversion": Described("How the latent of each image is found."),
    "ensemble": Described("How the ensemble of label heads is trained."),
    "estimate": Described(
        "Whether to cross-validate the fit. This trains several smaller ensembles.",
        True,
    ),
    "framing": Described(
        "`center` crops or pads all images to the framing of the generator; `none` leaves them unchanged.",
        "none",
    ),
    "preset": Described(
        "`default`, or `paper` for the refinement of arXiv 2212.12645. Other fields override it.",
        "default",
    ),
    "steps": Described("Number of optimisation steps.", 100),
    "learning_rate": Described("Learning rate of Adam.", 0.1),
    "pixel_weight": Described("Weight of the mean squared pixel error.", 1.0),
    "perceptual_weight": Described("Weight of the perceptual distance.", 0.2),
    "encoder_pull": Described("Weight of the squared distance to the encoder's prediction.", 0.0),
    "prior_weight": Described("Weight of the Mahalanobis distance to the latents of samples.", 0.0001),
    "perceptual": Described(
        "Network for the perceptual distance: the discriminator, or the weights that the operator mounted.",
        "discriminator",
    ),
    "perceptual_sha256": Described("Pins the mounted weights. A worker with other weights rejects the fit.", DIGEST),
    "patience": Described("Stop an image early after this number of steps without progress; 0 for never.", 20),
    "restarts": Described("How often the inversion of an image restarts if the first start failed.", 0),
    "EnsembleOptions.kind": Described(
        "`compact` reduces the first layers to `rank` dimensions after training; `paper` does not.",
        "compact",
    ),
    "EnsembleChoice.kind": Described(
        "`compact` reduces the first layers to `rank` dimensions after training; `paper` does not.",
        "compact",
    ),
    "rank": Described("Dimensions that the members of a compact ensemble share.", 96),
    "min_tap_px": Described(
        "Skip feature maps with fewer pixels per side; with null, the fit chooses by its estimate.",
        0,
    ),
    "num_members": Described("Number of label heads in the ensemble.", 10),
    "hidden": Described("Widths of the two hidden layers of a label head.", [64, 32]),
    "batch_pixels": Described("Pixels per member and step.", 256),
    "balance": Described("0 samples classes by their frequency, 1 samples them equally.", 0.5),
    "boundary_share": Described(
        "Share of pixels sampled at class boundaries. With `keypoint_share` at most 1.",
        0.0,
    ),
    "keypoint_share": Described("Share of pixels sampled at keypoints. With `boundary_share` at most 1.", 0.0),
    "EnsembleOptions.flips": Described("Whether the fit also trains on mirrored images.", True),
    "EnsembleChoice.flips": Described(
        "Also train on the mirrored images, with left and right names swapped; not where a side has no partner. By"
        " default where inversion is exact (diffusion models); elsewhere they are inverted too.",
        True,
    ),
    # Metrics
    "reconstruction_psnr_db": Described("Mean PSNR of the reconstructions, in dB.", 24.5),
    "FitMetrics.images": Described("Reconstruction quality of each image."),
    "HeldOut.images": Described("Reconstruction quality of each image."),
    "psnr_db": Described("PSNR of the reconstruction, in dB.", 24.5),
    "perceptual_distance": Described("Distance in the discriminator's features; null without a discriminator.", 0.31),
    "is_expressible": Described(
        "False if the reconstruction is hardly better than a random sample. Then the label teaches little.",
        True,
    ),
    "training_miou": Described("mIoU on the training images: too optimistic.", 0.93),
    "training": Described("Scores on the training images: too optimistic."),
    "heldout": Described("Scores on the validation labelset; null without one."),
    "FitMetrics.estimate": Described("Cross-validated scores; null if the request disabled them."),
    "FitMetrics.comparison": Described(
        "The fit's labels against a small network of the labelled images alone; null without an estimate.",
    ),
    "FitMetrics.generated": Described(
        "Shares of classes and keypoints in generated samples; null without an estimate, or if samples take too long.",
    ),
    "FitMetrics.warnings": Described(
        "Where generated pairs would teach a network badly, the most important first.",
        ["class hat: 0.05% of the pixels of 64 generated samples, but 2.00% of the labelled images"],
    ),
    "RealComparison.num_images": Described("Number of compared images.", 10),
    "RealComparison.fit": Described("Mean score of the fit's labels: 1 is perfect.", 0.61),
    "RealComparison.real": Described("Mean score of the network trained on the labelled images alone.", 0.66),
    "RealComparison.low": Described("Lower end of the 95% interval of the mean of fit - real.", -0.08),
    "RealComparison.high": Described("Upper end of the 95% interval of the mean of fit - real.", -0.02),
    "predicts_harm": Described("Whether the interval lies below 0: generated pairs alone will probably harm.", True),
    "GeneratedShares.num_samples": Described("Number of labelled samples; fewer if the generator is slow.", 64),
    "GeneratedShares.truncation": Described("Truncation psi of the samples.", 0.7),
    "GeneratedShares.tasks": Described(
        "The shares of each class or keypoint, by task and name.",
        {
            "segmentation": {
                "hat": {
                    "labelled": 0.02,
                    "generated": 0.0005,
                    "labelled_images": 0.25,
                    "generated_images": 0.016,
                    "is_low": True,
                }
            }
        },
    ),
    "TraitShare.labelled": Described(
        "A class's share of the pixels of the labelled images; the share of images in which a keypoint is visible.",
        0.02,
    ),
    "TraitShare.generated": Described("The same share in generated samples.", 0.0005),
    "labelled_images": Described("Share of the labelled images with the class or visible keypoint.", 0.25),
    "generated_images": Described("Share of the generated samples with it.", 0.016),
    "is_low": Described(
        "Whether the generated share is less than half of the labelled one, with 95% confidence.",
        True,
    ),
    "advice": Described("How to improve the labels, the most useful advice first.", ["class hat has 3 images; add 5"]),
    "FitMetrics.framing": Described(
        "The part of the images that matches the generator's framing; null for the whole image.",
    ),
    "FitMetrics.flips": Described("Whether the fit trained on mirrored images too.", True),
    "FitMetrics.min_tap_px": Described("The minimum size of a feature map, in pixels per side.", 0),
    "FitMetrics.perceptual_sha256": Described("The mounted weights that the inversion used; null for none.", DIGEST),
    "FitMetrics.training_curve": Described(
        "The loss of the training, at most 50 points; empty for fits of earlier versions.",
        [{"step": 30, "loss": 1.2}, {"step": 60, "loss": 0.8}],
    ),
    "TrainingPoint.step": Described("The last step of this part of the training.", 30),
    "TrainingPoint.loss": Described("Mean loss of a label head in this part of the training.", 1.2),
    "left": Described("Left edge as a share of the width; negative values are padding.", 0.1),
    "top": Described("Top edge as a share of the height; negative values are padding.", 0.1),
    "right": Described("Right edge as a share of the width; values above 1 are padding.", 0.9),
    "bottom": Described("Bottom edge as a share of the height; values above 1 are padding.", 0.9),
    "miou": Described("Mean intersection over union of the classes that occur; null without masks.", 0.71),
    "class_iou": Described("Intersection over union of each class; null if it does not occur.", {"skin": 0.88}),
    "miou_interval": Described(
        "95% interval of `miou` over images; null without masks, or with a class in too few images."
    ),
    "class_intervals": Described(
        "95% interval of each class over images; null for a class in fewer than three images.",
        {"skin": {"low": 0.84, "high": 0.91}},
    ),
    "class_images": Described("Number of scored images with each class.", {"skin": 16}),
    "ScoreInterval.low": Described("Lower bound.", 0.84),
    "ScoreInterval.high": Described("Upper bound.", 0.91),
    "ece": Described("Expected calibration error of the class probabilities, 15 bins.", 0.02),
    "TaskMetrics.keypoints": Described("Scores of keypoints; null without keypoints."),
    "HeldOut.keypoints": Described("Scores of keypoints; null without keypoints."),
    "Estimate.keypoints": Described("Scores of keypoints; null without keypoints."),
    "TaskMetrics.depth": Described("Scores of depth; null without depth."),
    "HeldOut.depth": Described("Scores of depth; null without depth."),
    "Estimate.depth": Described("Scores of depth; null without depth."),
    "pck": Described("Share of visible points predicted within a tenth of the reference length.", 0.82),
    "point_pck": Described("PCK of each keypoint, by name.", {"chin": 0.9}),
    "pck_interval": Described("95% interval of `pck` over images; null with fewer than three images."),
    "point_intervals": Described(
        "95% interval of each keypoint over images; null for one that is visible in fewer than three.",
        {"chin": {"low": 0.8, "high": 1.0}},
    ),
    "point_images": Described("Number of scored images in which each keypoint is visible.", {"chin": 16}),
    "mean_error_px": Described("Mean error of the points, in pixels of the generator's image.", 1.4),
    "visibility_accuracy": Described("Share of points whose visibility is predicted correctly.", 0.95),
    "absrel": Described("Mean of |error| / truth of depth.", 0.07),
    "rmse": Described("Root mean square error of depth, in its unit.", 0.12),
    "delta1": Described("Share of pixels whose depth is within a factor of 1.25.", 0.96),
    "HeldOut.num_images": Described("Number of evaluated images.", 4),
    "num_folds": Described("Number of cross-validation folds.", 5),
    "Estimate.num_members": Described("Number of label heads in each cross-validation ensemble.", 3),
    "num_steps": Described("Training steps of each cross-validation ensemble.", 500),
    "confusion": Described(
        "Pixels by true class (row) and predicted class (column); null without masks.",
        [[900, 10], [20, 94]],
    ),
    "worst_images": Described("The images with the worst cross-validated labels, the worst first."),
}  # fmt: skip
"""For requests and responses about fits, and the generators and labelsets that they pin."""
