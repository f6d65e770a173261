"""One line on the terminal that says how far a batch is, while it takes longer than a moment."""

from certbot_external_auth.progress.line import State
from certbot_external_auth.progress.terminal import NOWHERE, Progress, of_run, on_terminal

__all__ = ["NOWHERE", "Progress", "State", "of_run", "on_terminal"]
