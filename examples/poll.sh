#!/bin/sh
# Make one picture: submit, poll until it is there, print its URL. Needs curl and jq.
#
#   ./poll.sh "a small boat on a misty river"
#
# DANQING_URL      where the server is (http://localhost:8080)
# DANQING_KEY      your API key, when the server wants one
# DANQING_GIVE_UP  seconds after which this script stops asking (900); the task goes on at the server
#
# Exit code: 0 the picture is there, 1 it failed, 2 wrong usage, 3 given up. What happens meanwhile is said on stderr.
set -eu

URL=${DANQING_URL:-http://localhost:8080}
GIVE_UP_S=${DANQING_GIVE_UP:-900}
[ $# -eq 1 ] || { echo "usage: $0 PROMPT" >&2; exit 2; }

FOLDER=$(mktemp -d)
trap 'rm -rf "$FOLDER"' EXIT
trap 'exit 130' INT TERM
STARTED=$(date +%s)
PATIENCE_S=$GIVE_UP_S
if [ "$PATIENCE_S" -gt 60 ]; then PATIENCE_S=60; fi # for the submission
PAUSE_S=1
SAID=

# Send one request. Leaves the body in $FOLDER/body and the headers in $FOLDER/head, sets CODE (000: no answer).
ask() {
  : >"$FOLDER/head"
  : >"$FOLDER/body"
  CODE=$(curl -s --max-time 60 -o "$FOLDER/body" -D "$FOLDER/head" -w '%{http_code}' \
    -H 'Accept-Language: en' ${DANQING_KEY:+-H "Authorization: Bearer $DANQING_KEY"} "$@") || CODE=000
}

# Print one member of the answer, for example .data.status; nothing when the answer is no JSON.
member() {
  jq -r "$1" "$FOLDER/body" 2>/dev/null || true
}

# Say what happens, once.
tell() {
  if [ "$1" != "$SAID" ]; then echo "$1" >&2; fi
  SAID=$1
}

# Say what trouble the server has.
trouble() {
  if [ "$CODE" = 000 ]; then
    TROUBLE="the server at $URL cannot be reached"
  else
    TROUBLE="the server at $URL answers: $(member '.message // empty') (HTTP $CODE)"
  fi
  tell "$TROUBLE; trying again"
}

# Wait as long as the server says (Retry-After), else twice as long as the last time, at most 30 s.
pause() {
  WISH_S=$(tr -d '\r' <"$FOLDER/head" | sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9][0-9]*\)$/\1/p' | tail -n 1)
  WAIT_S=${WISH_S:-$PAUSE_S}
  LEFT_S=$((STARTED + PATIENCE_S - $(date +%s)))
  if [ "$LEFT_S" -le 0 ]; then
    echo "given up after $PATIENCE_S s: $1" >&2
    exit 3
  fi
  if [ "$WAIT_S" -gt "$LEFT_S" ]; then WAIT_S=$LEFT_S; fi
  sleep "$WAIT_S"
  PAUSE_S=$((PAUSE_S * 2))
  if [ "$PAUSE_S" -gt 30 ]; then PAUSE_S=30; fi
}

# The same key goes with every try, so that a request that was answered into the void makes no second picture.
KEY=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
BODY="{\"prompt\": $(printf '%s' "$1" | jq -Rs .), \"user_id\": \"poll.sh\"}"

while :; do
  ask -X POST "$URL/api/v1/ai/image/task" -H 'Content-Type: application/json' -H "Idempotency-Key: $KEY" -d "$BODY"
  case $CODE in
    201) break ;;
    000 | 408 | 425 | 429 | 500 | 502 | 503 | 504)
      trouble
      pause "no task was accepted: $TROUBLE"
      ;;
    *)
      echo "not accepted (HTTP $CODE): $(member .message)" >&2
      exit 1
      ;;
  esac
done

TASK_ID=$(member .data.task_id)
tell "task $TASK_ID"
STARTED=$(date +%s)
PATIENCE_S=$GIVE_UP_S
PAUSE_S=1

while :; do
  ask "$URL/api/v1/ai/image/result/$TASK_ID"
  case $(member .data.status) in
    completed)
      member .data.result.image_url
      exit 0
      ;;
    failed)
      echo "task $TASK_ID failed: $(member .data.error.message)" >&2
      exit 1
      ;;
  esac
  case $CODE in
    2??)
      tell "$(member '"\(.data.status) \((.data.progress // 0) * 100 | floor)%"')"
      pause "task $TASK_ID is not finished; ask again later"
      ;;
    000 | 408 | 425 | 429 | 500 | 502 | 503 | 504)
      trouble
      pause "task $TASK_ID is not finished; ask again later"
      ;;
    *)
      echo "task $TASK_ID cannot be asked for (HTTP $CODE): $(member .message)" >&2
      exit 1
      ;;
  esac
done
