#!/bin/bash
# A Dehydrated hook that notes each call in $RECORD, and fails at call number $FAIL_NUMBER of the operation $FAIL_AT; the
# name $FORGET it leaves unpublished. It talks to the test DNS server without starting another program.
printf '%s %s\n' "$1" "${2%%$'\n'*}" >>"$RECORD"
operation=$1 name=${2-} value=${4-}
if [ "$operation" = "${FAIL_AT-}" ] && [ "$(grep -c "^$operation " "$RECORD")" = "$FAIL_NUMBER" ]; then
    echo "the provider says no to $operation" >&2
    exit 3
fi
case $operation in
deploy_challenge) path=set-txt ;;
clean_challenge) path=clear-txt ;;
*) exit 0 ;;
esac
[ "$name" != "${FORGET-}" ] || exit 0
body="{\"host\": \"_acme-challenge.$name.\", \"value\": \"$value\"}"
exec 3<>"/dev/tcp/127.0.0.1/$BENCH_DNS_PORT" || exit 1
printf 'POST /%s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s' "$path" "${#body}" "$body" >&3
read -r -u 3 status
[[ $status == *" 200 "* ]]
