#!/bin/bash
# Mail programs that others wrote deliver to nightcall: in plaintext, over TLS, with a password, where they can.
#
#   tests/live/peers.sh                 as root on Debian 12; touches nothing of the machine (throwaway.sh)
#   NIGHTCALL=FILE tests/live/peers.sh  tries that binary
#
# One line per program. After each mail: it is stored once, it opened the incident it should, and what is known about
# its sender is what the program was told to prove. Not here: busybox, whose Debian build has no sendmail.
readonly TIME_LIMIT_S=280
# shellcheck source=tests/live/throwaway.sh
. "$(dirname "$0")/throwaway.sh"

if [[ $LIVE_STAGE == inside ]]; then
  # What the servers that are laid out below are linked with comes along.
  apt_get install postfix libsasl2-modules msmtp s-nail swaks libnet-ssleay-perl sendemail python3 curl node-nodemailer \
    jq iproute2 ca-certificates \
    libdb5.3 libgnutls-dane0 libidn12 libnsl2 libpcre2-8-0 libevent-2.1-7 libpam0g libgnutls-openssl27 libesmtp6
  # They cannot be there at the same time.
  fetch exim4-daemon-light opensmtpd dma nullmailer ssmtp esmtp
  go_offline
fi

export FROM=nagios@monitor.test TO=db@alerts.test
readonly USER_NAME=ups PASSWORD=secret
export STARTTLS_PORT=2525 IMPLICIT_PORT=4650
export CERTIFICATE=/live/gateway/cert.pem

# Programs that take many words to be told where to send.
snail() {
  local url=$1
  shift
  s-nail -:/ -Sv15-compat -Ssendwait -Smta="$url" -Stls-verify=strict -Stls-ca-file="$CERTIFICATE" -Stls-ca-no-defaults "$@" -t -r $FROM
}
swaks_to() { swaks --server mx.test --from $FROM --to $TO --data - --silent 2 "$@"; }
sendemail_to() { sendemail -f $FROM -t $TO -s mx.test:$STARTTLS_PORT -o message-format=raw -o message-file=/dev/stdin "$@"; }
curl_to() {
  curl --silent --show-error --cacert "$CERTIFICATE" --mail-from $FROM --mail-rcpt $TO --upload-file - --crlf "$@"
}
export -f snail swaks_to sendemail_to curl_to
password_line=$(printf '%s\n%s\n' "$PASSWORD" "$PASSWORD" | /live/nightcall smtp password "$USER_NAME" 2>/dev/null)
start_gateway "[smtp.tls]
certificate = \"cert.pem\"
key = \"key.pem\"
[smtp.users]
$password_line
[[smtp.listeners]]
listen = \"127.0.0.1:$STARTTLS_PORT\"
[[smtp.listeners]]
listen = \"127.0.0.1:$IMPLICIT_PORT\"
tls = \"implicit\"
require_auth = true"
# Programs that only trust the system's authorities.
cat "$CERTIFICATE" >>/etc/ssl/certs/ca-certificates.crt

delivered=0
program=
ways=

# What a way of sending proves: whether TLS was used, and whose password.
proves() {
  local client
  client=$(client_of "$program" "$1")
  case $1 in
  plain) [[ $client == '{}' ]] ;;
  starttls) jq --exit-status '.tls != null and .user == null' <<<"$client" ;;
  *) jq --exit-status --arg user "$USER_NAME" '.tls != null and .user == $user' <<<"$client" ;;
  esac
}

# sends PROGRAM WAY COMMAND…: the mail comes on the command's standard input.
sends() {
  [[ $program == "$1" ]] || { told; program=$1; }
  local way=$2 said=/live/$1-$2.log
  shift 2
  problem "$program" "$way" | timeout 30 bash -c '"$@"' - "$@" >"$said" 2>&1 ||
    fail "$program sends ($way)" 'exit code 0' "$? from $*"
  within "$WAIT_LIMIT_S" is_stored_once "$program" "$way" ||
    fail "$program's mail ($way) is stored once, with its incident" "nagios/service/$program/$way" "the newest: $(newest)"
  proves "$way" >/dev/null || fail "$program proves what it should ($way)" "$way" "$(client_of "$program" "$way")"
  # When it is over it tells nothing, and shows up in no later failure.
  rm -f "$said"
  delivered=$((delivered + 1))
  ways+="${ways:+, }$way"
}

# Ends the line of the program before.
told() {
  [[ -z $program ]] || ok "$program: $ways"
  program='' ways=''
}

# --- clients ---

for tls in plain starttls auth implicit; do
  more=() port=$STARTTLS_PORT
  [[ $tls == plain ]] || more+=(--tls=on --tls-trust-file="$CERTIFICATE")
  [[ $tls == auth || $tls == implicit ]] && more+=(--auth=plain --user="$USER_NAME" --passwordeval="echo $PASSWORD")
  [[ $tls != implicit ]] || { more+=(--tls-starttls=off) port=$IMPLICIT_PORT; }
  sends msmtp $tls msmtp --host=mx.test --port="$port" --from=$FROM "${more[@]}" $TO
done

sends s-nail plain snail "smtp://mx.test:$STARTTLS_PORT" -Ssmtp-auth=none
sends s-nail starttls snail "smtp://mx.test:$STARTTLS_PORT" -Ssmtp-use-starttls -Ssmtp-auth=none
sends s-nail auth snail "smtp://$USER_NAME:$PASSWORD@mx.test:$STARTTLS_PORT" -Ssmtp-use-starttls -Ssmtp-auth=login
sends s-nail implicit snail "smtps://$USER_NAME:$PASSWORD@mx.test:$IMPLICIT_PORT" -Ssmtp-auth=plain

credentials=(--auth-user "$USER_NAME" --auth-password "$PASSWORD")
sends swaks plain swaks_to --port $STARTTLS_PORT
sends swaks starttls swaks_to --port $STARTTLS_PORT --tls
sends swaks auth swaks_to --port $STARTTLS_PORT --tls --auth LOGIN "${credentials[@]}"
sends swaks implicit swaks_to --port $IMPLICIT_PORT --tls-on-connect --auth PLAIN "${credentials[@]}"
sends swaks pipelined swaks_to --port $STARTTLS_PORT --tls --pipeline --auth PLAIN "${credentials[@]}"

sends sendemail plain sendemail_to -o tls=no

sends curl plain curl_to "smtp://mx.test:$STARTTLS_PORT"
sends curl starttls curl_to --ssl-reqd "smtp://mx.test:$STARTTLS_PORT"
sends curl auth curl_to --ssl-reqd --user "$USER_NAME:$PASSWORD" "smtp://mx.test:$STARTTLS_PORT"
sends curl implicit curl_to --user "$USER_NAME:$PASSWORD" "smtps://mx.test:$IMPLICIT_PORT"

cat >/live/deliver.py <<'E'
import smtplib, ssl, sys
way, certificate, user, password, sender, to, port, implicit = sys.argv[1:]
context = ssl.create_default_context(cafile=certificate)
if way == "implicit":
    server = smtplib.SMTP_SSL("mx.test", int(implicit), context=context)
else:
    server = smtplib.SMTP("mx.test", int(port))
with server:
    if way in ("starttls", "auth"):
        server.starttls(context=context)
    if way in ("auth", "implicit"):
        server.login(user, password)
    server.sendmail(sender, [to], sys.stdin.read())
E
for way in plain starttls auth implicit; do
  sends smtplib $way /usr/bin/python3 /live/deliver.py $way $CERTIFICATE $USER_NAME $PASSWORD $FROM $TO $STARTTLS_PORT $IMPLICIT_PORT
done

cat >/live/nodemailer.js <<'E'
const nodemailer = require('nodemailer'), fs = require('fs');
const [way, certificate, user, pass, from, to, port, implicit] = process.argv.slice(2);
const secure = way === 'implicit', proven = secure || way === 'auth';
const transport = nodemailer.createTransport({
  // By address: nodemailer resolves no names where there is no network.
  host: '127.0.0.1', port: Number(secure ? implicit : port), secure,
  requireTLS: way !== 'plain', ignoreTLS: way === 'plain',
  tls: { ca: fs.readFileSync(certificate), servername: 'mx.test' }, ...(proven ? { auth: { user, pass } } : {}),
});
transport.sendMail({ envelope: { from, to }, raw: fs.readFileSync(0) })
  .catch((error) => { console.error(error); process.exit(1); });
E
for way in plain starttls auth implicit; do
  sends nodemailer $way env NODE_PATH=/usr/share/nodejs node /live/nodemailer.js \
    $way $CERTIFICATE $USER_NAME $PASSWORD $FROM $TO $STARTTLS_PORT $IMPLICIT_PORT
done
told

# --- mail servers, and programs that stand in for one ---

postfix_to "[mx.test]:$STARTTLS_PORT" "smtp_tls_CAfile = $CERTIFICATE" \
  "smtp_sasl_password_maps = static:$USER_NAME:$PASSWORD" 'smtp_sasl_security_options = noanonymous'
postfix_sends() {
  local way=$1
  shift
  postconf -e "$@"
  postfix reload 2>/dev/null
  sends postfix "$way" sendmail -i -f $FROM $TO
}
postfix_sends plain 'smtp_tls_security_level = none'
postfix_sends starttls 'smtp_tls_security_level = verify'
postfix_sends auth 'smtp_sasl_auth_enable = yes'
postfix_sends implicit 'smtp_tls_wrappermode = yes' 'smtp_tls_security_level = encrypt' "relayhost = [mx.test]:$IMPLICIT_PORT"
postfix stop 2>/dev/null

lay_out exim4-daemon-light
useradd --system --badname Debian-exim
install -d -o Debian-exim -g Debian-exim /etc/exim4 /var/spool/exim4 /var/log/exim4
exim_sends() {
  local way=$1 port=$2
  shift 2
  cat >/etc/exim4/exim4.conf <<E
primary_hostname = monitor.test
keep_environment =
begin routers
everything:
  driver = manualroute
  domains = *
  route_list = * mx.test byname
  self = send
  transport = out
begin transports
out:
  driver = smtp
  port = $port
  tls_verify_certificates = $CERTIFICATE
$(printf '  %s\n' "$@")
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  client_send = ^$USER_NAME^$PASSWORD
E
  sends exim4 "$way" exim4 -i -odf -f $FROM $TO
}
exim_sends plain $STARTTLS_PORT 'hosts_avoid_tls = *'
exim_sends starttls $STARTTLS_PORT 'hosts_require_tls = *' 'tls_verify_hosts = *'
exim_sends auth $STARTTLS_PORT 'hosts_require_tls = *' 'tls_verify_hosts = *' 'hosts_require_auth = *'
exim_sends implicit $IMPLICIT_PORT 'protocol = smtps' 'tls_verify_hosts = *' 'hosts_require_auth = *'

lay_out opensmtpd
useradd --system opensmtpd
useradd --system opensmtpq
install -d -m 711 /var/spool/smtpd
chgrp opensmtpq /usr/sbin/smtpctl
chmod 2755 /usr/sbin/smtpctl
echo "$USER_NAME $USER_NAME:$PASSWORD" >/etc/mail-credentials
smtpd_pid=
smtpd_sends() {
  local way=$1
  cat >/etc/smtpd.conf <<E
table credentials file:/etc/mail-credentials
listen on socket
action out relay host $2
match from any for any action out
E
  [[ -z $smtpd_pid ]] || end_process "$smtpd_pid"
  smtpd -d >/live/smtpd.log 2>&1 &
  smtpd_pid=$!
  within "$WAIT_LIMIT_S" smtpctl show status || fail 'OpenSMTPD starts' 'smtpctl to have an answer' 'none'
  sends opensmtpd "$way" sendmail -f $FROM $TO
}
smtpd_sends plain "smtp+notls://127.0.0.1:$STARTTLS_PORT"
smtpd_sends starttls "smtp+tls://mx.test:$STARTTLS_PORT"
smtpd_sends auth "smtp+tls://$USER_NAME@mx.test:$STARTTLS_PORT auth <credentials>"
smtpd_sends implicit "smtps://$USER_NAME@mx.test:$IMPLICIT_PORT auth <credentials>"
end_process "$smtpd_pid"

lay_out dma
install -d -o root -g mail -m 2775 /var/spool/dma
echo "$USER_NAME|mx.test:$PASSWORD" >/etc/dma/auth.conf
dma_sends() {
  local way=$1
  shift
  printf '%s\n' 'SMARTHOST mx.test' 'MAILNAME monitor.test' "$@" >/etc/dma/dma.conf
  sends dma "$way" dma -D -i -f $FROM $TO
}
dma_sends plain "PORT $STARTTLS_PORT"
dma_sends starttls "PORT $STARTTLS_PORT" SECURETRANSFER STARTTLS
dma_sends auth "PORT $STARTTLS_PORT" SECURETRANSFER STARTTLS 'AUTHPATH /etc/dma/auth.conf'
dma_sends implicit "PORT $IMPLICIT_PORT" SECURETRANSFER 'AUTHPATH /etc/dma/auth.conf'

lay_out nullmailer
echo monitor.test >/etc/mailname
mkfifo /var/spool/nullmailer/trigger
chown mail /var/spool/nullmailer/trigger
nullmailer_pid=
nullmailer_sends() {
  echo "$2" >/etc/nullmailer/remotes
  chown mail:mail /etc/nullmailer/remotes
  [[ -z $nullmailer_pid ]] || end_process "$nullmailer_pid"
  setpriv --reuid=mail --regid=mail --clear-groups nullmailer-send >/live/nullmailer.log 2>&1 &
  nullmailer_pid=$!
  sends nullmailer "$1" nullmailer-inject -f $FROM $TO
}
nullmailer_sends plain "mx.test smtp --port=$STARTTLS_PORT"
nullmailer_sends starttls "mx.test smtp --port=$STARTTLS_PORT --starttls --x509cafile=$CERTIFICATE"
nullmailer_sends auth "mx.test smtp --port=$STARTTLS_PORT --starttls --x509cafile=$CERTIFICATE --auth-login --user=$USER_NAME --pass=$PASSWORD"
nullmailer_sends implicit "mx.test smtp --port=$IMPLICIT_PORT --ssl --x509cafile=$CERTIFICATE --user=$USER_NAME --pass=$PASSWORD"
end_process "$nullmailer_pid"

lay_out ssmtp
ssmtp_sends() {
  local way=$1
  shift
  printf '%s\n' 'FromLineOverride=YES' 'Hostname=monitor.test' "$@" >/etc/ssmtp/ssmtp.conf
  sends ssmtp "$way" ssmtp -f$FROM $TO
}
ssmtp_credentials=("AuthUser=$USER_NAME" "AuthPass=$PASSWORD")
ssmtp_sends plain "mailhub=mx.test:$STARTTLS_PORT"
ssmtp_sends starttls "mailhub=mx.test:$STARTTLS_PORT" UseSTARTTLS=YES
ssmtp_sends auth "mailhub=mx.test:$STARTTLS_PORT" UseSTARTTLS=YES "${ssmtp_credentials[@]}"
ssmtp_sends implicit "mailhub=mx.test:$IMPLICIT_PORT" UseTLS=YES "${ssmtp_credentials[@]}"

lay_out esmtp
mkdir -p -m 700 ~/.authenticate
cp "$CERTIFICATE" ~/.authenticate/ca.pem
chmod 600 ~/.authenticate/ca.pem
esmtp_sends() {
  local way=$1
  shift
  printf '%s\n' "hostname=mx.test:$STARTTLS_PORT" "$@" >~/.esmtprc
  chmod 600 ~/.esmtprc
  sends esmtp "$way" esmtp -f $FROM $TO
}
esmtp_sends plain starttls=disabled
esmtp_sends starttls starttls=enabled
esmtp_sends auth starttls=enabled "username=$USER_NAME" "password=$PASSWORD"
told

stored=$(api 'mails?limit=500' | jq '.mails | length')
[[ $stored -eq $delivered ]] || fail 'every mail is stored once, and no other' "$delivered mails" "$stored"
ok "$delivered mails, each stored once with the incident it should open"
end_process "$gateway_pid"
echo "$passed passed, 0 failed"
