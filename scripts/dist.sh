#!/bin/sh
# Builds wheel and source distribution from the files of this checkout, and leaves them in dist/.
set -eu
cd -- "$(dirname -- "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git ls-files -z | tar -c --null -T - | tar -x -C "$folder"
.venv/bin/python -m build --no-isolation --outdir dist "$folder" >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
ls dist/*.whl dist/*.tar.gz
