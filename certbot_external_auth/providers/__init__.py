"""DNS providers that are reached without a script: one module for each engine."""
