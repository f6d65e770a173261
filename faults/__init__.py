"""What goes wrong on purpose, and what is left afterwards: see run.py."""
