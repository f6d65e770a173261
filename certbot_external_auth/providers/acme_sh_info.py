"""Reads what a script of acme.sh says about itself, without running it. Pure functions.

A script describes itself in a variable ``dns_NAME_info``: a title, a link, and under ``Options:`` and ``OptionsAlt:``
its variables, a line for each. This list says more than the script needs. So a variable counts as needed only if the
script, too, refuses to work without it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from certbot_external_auth.providers.engine import Provider, Variable

_INFO = re.compile(r"^dns_\w+_info='(.*?)'", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"(Options|OptionsAlt|Optional|[A-Z]\w*):(.*)")
_VARIABLE = re.compile(r"\s*([A-Za-z_]\w*)\b:?\s*(.*)")
_NOT_NEEDED = re.compile(r"\boptional|\bdefault|\bonly\b|\binstead of\b", re.IGNORECASE)
# A condition about empty variables at the top of a function, and what is done if it is true.
_CHECK = re.compile(r"^  if ([^\n]*-z [^\n]*); then\n(.*?)^  (?:fi|else|elif)\b", re.MULTILINE | re.DOTALL)
_ANYWHERE = re.compile(r"^ *if ([^\n]*-z [^\n]*); then\n(.*?)^ *(?:fi|else|elif)\b", re.MULTILINE | re.DOTALL)
_EMPTY = re.compile(r'-z "?\$\{?(\w+)\}?"? ')


def provider(name: str, text: str) -> Provider:
    """Return what the text of a script says. :param name: of the provider."""
    found = _INFO.search(text)
    lines = found[1].splitlines() if found else []
    if lines[:1] == ["["]:
        return Provider(name, name, variables=tuple(_of_json("\n".join(lines))))
    docs = next((line.partition(":")[2].strip() for line in lines if line.startswith("Docs:")), "")
    url = docs if docs.startswith("http") or not docs else f"https://{docs}"
    return Provider(name, lines[0].strip() if lines else name, url, tuple(_variables(lines, text)))


def _of_json(text: str) -> Iterator[Variable]:
    """Read the one list that is JSON."""
    for each in json.loads(text):
        yield Variable(each["name"], each["usage"], 0 if each["required"] == "1" else None)


def _variables(lines: list[str], text: str) -> Iterator[Variable]:
    listed = {name: (section, description) for section, name, description in reversed(list(_listed(lines, text)))}
    optional = {name for name, (_, description) in listed.items() if _NOT_NEEDED.search(description)} | _replaced(text)
    others = [name for name, (section, _) in listed.items() if section == "OptionsAlt" and name not in optional]
    # Of the alternative only the first variable is certainly needed.
    needed = _refused(_ANYWHERE if others else _CHECK, text) - optional
    first = {name for name, (section, _) in listed.items() if section == "Options" and name in needed}
    alternative = others[-1:] if first else []
    for name, (_, description) in reversed(listed.items()):
        yield Variable(name, description, 0 if name in first else 1 if name in alternative else None)


def _listed(lines: list[str], text: str) -> Iterator[tuple[str, str, str]]:
    """Yield section, name and description of each variable that is listed, and that the script uses."""
    section = ""
    for line in lines:
        heading, variable = _HEADING.fullmatch(line), _VARIABLE.fullmatch(line)
        if heading is not None:
            section = heading[1]
        elif section in ("Options", "OptionsAlt", "Optional") and variable is not None:
            name, description = variable[1], variable[2].strip()
            if re.search(rf"\$\{{?{name}\b", text):
                yield section, name, description


def _refused(check: re.Pattern[str], text: str) -> set[str]:
    """Return the variables without which the script returns."""
    return {
        name
        for condition, body in check.findall(text)
        if re.search(r"^ *(?:return 1|exit 1)\b", body, re.MULTILINE) and "&&" not in condition
        for name in _EMPTY.findall(condition)
    }


def _replaced(text: str) -> set[str]:
    """Return the variables for which the script has something else if they are empty."""
    return {
        name
        for condition, body in _ANYWHERE.findall(text)
        if not re.search(r"\b(?:return|exit)\b", body)
        for name in _EMPTY.findall(condition)
    }
