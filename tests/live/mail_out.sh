#!/bin/bash
# nightcall pages by mail through a real Postfix: over STARTTLS into a mailbox, answered by a reply that comes back
# through Postfix; a mail that Postfix cannot deliver comes back and is known as what did not arrive.
#
#   tests/live/mail_out.sh                 as root on Debian 12; touches nothing of the machine (throwaway.sh)
#   NIGHTCALL=FILE tests/live/mail_out.sh  tries that binary
readonly TIME_LIMIT_S=180
# shellcheck source=tests/live/throwaway.sh
. "$(dirname "$0")/throwaway.sh"

if [[ $LIVE_STAGE == inside ]]; then
  apt_get install postfix swaks jq curl iproute2 python3
  go_offline
fi

useradd --create-home eve

start_gateway 'listen = "127.0.0.1:2525"
[mail]
from = "nightcall <nightcall@alerts.test>"
[[mail.smarthost]]
host = "mx.test"
port = 25
tls = "starttls"
ca = "cert.pem"
[users.eve]
contacts = { mail = "mail:eve@monitor.test" }
[users.fay]
contacts = { mail = "mail:nobody-here@monitor.test", console = "console" }
high = ["mail", "console after 30m"]
[policies.eve]
steps = [{ delay = "1h", targets = ["eve"] }]
[policies.fay]
steps = [{ delay = "1h", targets = ["fay"] }]
[services.web]
addresses = ["web"]
policy = "eve"
[services.app]
addresses = ["app"]
policy = "fay"'

postfix_to '[mx.test]:2525' 'mydestination = monitor.test' 'local_recipient_maps =' \
  'smtpd_tls_cert_file = /live/gateway/cert.pem' 'smtpd_tls_key_file = /live/gateway/key.pem' \
  'smtpd_tls_security_level = encrypt'

# page SERVICE: a problem for that service.
page() {
  problem "$1" disk | /usr/bin/swaks --silent 3 --server 127.0.0.1:2525 --from nagios@monitor.test \
    --to "$1@alerts.test" --data - >>/live/swaks.log 2>&1
}

# header NUMBER NAME: of the mail of that number in eve's mailbox.
cat >/live/header.py <<'E2'
import mailbox, sys
mails = list(mailbox.mbox("/var/mail/eve", create=False))
value = mails[int(sys.argv[1])][sys.argv[2]]
print("".join(value.split("\n")).strip())
E2
header() { /usr/bin/python3 /live/header.py "$@"; }
# told NUMBER TEXT: the incident says so somewhere.
told() { api "incidents/$1" | grep --fixed-strings --quiet "$2"; }

page web
within "$WAIT_LIMIT_S" header 0 Subject || fail 'a page is in the mailbox' 'a mail' "$(cat /var/log/postfix.log)"
subject=$(header 0 Subject)
[[ $subject == '[#1 critical] web: '* ]] || fail 'the page says what is wrong' '[#1 critical] web: …' "$subject"
grep --quiet 'TLSv1.3' <(header 0 Received) || grep --quiet 'with ESMTPS' <(header 0 Received) ||
  fail 'the page came over TLS' 'ESMTPS' "$(header 0 Received)"
ok 'a page comes over STARTTLS into a mailbox'

reply=$(header 0 Reply-To)
refused=$(/usr/bin/swaks --server 127.0.0.1:2525 --from eve@monitor.test --to "${reply/reply+/reply+0}" --quit-after RCPT 2>&1 || true)
grep --quiet '^<\*\* 550' <<<"$refused" || fail 'a guessed address is refused' 550 "$refused"
ok 'a guessed address is refused'

/usr/bin/swaks --silent 3 --server mx.test:25 --tls --from eve@monitor.test --to "$reply" \
  --header 'Subject: Re: page' --body $'thanks\n\n> ack' >>/live/swaks.log 2>&1 ||
  fail 'Postfix takes the reply' 'exit code 0' "$(tail /live/swaks.log)"
within "$WAIT_LIMIT_S" header 1 Subject || fail 'an unclear reply is answered' 'a second mail' "$(cat /var/log/postfix.log)"
[[ $(header 1 Subject) == 'Nothing was done: '* && $(header 1 Return-Path) == '<>' ]] ||
  fail 'the answer says that nothing was done' 'Nothing was done, from nobody' "$(header 1 Subject) $(header 1 Return-Path)"
[[ $(api incidents/1 | jq --raw-output .status) == triggered ]] || fail 'nothing was done' triggered "$(api incidents/1)"
ok 'an unclear reply changes nothing and is answered so'

/usr/bin/swaks --silent 3 --server mx.test:25 --tls --from mallory@evil.test --to "$reply" \
  --header 'Subject: Re: page' --body $'ack, on it\n\n> resolve' >>/live/swaks.log 2>&1 ||
  fail 'Postfix takes the reply' 'exit code 0' "$(tail /live/swaks.log)"
within "$WAIT_LIMIT_S" told 1 'eve by mail' || fail 'the reply acknowledges' 'eve by mail' "$(api incidents/1)"
[[ $(api incidents/1 | jq --raw-output .status) == acknowledged ]] || fail 'only that' acknowledged "$(api incidents/1)"
ok 'a reply through Postfix acknowledges, whoever its From names'

page app
within "$WAIT_LIMIT_S" told 2 'the mail came back' || fail 'a bounce is understood' 'the mail came back' "$(tail -n 4 /var/log/postfix.log; api 'mails?limit=1')"
within "$WAIT_LIMIT_S" told 2 'fay by console' || fail 'the next way is used at once' 'fay by console' "$(api incidents/2)"
ok 'a bounce from Postfix makes the next way due at once'

end_process "$gateway_pid"
postfix stop 2>/dev/null
echo "$passed passed, 0 failed"
