"""Backends, dialects and engines by name: the plugin's own, and those that other packages register by entry point."""

from __future__ import annotations

import importlib
import importlib.metadata
from collections.abc import Mapping
from typing import Any

from certbot_external_auth.errors import UsageError


def names(group: str) -> list[str]:
    """Return the names registered in an entry-point group."""
    return sorted({point.name for point in importlib.metadata.entry_points(group=group)})


def load(group: str, built_in: Mapping[str, str], name: str, interface: Any, declared: bool = True) -> Any:
    """Load the class of that name, and compare it with its contract.

    :param declared: the class must also declare that it keeps the contract.
    :raises UsageError: naming what is wrong with its package.
    """
    from zope.interface.exceptions import Invalid
    from zope.interface.verify import verifyClass

    if name in built_in:
        module, _, attribute = built_in[name].partition(":")
        made = getattr(importlib.import_module(module), attribute)
    else:
        made = _foreign(group, name)
    try:
        verifyClass(interface, made, tentative=not declared)
    except Invalid as error:
        raise UsageError([f"{name!r} of {group} does not keep the contract {interface.__name__}: {error}"]) from None
    return made


def _foreign(group: str, name: str) -> Any:
    for point in importlib.metadata.entry_points(group=group, name=name):
        try:
            return point.load()
        except Exception as error:
            raise UsageError(
                [f"{name!r} of {group} cannot be loaded ({type(error).__name__}: {error}); fix or remove its package."]
            ) from error
    raise UsageError([f"Nothing called {name!r} is registered in {group}."])
