#!/bin/bash
# One script for all sides: this plugin's native dialect, Certbot's --manual hooks (the same facts under other names),
# Dehydrated's contract (chained or not), and lego's exec. It talks to the test DNS server without starting another
# program, so that what is measured is how the script is started and not what it does.
ask() { # set-txt|clear-txt, owner name, value
    local body status
    body="{\"host\": \"$2.\", \"value\": \"$3\"}"
    exec 3<>"/dev/tcp/127.0.0.1/$BENCH_DNS_PORT" || return 1
    printf 'POST /%s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s' "$1" "${#body}" "$body" >&3
    read -r -u 3 status
    exec 3>&-
    [[ $status == *" 200 "* ]]
}

triples() { # set-txt|clear-txt, then DOMAIN TOKEN VALUE for each challenge
    local path=$1
    shift
    while [ $# -ge 3 ]; do
        ask "$path" "_acme-challenge.$1" "$3" || return
        shift 3
    done
}

operation=$1
if [[ ${type-} == tls-* ]]; then
    if [ "$operation" = perform ]; then
        for kind in key cert; do
            path=${kind}_path
            printf '%s\n' "$(<"${!path}")" >"$BENCH_TLS_FOLDER/$z_domain.${kind/cert/crt}.pem"
        done
    fi
    exit
fi
name=_acme-challenge.${domain-${CERTBOT_DOMAIN-}}
value=${validation-${CERTBOT_VALIDATION-}}
case $operation/$# in
perform/1) ask set-txt "$name" "$value" ;;
cleanup/1) ask clear-txt "$name" "$value" ;;
deploy_challenge/*) triples set-txt "${@:2}" ;;
clean_challenge/*) triples clear-txt "${@:2}" ;;
present/3) ask set-txt "${2%.}" "$3" ;;
cleanup/3) ask clear-txt "${2%.}" "$3" ;;
*) exit 0 ;;
esac || exit 1
[ "$BENCH_HOOK_SECONDS" = 0 ] || sleep "$BENCH_HOOK_SECONDS"
