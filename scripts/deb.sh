#!/bin/sh
# Builds the Debian package from the files of this checkout, and leaves it in dist/.
# The build has a folder of its own, so that nothing of it stays here, and nothing that lies about here gets in.
set -eu
cd -- "$(dirname -- "$0")/.."
sh scripts/need.sh deb
[ ! -e .git ] || sh scripts/need.sh git
# Debian's Python, not another one that stands before it.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' certbot_external_auth/__init__.py)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
source=$folder/certbot-external-auth-$version
mkdir "$source"
files() {
    # An unpacked archive has no history, and root may build in a checkout that is another user's.
    if [ -e .git ]; then
        repository ls-files -z -- "$@"
    else
        find "$@" -type f ! -path '*/__pycache__/*' -print0
    fi
}
repository() { git -c safe.directory="$PWD" "$@"; }
files certbot_external_auth docs examples LICENSE README.md SECURITY.md pyproject.toml setup.py MANIFEST.in packaging/debian >"$folder/files"
tar -c --null -T "$folder/files" | tar -x -C "$source"
mv "$source/packaging/debian" "$source/debian"
# The time of the last commit, so that the same commit gives the same package.
if [ -e .git ]; then when=$(repository log -1 --format=%cD); else when=$(date -R -r CHANGELOG.md); fi
cat >"$source/debian/changelog" <<END
certbot-external-auth ($version) unstable; urgency=medium

  * See CHANGELOG.md of the project.

 -- certbot-external-auth maintainers <maintainers@users.noreply.example>  $when
END
# Without -d it wants compilers, which nothing here needs. What is needed is there, see need.sh.
(cd "$source" && dpkg-buildpackage -d --no-sign --build=binary >"$folder/log" 2>&1) || { cat "$folder/log" >&2; exit 1; }
mkdir -p dist
# 'apt install dist/*.deb' shall find one version only.
rm -f dist/python3-certbot-external-auth_*_all.deb
mv "$folder"/*.deb dist/
echo "dist/python3-certbot-external-auth_${version}_all.deb"
