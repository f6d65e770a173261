"""Figures about certificates for Prometheus: in one state file, from which every writer makes the whole text."""
