#!/bin/sh
# The program of examples/drivers: works in the test's name server, and notes what it did in $DONE.
# What is to be published at a name with $FAIL_FOR in it gets lost.
case $1$2 in
add*"${FAIL_FOR:-nothing}"*) ;;
*) case $1 in
"${FAIL_AT:-}") echo "the provider says no to $1" >&2; exit 3 ;;
add) curl -sf --noproxy '*' -d "{\"host\": \"$2.\", \"value\": \"$3\"}" "$CHALLTESTSRV/set-txt" ;;
remove) curl -sf --noproxy '*' -d "{\"host\": \"$2.\"}" "$CHALLTESTSRV/clear-txt" ;;
esac ;;
esac
echo "$@" >>"$DONE"
