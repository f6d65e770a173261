"""The verb `thumbprint`: what web servers need to answer http-01 without files."""
