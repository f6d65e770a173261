"""Runs the command where it cannot be installed: ``python -m certbot_external_auth VERB``."""

import sys

from certbot_external_auth.cli import main

if __name__ == "__main__":
    sys.exit(main())
