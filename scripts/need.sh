#!/bin/sh
# Makes sure that the programs which no Python package brings are there:
#     need.sh python    an interpreter that can make virtual environments
#     need.sh pebble    the test CA and its DNS server
#     need.sh new-pebble    one of Debian's next release, which knows newer challenge types; nothing fails without it
#     need.sh openssl nginx haproxy    what the examples are tried with
#     need.sh bind      a name server that takes dynamic updates
#     need.sh web       the other web servers that answer without files
#     need.sh knot      one of another hand
#     need.sh unbound   a resolver that checks signatures
#     need.sh prometheus    Prometheus with promtool, and node_exporter
#     need.sh dnsmasq   a resolver that remembers, and hands on what it is told
#     need.sh hooks     hooks that Debian ships, and PowerDNS, for which one of them is
#     need.sh public-hooks    hooks that others published, and tinydns, for which one of them is
#     need.sh acme-sh   acme.sh, for its scripts for DNS providers
#     need.sh dns-tools    tools that read the records which `persist` prints
#     need.sh second-ca    an ACME server by other people than Pebble
#     need.sh engines   libraries and a Certbot plugin that reach DNS providers: certbot-dns-multi, dns-lexicon
#     need.sh ssh       an SSH server and client
#     need.sh ansible jq puppet    the tools whose drivers are run here
#     need.sh ansible-oldest    the oldest ansible-core for which the collection is, that of Debian 12
#     need.sh ansible-quality   what judges an Ansible collection
#     need.sh strace    what makes calls of the system fail
#     need.sh deb     what builds and judges a Debian package
#     need.sh git    what tells the files of a checkout from those that lie about
#     need.sh debootstrap    what makes whole Debian systems
#     need.sh namespaces    what makes hosts out of namespaces: ip, unshare
#     need.sh tmux      terminals for mode manual: tmux, and script
#     need.sh clients   the clients whose hooks are run here: dehydrated, lego, uacme, acmetool
# Installs what is missing if it may, else says in one sentence what to install.
set -eu
python=${PYTHON:-python3}

may_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1
}

get() {
    # Some of the hooks are examples, or stand in a manual, which small images leave out.
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        -o 'DPkg::Options::=--path-include=/usr/share/doc/*/examples/*' \
        -o 'DPkg::Options::=--path-include=/usr/share/doc/*/html/_sources/*' "$@" </dev/null >/dev/null
}

install() {
    what=$1
    shift
    if ! may_install; then
        echo "$what is missing: install it (Debian, Ubuntu: 'apt-get install $*' as root) and run the same command again." >&2
        exit 1
    fi
    echo "== installing $*"
    # The second try is for lists of packages that were never fetched, or are out of date.
    get "$@" 2>/dev/null || { apt-get update -qq </dev/null && get "$@"; } ||
        { echo "apt-get could not install $*: see above; install $what by hand and run the same command again." >&2; exit 1; }
}

environment() {
    # environment NAME WHAT PIP-ARGUMENT…: a virtual environment .tools/NAME with packages, whose dependencies are many and
    # are not ours. It is made again when the arguments, or files among them, have changed.
    name=$1 what=$2
    shift 2
    wanted=$(for word; do if [ -f "$word" ]; then cat "$word"; else printf '%s\n' "$word"; fi; done | cksum)
    [ "$(cat ".tools/$name/made-for" 2>/dev/null)" != "$wanted" ] || return 0
    echo "== installing $what into .tools/$name"
    rm -rf ".tools/$name"
    "$python" -m venv ".tools/$name"
    ".tools/$name/bin/python" -m pip install -qq --disable-pip-version-check "$@" </dev/null
    printf '%s\n' "$wanted" >".tools/$name/made-for"
}

from_sid() {
    # from_sid PACKAGE[=VERSION] FOLDER: unpacks a package of Debian sid. The lists of sid have a folder of their own, so
    # that apt-get installs nothing from there. Its name has no blank, which apt-get would not take.
    mirror=$(apt-get indextargets --format '$(REPO_URI)' | grep '/debian/*$' | head -n 1)
    [ -n "$mirror" ] || return 1
    folder=$(mktemp -d) || return 1
    mkdir -p "$folder/lists/partial" "$folder/archives/partial" "$2"
    printf 'Types: deb\nURIs: %s\nSuites: sid\nComponents: main\nSigned-By: %s\n' "$mirror" \
        /usr/share/keyrings/debian-archive-keyring.gpg >"$folder/sid.sources"
    aside() {
        apt-get -qq -o "Dir::Etc::sourcelist=$folder/sid.sources" -o Dir::Etc::sourceparts=- \
            -o "Dir::State::lists=$folder/lists" -o "Dir::Cache=$folder" -o Debug::NoLocking=1 "$@" </dev/null
    }
    aside update && (cd "$folder" && aside download "$1") && dpkg -x "$folder/${1%%=*}"_*.deb "$2"
    ended=$?
    rm -rf "$folder"
    return "$ended"
}

for need; do
    case $need in
    python)
        if ! command -v "$python" >/dev/null 2>&1; then
            [ "$python" = python3 ] || {
                echo "There is no program '$python': PYTHON must name a Python 3.10 or newer." >&2
                exit 1
            }
            install "Python" python3 python3-venv
        fi
        "$python" -c 'import ensurepip, venv' 2>/dev/null || install "Python's venv module" python3-venv
        "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || {
            echo "$("$python" --version) is too old, Python 3.10 or newer is needed: name another one with 'make PYTHON=/path/to/python3.11 …'." >&2
            exit 1
        }
        ;;
    pebble)
        { command -v pebble && command -v pebble-challtestsrv; } >/dev/null 2>&1 ||
            install "Pebble (the test CA: pebble and pebble-challtestsrv)" pebble
        ;;
    new-pebble)
        # Only unpacked: it must not take the place of the one that all other tests use.
        version=$(cat tests/constraints/new-pebble.txt)
        if [ "$(cat .tools/new-pebble/made-for 2>/dev/null)" != "$version" ]; then
            echo "== unpacking Pebble $version into .tools/new-pebble"
            rm -rf .tools/new-pebble
            if from_sid "pebble=$version" .tools/new-pebble >/dev/null 2>&1; then
                printf '%s\n' "$version" >.tools/new-pebble/made-for
            else
                rm -rf .tools/new-pebble
                echo "Debian no longer has Pebble $version (tests/constraints/new-pebble.txt), or cannot be reached: tests of dns-account-01 and dns-persist-01 will be skipped." >&2
            fi
        fi
        ;;
    openssl)
        command -v openssl >/dev/null 2>&1 || install "OpenSSL's program" openssl
        ;;
    nginx)
        # Debian's stream module is a package of its own; others have it built in.
        { [ -x /usr/sbin/nginx ] || command -v nginx; } >/dev/null 2>&1 &&
            { [ -e /usr/lib/nginx/modules/ngx_stream_module.so ] || ! [ -e /etc/debian_version ]; } ||
            install "nginx with its stream module" nginx-light libnginx-mod-stream
        ;;
    haproxy)
        { [ -x /usr/sbin/haproxy ] || command -v haproxy; } >/dev/null 2>&1 || install "HAProxy" haproxy
        ;;
    web)
        command -v /usr/sbin/apache2 >/dev/null 2>&1 || install "Apache (without a service)" apache2-bin
        command -v caddy >/dev/null 2>&1 || install "Caddy" caddy
        ;;
    knot)
        { [ -x /usr/sbin/knotd ] || command -v knotd; } >/dev/null 2>&1 || install "Knot DNS (the name server knotd)" knot
        ;;
    unbound)
        { [ -x /usr/sbin/unbound ] || command -v unbound; } >/dev/null 2>&1 || install "unbound (a resolver)" unbound
        ;;
    prometheus)
        { command -v promtool && command -v prometheus-node-exporter; } >/dev/null 2>&1 ||
            install "Prometheus, and its node_exporter" prometheus prometheus-node-exporter
        ;;
    dnsmasq)
        { [ -x /usr/sbin/dnsmasq ] || command -v dnsmasq; } >/dev/null 2>&1 || install "dnsmasq" dnsmasq-base
        ;;
    bind)
        { [ -x /usr/sbin/named ] || command -v named; } >/dev/null 2>&1 && command -v nsupdate >/dev/null 2>&1 ||
            install "BIND (the name server named, and nsupdate)" bind9 bind9-dnsutils
        ;;
    hooks)
        { [ -x /usr/sbin/pdns_server ] || command -v pdns_server; } >/dev/null 2>&1 &&
            [ -e /usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql ] ||
            install "PowerDNS with its SQLite backend" pdns-server pdns-backend-sqlite3
        for hook in lexicon/examples/dehydrated.default.sh acmetool/examples/dns.hook; do
            [ -e "/usr/share/doc/$hook" ] || install "The hook of ${hook%%/*}" --reinstall "${hook%%/*}"
        done
        [ -e /usr/share/dehydrated-hook-ddns-tsig/dehydrated-hook-ddns-tsig.py ] ||
            install "The hook dehydrated-hook-ddns-tsig" dehydrated-hook-ddns-tsig
        [ -e /usr/share/uacme/nsupdate.sh ] || install "The hook of uacme" --reinstall uacme
        command -v ip >/dev/null 2>&1 || install "The program ip" iproute2
        ;;
    public-hooks)
        # In an environment of their own, as their users have them.
        wanted=$(cat tests/constraints/public-hooks.txt tests/constraints/public-hooks-libraries.txt | cksum)
        if [ "$(cat .tools/public-hooks/made-for 2>/dev/null)" != "$wanted" ]; then
            echo "== installing public hooks into .tools/public-hooks"
            rm -rf .tools/public-hooks
            "$python" -m venv .tools/public-hooks
            pip() { .tools/public-hooks/bin/python -m pip install -qq --disable-pip-version-check "$@" </dev/null; }
            pip --require-hashes --no-deps --only-binary :all: -r tests/constraints/public-hooks.txt
            pip -r tests/constraints/public-hooks-libraries.txt
            printf '%s\n' "$wanted" >.tools/public-hooks/made-for
        fi
        [ -e /usr/share/doc/acmetool/examples/tinydns.hook ] || install "The hook of acmetool" --reinstall acmetool
        [ -e /usr/share/doc/python3-certbot/html/_sources/using.rst.txt ] ||
            install "Certbot's manual, in which a hook stands" --reinstall python-certbot-doc
        [ -x /usr/sbin/tinydns ] || install "The name server tinydns" tinydns
        command -v curl >/dev/null 2>&1 || install "The program curl" curl
        command -v dig >/dev/null 2>&1 || install "The program dig" bind9-dnsutils
        ;;
    acme-sh)
        # Debian has it since 2026, in sid. It is a tree of scripts, so it needs nothing else of sid.
        if ! [ -e .tools/acme.sh/acme.sh ]; then
            echo "== unpacking acme.sh of Debian sid into .tools/acme.sh"
            rm -rf .tools/acme.sh .tools/sid
            if from_sid acme.sh .tools/sid >/dev/null 2>&1; then
                mv .tools/sid/usr/share/acme.sh .tools/acme.sh
            else
                echo "acme.sh cannot be had from Debian sid: the tests of acme.sh will be skipped." >&2
            fi
            rm -rf .tools/sid
        fi
        ;;
    dns-tools)
        environment dns-tools "octoDNS and a parser of HCL" -r tests/constraints/dns-tools.txt
        { [ -x /usr/bin/named-checkzone ] || command -v named-checkzone; } >/dev/null 2>&1 ||
            install "The program named-checkzone" bind9-utils
        ;;
    second-ca)
        environment second-ca acme2certifier -r tests/constraints/second-ca.txt
        ;;
    engines)
        # In a folder that is searched only by tests that ask for it. What .venv has as well is not in it.
        wanted=$("$python" --version; cksum <tests/constraints/engines.txt)
        if [ "$(cat .tools/engines/made-for 2>/dev/null)" != "$wanted" ]; then
            echo "== installing engines of DNS providers into .tools/engines"
            rm -rf .tools/engines
            "$python" -m pip install -qq --disable-pip-version-check --no-deps --only-binary :all: \
                --target .tools/engines -r tests/constraints/engines.txt </dev/null
            printf '%s\n' "$wanted" >.tools/engines/made-for
        fi
        ;;
    ssh)
        { [ -x /usr/sbin/sshd ] || command -v sshd; } >/dev/null 2>&1 && command -v ssh >/dev/null 2>&1 ||
            install "OpenSSH, server and client" openssh-server openssh-client
        ;;
    puppet)
        command -v puppet >/dev/null 2>&1 || install "Puppet" puppet-agent
        ;;
    jq)
        command -v jq >/dev/null 2>&1 || install "jq" jq
        ;;
    ansible)
        environment ansible Ansible ansible-core
        ;;
    ansible-oldest)
        environment ansible-oldest "the oldest ansible-core" 'ansible-core==2.14.*'
        ;;
    ansible-quality)
        environment ansible-quality "ansible-lint and others" ansible-lint antsibull-changelog antsibull-docs
        ;;
    tmux)
        command -v tmux >/dev/null 2>&1 || install "tmux, a terminal whose screen can be read" tmux
        command -v script >/dev/null 2>&1 || install "The program script" bsdutils
        ;;
    clients)
        for client in dehydrated lego uacme acmetool; do
            command -v "$client" >/dev/null 2>&1 || install "The ACME client $client" "$client"
        done
        ;;
    deb)
        set -- bash-completion debhelper dh-python help2man lintian pybuild-plugin-pyproject python3-all python3-certbot \
            python3-dnspython python3-rich python3-setuptools python3-shtab python3-wheel python3-zope.interface systemd
        [ "$(dpkg-query -W -f '${db:Status-Status}\n' "$@" 2>/dev/null | grep -cx installed)" = $# ] ||
            install "What builds a Debian package" "$@"
        ;;
    git)
        command -v git >/dev/null 2>&1 || install "git" git
        ;;
    debootstrap)
        command -v debootstrap >/dev/null 2>&1 || install "debootstrap" debootstrap
        ;;
    namespaces)
        command -v ip >/dev/null 2>&1 || install "The program ip" iproute2
        command -v unshare >/dev/null 2>&1 || install "The program unshare" util-linux
        ;;
    strace)
        command -v strace >/dev/null 2>&1 || install "strace" strace
        ;;
    *)
        echo "need.sh: unknown need '$need'" >&2
        exit 2
        ;;
    esac
done
