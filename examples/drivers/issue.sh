#!/bin/bash
# issue PROGRAM CERTBOT-ARGUMENTS…: a certificate by dns-01 in two steps, for tools that run one command.
# issue --current CERT: whether a certificate (…/live/NAME/cert.pem) has 30 days left and was handed over.
# PROGRAM is called as README.md says. Needs bash 4.4 or newer and jq. Ends with 0 if the certificate is there, new or
# not due, and was handed over; else the last line says why. Certbot's folders are its usual ones, or below $LETSENCRYPT.
set -euo pipefail

# stamp FILE-OF-A-LINEAGE: where the sha256 of the certificate is that was handed over last.
stamp() { local lineage=${1%/*}; echo "${1%/live/*}/deployed/${lineage##*/}"; }

if [ "$1" = --current ]; then
    openssl x509 -noout -checkend 2592000 -in "$2" >/dev/null
    sha256=$(openssl x509 -outform DER -in "$2" | sha256sum)
    [ "${sha256%% *}" = "$(cat "$(stamp "$2")")" ]
    exit
fi

program=$1
shift
folders=() logs=()
if [ -n "${LETSENCRYPT:-}" ]; then
    folders=(--config-dir "$LETSENCRYPT/config" --work-dir "$LETSENCRYPT/work") logs=(--logs-dir "$LETSENCRYPT/logs")
fi
state='' session='' records=''

# step COMMAND…: what it says, and the state; where it says nothing, the one that was.
step() {
    document=$("$@") || true
    local now
    now=$(jq -r .state <<<"$document")
    [ -z "$now" ] || state=$now
}

remove_records() {
    while read -r name value; do
        [ -z "$name" ] || "$program" remove "$name" "$value" </dev/null || echo "$value is left at $name" >&2
    done <<<"$records"
    records=''
}

# Whatever comes between: Certbot's lock is given back, and nothing stays published.
at_exit() {
    case ${session:+$state} in
    waiting | more | working) certbot-external-auth abort "${folders[@]}" "$session" >&2 || true ;;
    esac
    remove_records
}
trap at_exit EXIT

# add_records: publishes the batch; what it says, if anything, is why it could not.
add_records() {
    local other
    other=$(jq -r '[.challenges[] | select(.type | startswith("dns") | not) | .type][0] // empty' <<<"$document")
    if [ -n "$other" ]; then
        echo "the CA offers $other, and this program publishes only DNS records"
        return
    fi
    while read -r name value; do
        if [ -n "$name" ] && ! "$program" add "$name" "$value" </dev/null >&2; then
            echo "$program could not add a record at $name"
            return
        fi
    done <<<"$records"
}

# --resume: where an earlier run was killed, its session goes on.
step certbot-external-auth begin --resume "${folders[@]}" -- certonly "${logs[@]}" "$@"
session=$(jq -r '.session // empty' <<<"$document")
# More than one batch: with --allow-subset-of-names.
while [ "$state" = waiting ] || [ "$state" = more ]; do
    # Where a name is an alias (CNAME), the record belongs at its end.
    records=$(jq -r '.aliases as $to | .txt | to_entries[] | ($to[.key].txt_target // .key) as $name | .value[] |
        "\($name) \(.)"' <<<"$document")
    problem=$(add_records)
    failed=()
    if [ -n "$problem" ]; then
        mapfile -t failed < <(jq -r '.challenges[] | "--failed", .id' <<<"$document")
        failed+=(--message "$problem")
    fi
    step certbot-external-auth finish "${folders[@]}" "$session" "${failed[@]}"
    if [ -z "$document" ]; then exit 1; fi
    remove_records
done
if [ "$state" != done ] && [ "$state" != nothing_due ]; then
    jq -r '.message // "certbot-external-auth printed no document."' <<<"$document" >&2
    exit 1
fi

# A certificate that could not be handed over is handed over by the next run, which finds nothing due.
code=0
while IFS=$'\t' read -r name sha256 fullchain key; do
    stamp=$(stamp "$fullchain")
    if [ -e "$stamp" ] && [ "$sha256" = "$(cat "$stamp")" ]; then continue; fi
    if "$program" deploy "$name" "$fullchain" "$key" </dev/null; then
        mkdir -p "${stamp%/*}"
        echo "$sha256" >"$stamp"
    else
        code=1
    fi
done < <(jq -r '.certificates[] | [.name, .sha256, .fullchain_path, .key_path] | @tsv' <<<"$document")
exit "$code"
