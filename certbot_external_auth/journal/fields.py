"""The members of a JSON object that is not trusted, each read with the type that it must have. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class EntryError(ValueError):
    """A file does not contain a valid entry; the message says why, in a few words."""


class Fields:
    """The members of a JSON object, each read with the type that it must have."""

    def __init__(self, value: Mapping[str, Any]) -> None:
        self._value = value

    def get(self, name: str, kind: type, optional: bool = False) -> Any:
        value = self._value.get(name)
        if value is None and optional:
            return None
        # For Python, a boolean is also an int.
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise EntryError(f"{name} is missing or of the wrong type")
        return value

    def text(self, name: str) -> str:
        return self._plain(name, self.get(name, str))

    def text_or_none(self, name: str) -> str | None:
        value = self.get(name, str, optional=True)
        return None if value is None else self._plain(name, value)

    def texts(self, name: str, optional: bool = False) -> tuple[str, ...] | None:
        values = self.get(name, list, optional)
        return None if values is None else tuple(self._plain(name, value) for value in values)

    def mapping(self, name: str, optional: bool = False) -> dict[str, str]:
        members = self.get(name, dict, optional) or {}
        return {self._plain(name, key): self._plain(name, value) for key, value in members.items()}

    def number(self, name: str, most: int, least: int = 0, optional: bool = False) -> int:
        value: int = self.get(name, int, optional) or 0
        if not least <= value <= most:
            raise EntryError(f"{name} is out of range")
        return value

    @staticmethod
    def _plain(name: str, value: Any) -> str:
        if not isinstance(value, str) or "\0" in value:
            raise EntryError(f"{name} contains something that is not text")
        try:
            # A file name that is not UTF-8 has surrogates of this kind. No argument of a program can have others.
            value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise EntryError(f"{name} contains something that is not text") from None
        return value
