#!/bin/sh
# Installs what tests/ground_truth needs: octokit's recordings and descriptions of GitHub's API, Debian's
# gh, and PyGithub. Usage: scripts/ground-truth.sh [VENV]   (default .venv)
set -eu
cd "$(dirname "$0")/.."
venv=${1:-.venv}

fail() {
    echo "ground-truth: $1" >&2
    exit 1
}

installed() { # name, version
    grep -qs "\"version\": \"$2\"" ".cache/npm/node_modules/@octokit/$1/package.json"
}

need() { # program, Debian package
    command -v "$1" >/dev/null && return
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || fail "$1 is missing; install it: sudo apt-get install $2"
    { apt-get install -y --no-install-recommends "$2" || {
        apt-get update && apt-get install -y --no-install-recommends "$2"
    }; } >/dev/null || fail "apt-get could not install $2"
}

[ -x "$venv/bin/python" ] || fail "no virtual environment in $venv; make one: python3 -m venv $venv"
need gh gh
if ! installed fixtures 23.1.2 || ! installed openapi 23.0.2; then
    need npm npm
    mkdir -p .cache/npm
    npm install --prefix .cache/npm --no-save --ignore-scripts --no-audit --no-fund --loglevel=error \
        @octokit/fixtures@23.1.2 @octokit/openapi@23.0.2 || fail "npm could not install octokit's packages"
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check "PyGithub>=2.10,<3" "jsonschema>=4.20" ||
    fail "pip could not install PyGithub and jsonschema"
