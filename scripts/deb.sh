#!/bin/sh
# Builds the Debian package from the files of this checkout, and leaves it in dist/.
# The build has a folder of its own, so that nothing of it stays here, and nothing that lies about here gets in.
set -eu
cd -- "$(dirname -- "$0")/.."
sh scripts/need.sh deb
# Debian's Python, not another one that stands before it.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' certbot_external_auth/__init__.py)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
source=$folder/certbot-external-auth-$version
mkdir "$source"
git ls-files -z -- certbot_external_auth docs examples LICENSE README.md SECURITY.md pyproject.toml setup.py MANIFEST.in packaging/debian |
    tar -c --null -T - | tar -x -C "$source"
mv "$source/packaging/debian" "$source/debian"
# The time of the last commit, so that the same commit gives the same package.
when=$(git log -1 --format=%cD)
cat >"$source/debian/changelog" <<END
certbot-external-auth ($version) unstable; urgency=medium

  * See CHANGELOG.md of the project.

 -- certbot-external-auth maintainers <maintainers@users.noreply.example>  $when
END
(cd "$source" && dpkg-buildpackage --no-sign --build=binary >"$folder/log" 2>&1) || { cat "$folder/log" >&2; exit 1; }
mkdir -p dist
mv "$folder"/*.deb dist/
echo "dist/python3-certbot-external-auth_${version}_all.deb"
