"""Say who publishes for which names of a certificate: the file of --external-auth-routes."""
