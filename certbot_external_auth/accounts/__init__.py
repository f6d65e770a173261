"""Reads the ACME accounts that Certbot has stored, without Certbot and without the CA."""
