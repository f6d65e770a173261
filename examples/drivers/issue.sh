#!/bin/bash
# issue PROGRAM CERTBOT-ARGUMENTS…: a certificate by dns-01 in two steps, for tools that run one command.
# PROGRAM is called as README.md says. Needs jq. Ends with 0 if the certificate is there, new or not due.
set -euo pipefail
program=$1
shift
code=0
begun=$(certbot-external-auth begin -- certonly "$@") || code=$?
if [ "$code" = 3 ]; then exit 0; fi
if [ "$code" != 0 ]; then
    echo "$begun" >&2
    exit 1
fi
session=$(jq -r .session <<<"$begun")
records=$(jq -r '.txt | to_entries[] | .key as $name | .value[] | "\($name) \(.)"' <<<"$begun")
tidy() { while read -r name value; do [ -z "$name" ] || "$program" remove "$name" "$value"; done <<<"$records"; }
trap tidy EXIT
while read -r name value; do
    [ -z "$name" ] || "$program" add "$name" "$value" || {
        certbot-external-auth abort "$session" >&2
        exit 1
    }
done <<<"$records"
done=$(certbot-external-auth finish "$session") || {
    echo "$done" >&2
    exit 1
}
jq -r '.certificates[] | select(.changed) | "\(.name) \(.fullchain_path) \(.key_path)"' <<<"$done" |
    while read -r name fullchain key; do "$program" deploy "$name" "$fullchain" "$key"; done
