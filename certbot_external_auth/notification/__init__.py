"""Tell a command of the administrator's about a certificate that was not issued, renewed or handed over."""
