#!/bin/sh
# A handler of the native dialect: the operation is $1, the rest comes in variables.
# This one publishes in the demo's DNS server; yours would talk to your DNS provider here.
set -eu
record=_acme-challenge.${domain-}

dns() {
    python3 -c 'import sys, urllib.request as u; u.urlopen(sys.argv[1], sys.argv[2].encode()).close()' "$DEMO_DNS/$1" "$2"
}

# Only for the demo's screen.
echo "$1|$record|${validation-}|${fullchain_path-}" >>"$DEMO_CALLS"

case $1 in
perform) dns set-txt "{\"host\": \"$record.\", \"value\": \"$validation\"}" ;;
# This server forgets all values of a name at once; a real one must lose only this value.
cleanup) dns clear-txt "{\"host\": \"$record.\"}" ;;
pre-perform | post-perform | pre-cleanup | post-cleanup) ;;
deploy_cert | unchanged_cert) ;;
*) echo NotImplemented && exit 1 ;;
esac
