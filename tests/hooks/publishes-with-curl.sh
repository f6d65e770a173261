#!/bin/sh
# Publishes as another user, who may not be able to read the Python of the tests. Writes down who it is.
set -eu
echo "$1 $(id -un) $HOME" >>"$RECORD"
name=${cbot_txt_domain-}.
case $1 in
    perform)
        curl -sSf -o /dev/null "$CHALLTESTSRV/set-txt" -d "{\"host\": \"$name\", \"value\": \"$cbot_validation\"}"
        if [ -n "${HANGS-}" ]; then
            echo published >>"$RECORD"
            sleep 600
        fi
        ;;
    cleanup) curl -sSf -o /dev/null "$CHALLTESTSRV/clear-txt" -d "{\"host\": \"$name\"}" ;;
    deploy_cert) [ -r "$cbot_key_path" ] ;;
esac
