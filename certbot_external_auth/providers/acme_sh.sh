# Adds or removes one TXT record with a script of the acme.sh that is installed on this machine. See acme_sh.py.
# Arguments: acme.sh, the script, the user's account.conf or nothing, add or remove, the name of the record, its zone.
# stdin: see dialect.py.
acme=$1 script=$2 account=$3 operation=$4 name=$5
IFS= read -r value
IFS= read -r _

# Whatever acme.sh and the script write goes here. /tmp, because acme.sh refuses a path with a blank.
umask 077
private=$(mktemp -d /tmp/certbot-external-auth.XXXXXXXX) || exit 1
cat >"$private/domain.conf"

# The script's messages are for the log. Only the state may go to stdout, and it must go there however this ends. If
# Certbot is killed, the log has no reader any more; the script goes on, because it may have added the record already.
exec 3>&1 1>&2
trap 'cat "$private/domain.conf" >&3; rm -rf "$private"' EXIT
trap 'exit 143' HUP INT TERM
trap 'exec >/dev/null 2>&1' PIPE
ln -s "${acme%/*}" "$private/home"
LE_WORKING_DIR=$private/home LE_CONFIG_HOME=$private ACCOUNT_CONF_PATH=${account:-$private/account.conf} NO_TIMESTAMP=1
export LE_WORKING_DIR LE_CONFIG_HOME NO_TIMESTAMP

# acme.sh ends with a call of the function that its arguments name: this one does nothing.
set -- :
. "$acme"
_initpath "" >/dev/null 2>&1
DOMAIN_CONF=$private/domain.conf HTTP_HEADER=$private/http.header LOG_FILE='' SYS_LOG=''
. "$script"

provider=${script##*/dns_}
provider=${provider%.sh}
eval "info=\$dns_${provider}_info"

# Nothing is saved for the account, and no variable of the user's for the domain: what remains is the script's state.
# Encoded, because acme.sh evaluates the file: an answer of the provider must not become a command.
_saveaccountconf() { :; }
_saveaccountconf_mutable() { :; }
_clearaccountconf() { :; }
_clearaccountconf_mutable() { :; }
_savedomainconf() {
    case $info in *" $1 "*) ;; *) _save_conf "$DOMAIN_CONF" "$1" "$2" base64 ;; esac
}

if [ "$operation" = remove ]; then
    "dns_${provider}_rm" "$name" "$value"
else
    "dns_${provider}_add" "$name" "$value"
fi
