"""The API key of a client. It is sent to the service only: never to a signed link, and redirects are not followed."""

import re

from handsoff_shards.errors import InvalidInput

KEY_VARIABLE = "HANDSOFF_API_KEY"


class ApiKey:
    """An API key. Its text is in `headers` and in no `repr`, message or log."""

    def __init__(self, text: str) -> None:
        """Raise `InvalidInput` for text that no header can contain."""
        self._text = text.strip()
        if not re.fullmatch("[!-~]+", self._text):
            raise InvalidInput(
                f"Expected an API key (hk_...), got text with other characters. Check {KEY_VARIABLE} or the argument."
            )

    @property
    def headers(self) -> dict[str, str]:
        """The header that sends the key."""
        return {"Authorization": f"Bearer {self._text}"}

    def __repr__(self) -> str:
        return "ApiKey(...)"
