# A certificate by dns-01, by two commands: FACTER_domain=example.org puppet apply certificate.pp
# The script `issue` is ../issue.sh; `program` is called as ../README.md says.
$program = '/usr/local/sbin/dns'
$issue = '/usr/local/sbin/issue'

exec { "certificate for ${facts['domain']}":
  command => [$issue, $program, '-d', $facts['domain']],
  # Certbot decides whether it is due; a week before its end is the last moment.
  unless  => "openssl x509 -checkend 2592000 -noout -in /etc/letsencrypt/live/${facts['domain']}/cert.pem",
  path    => ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/bin'],
  timeout => 900,
}
