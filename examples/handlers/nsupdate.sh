#!/bin/sh
# dns-01 and dns-account-01 by dynamic updates (RFC 2136) signed with a TSIG key: BIND, Knot, PowerDNS, NSD's masters and others.
#     NSUPDATE_KEY_FILE   the key, as tsig-keygen prints it
#     NSUPDATE_SERVER     host, and port if it is not 53; without it the zone's primary
#     NSUPDATE_ZONE       the zone; without it what the server says
set -eu
key=${NSUPDATE_KEY_FILE:-/etc/letsencrypt/nsupdate.key}

update() {
    {
        [ -z "${NSUPDATE_SERVER:-}" ] || echo "server $NSUPDATE_SERVER"
        [ -z "${NSUPDATE_ZONE:-}" ] || echo "zone $NSUPDATE_ZONE"
        echo "update $1"
        echo send
    } | nsupdate -v -t 30 -k "$key"
}

case $1 in
perform)
    case $cbot_type in
    dns-01 | dns-account-01) ;;
    *) echo "this handler does DNS only: --preferred-challenges dns" >&2 && exit 1 ;;
    esac
    update "add $cbot_txt_domain. 60 TXT \"$cbot_validation\""
    ;;
cleanup)
    # Of another type, nothing was published.
    case $cbot_type in dns-01 | dns-account-01) ;; *) exit 0 ;; esac
    # This value only: a wildcard and its base name have one each, at the same name.
    update "delete $cbot_txt_domain. TXT \"$cbot_validation\""
    ;;
*) echo NotImplemented && exit 1 ;;
esac
