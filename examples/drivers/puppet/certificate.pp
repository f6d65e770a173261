# A certificate by dns-01, by two commands: FACTER_domain=example.org puppet apply certificate.pp
# The script `issue` is ../issue.sh; `program` is called as ../README.md says.
$program = '/usr/local/sbin/dns'
$issue = '/usr/local/sbin/issue'

exec { "certificate for ${facts['domain']}":
  command => [$issue, $program, '-d', $facts['domain']],
  # Certbot decides whether it is due. One that could not be handed over is not settled either.
  unless  => [[$issue, '--current', "/etc/letsencrypt/live/${facts['domain']}/cert.pem"]],
  path    => ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/bin'],
  # Longer than a batch waits (900), so that Certbot gives up by itself and says so.
  timeout => 1800,
}
