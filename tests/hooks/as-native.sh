#!/bin/sh
# Becomes the script that $SCRIPT names, called as the dialect `native` has it: for Certbot's --manual, told `auth` or
# `cleanup`, and for Dehydrated.
case $1 in
auth | cleanup) export domain="$CERTBOT_DOMAIN" validation="$CERTBOT_VALIDATION" ;;
deploy_challenge | clean_challenge) export domain="$2" validation="$4" ;;
*) exit 0 ;;
esac
touch "$RECORD.called"
export type=dns-01
case $1 in
auth | deploy_challenge) exec "$(dirname "$0")/$SCRIPT" perform ;;
*) exec "$(dirname "$0")/$SCRIPT" cleanup ;;
esac
