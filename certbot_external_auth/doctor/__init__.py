"""Finds every Certbot of a host, and what does not fit together. Reads files only, and starts no program."""
