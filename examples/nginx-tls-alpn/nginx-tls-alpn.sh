#!/bin/sh
# Puts validation certificates where nginx's stream module reads them at each handshake; no reload is needed for them.
# The certificate that is issued does need one: as installer (-i external-auth) this reloads nginx for it.
set -eu
folder=${ACME_TLS_FOLDER:-/var/lib/acme-tls}
case $1 in
perform)
    case $cbot_type in
    tls-*) ;;
    *) echo "this handler answers TLS challenges only: --preferred-challenges tls-alpn-01" >&2 && exit 1 ;;
    esac
    passing=$(mktemp "$folder/.XXXXXX")
    cat "$cbot_cert_path" "$cbot_key_path" >"$passing"
    # nginx's workers read it, and the folder's group is theirs.
    chgrp "$(stat -c %g "$folder")" "$passing"
    chmod 640 "$passing"
    mv "$passing" "$folder/$cbot_z_domain.pem"
    ;;
cleanup) rm -f "$folder/$cbot_z_domain.pem" ;;
deploy_cert) systemctl reload nginx ;;
*) echo NotImplemented && exit 1 ;;
esac
