"""Notes what is new about certificates, and writes the figures of all of them."""

from __future__ import annotations

import time
from collections.abc import Sequence

from certbot_external_auth.metrics import figures, files, state, text
from certbot_external_auth.metrics.state import Change


def write(work_dir: str, path: str, changes: Sequence[Change]) -> None:
    """Change the state file, and write all figures to the file for node_exporter.

    :param path: of that file.
    :raises OSError: if one of the files cannot be written.
    :raises ImportError: if the library for the format is missing.
    """
    now = time.time()
    # The text is written under the lock, too: an older one must not replace a newer one.
    with files.locked(work_dir) as folder:
        noted = state.changed(files.read(folder), changes)
        found = figures.remembered({name: figures.of(name, one, work_dir) for name, one in noted.items()}, now)
        files.note(folder, {name: noted[name] for name in found})
        files.publish(path, text.text([found[name] for name in sorted(found)], figures.leftovers(work_dir)))
