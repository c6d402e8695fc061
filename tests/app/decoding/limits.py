"""Small decoding limits for tests."""

from app.decoding.protocol import DecodeLimits

LIMITS = DecodeLimits(
    memory_bytes=2**31,
    cpu_seconds=10,
    max_images=10,
    max_image_pixels=10_000,
    max_labelset_pixels=100_000,
    max_archive_entries=3,
    max_archive_bytes=50_000_000,
    max_archive_ratio=100,
    max_json_bytes=100_000,
    max_coco_bytes=100_000,
    max_coco_annotations=5,
    max_coco_vertices=1_000,
    max_coco_drawn_pixels=100_000,
)
