#!/bin/sh
# Prints a version's section of CHANGELOG.md:
#     release_text.sh VERSION
# Fails if the package has another version, or if the section is missing or empty.
set -eu
cd -- "$(dirname -- "$0")/.."
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' certbot_external_auth/__init__.py)
[ "$1" = "$version" ] || { echo "The package has version $version, not $1." >&2; exit 1; }
text=$(awk -v heading="## [$1]" 'index($0, "## ") == 1 { inside = index($0, heading) == 1; next } inside' CHANGELOG.md)
[ -n "$(printf %s "$text" | tr -d '[:space:]')" ] || { echo "CHANGELOG.md has no section [$1]." >&2; exit 1; }
printf '%s\n' "$text"
