#!/usr/bin/env sh
# Build the wheel of this tree, install it beside nothing, and make a picture with it, as README.md says. In a bare root:
#
#   sudo tests/fresh/bare_root.sh FOLDER tests/fresh/wheel.sh
#   tests/fresh/wheel.sh dist/danqing-X.Y.Z-py3-none-any.whl     this very wheel, built before
#
# Runs anywhere else as well, and leaves nothing behind. Needs Python 3.11 with venv, and pip's index.
set -eu

TREE=$(cd "$(dirname "$0")/../.." && pwd)
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
[ $# = 0 ] || cp "$1" "$WORK"
cd "$WORK"

pip() { "$1/bin/python" -m pip --disable-pip-version-check --quiet install --constraint "$TREE/constraints.txt" "$2"; }

echo '== the wheel'
if [ $# = 0 ]; then
  "${PYTHON:-python3}" -m venv builder
  pip builder build
  builder/bin/python -m build --wheel --outdir . "$TREE" >build.log 2>&1 || { cat build.log; exit 1; }
fi
wheel=$(echo danqing-*.whl)
echo "$wheel"

echo '== pip install'
"${PYTHON:-python3}" -m venv installed
pip installed "./$wheel[embedded,video]"
PATH="$WORK/installed/bin:$PATH"
danqing --version
[ "$(danqing --version)" = "danqing $(echo "$wheel" | cut -d- -f2)" ]
danqing --help | grep -q generate

echo '== danqing generate'
mkdir shop && cd shop
# Of a server that may run on this machine it would be somebody else's picture.
danqing generate --embedded "a hill in the mist, ink on paper" -o hill.jpg
python3 - <<'EOF'
with open("hill.jpg", "rb") as file:
    body = file.read()
if not (body.startswith(b"\xff\xd8") and body.rstrip(b"\0").endswith(b"\xff\xd9") and len(body) > 10_000):
    raise SystemExit(f"hill.jpg is no whole JPEG: {len(body)} bytes")
print(f"hill.jpg: a whole JPEG of {len(body)} bytes")
EOF

echo '== danqing check, doctor'
danqing check
danqing doctor || case $? in 1|7) ;; *) exit 1 ;; esac # it may find something to say about this machine; no server runs
echo '== all of it works'
