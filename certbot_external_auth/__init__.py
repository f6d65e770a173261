"""Certbot plugin that publishes challenges and hands certificates over through something outside Certbot."""

__version__ = "1.0.0"
