#!/usr/bin/env bash
# schemathesis (PyPI) reads the API's document, makes up requests that fit it and requests that do not, sends them to a
# running gateway on the loopback device, and looks whether every answer is one of those documented: status, media type,
# headers and schema; no answer is a 5xx, what does not fit is refused, and nothing is given away without a token.
#
#   tests/live/schemathesis.sh                 builds nothing: takes target/release/nightcall or target/debug/nightcall
#   NIGHTCALL=FILE tests/live/schemathesis.sh  tries that binary
#   EXAMPLES=N, TIME_LIMIT_S=N                 so many requests made up for each operation (15); at most so long (300)
#
# Exit code 0: nothing was found. 1: something was. 2: it cannot run here. 124: it took too long.
set -euo pipefail
cd "$(dirname "$0")/../.."

cannot_run() {
  echo "schemathesis.sh: $*" >&2
  exit 2
}

binary=${NIGHTCALL:-}
for candidate in target/release/nightcall target/debug/nightcall; do
  [[ -n $binary || ! -x $candidate ]] || binary=$candidate
done
[[ -x $binary ]] || cannot_run 'found no nightcall to run; build one, or name one with NIGHTCALL='
command -v python3 >/dev/null || cannot_run 'needs python3 with venv'

folder=$(mktemp -d)
gateway_pid=
cleanup() {
  [[ -z $gateway_pid ]] || kill "$gateway_pid" 2>/dev/null || true
  [[ -z $gateway_pid ]] || wait "$gateway_pid" 2>/dev/null || true
  rm -rf "$folder"
}
trap cleanup EXIT

python3 -m venv "$folder/venv"
timeout 300 "$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-input --retries 5 --timeout 20 \
  'schemathesis>=4.32,<5' || cannot_run 'cannot install schemathesis'

# --- a gateway that has something to show ---

cat >"$folder/nightcall.toml" <<'TOML'
fallback = "me"
[smtp]
hostname = "mx.test"
domains = ["alerts.test"]
[http]
requests_per_minute = 1000000
[users.me]
contacts = ["console"]
[schedules.primary]
zone = "Europe/Berlin"
layers = [{ name = "weekly", starts = "2026-01-05T09:00", every = "1 week", turns = ["me"] }]
[policies.default]
steps = [{ delay = "1h", targets = ["schedule:primary"] }]
[services.db]
addresses = ["db"]
policy = "default"
TOML
unset NIGHTCALL_DATABASE_URL
NIGHTCALL_SMTP_LISTEN=127.0.0.1:0 NIGHTCALL_HTTP_LISTEN=127.0.0.1:0 \
  "$binary" serve --config "$folder/nightcall.toml" </dev/null >"$folder/console.log" 2>"$folder/gateway.log" &
gateway_pid=$!
for _ in $(seq 300); do
  grep --quiet 'is ready' "$folder/gateway.log" && break
  kill -0 "$gateway_pid" 2>/dev/null || break
  sleep 0.1
done
ready=$(grep --only-matching 'SMTP on .*, HTTP on .*' "$folder/gateway.log") || {
  cat "$folder/gateway.log" >&2
  cannot_run 'the gateway does not become ready'
}
smtp=$(sed -E 's/SMTP on ([^ ,]+).*/\1/' <<<"$ready")
http=$(sed -E 's/.*HTTP on ([^ ]+).*/\1/' <<<"$ready")
SMTP=$smtp python3 - <<'PYTHON'
import os, smtplib
host, port = os.environ["SMTP"].rsplit(":", 1)
with smtplib.SMTP(host, int(port)) as client:
    for subject in ("** PROBLEM Service Alert: db1/disk is CRITICAL **", "Pump 18: STOPPED"):
        client.sendmail("monitor@mon.test", ["db@alerts.test"], f"Subject: {subject}\r\n\r\nx\r\n")
PYTHON
TOKEN=$("$binary" token create --config "$folder/nightcall.toml" --name schemathesis --scope admin)
export TOKEN
# In a file, not among the arguments, which everybody on a machine can read.
echo 'headers = { Authorization = "Bearer ${TOKEN}" }' >"$folder/schemathesis.toml"

# --- what it finds ---

# Left out: the stream, which does not end; that whatever fits the schema is taken, since most names and numbers that
# are made up are nobody's.
status=0
(cd "$folder" && NO_PROXY='*' timeout --kill-after=10 "${TIME_LIMIT_S:-300}" venv/bin/schemathesis \
  --config-file schemathesis.toml run "http://$http/api/v1/openapi.json" --exclude-path /events \
  --exclude-checks positive_data_acceptance --phases examples,coverage,fuzzing --max-examples "${EXAMPLES:-15}" \
  --request-timeout 10 --seed 7 --no-color >schemathesis.log 2>&1) || status=$?
lines=12
[[ $status -eq 0 ]] || lines=400
tail --lines="$lines" "$folder/schemathesis.log"
if grep --extended-regexp 'panicked|ERROR' "$folder/gateway.log"; then
  echo 'the gateway says that something went wrong inside'
  status=1
fi
kill -0 "$gateway_pid" 2>/dev/null || {
  echo 'the gateway has ended'
  status=1
}
exit "$status"
