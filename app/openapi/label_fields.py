"""Descriptions of labelsets, batches, streams and shards."""

from app.openapi.described import Described, Table, example_id

LABEL_FIELDS: Table = {
    # The label schema
    "LabelSchema.classes": Described(
        "Names of the classes in index order, background first.",
        ["background", "skin"],
    ),
    "ignore_index": Described("The mask value of unlabelled pixels.", 255),
    "colors": Described(
        "One color (red, green, blue) per class, in the order of `classes`; null for none.",
        [[0, 0, 0], [255, 205, 148]],
    ),
    "LabelSchema.keypoints": Described("The keypoints; null without keypoints."),
    "LabelSchema.depth": Described("The meaning of depth values; null without depth."),
    "names": Described("Names of the keypoints.", ["head_top", "chin"]),
    "skeleton": Described("Pairs of keypoints that a line connects.", [["head_top", "chin"]]),
    "reference": Described(
        "Two keypoints whose distance is the reference length; null for the height of all points.",
        ["head_top", "chin"],
    ),
    "unit": Described("The unit of depth.", "m"),
    "scale": Described("Depth in `unit` = 16-bit value x `scale`.", 0.001),
    "unknown": Described("The 16-bit value for unknown depth; null if every value is a depth.", 0),
    # Labelsets
    "LabelsetSummary.id": Described("The id that a fit takes.", example_id("labelset")),
    "LabelsetView.id": Described("The id that a fit takes.", example_id("labelset")),
    "num_images": Described("Number of images.", 16),
    "warnings": Described("Ambiguous or skipped content: check it. docs/12 lists the codes."),
    "LabelsetWarning.code": Described("The kind of warning.", "empty_classes"),
    "LabelsetWarning.detail": Described(
        "The content, and how it was read.", "No pixel is of class 'hat' (10): it cannot be learnt."
    ),
    "LabelsetWarning.num_files": Described("Number of affected files.", 1),
    "LabelsetWarning.files": Described("At most 20 of these files.", ["masks/001.png"]),
    "LabelsetSummary.tasks": Described("Number of images with labels of each kind.", {"segmentation": 16}),
    "LabelsetCheck.tasks": Described("Number of images with labels of each kind.", {"segmentation": 16}),
    "LabelsetView.tasks": Described("Number of images with labels of each kind.", {"segmentation": 16}),
    "LabelsetSummary.classes": Described("Statistics of each class."),
    "LabelsetCheck.classes": Described("Statistics of each class."),
    "LabelsetView.classes": Described("Statistics of each class."),
    "ignored_pixels": Described("Number of unlabelled pixels.", 0),
    "keypoints": Described("Statistics of each keypoint."),
    "depth": Described("The range of known depth; null without depth."),
    "conditions": Described("Number of images of each class of a class-conditional generator; empty without."),
    "EntryView.condition": Described("The image's class for a class-conditional generator; null without.", 3),
    "ConditionCount.condition": Described("The class of whole images.", 3),
    "entries": Described("The images by name, with the kinds of label of each."),
    "EntryView.tasks": Described("Kinds of label of the image.", ["segmentation"]),
    "num_pixels": Described("Number of pixels of the class.", 4_096),
    "num_seen": Described("Number of images in which the keypoint is visible.", 12),
    "nearest": Described("The smallest depth, in the schema's unit.", 0.4),
    "farthest": Described("The largest depth, in the schema's unit.", 2.5),
    # Batches and streams
    "fit": Described("The fit that generates the samples, pinned by its digest."),
    "BatchCreate.fit": Described("The fit that generates the samples; it must have succeeded.", example_id("fit")),
    "StreamCreate.fit": Described("The fit that generates the samples; it must have succeeded.", example_id("fit")),
    "n": Described("Number of samples.", 10_000),
    "truncation": Described("Truncation psi: smaller values give more typical and less diverse samples.", 0.7),
    "filter": Described("Which samples to drop; null keeps all."),
    "drop_share": Described("Share of the most uncertain candidates to drop.", 0.1),
    "image_format": Described("The format of the images. Labels are always PNG or JSON.", "png"),
    "shard_size": Described("Samples per shard; null for the service's default.", 256),
    "BatchCreate.condition": Described(
        "Classes of a class-conditional generator: one (3), several ([0, 3]) or weights; null for any.",
        {"0": 0.7, "3": 0.3},
    ),
    "StreamCreate.condition": Described(
        "Classes of a class-conditional generator: one (3), several ([0, 3]) or weights; null for any.",
        {"0": 0.7, "3": 0.3},
    ),
    "condition": Described("Requested share of each class; null if none was requested.", {"0": 0.7, "3": 0.3}),
    "condition_samples": Described("Kept samples of each requested class; empty without.", {"0": 179, "3": 77}),
    "soft_labels": Described(
        "How many most probable classes of each pixel are kept with their probabilities (1 to 8); null for none.", 3
    ),
    "ignore_above": Described(
        "Pixels with a higher uncertainty, in nats from 0 to 1, are ignored in the mask; null ignores none.", 0.02
    ),
    "resumes": Described(
        "The failed or cancelled batch that this one continues; null for a batch of its request alone.",
        example_id("batch"),
    ),
    "num_shards": Described("Number of shards.", 40),
    "render_version": Described(
        "Increases when the same request would give other bytes on the same machine. Images state their provenance"
        " since 6.",
        6,
    ),
    "StreamView.id": Described("The id.", example_id("stream")),
    "StreamView.kind": Described("The kind of object."),
    "num_samples": Described("Number of kept samples.", 256),
    "num_candidates": Described("Number of candidates, including dropped ones.", 284),
    "mean_score": Described("Mean uncertainty of the kept samples; null if there are none yet.", 0.08),
    "threshold": Described("The highest uncertainty of a kept sample; null without a filter.", 0.2),
    "render_seconds": Described("Rendering time in seconds, summed over all workers.", 12.5),
    "BatchMetrics.classes": Described("Frequency of each class, before and after the filter."),
    "ClassPresence.name": Described("The class.", "skin"),
    "ClassCount.name": Described("The class.", "skin"),
    "KeypointCount.name": Described("The keypoint.", "chin"),
    "kept_share": Described("Share of the kept samples in which the class occurs.", 0.99),
    "candidate_share": Described("Share of all candidates in which the class occurs.", 0.98),
    "BatchMetrics.ignored_pixels": Described("Pixels that the masks ignore; no class counts them.", 12_000),
    "BatchManifest.ignored_pixels": Described("Pixels that the masks ignore; no class counts them.", 12_000),
    "ShardRecord.ignored_pixels": Described("Pixels that the masks ignore; no class counts them.", 1_200),
    "BatchManifest.labels": Described("The label schema; null if the batch has no shards."),
    "class_pixels": Described("Pixels of each class, by class index.", [3_000, 1_096]),
    "class_images": Described("Kept samples in which each class occurs, by class index.", [256, 255]),
    "candidate_class_images": Described("Candidates in which each class occurs, by class index.", [284, 282]),
    "card": Described(
        "The dataset card: Markdown with the front matter of Hugging Face; null for older batches without a card."
    ),
    "croissant": Described(
        "The batch in Croissant, which is JSON-LD: shards with digests, and record sets; null for older batches."
    ),
    "shards": Described("All shards, in order; the finished ones if the batch did not succeed."),
    "tar": Described("The tar of the shard in the store."),
    "index": Described("Index of the shard, from 0.", 0),
    "ShardList.items": Described(
        "The shards with links, in order: all of them without `limit`. Only the finished ones of a failed batch."
    ),
    "ShardList.has_more": Described("Whether there are shards after these.", False),
    "BatchManifest.shards": Described(
        "All shards, in order; the finished ones if the batch did not succeed. Empty if there are `pages`."
    ),
    "BatchManifest.pages": Described(
        "With more than 1,000 shards, the stored pages of their records. `GET .../shards` lists the shards."
    ),
    "ShardPageRef.key": Described(
        "The key of the page in the store.", "tenants/default/batches/b/pages/0.json"
    ),
    "ShardPageRef.media_type": Described("The media type of the page.", "application/json"),
    "ShardPageRef.num_shards": Described("Number of shards in the page.", 1_000),
    "ShardList.is_partial": Described("Whether shards are missing, because the batch did not succeed.", False),
    "batch": Described("The batch.", example_id("batch")),
    "ExportView.batch": Described("The batch or the labeling.", example_id("batch")),
    "format": Described("The export format.", "coco"),
    "instances": Described("Whether each connected region is a separate object.", False),
    "num_files": Described("Number of files in the archive.", 257),
    # The forms
    "GeneratorForm.file": Described(
        "The checkpoint (.pkl of StyleGAN2-ADA or StyleGAN3's StyleGAN2 mode, .pt, .safetensors, a diffusers .zip), or"
        " with `training` an archive of images (.zip, .tar).",
    ),
    "GeneratorForm.name": Described("A display name.", "faces 256"),
    "GeneratorCreate.name": Described("A display name.", "faces 256"),
    "import_options": Described(
        "What the weights do not state. Needed for state dicts of guided-diffusion (.pt), refused for other formats. In"
        " a form: one field of JSON."
    ),
    "ImportOptions.attention_order": Described(
        "The order of the rows of `qkv`: head_major with `use_new_attention_order` false, else qkv_major.",
        "head_major",
    ),
    "ImportOptions.head_channels": Described(
        "The channels of one attention head (`num_head_channels`); 64 by default.", 64
    ),
    "ImportOptions.num_heads": Described(
        "The heads of every attention layer, instead of `head_channels`.", 4
    ),
    "ImportOptions.px": Described("The side of the square images.", 256),
    "ImportOptions.noise_schedule": Described("The noise schedule of the training.", "linear"),
    "ImportOptions.num_timesteps": Described(
        "The steps of the training's noise (`diffusion_steps`); 1000 by default.", 1000
    ),
    "ImportOptions.rescale_timesteps": Described(
        "Whether the network was given steps scaled to 1000. Needed with another `num_timesteps`.",
        False,
    ),
    "GeneratorCreate.upload": Described("The id of a complete upload.", example_id("upload")),
    "UploadCreate.num_bytes": Described("The size of the file in bytes.", 363_000_000),
}  # fmt: skip
"""For labelsets, batches, streams, and upload forms."""
