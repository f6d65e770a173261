#!/bin/sh
# Makes .venv, the project's own virtual environment, and brings it up to date.
# Does nothing, and needs no network, when that was done already for this folder, interpreter and pyproject.toml.
set -eu
cd -- "$(dirname -- "$0")/.."
python=${PYTHON:-python3}
sh scripts/need.sh python

# An environment cannot be moved, nor be given another interpreter.
base=$("$python" -c 'import os, sys, sysconfig; print(sys.version.split()[0], sysconfig.get_path("stdlib"), os.getcwd())')
# The version is in here because an editable install keeps a copy of it.
content=$(cat pyproject.toml setup.py certbot_external_auth/__init__.py scripts/venv.sh | cksum)

if ! [ -f .venv/made-for ] || [ "$(cat .venv/made-for)" != "$base" ]; then
    echo "== making .venv ($("$python" --version))"
    rm -rf .venv
    "$python" -m venv .venv
    printf '%s\n' "$base" >.venv/made-for
fi
if ! [ -f .venv/installed ] || [ "$(cat .venv/installed)" != "$content" ]; then
    echo "== installing the plugin and the tools of its tests into .venv"
    pip() { .venv/bin/python -m pip install -qq --disable-pip-version-check "$@" </dev/null; }
    # Since 70.1 setuptools makes wheels by itself, which an editable install without build isolation needs.
    pip 'setuptools>=70.1'
    pip --no-build-isolation --editable '.[test,lint,dev]'
    printf '%s\n' "$content" >.venv/installed
fi
