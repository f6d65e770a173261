# Copyright (c) The authors of certbot-external-auth
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the documentation of several modules has in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Options and attributes of the modules that run Certbot in two steps."""

    DOCUMENTATION = r"""
options:
  executable:
    description:
      - The command C(certbot-external-auth), as a path or a name on E(PATH).
    type: str
    default: certbot-external-auth
  config_dir:
    description:
      - Certbot's configuration directory.
      - If not given, it is that of Certbot's C(cli.ini), else C(/etc/letsencrypt).
    type: path
  work_dir:
    description:
      - Certbot's work directory.
      - If not given, it is that of Certbot's C(cli.ini), else C(/var/lib/letsencrypt).
    type: path
requirements:
  - certbot-external-auth on the host that orders
  - openssl on the same host
attributes:
  action_group:
    description: Use C(group/external_auth.certbot.certificate) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - external_auth.certbot.certificate
"""

    ATTRIBUTES = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and report what would change, without a change.
    support: full
  diff_mode:
    description: Reports what has changed, or would change in check mode, when run with C(--diff).
    support: full
  idempotent:
    description: When run twice with the same arguments, the second run changes nothing.
    support: full
  platform:
    description: The systems on which the module runs.
    platforms: posix
    support: full
"""
