#!/bin/sh
# http-01 on a web server that is reached by ssh; the certificate goes there too.
#     SSH_HOST     a host as ssh knows it: user, port and key are best written into ~/.ssh/config
#     SSH_FOLDER   its folder for challenges; SSH_CERTIFICATES: for certificates; SSH_RELOAD: what then reloads it
#     SSH_CONFIG   another configuration than ~/.ssh/config
set -eu
folder=${SSH_FOLDER:-/var/www/html/.well-known/acme-challenge}

remote() {
    # Never asks anything: there is nobody at a renewal.
    ssh ${SSH_CONFIG:+-F "$SSH_CONFIG"} -o BatchMode=yes -o ConnectTimeout=20 "$SSH_HOST" "$1"
}

case $1 in
perform)
    [ "$cbot_type" = http-01 ] || { echo "this handler does http-01 only: --preferred-challenges http" >&2 && exit 1; }
    printf %s "$cbot_key_auth" | remote "umask 022; cat >'$folder/$cbot_token'"
    ;;
cleanup)
    # Of another type, nothing was published.
    [ "$cbot_type" = http-01 ] || exit 0
    remote "rm -f '$folder/$cbot_token'" </dev/null
    ;;
deploy_cert)
    [ -n "${SSH_CERTIFICATES:-}" ] || { echo NotImplemented && exit 1; }
    # Read first: of a pipe, only the last program's exit code counts.
    pem=$(cat "$cbot_fullchain_path" "$cbot_key_path")
    # In one step, so that no reload sees one half of the old and one of the new.
    printf '%s\n' "$pem" | remote "
        umask 077
        cat >'$SSH_CERTIFICATES/$cbot_lineage.new'
        mv '$SSH_CERTIFICATES/$cbot_lineage.new' '$SSH_CERTIFICATES/$cbot_lineage.pem'
        ${SSH_RELOAD:-:}"
    ;;
*) echo NotImplemented && exit 1 ;;
esac
