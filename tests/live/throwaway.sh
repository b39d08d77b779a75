# shellcheck shell=bash
# For the scripts beside it: a throw-away copy of this machine, without a network, to run mail programs and a gateway in.
#
#   . throwaway.sh          at the top of a script that runs as root on Debian 12
#   apt_get install …       there only
#   go_offline              from here on there is a loopback device and nothing else
#   start_gateway "$TOML"   writes /live/gateway/nightcall.toml, starts it, waits until it is ready
#
# The copy is an overlay over / in memory, in a mount and a process namespace of its own: nothing that happens there
# reaches the machine, and everything that was started there ends with the script. NIGHTCALL= names the binary.
# Exit code 0: all checks passed. 1: one failed. 2: it cannot run here. 124: it took too long.
set -euo pipefail

readonly WAIT_LIMIT_S=30 # for one thing to happen
readonly POLL_S=0.1
NAME=$(basename "$0")

cannot_run() {
  echo "$NAME: $*" >&2
  exit 2
}

find_binary() {
  local candidate newest=
  for candidate in "${NIGHTCALL:-}" "$(dirname "$SELF")"/../../target/{release,debug}/nightcall; do
    [[ -z $candidate || ( -n $newest && ! $candidate -nt $newest ) ]] || newest=$candidate
    [[ -z ${NIGHTCALL:-} ]] || break
  done
  [[ -f $newest && -x $newest ]] && realpath "$newest"
}

# The first time on the machine, the second time in the namespaces, the third time in the copy.
case ${LIVE_STAGE:-outside} in
outside)
  [[ $EUID -eq 0 ]] || cannot_run 'needs root, for namespaces'
  command -v apt-get >/dev/null || cannot_run 'needs Debian'
  unshare --mount --pid --fork true || cannot_run 'may not make namespaces'
  SELF=$(realpath "$0")
  LIVE_BINARY=$(find_binary) || cannot_run 'found no nightcall to run; build one, or name one with NIGHTCALL='
  # What the caller has set for a gateway of theirs must not reach ours.
  unset NIGHTCALL_DATABASE_URL NIGHTCALL_SMTP_LISTEN NIGHTCALL_HTTP_LISTEN RUST_LOG MAIL_CONFIG
  export LIVE_BINARY LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive
  LIVE_STAGE=namespaces exec timeout --kill-after=20 "$TIME_LIMIT_S" \
    unshare --mount --pid --fork --kill-child --propagation private bash "$SELF" "$@"
  ;;
namespaces)
  [[ $$ -eq 1 ]] || cannot_run 'LIVE_STAGE is set; unset it'
  # The overlay lies in memory, over a folder that is there anyway; both go with the namespace.
  mount -t tmpfs -o size=2g,mode=755 live /mnt
  mkdir /mnt/{upper,work,root}
  mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work live /mnt/root ||
    cannot_run 'cannot mount an overlay'
  root=/mnt/root
  mkdir -p "$root/live/scripts"
  cp "$LIVE_BINARY" "$root/live/nightcall"
  cp "$(dirname "$0")"/* "$root/live/scripts/"
  # Files that are mounted one by one, as in containers, are not seen through an overlay.
  cp --remove-destination --dereference /etc/resolv.conf /etc/hosts "$root/etc/"
  echo '127.0.0.1 mx.test monitor.test' >>"$root/etc/hosts"
  printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
  chmod 755 "$root/usr/sbin/policy-rc.d"
  mount --rbind /dev "$root/dev"
  mount -t proc proc "$root/proc"
  mount -t tmpfs run "$root/run"
  mount -t tmpfs -o mode=1777 tmp "$root/tmp"
  # Not exec: this process is the namespace's first, and adopts whatever the programs leave behind.
  status=0
  LIVE_STAGE=inside HOME=/root TMPDIR=/tmp PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    chroot "$root" bash "/live/scripts/$NAME" "$@" || status=$?
  exit "$status"
  ;;
offline)
  ip link set lo up
  ;;
esac

# --- packages, in the copy ---

# apt_get COMMAND…: once more with fresh lists when it fails.
apt_get() {
  local run=(apt-get --quiet --yes --no-install-recommends --option Dpkg::Options::=--force-unsafe-io)
  "${run[@]}" "$@" </dev/null >/live/apt.out 2>&1 ||
    { "${run[@]}" update && "${run[@]}" "$@"; } </dev/null >/live/apt.out 2>&1 ||
    { tail --lines=20 /live/apt.out >&2; cannot_run "apt-get $*"; }
}

# Fetches packages that cannot be installed side by side.
fetch() { (mkdir -p /live/packages && cd /live/packages && apt_get download "$@"); }

# Lays such a package over what is there, without its scripts.
lay_out() { dpkg-deb --fsys-tarfile /live/packages/"$1"_*.deb | tar --extract --keep-directory-symlink --directory=/; }

# Goes on with the same script where there is no network: LIVE_STAGE is `offline` then.
go_offline() {
  LIVE_STAGE=offline exec unshare --net bash "$0" "$@"
}

# --- telling what happened ---

passed=0

ok() {
  passed=$((passed + 1))
  echo "ok - $1"
}

# fail NAME EXPECTED FOUND
fail() {
  echo "not ok - $1"
  echo "  expected: $2"
  echo "  found:    $3"
  local log
  for log in /live/*.log; do
    [[ -s $log ]] || continue
    echo "--- the end of $log"
    tail --lines=30 "$log"
  done
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
  within 10 gone "$1" || kill -KILL "$1" 2>/dev/null || true
}

# --- the gateway ---

gateway_pid=
gateway_is_ready() { grep --quiet 'is ready' /live/gateway.log; }
gateway_is_ready_or_gone() { gateway_is_ready || gone "$gateway_pid"; }

# What every script's gateway has; the rest is in the arguments, `[smtp]` first.
start_gateway() {
  [[ -d /live/gateway ]] || /live/nightcall init /live/gateway --self-signed mx.test >/dev/null
  chmod 644 /live/gateway/cert.pem
  cat >/live/gateway/nightcall.toml <<E
fallback = "me"
[smtp]
hostname = "mx.test"
domains = ["alerts.test"]
$1
[http]
listen = "127.0.0.1:8025"
[users.me]
contacts = ["console"]
[policies.default]
steps = [{ delay = "1h", targets = ["me"] }]
[services.db]
addresses = ["db"]
policy = "default"
E
  restart_gateway
  (umask 077 && printf 'header = "Authorization: Bearer %s"\n' \
    "$(/live/nightcall token create --config /live/gateway/nightcall.toml --name live)" >/live/curl.conf)
}

restart_gateway() {
  : >/live/gateway.log
  /live/nightcall serve --config /live/gateway/nightcall.toml </dev/null >/dev/null 2>/live/gateway.log &
  gateway_pid=$!
  within "$WAIT_LIMIT_S" gateway_is_ready_or_gone || true
  gateway_is_ready || fail 'nightcall becomes ready' 'a line that says so' "none from $LIVE_BINARY"
}

# api PATH: what the API says, or why there is no answer.
api() {
  curl --config /live/curl.conf --silent --show-error --fail-with-body --noproxy '*' --max-time 5 \
    "http://127.0.0.1:8025/api/v1/$1" 2>&1
}

# A mail as Nagios writes it: `problem HOST SERVICE`. Its key is nagios/service/HOST/SERVICE.
problem() {
  printf 'From: Nagios <nagios@monitor.test>\nTo: db@alerts.test\nSubject: ** PROBLEM Service Alert: %s/%s is CRITICAL **\n' "$1" "$2"
  printf 'Date: %s\nMessage-ID: <%s.%s@monitor.test>\n\nNotification Type: PROBLEM\n.\nInfo: it is down\n' \
    "$(date -R)" "$1" "$2"
}

# Whether `problem HOST SERVICE` opened the one incident it should, once.
acts_once() {
  local key="nagios/service/$1/$2"
  api 'mails?limit=500' | jq --exit-status --arg key "$key" \
    '[.mails[] | select(.recipients == ["db@alerts.test"]) | .alerts[] | select(.dedup_key == $key) | .outcome] |
     [.[] | select(startswith("the same mail came before as ") | not)] | length == 1 and (.[0] | startswith("opened incident #"))' &&
    api 'incidents?limit=500' | jq --exit-status --arg key "$key" \
      '[.incidents[] | select(.dedup_key == $key)] | length == 1 and .[0].alert_count == 1 and .[0].status == "triggered"
       and .[0].service == "db" and .[0].severity == "critical"'
}

# And whether it is there once.
is_stored_once() {
  acts_once "$@" && api 'mails?limit=500' | jq --exit-status --arg key "nagios/service/$1/$2" \
    '[.mails[] | select(any(.alerts[]; .dedup_key == $key))] | length == 1'
}

# The subjects of the newest mails.
newest() { api 'mails?limit=10' | jq --compact-output '[.mails[].subject]'; }

# What is known about who handed it in, as JSON.
client_of() {
  local id
  id=$(api 'mails?limit=500' | jq --raw-output --arg key "nagios/service/$1/$2" \
    '[.mails[] | select(any(.alerts[]; .dedup_key == $key))][0].id')
  api "mails/$id" | jq --compact-output .client
}

# --- Postfix ---

# A Postfix that hands everything on, whatever the machine's own is set up for: `postfix_to HOST:PORT LINE…`.
postfix_to() {
  local relay=$1
  shift
  mkdir -p /live/queue /live/data
  chown postfix /live/data
  cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf
  printf '%s\n' 'compatibility_level = 3.6' 'queue_directory = /live/queue' 'data_directory = /live/data' \
    'maillog_file = /var/log/postfix.log' 'inet_interfaces = loopback-only' 'inet_protocols = ipv4' \
    'myhostname = monitor.test' 'mydestination =' 'alias_maps =' 'alias_database =' 'smtp_host_lookup = native' \
    'default_transport = smtp' "relayhost = $relay" "$@" >/etc/postfix/main.cf
  postconf -F '*/*/chroot = n'
  postfix start 2>/live/postfix.log || fail 'Postfix starts' 'exit code 0' 'another'
}
