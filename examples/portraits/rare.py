"""More of the rare: portraits with glasses or hats from the far indices of a seed, to be added to a training folder."""

from itertools import count as count_from

from examples.portraits.population import draw_portrait


def accessory_indices(seed: int, start: int, count: int) -> list[int]:
    """The first indices from `start` on that show glasses, and as many that show a hat: `count` of each, in order.

    A portrait with both counts for glasses. Small GANs learn what they often see and drop the rest: a folder
    with these added shows glasses and hats often enough to be learnt.
    """
    glasses: list[int] = []
    hats: list[int] = []
    for index in count_from(start):
        if len(glasses) >= count and len(hats) >= count:
            break
        portrait = draw_portrait(seed, index)
        if portrait.glasses and len(glasses) < count:
            glasses.append(index)
        elif portrait.hat and len(hats) < count:
            hats.append(index)
    return sorted(glasses + hats)
