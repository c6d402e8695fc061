"""The license of a generator in the spelling of Hugging Face's front matter: stated words in, fields out."""

import re

MAX_LICENSE_NAME = 100
"""Characters of `license_name`; the card's text contains the whole statement."""

HUB_NAMES = {"cc0": "cc0-1.0", "odbl-1.0": "odbl", "odc-by-1.0": "odc-by", "pddl-1.0": "pddl"}
"""SPDX ids and short names that the Hub spells differently."""

HUB_LICENSES = frozenset(
    [
        *("afl-3.0", "agpl-3.0", "apache-2.0", "artistic-2.0", "bsd-2-clause", "bsd-3-clause"),
        *("bsd-3-clause-clear", "bsl-1.0", "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0"),
        *("cc-by-4.0", "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-nd-3.0"),
        *("cc-by-nc-nd-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"),
        *("cc-by-nd-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cdla-permissive-1.0"),
        *("cdla-permissive-2.0", "cdla-sharing-1.0", "creativeml-openrail-m", "ecl-2.0"),
        *("epl-1.0", "epl-2.0", "eupl-1.1", "eupl-1.2", "gpl-2.0", "gpl-3.0", "isc", "lgpl-2.1"),
        *("lgpl-3.0", "mit", "mpl-2.0", "odbl", "odc-by", "openrail", "osl-3.0", "pddl"),
        *("postgresql", "unlicense", "wtfpl", "zlib"),
    ]
)
"""The Hub's ids for licenses of weights and data. Any other license is `other`, with the stated words as its name."""

_GNU = re.compile(r"((?:a|l)?gpl-[0-9.]+)-(?:only|or-later)")


def license_facts(words: str) -> dict[str, str]:
    """Return the front matter of a license: the Hub's id, or `other` and the stated words, if any, as its name."""
    stated = " ".join(words.split())
    spelled = _GNU.sub(r"\1", stated.lower().replace(" ", "-"))
    hub_id = HUB_NAMES.get(spelled, spelled)
    if hub_id in HUB_LICENSES:
        return {"license": hub_id}
    name = {"license_name": stated[:MAX_LICENSE_NAME]} if stated else {}
    return {"license": "other", **name}
