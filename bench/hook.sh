#!/bin/bash
# One script for both sides: this plugin's native dialect, and Certbot's --manual hooks, which give the same two facts
# under other names. It talks to the test DNS server without starting another program, so that what is measured is how
# the script is started and not what it does.
operation=$1
case $operation in
perform) path=set-txt ;;
cleanup) path=clear-txt ;;
*) exit 0 ;;
esac
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
body="{\"host\": \"$name.\", \"value\": \"${validation-${CERTBOT_VALIDATION-}}\"}"
exec 3<>"/dev/tcp/127.0.0.1/$BENCH_DNS_PORT" || exit 1
printf 'POST /%s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s' "$path" "${#body}" "$body" >&3
read -r -u 3 status
[ "$BENCH_HOOK_SECONDS" = 0 ] || sleep "$BENCH_HOOK_SECONDS"
[[ $status == *" 200 "* ]]
