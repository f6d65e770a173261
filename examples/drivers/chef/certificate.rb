# A certificate by dns-01, by two commands: chef-client --local-mode -o 'recipe[certificate]'
# The script `issue` is ../issue.sh; `program` is called as ../README.md says.
domain = node['certificate']['domain']
issue = '/usr/local/sbin/issue'

execute "certificate for #{domain}" do
  command [issue, '/usr/local/sbin/dns', '-d', domain]
  # Longer than a batch waits (900), so that Certbot gives up by itself and says so.
  timeout 1800
  # One that could not be handed over is not settled either.
  not_if { ::Kernel.system(issue, '--current', "/etc/letsencrypt/live/#{domain}/cert.pem") }
end
