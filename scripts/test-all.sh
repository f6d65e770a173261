#!/bin/sh
# Every test on every Python found, and every old Certbot on the Python it is tried with.
set -eu
cd -- "$(dirname -- "$0")/.."

find_python() {
    for candidate in "$(command -v "python$1" || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"$1".*/bin/"python$1"; do
        # pyenv puts a python3.x on PATH that only says it is not selected.
        if [ -n "$candidate" ] && "$candidate" -c 'import ensurepip' 2>/dev/null; then
            printf '%s' "$candidate"
            return
        fi
    done
}

environments= missing=
set --
for version in 3.10 3.11 3.12 3.13 3.14; do
    found=$(find_python "$version")
    if [ -n "$found" ]; then
        echo "== Python $version: $found"
        set -- "$@" "$found"
        environments="$environments,py$(echo "$version" | tr -d .)"
    else
        echo "== Python $version: not found, not tested"
        missing="$missing $version"
    fi
done

status=0
[ $# = 0 ] || set -- --discover "$@"
.venv/bin/python -m tox run "$@" -e "certbot42,certbot211,debian12,debian13$environments" </dev/null || status=$?
[ -z "$missing" ] || echo "== not found, so not tested: Python$missing"
exit "$status"
