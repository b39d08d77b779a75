#!/bin/bash
# A real Postfix hands mail to nightcall while its PostgreSQL is stopped, and while it hangs: mail is put off with 451
# in time, stays in Postfix's queue, and comes in when the database is back. A mail that was put off may have been stored
# after all, as nobody can know while the database is silent; it acts once all the same.
#
#   tests/live/postfix_outage.sh                 as root on Debian 12; touches nothing of the machine (throwaway.sh)
#   NIGHTCALL=FILE tests/live/postfix_outage.sh  tries that binary
readonly TIME_LIMIT_S=240
# shellcheck source=tests/live/throwaway.sh
. "$(dirname "$0")/throwaway.sh"

if [[ $LIVE_STAGE == inside ]]; then
  apt_get install postfix postgresql jq curl iproute2 python3
  go_offline
fi

readonly COMMIT_LIMIT_S=8 # shorter than the default, to save time
readonly MAILS=5          # sent while the database is away

# --- the database ---

bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort --version-sort | tail -n 1)
pg() { setpriv --reuid=postgres --regid=postgres --clear-groups env -C /tmp "$bin/$1" "${@:2}" >>/live/postgres.log 2>&1; }
pg_start() { pg pg_ctl start -w -D /tmp/pg -l /tmp/pg.log -o '-c listen_addresses=127.0.0.1 -k /tmp'; }
pg initdb -D /tmp/pg -U postgres -A trust --no-sync || fail 'initdb works' 'exit code 0' "$(tail /live/postgres.log)"
pg_start || fail 'PostgreSQL starts' 'exit code 0' "$(tail /tmp/pg.log)"
pg createdb -h 127.0.0.1 -U postgres nightcall

# Every process of the server, so that it hangs without a word, as a machine that is cut off does.
signal_postgres() {
  local server
  server=$(head -n 1 /tmp/pg/postmaster.pid)
  # shellcheck disable=SC2046 # one word for each process
  kill -s "$1" "$server" $(cat "/proc/$server/task/$server/children")
}

start_gateway "listen = \"127.0.0.1:2525\"
commit_timeout = \"${COMMIT_LIMIT_S}s\"
[database]
url = \"postgres://postgres@127.0.0.1/nightcall\""

# --- Postfix ---

postfix_to '[mx.test]:2525' 'minimal_backoff_time = 3s' 'maximal_backoff_time = 3s' 'queue_run_delay = 3s' \
  'smtp_destination_concurrency_failed_cohort_limit = 100'
queued() { postqueue -j | wc --lines; }
queue_is() { [[ $(queued) -eq $1 ]]; }
put_off() { [[ $(grep --count "status=deferred (.* said: 451 4.3.0" /var/log/postfix.log) -ge $1 ]]; }
send() { problem "$1" "$2" | sendmail -i -f nagios@monitor.test db@alerts.test; }

# How long a client waits for the answer to its final dot, in seconds, and what the answer is.
cat >/live/wait.py <<'E'
import smtplib, sys, time
with smtplib.SMTP("127.0.0.1", 2525, timeout=70) as server:
    server.mail("nagios@monitor.test")
    server.rcpt("db@alerts.test")
    started = time.monotonic()
    code, text = server.data(sys.stdin.buffer.read())
    print(f"{time.monotonic() - started:.1f} {code} {text.decode()}")
E
expect_put_off() {
  local waited answer
  read -r waited answer < <(problem "$1" probe | /usr/bin/python3 /live/wait.py)
  [[ $answer == '451 4.3.0 '* && ${waited%.*} -le $((COMMIT_LIMIT_S + 2)) ]] ||
    fail "$1: the mail is put off in time" "451 4.3.0 within $COMMIT_LIMIT_S s" "$answer after $waited s"
  ok "$1: 451 after $waited s"
}

# outage NAME: mail is sent, kept and put off; the caller brings the database back.
outage() {
  local n
  : >/var/log/postfix.log
  for ((n = 1; n <= MAILS; n++)); do send "$1" "mail$n"; done
  within "$WAIT_LIMIT_S" put_off "$MAILS" || fail "$1: Postfix is told to keep the mail" "$MAILS deferred with 451" \
    "$(tail /var/log/postfix.log)"
  expect_put_off "$1"
  queue_is "$MAILS" || fail "$1: Postfix keeps the mail" "$MAILS in its queue" "$(postqueue -j)"
  ok "$1: $MAILS mails stay in Postfix's queue"
}

all_act_once() {
  local n
  for ((n = 1; n <= MAILS; n++)); do acts_once "$1" "mail$n" || return 1; done
}

drains() {
  within 60 queue_is 0 || fail "$1: the queue drains" 'no mail left' "$(postqueue -j)"
  # The answer to the last one may be on its way; then nothing more can come.
  within "$WAIT_LIMIT_S" all_act_once "$1" ||
    fail "$1: each mail opens its incident, once" "$MAILS of them" "the newest: $(newest)"
  ok "$1: the queue drains, and each mail acts once"
}

send before mail
within "$WAIT_LIMIT_S" is_stored_once before mail || fail 'a mail comes in' 'stored once' "the newest: $(newest)"
ok 'a mail comes in'

pg pg_ctl stop -D /tmp/pg -m immediate
outage stopped
pg_start || fail 'PostgreSQL starts again' 'exit code 0' "$(tail /tmp/pg.log)"
drains stopped

signal_postgres STOP
outage hanging
signal_postgres CONT
drains hanging

kill -0 "$gateway_pid" || fail 'nightcall lives' 'the process it was' 'none'
end_process "$gateway_pid"
postfix stop 2>/dev/null
pg pg_ctl stop -D /tmp/pg -m fast
echo "$passed passed, 0 failed"
