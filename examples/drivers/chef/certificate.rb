# A certificate by dns-01, by two commands: chef-client --local-mode -o 'recipe[certificate]'
# The script `issue` is ../issue.sh; `program` is called as ../README.md says.
domain = node['certificate']['domain']
live = "/etc/letsencrypt/live/#{domain}/cert.pem"

execute "certificate for #{domain}" do
  command ['/usr/local/sbin/issue', '/usr/local/sbin/dns', '-d', domain]
  timeout 900
  not_if { ::File.exist?(live) && ::Kernel.system('openssl', 'x509', '-checkend', '2592000', '-noout', '-in', live) }
end
