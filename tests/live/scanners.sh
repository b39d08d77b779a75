#!/bin/bash
# Scanners that others wrote look at nightcall's ports: nmap for relaying and for what is told about users, testssl.sh
# for both ways TLS is offered. Not a finding of severity MEDIUM or above, but for those that a certificate nobody has
# signed must have.
#
#   tests/live/scanners.sh                 as root on Debian 12; touches nothing of the machine (throwaway.sh)
#   NIGHTCALL=FILE tests/live/scanners.sh  tries that binary
readonly TIME_LIMIT_S=280
# shellcheck source=tests/live/throwaway.sh
. "$(dirname "$0")/throwaway.sh"

if [[ $LIVE_STAGE == inside ]]; then
  apt_get install nmap testssl.sh jq curl iproute2 openssl
  go_offline
fi

# What testssl.sh says of a certificate that no authority has signed, that nobody can revoke, and that holds ten years,
# since who trusts it trusts exactly it.
readonly SELF_SIGNED='["cert_chain_of_trust", "cert_revocation", "cert_validityPeriod"]'

password_line=$(printf 'secret\nsecret\n' | /live/nightcall smtp password ups 2>/dev/null)
start_gateway "[smtp.tls]
certificate = \"cert.pem\"
key = \"key.pem\"
[smtp.users]
$password_line
[[smtp.listeners]]
listen = \"127.0.0.1:25\"
[[smtp.listeners]]
listen = \"127.0.0.1:465\"
tls = \"implicit\""

# --- nmap ---

nmap -n -Pn -p 25,465 --script 'smtp-open-relay,smtp-commands,smtp-enum-users,smtp-vuln-*' \
  --script-args 'smtp-open-relay.domain=nmap.test,smtp.domain=alerts.test' -oX /live/nmap.xml 127.0.0.1 >/live/nmap.log 2>&1 ||
  fail 'nmap runs' 'exit code 0' "$(cat /live/nmap.log)"
# says TIMES LINE WHAT: nmap's report has the line so many times.
says() {
  local times
  times=$(grep --count --extended-regexp "$2" /live/nmap.log) || true
  [[ $times -eq $1 ]] || fail "nmap: $3" "$1 times $2" "$(cat /live/nmap.log)"
  ok "nmap: $3"
}
says 2 "smtp-open-relay: Server doesn't seem to be an open relay, all tests failed" 'neither port relays'
says 1 'smtp-commands: mx.test, PIPELINING, SIZE [0-9]+, 8BITMIME, SMTPUTF8, STARTTLS, ENHANCEDSTATUSCODES$' 'what is offered before TLS'
says 1 'smtp-commands: mx.test, PIPELINING, SIZE [0-9]+, 8BITMIME, SMTPUTF8, AUTH PLAIN LOGIN, ENHANCEDSTATUSCODES$' 'what is offered inside TLS'
says 2 "Couldn't find any accounts" 'nobody is listed as a user'
says 0 '^[| ]*State: .*VULNERABLE|[^T] VULNERABLE' 'nothing is known to be vulnerable'

# --- testssl.sh ---

# Protocols, ciphers, their order, forward secrecy, the certificate and all known vulnerabilities; left out are pretended
# clients and tables of ciphers, which find nothing of their own and take minutes.
scan() { testssl --quiet --color 0 --warnings off -p -s -P -f -S -U --ip 127.0.0.1 --nodns none --jsonfile "/live/testssl-$1.json" "${@:2}" >"/live/testssl-$1.out" 2>&1 || true; }
scan starttls --starttls smtp mx.test:25 &
scan implicit mx.test:465 &
wait -n
wait -n
for way in starttls implicit; do
  # All that it looks at, so that a scan which went wrong is not taken for a clean one.
  jq --exit-status '[.[].id] | length > 60 and (index("TLS1_3") != null) and (index("heartbleed") != null)' \
    "/live/testssl-$way.json" >/dev/null || fail "testssl.sh ($way) looks at everything" 'more than 60 answers' "$(tail -n 40 "/live/testssl-$way.out")"
  found=$(jq --raw-output --argjson known "$SELF_SIGNED" \
    '.[] | select(.severity as $s | ["MEDIUM", "HIGH", "CRITICAL", "FATAL"] | index($s)) |
     select(.id as $id | $known | index($id) | not) | "\(.severity) \(.id): \(.finding)"' "/live/testssl-$way.json")
  [[ -z $found ]] || fail "testssl.sh ($way)" 'nothing of severity MEDIUM or above' "$found"
  ok "testssl.sh ($way): $(jq length "/live/testssl-$way.json") answers, none of severity MEDIUM or above"
done
end_process "$gateway_pid"
echo "$passed passed, 0 failed"
