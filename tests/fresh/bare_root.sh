#!/usr/bin/env bash
# Make a bare Debian root and run this tree in it, as a person with a new machine would: `make run`, then `make test`.
#
#   sudo tests/fresh/bare_root.sh FOLDER              make the root in FOLDER (once), run both commands there
#   sudo tests/fresh/bare_root.sh FOLDER COMMAND...   the same root, another command: `make test`, `bash`, …
#
# Needs root, Linux and debootstrap. Debian's mirror, pip's index and their certificates are those that this machine is
# set up with. Everything is mounted in a namespace of its own and goes with the script; only FOLDER stays.
set -euo pipefail

# SUITE=trixie, or another that debootstrap knows, has a newer Python.
SUITE=${SUITE:-bookworm}
# What README.md asks for, and nothing else: no curl, no ps, no node, no fonts.
PACKAGES=python3,python3-venv,python3-dev,make,gcc,libc6-dev,git,jq,libcurl4
# Its name since Debian 13, which apt finds by the old one, too; debootstrap does not.
[ "$SUITE" = bookworm ] || PACKAGES=${PACKAGES/libcurl4/libcurl4t64}
TREE=$(cd "$(dirname "$0")/../.." && pwd)

[ $# -ge 1 ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }
[ "$(id -u)" = 0 ] || { echo "$0: only root can make a root" >&2; exit 2; }
command -v debootstrap >/dev/null || { echo "$0: debootstrap is missing; \`apt-get install debootstrap\`" >&2; exit 2; }
mkdir -p "$1"
ROOT=$(cd "$1" && pwd)
shift

# Debian's mirror as apt knows it; debootstrap's own default where apt says nothing.
mirror() {
  apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 2>/dev/null |
    awk -v suite="$SUITE" '$1 == suite && $2 == "main" { print $3; exit }'
}

# The names of local files and folders that pip's settings on this machine hold: certificates, constraints, wheels. An
# index on this disk (…/simple) has its files beside it.
pip_paths() {
  python3 -m pip config list 2>/dev/null | sed "s/^[^=]*=//; s/'//g" | tr ' ' '\n' |
    sed -n 's|^file://||; s|/simple/*$||; s|^/|/|p' | sort -u
}

pip_files() {
  python3 -m pip config debug 2>/dev/null | sed -n 's/^ *\(\/.*\), exists: True$/\1/p'
}

make_root() {
  debootstrap --variant=minbase --include="$PACKAGES" "$SUITE" "$ROOT" $(mirror)
  touch "$ROOT/.made"
}

# Mount one file or folder of this machine at the same place in the root, read-only.
lend() {
  if [ -d "$1" ]; then
    mkdir -p "$ROOT$1"
  else
    mkdir -p "$ROOT$(dirname "$1")"
    [ -e "$ROOT$1" ] || : >"$ROOT$1"
  fi
  mount --bind "$1" "$ROOT$1"
  mount -o remount,bind,ro "$ROOT$1"
}

lay_tree() {
  find "$ROOT/tmp" -mindepth 1 -delete # what an earlier run left
  mkdir -p "$ROOT/danqing"
  # The environment stays, so that a second run need not install again; all else is as git has it, changes included.
  find "$ROOT/danqing" -mindepth 1 -maxdepth 1 ! -name .venv -exec rm -rf {} +
  (cd "$TREE" && git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- \
    --ignore-failed-read -cf - 2>/dev/null) | tar -xf - -C "$ROOT/danqing" --no-same-owner
}

enter() {
  mount --make-rprivate /
  mount -t proc proc "$ROOT/proc"
  mount --rbind /dev "$ROOT/dev"
  lend /etc/resolv.conf
  lend /etc/hosts
  for path in $(pip_files) $(pip_paths); do
    [ ! -e "$path" ] || lend "$path"
  done
  passed=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "TERM=${TERM:-dumb}")
  while IFS= read -r variable; do passed+=("$variable"); done < <(env | grep -iE '^(PIP_|(https?|no)_proxy=|DANQING_|PORT=)' || true)
  exec chroot "$ROOT" env -i "${passed[@]}" sh -c 'cd /danqing && "$@"' sh "$@"
}

both() {
  echo '== make run'
  make run >/tmp/run.txt 2>&1 &
  for _ in $(seq 1200); do
    ! grep -q 'Try it:' /tmp/run.txt || break
    kill -0 $! 2>/dev/null || { cat /tmp/run.txt; exit 1; }
    sleep 0.5
  done
  cat /tmp/run.txt
  kill $!
  wait $! || true
  grep -q 'Try it:' /tmp/run.txt
  echo '== make test'
  make test
}

if [ "${IN_NAMESPACE:-}" ]; then
  unset IN_NAMESPACE
  enter "$@"
fi
[ -e "$ROOT/.made" ] || make_root
lay_tree
[ $# -gt 0 ] || set -- bash -c "set -e; $(declare -f both); both"
IN_NAMESPACE=yes exec unshare --mount --pid --fork --kill-child "$0" "$ROOT" "$@"
