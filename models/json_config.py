"""The JSON beside a network's weights, to and from a frozen dataclass of numbers and tuples of numbers."""

from dataclasses import asdict, dataclass
from typing import Any, TypeVar

Config = TypeVar("Config", bound="JsonConfig")


@dataclass(frozen=True, kw_only=True)
class JsonConfig:
    """The base of every network's configuration; subclasses add the fields."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls: type[Config], values: dict[str, Any]) -> Config:
        """Undo `to_dict`, also for values read from JSON.

        Raises:
            TypeError: a field is missing or unknown.
        """
        # JSON has no tuples: they arrive as lists, which a frozen dataclass could not hash.
        lists = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
        return cls(**{**values, **lists})
