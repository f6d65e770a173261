#!/bin/sh
# Every operation and every type of challenge; keep what you need, and let the last `*)` answer for the rest.
# What is called, with which variables, is in README.md beside this file. Exit 0 is success; what is printed is in
# Certbot's log, and its last lines are in the error if the exit code is another.
set -eu
challenges=${CHALLENGE_FOLDER:-/var/www/html/.well-known/acme-challenge}
tls=${ACME_TLS_FOLDER:-/var/lib/acme-tls}
certificates=${CERTIFICATE_FOLDER:-/etc/ssl/acme}

# A string of a TXT record has 255 characters at most; only records of dns-persist-01 can be longer.
strings() { printf %s "$1" | fold -b -w 255 | sed 's/.*/"&"/' | tr '\n' ' '; }

publish() {
    case $cbot_type in
    dns-*)
        # One more value at this name; never replace what is there already.
        printf 'server %s\nupdate add %s. 60 TXT %s\nsend\n' "${NSUPDATE_SERVER:-localhost}" \
            "$cbot_txt_domain" "$(strings "$cbot_validation")" | nsupdate -k "${NSUPDATE_KEY_FILE:-/etc/letsencrypt/nsupdate.key}"
        ;;
    http-01) (umask 022 && printf %s "$cbot_key_auth" >"$challenges/$cbot_token") ;;
    tls-alpn-01 | tls-sni-01)
        # Served to whoever asks for the server name $cbot_z_domain.
        cp "$cbot_cert_path" "$tls/$cbot_z_domain.crt.pem"
        cp "$cbot_key_path" "$tls/$cbot_z_domain.key.pem"
        ;;
    *) echo "this handler does not know $cbot_type" >&2 && exit 1 ;;
    esac
}

withdraw() {
    # What was published may be gone already, and that is no failure.
    case $cbot_type in
    dns-*)
        printf 'server %s\nupdate delete %s. TXT "%s"\nsend\n' "${NSUPDATE_SERVER:-localhost}" \
            "$cbot_txt_domain" "$cbot_validation" | nsupdate -k "${NSUPDATE_KEY_FILE:-/etc/letsencrypt/nsupdate.key}"
        ;;
    http-01) rm -f "$challenges/$cbot_token" ;;
    tls-*) rm -f "$tls/$cbot_z_domain.crt.pem" "$tls/$cbot_z_domain.key.pem" ;;
    esac
}

case $1 in
pre-perform) echo "to be published: $cbot_domains" ;;
perform) publish ;;
persist) publish ;; # a record that stays: there will be no cleanup for it
post-perform) ;; # all is published: one reload for the whole batch has its place here
pre-cleanup) ;;
cleanup) withdraw ;;
post-cleanup) ;;
deploy_cert)
    (umask 077 && cat "$cbot_fullchain_path" "$cbot_key_path" >"$certificates/.$cbot_lineage.new")
    mv "$certificates/.$cbot_lineage.new" "$certificates/$cbot_lineage.pem"
    # systemctl reload your-server
    ;;
unchanged_cert) echo "$cbot_lineage is good until $cbot_not_after" ;;
*) echo NotImplemented && exit 1 ;;
esac
