"""Makes a plan: reads everything there is to know, and has the other modules decide."""

from __future__ import annotations

import os

from certbot_external_auth.handler_setup import dehydrated_config
from certbot_external_auth.lineages import change
from certbot_external_auth.plan import commands, keeping, reading, services
from certbot_external_auth.plan.commands import Main
from certbot_external_auth.plan.domains_txt import Line, Unusable
from certbot_external_auth.plan.report import Plan


def make(path: str, config_dir: str, root: str = "/", env_file: str | None = None) -> Plan:
    """Make the plan for a configuration of Dehydrated.

    :param path: of the configuration, absolute.
    :param config_dir: of Certbot.
    :param root: where the files of this machine's services begin.
    :param env_file: of the handler, absolute.
    :raises UsageError: if the configuration or domains.txt cannot be read.
    """
    config = dehydrated_config.read(path, env_file=env_file)
    main = Main(path, os.path.dirname(path), config.settings, env_file)
    version = change.version()
    found = reading.lines(config)
    lines = [one for one in found if isinstance(one, Line)]
    folder = reading.folder_of(config)
    own, present = reading.own(config, lines, env_file), reading.present(config_dir, lines)
    return Plan(
        main=main,
        certdir=folder,
        config_dir=config_dir,
        account=commands.account(main),
        rehearsal=commands.rehearsal(main, lines),
        kept=keeping.general(config.settings, version),
        certificates=tuple(commands.certificates(main, lines, own, present, version)),
        unusable=tuple(one for one in found if isinstance(one, Unusable)),
        found=tuple(services.scan(sorted({folder, os.path.realpath(folder)}), root)),
    )
