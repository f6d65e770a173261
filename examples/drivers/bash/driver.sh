#!/bin/bash
# driver.sh PROGRAM VERB [CERTBOT'S ARGUMENTS...]
# Starts Certbot and does what its JSON lines ask for, by calling PROGRAM; see ../README.md.
set -u
program=$1
shift
mode=(--external-auth-mode json)
# At renewal the mode is in the renewal file.
[ "$1" = renew ] && mode=()

# Named pipes, since bash forgets those of a coprocess that has ended, with the lines in them still unread.
pipes=$(mktemp -d) || exit 1
mkfifo -m 600 "$pipes/answers" "$pipes/lines" || exit 1
certbot "$@" -n ${mode[@]+"${mode[@]}"} <"$pipes/answers" >"$pipes/lines" &
certbot=$!
exec 9>"$pipes/answers" 8<"$pipes/lines"
rm -r "$pipes"
trap 'kill "$certbot"' INT TERM HUP

declare -A place
ok=false

# value PATH: of the line.
value() { jq -r "$1" <<<"$line"; }

# answer ID COMMAND...: do it, and say how it went. What it prints belongs to stderr.
answer() {
    local id=$1
    shift
    if "$@" 8<&- 9>&- >&2 </dev/null; then
        jq -nc --arg id "$id" '{$id, ok: true}'
    else
        jq -nc --arg id "$id" --arg code "exit.$?" --arg message "$* failed" '{$id, ok: false, error: {$code, $message}}'
    fi >&9
}

while IFS= read -r line <&8; do
    # @sh quotes each value, so that nothing in a line is run.
    values=$(jq -r '@sh "cmd=\(.cmd) id=\(.id // "") domain=\(.domain // "") type=\(.type // "") validation=\(.validation // "")"' <<<"$line" 2>/dev/null) || values=
    # Certbot's own, before the first line.
    [ -n "$values" ] || { echo "$line" >&2 && continue; }
    eval "$values"
    case $cmd in
    hello)
        case $(value .protocol) in
        1.*) ;;
        *) echo "This protocol is not understood: $line" >&2 && exit 1 ;;
        esac
        ;;
    perform_challenge)
        place[$id]=$(value '.txt_target // .txt_domain // empty')
        if [ "$type" = dns-01 ]; then
            answer "$id" "$program" add "${place[$id]}" "$validation"
        else
            answer "$id" false
        fi
        ;;
    cleanup) answer "$id" "$program" remove "${place[$id]:-_acme-challenge.$domain}" "$validation" ;;
    deploy_cert)
        answer "$id" "$program" deploy "$(value '.lineage // .domain')" "$(value .fullchain_path)" "$(value .key_path)"
        ;;
    error) jq -r '"\(.code): \(.message)"' <<<"$line" >&2 ;;
    summary) ok=$(value .ok) ;;
    esac
done

trap - INT TERM HUP
wait "$certbot"
code=$?
# A stream without a summary crashed.
[ "$ok" = true ] && exit "$code"
exit $((code ? code : 1))
