#!/usr/bin/env python3
"""dns-01 by PowerDNS's HTTP API.

PDNS_API is its URL (http://127.0.0.1:8081), PDNS_API_KEY the key, PDNS_SERVER_ID its name ("localhost" unless told).
"""

import json
import os
import sys
import urllib.error
import urllib.request
from typing import Any

API = os.environ.get("PDNS_API", "http://127.0.0.1:8081").rstrip("/")
ZONES = f"{API}/api/v1/servers/{os.environ.get('PDNS_SERVER_ID', 'localhost')}/zones"


def call(method: str, path: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"X-API-Key": os.environ["PDNS_API_KEY"], "Content-Type": "application/json"}
    request = urllib.request.Request(ZONES + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read() or b"null")


def zone_of(name: str) -> str:
    """The longest of the server's zones that the name is in."""
    zones = {zone["name"] for zone in call("GET", "")}
    labels = name.split(".")
    for place in range(len(labels)):
        if ".".join(labels[place:]) in zones:
            return ".".join(labels[place:])
    sys.exit(f"{API} has no zone for {name}")


def main() -> None:
    if sys.argv[1] not in ("perform", "cleanup"):
        print("NotImplemented")
        sys.exit(1)
    if os.environ["cbot_type"] != "dns-01":  # noqa: SIM112
        # Of another type, nothing was published, so nothing is left to remove.
        sys.exit("this handler does dns-01 only: --preferred-challenges dns" if sys.argv[1] == "perform" else 0)
    name, value = f"{os.environ['cbot_txt_domain']}.", f'"{os.environ["cbot_validation"]}"'  # noqa: SIM112
    zone = zone_of(name)
    found = [rrset for rrset in call("GET", f"/{zone}")["rrsets"] if (rrset["name"], rrset["type"]) == (name, "TXT")]
    # What else is at the name stays: a wildcard and its base name have a value each.
    records = [record for rrset in found for record in rrset["records"] if record["content"] != value]
    if sys.argv[1] == "perform":
        records.append({"content": value, "disabled": False})
    change = {"name": name, "type": "TXT", "ttl": 60, "changetype": "REPLACE", "records": records}
    call("PATCH", f"/{zone}", {"rrsets": [change]})


if __name__ == "__main__":
    main()
