#!/bin/sh
# Pushes a failure to phones through ntfy. The argument is a file with options of curl:
#   --external-auth-notify '/etc/certbot/notify/ntfy.sh /etc/certbot/notify/ntfy.curl'
# In that file, which only root may read, the address with the topic and, if the server wants one, a token:
#   url = "https://ntfy.example.org/certificates"
#   header = "Authorization: Bearer SECRET"
set -eu
printf '%s' "$summary" |
    curl --fail --silent --show-error --output /dev/null --max-time 25 --retry 2 --config "$1" \
        --header "Title: certificates of $(uname -n)" --header 'Priority: high' --header 'Tags: lock,warning' \
        --data-binary @-
