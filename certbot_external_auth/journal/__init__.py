"""The record on disk of what may be published and is not withdrawn yet."""

from __future__ import annotations

from certbot_external_auth.journal.entry import Entry
from certbot_external_auth.journal.files import Held, claim, file_path, folder, new_id
from certbot_external_auth.journal.journal import Journal, output_path, touched, wait_for_others
from certbot_external_auth.journal.scan import Contents, read_all

__all__ = [
    "Contents",
    "Entry",
    "Held",
    "Journal",
    "claim",
    "file_path",
    "folder",
    "new_id",
    "output_path",
    "read_all",
    "touched",
    "wait_for_others",
]
