"""Set-ups of hosts whose next renewal will fail, and of healthy ones, with real servers."""
