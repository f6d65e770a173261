"""What DNS says about whether the CA may issue: CAA records, and DNSSEC."""
