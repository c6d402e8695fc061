"""The JSON beside a network's weights: a frozen dataclass of plain numbers and tuples of them, and back."""

from dataclasses import asdict, dataclass
from typing import Any, TypeVar

Config = TypeVar("Config", bound="JsonConfig")


@dataclass(frozen=True, kw_only=True)
class JsonConfig:
    """What every network's configuration can do; its fields are the subclass's."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls: type[Config], values: dict[str, Any]) -> Config:
        """Undo `to_dict`, also after a trip through JSON, which turns tuples into lists.

        Raises:
            TypeError: a field is missing or unknown.
        """
        lists = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
        return cls(**{**values, **lists})
