#!/bin/sh
# A hook of Dehydrated's that changes a zone with nsupdate, and has the fault that $FAULT names.
# SERVER: "address port". KEY_FILE: a TSIG key.
operation=$1
shift
name=_acme-challenge.$1

dig() { command dig "@${SERVER% *}" -p "${SERVER#* }" +short +tries=1 "$name" TXT; }

change() {
    echo "server $SERVER"
    case "$operation $FAULT" in
    "deploy_challenge replaces" | "deploy_challenge unchained" | "clean_challenge removes-all")
        echo "update delete $name TXT"
        ;;
    esac
    while [ $# -ge 3 ]; do
        case $operation in
        deploy_challenge) echo "update add _acme-challenge.$1 1 TXT \"$3\"" ;;
        clean_challenge) echo "update delete _acme-challenge.$1 TXT \"$3\"" ;;
        esac
        [ "$FAULT" != unchained ] || break
        shift 3
    done
    echo send
}

update() { change "$@" | nsupdate -k "$KEY_FILE"; }

case "$operation $FAULT" in
"deploy_challenge nothing" | "clean_challenge leaves") exit 0 ;;
"deploy_challenge hangs") sleep 600 ;;
"deploy_challenge silent") exit 1 ;;
"deploy_challenge tells") echo "the password is $PASSWORD"; exit 1 ;;
"deploy_challenge dash")
    # As a program that takes it for an option.
    printf '%s\n' "$3" | grep -q '^[^-]' || { echo "unknown option $3" >&2; exit 2; }
    update "$@"
    ;;
"deploy_challenge interrupted" | "deploy_challenge interrupted-twice")
    update "$@"
    touch "$MARK/publishing"
    sleep 600
    ;;
"clean_challenge interrupted-twice")
    touch "$MARK/cleaning"
    sleep 600
    ;;
"clean_challenge slow")
    touch "$MARK/cleaning"
    sleep 1
    update "$@"
    ;;
"clean_challenge untidy")
    # The value is removed, and a program in the background holds the pipe.
    update "$@"
    sleep 5 &
    exit 1
    ;;
"clean_challenge once")
    dig | grep -q -e "$3" || { echo "there is no record $3" >&2; exit 1; }
    update "$@"
    ;;
"deploy_challenge "* | "clean_challenge "*) update "$@" ;;
esac
