"""CAs that speak drafts 01 and 02 of dns-persist-01: a front before Pebble, which speaks draft 00.

The front ends TLS, passes ACME on with its Host header, and changes the challenges that come back. Records of drafts 00
and 01 are the same, so Pebble judges those itself. For draft 02 the front looks for the record, and judges it by its
own code. Only if the record is right, the front publishes one of draft 00 at a name server that only Pebble asks. So
Pebble really validates, and really refuses.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import time
from typing import Any

from tests.support import dns, ports
from tests.support.front import Answer, Front
from tests.support.new_ca import ISSUER, NewCA
from tests.support.snica import thumbprint
from tests.support.testca import ADDRESS

PREFIX = "https://accounts.ca.example/"
"""accountHashPrefix of the CA of draft 02."""


def account_hash(domain: str, key: str, uri: str) -> str:
    """The hash of draft 02, written apart from the plugin's own, so that both do not share a mistake."""
    digest = hashlib.sha256()
    for part in (chr(len(domain)), domain, key, uri):
        digest.update(part.encode("latin-1"))
    return base64.b64encode(digest.digest(), b"-_").decode().replace("=", "")


class DraftCA(NewCA):
    """See the module. :ivar draft: 01 or 02. :ivar changes: fields that every challenge has in place of the right ones,
    and, with the key `meta`, those of the directory.
    """

    __test__ = False

    def __init__(self, draft: str, changes: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.draft = draft
        self.changes = changes or {}

    def _start(self) -> None:
        super()._start()
        self.pebble_directory = self.directory
        self.directory = self._stack.enter_context(DraftFront(self).at(self.free_port()))

    def _name_server_of_pebble(self) -> str:
        if self.draft != "02":
            return self.dns
        port, management = ports.free(self._stack), ports.free(self._stack)
        address, self.private = f"{ADDRESS}:{port}", f"http://{ADDRESS}:{management}"
        process = self._spawn_name_server(address, f"{ADDRESS}:{management}")
        self._wait(process, lambda: dns.txt("ready.test", ADDRESS, port) == [])
        return address

    def show_pebble(self, name: str, value: str) -> None:
        """Publish where only Pebble looks."""
        own, self.management = self.management, self.private
        try:
            self.clear_txt(name)
            self.add_txt(name, value)
        finally:
            self.management = own


class DraftFront(Front):
    """:ivar keys: thumbprints by account URL. :ivar asked: by challenge URL, the name and whether it is a wildcard."""

    def __init__(self, ca: DraftCA) -> None:
        super().__init__(ca, ca.pebble_directory)
        self.draft_ca = ca
        self.keys: dict[str, str] = {}
        self.asked: dict[str, tuple[str, bool]] = {}

    def before(self, url: str, body: bytes) -> None:
        request = json.loads(body) if body else {}
        if self.draft_ca.draft == "02" and request.get("payload") and url in self.asked:
            name, wildcard = self.asked[url]
            account = _protected(request)["kid"]
            place = f"_validation-persist.{name}"
            right = any(self._right(value, name, wildcard, account) for value in self.draft_ca.txt(place))
            value = f"{ISSUER}; accounturi={account}; policy=wildcard" if right else "nothing"
            self.draft_ca.show_pebble(place, value)

    def _right(self, value: str, name: str, wildcard: bool, account: str) -> bool:
        """The rules of draft 02, for records that are well formed."""
        issuer, *parts = (part.strip() for part in value.split(";"))
        found = dict(part.split("=", 1) for part in parts)
        accounts = [f"{PREFIX}sha-256/{account_hash(each, self.keys[account], account)}" for each in (name, "*")]
        return (
            issuer == ISSUER
            and found.get("accounturi") in accounts
            and (not wildcard or found.get("policy") == "wildcard")
            and int(found.get("persistUntil", "9" * 12)) >= time.time()
        )

    def after(self, url: str, request: bytes, answer: Answer) -> Answer:
        asked = _protected(json.loads(request)) if request else {}
        location = answer.header("Location")
        if location and "jwk" in asked:
            self.keys[location] = thumbprint(asked["jwk"])
        try:
            value = json.loads(answer.body)
        except ValueError:
            return answer
        if not isinstance(value, dict):
            return answer
        if "newOrder" in value:
            self._change_directory(value)
        for challenge in value.get("challenges", [value]):
            if challenge.get("type") == "dns-persist-01":
                self._change(challenge, value, asked.get("kid", ""))
        return dataclasses.replace(answer, body=json.dumps(value).encode())

    def _change_directory(self, directory: dict[str, Any]) -> None:
        if self.draft_ca.draft == "02":
            directory["meta"] |= {"issuerDomainNames": [ISSUER], "accountHashPrefix": PREFIX}
        directory["meta"] |= self.draft_ca.changes.get("meta", {})

    def _change(self, challenge: dict[str, Any], authorization: dict[str, Any], account: str) -> None:
        identifier = authorization.get("identifier")
        if identifier is not None:
            self.asked[challenge["url"]] = (identifier["value"], bool(authorization.get("wildcard")))
        if self.draft_ca.draft == "02":
            challenge["issuerDomainNames"] = challenge.pop("issuer-domain-names")
            challenge.pop("token", None)
        else:
            challenge["accounturi"] = account
        challenge |= {name: value for name, value in self.draft_ca.changes.items() if name != "meta"}


def _protected(request: dict[str, str]) -> dict[str, Any]:
    found = json.loads(base64.urlsafe_b64decode(request["protected"] + "=="))
    assert isinstance(found, dict)
    return found
