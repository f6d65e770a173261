# Copyright (c) The authors of certbot-external-auth
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Say for a group of hosts at which address to look, and why one of them could not publish."""

from __future__ import annotations

import re

from ansible_collections.external_auth.certbot.plugins.module_utils.text import readable


def address_of(host, facts):
    """Return the address of a host: the one that is set for it, else the one that Ansible connects to."""
    return facts.get("certificate_address") or facts.get("ansible_host") or host


def answering(hosts, hostvars, elsewhere=None, port=None):
    """Return the value of O(answering) of M(external_auth.certbot.certificate_finish) for these hosts.

    :param elsewhere: the registered result of a loop that published on hosts outside the play.
    """
    delegated = {}
    for one in (elsewhere or {}).get("results", []):
        delegated.setdefault(one["item"][0], []).append(one)
    found = []
    for host in hosts:
        facts = hostvars[host]
        results = delegated.get(host) or [facts.get("__certificate_published") or {}]
        one = {"host": host, "address": address_of(host, facts)}
        reason = next(filter(None, map(problem, results)), None)
        if reason:
            one["problem"] = reason
        if port:
            one["port"] = int(port)
        found.append(one)
    return found


def placed(text, hosts, hostvars):
    """Return a text in which each address of a host is followed by the host's name."""
    places = {address_of(host, hostvars[host]): host for host in hosts}
    names = {address: host for address, host in places.items() if address != host}
    if not names:
        return text
    # A shorter address must not match within a longer one.
    addresses = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    pattern = r"(?<![0-9A-Za-z.:-])(%s)(:\d+)?(?![0-9A-Za-z-]|[.:]\w)" % addresses
    return re.sub(pattern, lambda found: "{} ({})".format(found.group(0), names[found.group(1)]), text)


def problem(result):
    """Return why a task that copies could not do it; None if it could."""
    if result.get("unreachable"):
        return "it is unreachable"
    for one in result.get("results") or [result]:
        if one.get("unreachable"):
            return "it is unreachable"
        if "checksum" not in one and one.get("msg") and not one.get("skipped"):
            return readable(str(one["msg"]))
    return None


def serving(hosts, hostvars, server_name, sha256, port=443):
    """Return the value of O(serving) of M(external_auth.certbot.certificate_info) for these hosts.

    :param sha256: the fingerprint that they are expected to have, or a dictionary of fingerprints by host.
    """
    found = []
    for host in hosts:
        expected = sha256.get(host) if hasattr(sha256, "get") else sha256
        found.append(
            {
                "host": host,
                "address": address_of(host, hostvars[host]),
                "port": int(port),
                "server_name": server_name,
                "sha256": expected,
            }
        )
    return found


def records(txt, aliases):
    """Return each TXT value with the name at which it belongs: the end of an alias (CNAME), else the name itself.

    :param txt: pairs of `key`, a name, and `value`, the list of its values.
    """
    found = []
    for one in txt:
        alias = aliases.get(one["key"]) or {}
        name = alias.get("txt_target") or one["key"]
        found += [{"name": name, "value": value, "zone": alias.get("txt_zone")} for value in one["value"]]
    return found


class FilterModule:
    """The filters of this file."""

    def filters(self):
        """Return them by name."""
        return {"answering": answering, "placed": placed, "records": records, "serving": serving}
