#!/bin/bash
# Postfix's own load generator, smtp-source, against nightcall, against smtp-sink, which throws every mail away, and
# against a real Postfix, which queues with fsync. Numbers of one run compare, numbers of two machines do not.
#
#   benches/smtp_source.sh                 as root on Debian 12, with postfix, python3, curl and jq
#   NIGHTCALL=FILE benches/smtp_source.sh  tries that binary, not target/release/nightcall
#   ROUNDS=9                               more rounds; 5 at least
#   SOURCES=10                             more generators at once, each with a check of its own; see below
#   PERCENT=10                             a tenth of the mails, to try the script or a slow binary
#   BENCH_DIR=/srv                         where the folder with queue and database is made; must be a real disk
#
# nightcall does everything it does for a monitor: each mail is read by the Nagios pack and folds into one of a hundred
# incidents, which is checked at the end. smtp-source can say one subject only, so there are two of them with half the
# sessions each, every run takes the next two checks, and the latency client mixes all hundred. Postfix queues each mail
# and delivers it to its discard service, the least that makes something of a mail; its flow control, which would brake
# it, is off.
#
# A ratio is the median of the rounds' ratios, so that a load that comes and goes hits both sides. CPU is user and
# system time of the one process, over all rounds. Latency is from the final dot to the 250, with fifty sessions that
# send without a pause (smtp_latency.py); its client is slower than smtp-source, so a fast server is not drowned.
#
# Everything happens in mount, process and network namespaces of its own: no port, file or program of the machine is
# touched, and whatever was started ends with the script.
# Exit code 0: measured, whether or not the targets are met. 1: a server failed. 2: it cannot run here. 124: too slow.
set -euo pipefail

readonly TIME_LIMIT_S=900
readonly WAIT_LIMIT_S=30
readonly SETTLE_S=0.3 # what a server does after its last reply belongs to its CPU time
readonly SESSIONS=50
readonly MAIL_BYTES=1024
readonly CHECKS=100
readonly NIGHTCALL_PORT=2525 SINK_PORT=2526 POSTFIX_PORT=2527 HTTP_PORT=8025

cannot_run() {
  echo "smtp_source.sh: $*" >&2
  exit 2
}

number() { [[ $1 =~ ^[1-9][0-9]{0,3}$ ]] || cannot_run "$2 must be a number from 1 to 9999"; }

# --- outside: a folder on a real disk, and the namespaces ---

check_machine() {
  local program
  [[ $EUID -eq 0 ]] || cannot_run 'needs root, for namespaces and for Postfix'
  for program in smtp-source smtp-sink postfix postconf python3 curl jq unshare findmnt; do
    command -v "$program" >/dev/null || cannot_run "needs $program (Debian: apt-get install postfix python3 curl jq)"
  done
  unshare --mount --pid --net --fork --mount-proc true || cannot_run 'may not make namespaces'
}

if [[ ${BENCH_STAGE:-} != inside ]]; then
  check_machine
  self=$(realpath "${BASH_SOURCE[0]}")
  binary=${NIGHTCALL:-$(dirname "$self")/../target/release/nightcall}
  [[ -f $binary && -x $binary ]] || cannot_run 'found no nightcall: cargo build --release, or name one with NIGHTCALL='
  work=$(mktemp --directory "${BENCH_DIR:-/var/tmp}/nightcall-bench.XXXXXXXX")
  inside=
  clean_up() {
    if [[ $inside ]] && kill -TERM "$inside" 2>/dev/null; then wait "$inside" || true; fi
    # What ends with its namespace may take a moment to be gone, and write until then.
    rm -rf --one-file-system "$work" || { sleep 1 && rm -rf --one-file-system "$work"; }
  }
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  # Postfix drops root, so it must be able to look into this folder.
  chmod 755 "$work"
  disk=$(findmnt --noheadings --output FSTYPE --target "$work")
  case $disk in
  tmpfs | ramfs | overlay) cannot_run "$work is on $disk, where fsync is free; name a real disk with BENCH_DIR=" ;;
  esac
  # A copy, because a build may replace the binary while it runs.
  cp "$binary" "$work/nightcall"
  echo "# $binary on $disk, $(nproc) cores; load before: $(cut --delimiter=' ' --fields=1-3 /proc/loadavg)"
  status=0
  # In the background and waited for: a signal ends the wait, and the trap then tidies up.
  BENCH_STAGE=inside BENCH_WORK=$work LC_ALL=C.UTF-8 timeout --kill-after=20 "$TIME_LIMIT_S" \
    unshare --mount --propagation private --pid --net --fork --kill-child --mount-proc bash "$self" &
  inside=$!
  wait "$inside" || status=$?
  inside=
  echo "# load after: $(cut --delimiter=' ' --fields=1-3 /proc/loadavg)"
  exit "$status"
fi

[[ $$ -eq 1 && -d ${BENCH_WORK:-} ]] || cannot_run 'BENCH_STAGE is set; unset it'
unset BENCH_STAGE NIGHTCALL NIGHTCALL_DATABASE_URL NIGHTCALL_SMTP_LISTEN NIGHTCALL_HTTP_LISTEN NIGHTCALL_LOG RUST_LOG
unset MAIL_CONFIG
rounds=${ROUNDS:-5} sources=${SOURCES:-2} percent=${PERCENT:-100}
number "$rounds" ROUNDS
number "$sources" SOURCES
number "$percent" PERCENT
((rounds >= 5)) || cannot_run 'ROUNDS must be 5 at least'
((SESSIONS % sources == 0)) || cannot_run "SOURCES must divide $SESSIONS"
work=$BENCH_WORK
here=$(dirname "${BASH_SOURCE[0]}")
mkdir "$work/samples"
ip link set lo up

# Enough mails for a second or so of each server, in whole numbers per session.
mails_for() {
  local mails
  case $1-$2 in
  postfix-*) mails=1000 ;;
  *-each) mails=4000 ;;
  *-kept) mails=20000 ;;
  *-latency) mails=10000 ;;
  esac
  mails=$((mails * percent / 100 / SESSIONS))
  echo "$(((mails > 10 ? mails : 10) * SESSIONS))"
}

fail() {
  echo "smtp_source.sh: $*" >&2
  local log
  for log in "$work"/*.log; do
    [[ ! -s $log ]] || { echo "--- the end of $log"; tail --lines=20 "$log"; } >&2
  done
  exit 1
}

listens() { (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# await NAME PORT [PID]
await() {
  local deadline=$((SECONDS + WAIT_LIMIT_S))
  until listens "$2"; do
    ((SECONDS < deadline)) || fail "$1 does not start"
    [[ -z ${3:-} ]] || kill -0 "$3" 2>/dev/null || fail "$1 ended"
    sleep 0.1
  done
}

# --- the three servers ---

start_nightcall() {
  "$work/nightcall" init "$work/gateway" >/dev/null 2>"$work/nightcall.log" || fail 'nightcall init'
  # Generators are not to be slowed down as strangers, and the pages are not the subject here.
  cat >"$work/gateway/nightcall.toml" <<T
fallback = "me"
[smtp]
listen = "127.0.0.1:$NIGHTCALL_PORT"
domains = ["alerts.test"]
listed = ["127.0.0.0/8"]
[http]
listen = "127.0.0.1:$HTTP_PORT"
[users.me]
contacts = ["console"]
[policies.default]
steps = [{ delay = "5h", targets = ["me"] }]
[services.db]
addresses = ["db"]
policy = "default"
T
  "$work/nightcall" serve --config "$work/gateway/nightcall.toml" </dev/null >/dev/null 2>"$work/nightcall.log" &
  nightcall_pid=$!
  await nightcall "$NIGHTCALL_PORT" "$nightcall_pid"
}

start_sink() {
  smtp-sink -u postfix -h sink.test "127.0.0.1:$SINK_PORT" 1000 </dev/null >/dev/null 2>"$work/sink.log" &
  sink_pid=$!
  await smtp-sink "$SINK_PORT" "$sink_pid"
}

start_postfix() {
  cp --archive /etc/postfix "$work/postfix"
  mkdir "$work/queue" "$work/data"
  chown postfix "$work/data"
  cat >"$work/postfix/main.cf" <<C
compatibility_level = 3.6
queue_directory = $work/queue
data_directory = $work/data
maillog_file = $work/postfix.log
maillog_file_prefixes = $work
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = postfix.test
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
alias_database =
smtpd_peername_lookup = no
default_transport = discard:
smtpd_client_connection_count_limit = 0
in_flow_delay = 0
C
  cat >"$work/postfix/master.cf" <<C
127.0.0.1:$POSTFIX_PORT inet n - n - - smtpd
C
  cat >>"$work/postfix/master.cf" <<'C'
pickup    unix       n - n 60   1 pickup
cleanup   unix       n - n -    0 cleanup
qmgr      unix       n - n 300  1 qmgr
rewrite   unix       - - n -    - trivial-rewrite
bounce    unix       - - n -    0 bounce
defer     unix       - - n -    0 bounce
trace     unix       - - n -    0 bounce
flush     unix       n - n 300? 0 flush
proxymap  unix       - - n -    - proxymap
showq     unix       n - n -    - showq
error     unix       - - n -    - error
retry     unix       - - n -    - error
discard   unix       - - n -    - discard
anvil     unix       - - n -    1 anvil
postlog   unix-dgram n - n -    1 postlogd
C
  mount --bind "$work/postfix" /etc/postfix
  [[ $(postconf -h queue_directory) == "$work/queue" ]] || fail 'Postfix would use the queue of the machine'
  postfix start </dev/null >"$work/postfix.start.log" 2>&1 || fail 'postfix start'
  await Postfix "$POSTFIX_PORT"
}

# --- one run ---

declare -A port=([nightcall]=$NIGHTCALL_PORT [sink]=$SINK_PORT [postfix]=$POSTFIX_PORT)
declare -A sent=([nightcall]=0 [sink]=0 [postfix]=0)
declare -A cpu_ticks cpu_mails
next_check=0

# Clock ticks of user and system time; the name before them may hold blanks.
ticks() {
  local fields
  fields=$(<"/proc/$1/stat")
  read -ra fields <<<"${fields##*) }"
  echo "$((fields[11] + fields[12]))"
}

# generate SERVER MAILS SESSIONS CHECK OPTION…
generate() {
  local server=$1 mails=$2 sessions=$3 check
  printf -v check 'host-%02d/Disk' "$4"
  shift 4
  smtp-source "$@" -s "$sessions" -m "$mails" -l "$MAIL_BYTES" -M monitor.test -f nagios@monitor.test \
    -t db@alerts.test -S "** PROBLEM Service Alert: $check is CRITICAL **" "127.0.0.1:${port[$server]}" \
    </dev/null >>"$work/smtp-source.log" 2>&1
}

# Every incident is there before something is measured, and every program has been read from disk.
warm_up() {
  local check server
  for ((check = 0; check < CHECKS; check++)); do
    generate nightcall 10 10 "$check" -d || fail 'smtp-source to nightcall'
  done
  sent[nightcall]=$((CHECKS * 10))
  for server in sink postfix; do
    generate "$server" "$SESSIONS" "$SESSIONS" 0 || fail "smtp-source to $server"
    sent[$server]=$SESSIONS
  done
}

# What Postfix has not delivered yet would slow down whoever is measured next.
await_delivery() {
  local delivered deadline=$((SECONDS + WAIT_LIMIT_S))
  until delivered=$(grep --count 'postfix/discard.* status=sent' "$work/postfix.log") &&
    ((delivered == sent[postfix])); do
    ((SECONDS < deadline)) || fail "mails that Postfix delivered: expected ${sent[postfix]}, found ${delivered:-none}"
    sleep 0.2
  done
}

# throughput SERVER each|kept: one sample, in mails a second.
throughput() {
  local server=$1 mode=$2 mails before=0 began ended source check pids=() options=()
  local -n pid=${server}_pid
  [[ $mode == each ]] || options=(-d)
  mails=$(mails_for "$server" "$mode")
  [[ $server == postfix ]] || before=$(ticks "$pid")
  began=${EPOCHREALTIME/./}
  for ((source = 0; source < sources; source++)); do
    check=$(((next_check + source) % CHECKS))
    generate "$server" $((mails / sources)) $((SESSIONS / sources)) "$check" "${options[@]}" &
    pids+=($!)
  done
  for source in "${pids[@]}"; do wait "$source" || fail "smtp-source to $server"; done
  ended=${EPOCHREALTIME/./}
  sent[$server]=$((sent[$server] + mails))
  echo "$((mails * 1000000 / (ended - began)))" >>"$work/samples/$server-$mode"
  if [[ $server == postfix ]]; then
    await_delivery
    return
  fi
  sleep "$SETTLE_S"
  cpu_ticks[$server-$mode]=$((${cpu_ticks[$server-$mode]:-0} + $(ticks "$pid") - before))
  cpu_mails[$server-$mode]=$((${cpu_mails[$server-$mode]:-0} + mails))
}

latency() {
  local server=$1 mails found
  found=$(python3 "$here/smtp_latency.py" "${port[$server]}" "$SESSIONS" "$(mails_for "$server" latency)" "$CHECKS" \
    2>>"$work/latency.log") || fail "the latency client to $server"
  read -r mails found <<<"$found"
  sent[$server]=$((sent[$server] + mails))
  [[ $server != postfix ]] || await_delivery
  echo "$found" >>"$work/samples/$server-latency"
}

# Rotated, so that none is always the one after the heaviest.
measure() {
  local round mode turn servers=(nightcall sink postfix)
  for ((round = 0; round < rounds; round++)); do
    for mode in each kept latency; do
      for turn in 0 1 2; do
        local server=${servers[(round + turn) % 3]}
        case $mode in
        latency) latency "$server" ;;
        *) throughput "$server" "$mode" ;;
        esac
      done
      ((next_check = (next_check + sources) % CHECKS)) || true
    done
  done
}

# --- what it was worth ---

# Whether the work was done that the numbers are about.
check_work() {
  local token found expected
  token=$("$work/nightcall" token create --config "$work/gateway/nightcall.toml" --name bench)
  found=$(curl --silent --show-error --fail-with-body --noproxy '*' --max-time 30 --header @- \
    "http://127.0.0.1:$HTTP_PORT/api/v1/incidents?limit=500" <<<"Authorization: Bearer $token" |
    jq --compact-output '[.incidents[] | select(.dedup_key | startswith("nagios/service/host-")) | .alert_count] |
      [length, add]') ||
    fail 'the API of nightcall'
  expected="[$CHECKS,${sent[nightcall]}]"
  [[ $found == "$expected" ]] || fail "incidents and mails folded into them: expected $expected, found $found"
  echo "# nightcall folded ${sent[nightcall]} mails into $CHECKS incidents"
  echo "# Postfix queued and delivered ${sent[postfix]} mails"
}

median() {
  sort --general-numeric-sort |
    awk '{ value[NR] = $1 } END { print (value[int((NR + 1) / 2)] + value[int(NR / 2) + 1]) / 2 }'
}

# ratio MODE SERVER: the median of nightcall's ratio to it in each round.
ratio() { paste "$work/samples/nightcall-$1" "$work/samples/$2-$1" | awk '{ print $1 / $2 }' | median; }

# cpu_us SERVER-MODE: microseconds a mail.
cpu_us() {
  awk -v ticks="${cpu_ticks[$1]}" -v mails="${cpu_mails[$1]}" -v hertz="$(getconf CLK_TCK)" \
    'BEGIN { print ticks / hertz / mails * 1e6 }'
}

latency_of() { awk -v column="$2" '{ print $column }' "$work/samples/$1-latency" | median; }

print_table() {
  local server mode range
  printf '\n%-10s %26s %26s %13s %13s %22s\n' "$rounds rounds" 'mails/s, one per connection' 'mails/s, kept open' \
    'CPU us, one' 'CPU us, kept' 'dot to 250 ms: p50 p99'
  for server in sink nightcall postfix; do
    printf '%-10s' "$server"
    for mode in each kept; do
      range=$(sort --numeric-sort "$work/samples/$server-$mode" | sed -n '1p;$p' | paste --serial --delimiters=-)
      printf ' %26s' "$(printf '%.0f (%s)' "$(median <"$work/samples/$server-$mode")" "$range")"
    done
    for mode in each kept; do
      if [[ $server == postfix ]]; then printf ' %13s' -; else printf ' %13.0f' "$(cpu_us "$server-$mode")"; fi
    done
    printf ' %15.2f %6.2f\n' "$(latency_of "$server" 1)" "$(latency_of "$server" 2)"
  done
  echo
}

met=0
targets=0

# target NAME FOUND at-least|at-most BOUND
target() {
  local verdict=missed
  targets=$((targets + 1))
  if awk -v found="$2" -v sense="$3" -v bound="$4" \
    'BEGIN { exit !(sense == "at-least" ? found >= bound : found <= bound) }'; then
    verdict=met
    met=$((met + 1))
  fi
  printf '%-48s %8.2f   %-8s %6s   %s\n' "$1" "$2" "$3" "$4" "$verdict"
}

# cpu_ratio MODE
cpu_ratio() { awk -v ours="$(cpu_us "nightcall-$1")" -v sink="$(cpu_us "sink-$1")" 'BEGIN { print ours / sink }'; }

start_nightcall
start_sink
start_postfix
warm_up
measure
check_work
print_table
target 'smtp-sink, one mail per connection, x' "$(ratio each sink)" at-least 0.65
target 'smtp-sink, connections kept open, x' "$(ratio kept sink)" at-least 0.60
target 'Postfix, one mail per connection, x' "$(ratio each postfix)" at-least 8
target 'Postfix, connections kept open, x' "$(ratio kept postfix)" at-least 18
target 'CPU, one mail per connection, x smtp-sink' "$(cpu_ratio each)" at-most 2
target 'CPU, connections kept open, x smtp-sink' "$(cpu_ratio kept)" at-most 2
target "p99 from final dot to 250, $SESSIONS sessions, ms" "$(latency_of nightcall 2)" at-most 10
echo "$met of $targets targets met"
