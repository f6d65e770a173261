#!/bin/sh
# Everything that Ansible's own tools have to say about the collection: ansible-lint, the documentation, the changelog,
# the sanity tests, and whether it can be built and installed. They need the collection in a folder of its own, which
# is a checkout.
set -eu
tools=$PWD/.tools/ansible-quality/bin
PATH=$tools:$PATH
export PATH
place=.tools/ansible-lint/ansible_collections/external_auth/certbot
rm -rf .tools/ansible-lint
mkdir -p "$place"
git ls-files -z --cached --others --exclude-standard ansible | tar --null -T - -c -f - | tar -x -f - -C .tools/ansible-lint
cp -R .tools/ansible-lint/ansible/. "$place"
rm -rf .tools/ansible-lint/ansible
ANSIBLE_COLLECTIONS_PATH=$PWD/.tools/ansible-lint
ANSIBLE_HOME=$PWD/.tools/ansible-lint/home
export ANSIBLE_COLLECTIONS_PATH ANSIBLE_HOME
cd "$place"
git init -q .
git add -A
echo "== ansible-lint, profile production"
ansible-lint --offline -q
echo "== antsibull-docs"
antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck .
echo "== antsibull-changelog"
antsibull-changelog lint
echo "== ansible-galaxy"
ansible-galaxy collection build --force --output-path "$ANSIBLE_HOME" >/dev/null
ansible-galaxy collection install --offline -p "$ANSIBLE_HOME/installed" "$ANSIBLE_HOME"/external_auth-certbot-*.tar.gz >/dev/null
echo "== ansible-test sanity"
# ansible-test would download a script that installs pip into its environments. Python's own installer does.
HOME=$ANSIBLE_HOME
export HOME
version=$(sed -n "s/^ *pip='\([0-9.]*\)',$/\1/p" "$tools"/../lib/python3*/site-packages/ansible_test/_internal/python_requirements.py)
mkdir -p "$HOME/.ansible/test/cache"
echo 'import runpy, sys; sys.argv = ["ensurepip"]; runpy.run_module("ensurepip", run_name="__main__")' \
    >"$HOME/.ansible/test/cache/get_pip_$(echo "$version" | tr . _).py"
ansible-test sanity --venv --color no --python "$("$tools/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
