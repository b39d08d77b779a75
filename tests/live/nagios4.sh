#!/bin/bash
# A real Nagios sends mail through a real Postfix to nightcall: a service problem and a host problem, start to end.
#
#   tests/live/nagios4.sh                 as root on Debian 12; installs the packages that are missing
#   NIGHTCALL=FILE tests/live/nagios4.sh  tries that binary, not the one below target/
#
# Exit code 0: all checks passed. 1: one failed. 2: it cannot run here. 124: it took too long.
set -euo pipefail

readonly TIME_LIMIT_S=240 # for everything, installing included
readonly WAIT_LIMIT_S=30  # for one thing to happen
readonly STOP_LIMIT_S=10  # for one program to end
readonly POLL_S=0.3

# Debian's subject joins alias and description with a slash, so one here has blanks and the other a slash as well.
readonly HOST=db-fra-02
readonly HOST_ALIAS='Billing database Frankfurt'
readonly SERVICE='Disk usage /srv/pg data'
readonly RECIPIENT=db-core@localhost
readonly SERVICE_KEY="nagios/service/$HOST_ALIAS/$SERVICE"
readonly HOST_KEY="nagios/host/$HOST"
readonly EVERY_INCIDENT='incidents?status=triggered,acknowledged,resolved'

cannot_run() {
  reported=1
  echo "nagios4.sh: $*" >&2
  exit 2
}

[[ $EUID -eq 0 ]] || cannot_run 'needs root, for a mount namespace and for Postfix'
command -v apt-get >/dev/null || cannot_run 'needs Debian'
SELF=$(realpath "${BASH_SOURCE[0]}")

# In a mount namespace of its own the script can put its Postfix configuration in place of the machine's, and only
# its own children see it. A variable alone could be left over from elsewhere, and then we would mount over the
# machine's files. So it must name the namespace of our parent, which is timeout, and we must be in another one.
outside=$(readlink "/proc/$PPID/ns/mnt" || true)
inside=$(readlink /proc/self/ns/mnt)
if [[ -z $outside || ${NIGHTCALL_LIVE_OUTSIDE:-} != "$outside" || $inside == "$outside" ]]; then
  unshare --mount true || cannot_run 'may not make a mount namespace'
  NIGHTCALL_LIVE_OUTSIDE=$inside exec timeout --kill-after=20 "$TIME_LIMIT_S" \
    unshare --mount --propagation private bash "$SELF" "$@"
fi

# What the caller has set for a gateway of theirs must not reach ours.
unset NIGHTCALL_LIVE_OUTSIDE NIGHTCALL_DATABASE_URL RUST_LOG MAIL_CONFIG
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
umask 022

passed=0
reported=
nightcall_pid=
nagios_pid=
policy_made=
# Postfix and Nagios drop root, so they must be able to look into this folder.
work=$(mktemp --directory --tmpdir nightcall-live.XXXXXXXX)
chmod 755 "$work"

# --- telling what happened ---

ok() {
  passed=$((passed + 1))
  echo "ok - $1"
}

show_logs() {
  local log
  for log in nightcall.err nightcall.out postfix.out postfix.log nagios/out nagios/nagios.log; do
    [[ -s $work/$log ]] || continue
    echo "--- the end of $log"
    tail --lines=40 "$work/$log"
  done
}

# fail NAME EXPECTED FOUND
fail() {
  reported=1
  echo "not ok - $1"
  echo "  expected: $2"
  echo "  found:    $3"
  show_logs
  echo "$passed passed, 1 failed"
  exit 1
}

# --- waiting, always with an end ---

# within SECONDS COMMAND…: tries until it succeeds.
within() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep "$POLL_S"
  done
}

gone() { ! kill -0 "$1"; }

# end_process PID: asks, and insists when asking was not enough.
end_process() {
  kill -TERM "$1" 2>/dev/null || return 0
  within "$STOP_LIMIT_S" gone "$1" || kill -KILL "$1" 2>/dev/null || true
}

# --- cleaning up ---

postfix_runs() { postfix -c "$work/postfix" status; }
postfix_gone() { ! postfix_runs; }

stop_postfix() {
  [[ -s $work/queue/pid/master.pid ]] || return 0
  postfix -c "$work/postfix" stop || true
  within "$STOP_LIMIT_S" postfix_gone || end_process "$(tr -d ' ' <"$work/queue/pid/master.pid")"
}

remove_policy() {
  [[ -z $policy_made ]] || rm -f /usr/sbin/policy-rc.d
  ! mountpoint --quiet /usr/sbin/policy-rc.d || umount /usr/sbin/policy-rc.d
  policy_made=
}

clean_up() {
  local status=$?
  trap '' INT TERM PIPE
  set +e
  # A command that failed unforeseen has ended the script without a word; the logs may tell why. Its own exit code
  # could be read as ours.
  if [[ $status -ne 0 && -z $reported ]]; then
    echo "not ok - ended early, exit code $status"
    show_logs
    echo "$passed passed, 1 failed"
    status=1
  fi
  # Nagios goes first, so that nothing sends any more.
  [[ -z $nagios_pid ]] || end_process "$nagios_pid"
  stop_postfix >/dev/null 2>&1
  [[ -z $nightcall_pid ]] || end_process "$nightcall_pid"
  remove_policy
  ! mountpoint --quiet /etc/postfix || umount --lazy /etc/postfix
  rm -rf --one-file-system "$work"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 141' PIPE

# --- packages ---

is_installed() { [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

install_packages() {
  local package missing=()
  for package; do
    is_installed "$package" || missing+=("$package")
  done
  ((${#missing[@]} > 0)) || return 0
  echo "# installing ${missing[*]}"

  # Debian starts a service as soon as it is installed, unless this file says no. One that is there already is only
  # covered, in our namespace.
  printf '#!/bin/sh\nexit 101\n' >"$work/policy-rc.d"
  chmod 755 "$work/policy-rc.d"
  if [[ -e /usr/sbin/policy-rc.d ]]; then
    mount --bind "$work/policy-rc.d" /usr/sbin/policy-rc.d
  else
    policy_made=1
    cp "$work/policy-rc.d" /usr/sbin/policy-rc.d
  fi
  if [[ " ${missing[*]} " == *' postfix '* ]]; then
    echo 'postfix postfix/main_mailer_type select No configuration' | debconf-set-selections
  fi
  # --no-remove: Postfix would push out another mail server, and that one may be in use.
  {
    apt-get --quiet --option DPkg::Lock::Timeout=120 update &&
      apt-get --quiet --yes --no-remove --no-install-recommends --option DPkg::Lock::Timeout=120 \
        install "${missing[@]}"
  } </dev/null >"$work/apt.log" 2>&1 || {
    tail --lines=20 "$work/apt.log" >&2
    cannot_run "cannot install ${missing[*]}"
  }
  remove_policy
}

# --- nightcall ---

# The newer of the two, because the other one may be left over from long ago.
find_binary() {
  local candidate newest=
  if [[ ${NIGHTCALL:-} ]]; then
    newest=$NIGHTCALL
  else
    for candidate in "$(dirname "$SELF")"/../../target/{release,debug}/nightcall; do
      [[ -z $newest || $candidate -nt $newest ]] && newest=$candidate
    done
  fi
  [[ -f $newest && -x $newest ]] && realpath "$newest"
}

# Below 32768, so that no outgoing connection takes it before nightcall does.
free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port"; return 0; }
  done
}

nightcall_is_ready() { grep --quiet ready "$work/nightcall.err"; }
nightcall_is_ready_or_gone() { nightcall_is_ready || gone "$nightcall_pid"; }

start_nightcall() {
  # A copy, because a build may replace the binary while it runs.
  cp "$1" "$work/nightcall"
  "$work/nightcall" init "$work/gateway" >"$work/nightcall.out" 2>&1 ||
    fail 'nightcall init' 'exit code 0' "exit code $?"
  smtp_port=$(free_port)
  http_port=$(free_port)
  until [[ $http_port != "$smtp_port" ]]; do http_port=$(free_port); done
  NIGHTCALL_SMTP_LISTEN=127.0.0.1:$smtp_port NIGHTCALL_HTTP_LISTEN=127.0.0.1:$http_port \
    "$work/nightcall" serve --config "$work/gateway/nightcall.toml" \
    </dev/null >>"$work/nightcall.out" 2>"$work/nightcall.err" &
  nightcall_pid=$!
  within "$WAIT_LIMIT_S" nightcall_is_ready_or_gone || true
  nightcall_is_ready || fail 'nightcall becomes ready' 'a line with "ready" on stderr' "none from $1"
  ok 'nightcall becomes ready'

  local token
  token=$("$work/nightcall" token create --config "$work/gateway/nightcall.toml" --name live) ||
    fail 'nightcall makes a token' 'exit code 0' "exit code $?"
  [[ $token =~ ^[[:graph:]]+$ ]] || fail 'nightcall makes a token' 'one bare word' "$token"
  # In a file, because everybody can read the arguments of a process.
  (umask 077 && printf 'header = "Authorization: Bearer %s"\n' "$token" >"$work/curl.conf")
  ok 'nightcall makes a token'
}

# api PATH: what the API says, or why there is no answer.
api() {
  curl --config "$work/curl.conf" --silent --show-error --fail-with-body --noproxy '*' --max-time 5 \
    "http://127.0.0.1:$http_port/api/v1/$1" 2>&1
}

# expect NAME PATH CONDITION: polls the API until the jq condition holds.
expect() {
  local found deadline=$((SECONDS + WAIT_LIMIT_S))
  while :; do
    found=$(api "$2") || true
    if jq --exit-status --arg service "$SERVICE_KEY" --arg host "$HOST_KEY" --arg recipient "$RECIPIENT" \
      "$3" <<<"$found" >/dev/null 2>&1; then
      ok "$1"
      return 0
    fi
    ((SECONDS < deadline)) || break
    sleep "$POLL_S"
  done
  fail "$1" "GET $2: $3 (\$service is \"$SERVICE_KEY\", \$host is \"$HOST_KEY\")" "$found"
}

# --- Postfix ---

start_postfix() {
  # Debian keeps helper files of Postfix beside main.cf, so the folder is copied and the two files are replaced.
  cp --archive /etc/postfix "$work/postfix"
  mkdir "$work/queue" "$work/data"
  chown postfix "$work/data"
  # The short waits make a mail that came too early come again soon. Nothing is delivered here and nothing is
  # looked up in the DNS: all goes to nightcall.
  cat >"$work/postfix/main.cf" <<E
compatibility_level = 3.6
queue_directory = $work/queue
data_directory = $work/data
maillog_file = $work/postfix.log
maillog_file_prefixes = $work
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = monitor.example.com
myorigin = \$myhostname
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
relayhost = [127.0.0.1]:$smtp_port
default_transport = smtp
relay_transport = smtp
smtp_host_lookup = native
smtp_tls_security_level = none
minimal_backoff_time = 5s
maximal_backoff_time = 10s
queue_run_delay = 5s
E
  # No inet service: this Postfix takes mail from its own sendmail only.
  cat >"$work/postfix/master.cf" <<'E'
pickup    unix       n - n 1    1 pickup
cleanup   unix       n - n -    0 cleanup
qmgr      unix       n - n 5    1 qmgr
rewrite   unix       - - n -    - trivial-rewrite
bounce    unix       - - n -    0 bounce
defer     unix       - - n -    0 bounce
trace     unix       - - n -    0 bounce
flush     unix       n - n 300? 0 flush
proxymap  unix       - - n -    - proxymap
smtp      unix       - - n -    - smtp
relay     unix       - - n -    - smtp
showq     unix       n - n -    - showq
error     unix       - - n -    - error
retry     unix       - - n -    - error
discard   unix       - - n -    - discard
anvil     unix       - - n -    1 anvil
scache    unix       - - n -    1 scache
postlog   unix-dgram n - n -    1 postlogd
E
  # Nagios runs as its own user, and Postfix lets nobody but root name another configuration folder. So ours is
  # mounted where sendmail looks; sendmail itself stays as Debian made it.
  mount --bind "$work/postfix" /etc/postfix
  local queue
  queue=$(postconf -h queue_directory)
  [[ $queue == "$work/queue" ]] || fail 'sendmail uses our Postfix' "$work/queue" "$queue"
  postfix -c "$work/postfix" start </dev/null >"$work/postfix.out" 2>&1 ||
    fail 'Postfix starts' 'exit code 0' "exit code $?"
  within "$WAIT_LIMIT_S" postfix_runs || fail 'Postfix starts' 'postfix status to say so' 'it does not'
  ok 'Postfix starts'
}

postfix_queue_is_empty() { [[ -z $(postqueue -c "$work/postfix" -j) ]]; }

# --- Nagios ---

start_nagios() {
  local dir=$work/nagios
  mkdir "$dir" "$dir/results" "$dir/rw"
  # The commands and the forbidden characters are Debian's: they make the mail what it is. Checks never run, so
  # that only our commands change a state, and nothing is sent home.
  cat >"$dir/nagios.cfg" <<E
cfg_file=/etc/nagios4/objects/commands.cfg
cfg_file=/etc/nagios4/objects/timeperiods.cfg
cfg_file=$dir/objects.cfg
resource_file=/etc/nagios4/resource.cfg
nagios_user=nagios
nagios_group=nagios
log_file=$dir/nagios.log
use_syslog=0
status_file=$dir/status.dat
object_cache_file=$dir/objects.cache
lock_file=$dir/nagios.pid
temp_file=$dir/nagios.tmp
temp_path=$dir
check_result_path=$dir/results
command_file=$dir/rw/nagios.cmd
query_socket=$dir/rw/nagios.qh
check_external_commands=1
check_for_updates=0
retain_state_information=0
execute_service_checks=0
execute_host_checks=0
accept_passive_service_checks=1
accept_passive_host_checks=1
enable_notifications=1
enable_flap_detection=0
interval_length=1
E
  grep '^illegal_' /etc/nagios4/nagios.cfg >>"$dir/nagios.cfg"
  cat >"$dir/objects.cfg" <<E
define contact {
  contact_name                  db-core
  email                         $RECIPIENT
  host_notification_period      24x7
  service_notification_period   24x7
  host_notification_options     d,u,r
  service_notification_options  w,u,c,r
  host_notification_commands    notify-host-by-email
  service_notification_commands notify-service-by-email
}
define host {
  host_name              $HOST
  alias                  $HOST_ALIAS
  address                192.0.2.18
  max_check_attempts     1
  active_checks_enabled  0
  passive_checks_enabled 1
  check_period           24x7
  notification_period    24x7
  notification_interval  0
  contacts               db-core
}
define service {
  host_name              $HOST
  service_description    $SERVICE
  check_command          check_local_disk!20%!10%!/
  max_check_attempts     1
  active_checks_enabled  0
  passive_checks_enabled 1
  check_period           24x7
  notification_period    24x7
  notification_interval  0
  contacts               db-core
}
E
  chown --recursive nagios:nagios "$dir"
  env --ignore-environment --chdir="$dir" PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$dir" \
    nagios4 "$dir/nagios.cfg" </dev/null >"$dir/out" 2>&1 &
  nagios_pid=$!
  within "$WAIT_LIMIT_S" test -p "$dir/rw/nagios.cmd" ||
    fail 'Nagios starts' "a pipe for commands" "$(ls "$dir/rw")"
  ok 'Nagios starts'
}

# nagios COMMAND;ARGUMENT;…: through the command pipe. Opening a pipe that nobody reads would wait for ever.
nagios() {
  printf '[%(%s)T] %s\n' -1 "$1" |
    timeout 5 dd of="$work/nagios/rw/nagios.cmd" conv=nocreat,notrunc status=none ||
    fail "Nagios takes a command" "$1 to be read" 'nobody reads the pipe'
}

service_result() { nagios "PROCESS_SERVICE_CHECK_RESULT;$HOST;$SERVICE;$1;$2"; }
host_result() { nagios "PROCESS_HOST_CHECK_RESULT;$HOST;$1;$2"; }

# --- the test ---

binary=$(find_binary) || cannot_run 'found no nightcall to run; build one, or name one with NIGHTCALL='
echo "# testing $binary"
install_packages nagios4-core nagios4-common monitoring-plugins-basic bsd-mailx postfix curl jq
start_nightcall "$binary"
start_postfix
start_nagios

host_result 0 'PING OK - Packet loss = 0%, RTA = 0.52 ms'
service_result 0 'DISK OK - free space: /srv/pg 40310 MiB (39% inode=98%)'
within "$WAIT_LIMIT_S" grep --quiet 'PASSIVE SERVICE CHECK: .*;0;' "$work/nagios/nagios.log" ||
  fail 'Nagios reads a good result' 'a line in its log' 'none'
expect 'good results send no mail' mails '.mails == []'

service_result 2 'DISK CRITICAL - free space: /srv/pg 913 MiB (1% inode=97%)|/srv/pg=102400MB;81920;92160;0;103313'
expect 'service PROBLEM opens exactly one incident' "$EVERY_INCIDENT" '[.incidents[].number] == [1]'
expect 'it is triggered' "$EVERY_INCIDENT" '.incidents[0].status == "triggered"'
expect 'it is critical' "$EVERY_INCIDENT" '.incidents[0].severity == "critical"'
expect "its key is $SERVICE_KEY" "$EVERY_INCIDENT" '.incidents[0].dedup_key == $service'

nagios "ACKNOWLEDGE_SVC_PROBLEM;$HOST;$SERVICE;1;1;0;ilse;Old dumps are being removed"
expect 'service ACKNOWLEDGEMENT acknowledges it' "$EVERY_INCIDENT" \
  '[.incidents[] | .number, .status] == [1, "acknowledged"] and .incidents[0].acknowledged_at != null'

service_result 0 'DISK OK - free space: /srv/pg 38877 MiB (37% inode=98%)'
expect 'service RECOVERY resolves it' "$EVERY_INCIDENT" '[.incidents[] | .number, .status] == [1, "resolved"]'
expect 'it has the time it was resolved at' "$EVERY_INCIDENT" '.incidents[0].resolved_at != null'

host_result 1 'PING CRITICAL - Packet loss = 100%'
expect 'host PROBLEM opens incident 2' "$EVERY_INCIDENT" '[.incidents[].number] | sort == [1, 2]'
expect 'it is triggered' "$EVERY_INCIDENT" '.incidents[] | select(.number == 2) | .status == "triggered"'
expect 'it is critical' "$EVERY_INCIDENT" '.incidents[] | select(.number == 2) | .severity == "critical"'
expect "its key is $HOST_KEY" "$EVERY_INCIDENT" '.incidents[] | select(.number == 2) | .dedup_key == $host'

host_result 0 'PING OK - Packet loss = 0%, RTA = 0.49 ms'
expect 'host RECOVERY resolves it' "$EVERY_INCIDENT" \
  '.incidents[] | select(.number == 2) | .status == "resolved" and .resolved_at != null'

# With the queue empty and as many mails as notifications, nothing can come any more that would change the counts.
expect 'nightcall has one mail per notification' mails '.mails | length == 5'
notifications=$(grep --count ' NOTIFICATION: ' "$work/nagios/nagios.log") || true
[[ $notifications -eq 5 ]] || fail 'Nagios made five notifications' 5 "$notifications"
ok 'Nagios made five notifications'
within "$WAIT_LIMIT_S" postfix_queue_is_empty ||
  fail "Postfix's queue is empty" 'no mail left' "$(postqueue -c "$work/postfix" -j 2>&1)"
ok "Postfix's queue is empty"

expect 'there are exactly two incidents' "$EVERY_INCIDENT" '.incidents | length == 2'
expect 'none is open' 'incidents?status=triggered,acknowledged' '.incidents == []'
expect 'every mail was sent to the contact only' mails 'all(.mails[]; .recipients == [$recipient])'
expect 'every mail was read by one Nagios rule, none by the catch-all' mails \
  'all(.mails[]; [.alerts[].rule] | . == ["nagios/service"] or . == ["nagios/host"])'

kill -TERM "$nightcall_pid"
within "$STOP_LIMIT_S" gone "$nightcall_pid" ||
  fail 'nightcall ends when told to' "its end within $STOP_LIMIT_S s of SIGTERM" 'still there'
exit_code=0
wait "$nightcall_pid" || exit_code=$?
nightcall_pid=
[[ $exit_code -eq 0 ]] || fail 'nightcall ends with exit code 0' 0 "$exit_code"
ok "SIGTERM ends nightcall within $STOP_LIMIT_S s, with exit code 0"

echo "$passed passed, 0 failed"
