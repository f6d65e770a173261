"""Faults on purpose, and what they leave behind; see run.py."""
