#!/bin/sh
# Publishes, and can neither withdraw nor deploy.
[ "$1" != cleanup ] || exit 5
[ "$1" != deploy_cert ] || exit 6
exec "${0%/*}/publishes.py" "$@"
