"""Has the libraries and programs of others read what the channels say, sign and seal.

Needs the packages that `channel_peers.sh` installs, and uses Debian's prometheus-alertmanager where it is there. Run from the crate's folder; `channel_peers.sh` does all that.
Prints a line for each peer. Exits with 1 when one of them finds anything wrong, or is missing while NIGHTCALL_TEST_ALL
is set.
"""

import base64
import datetime
import html.parser
import http.server
import inspect
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree
from importlib.metadata import version

import apprise
import botocore.session
import http_ece
import standardwebhooks.webhooks
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.validate import ParamValidator
from cryptography.hazmat.primitives.asymmetric import ec
from markdown_it import MarkdownIt
from py_vapid import Vapid02
from slack_sdk.models.blocks import Block
from slack_sdk.signature import Clock, SignatureVerifier
from twilio.request_validator import RequestValidator
from twilio.twiml import voice_response

OURS = ("https://nightcall.example/", "https://evil.example/")
MARKDOWN = MarkdownIt("gfm-like", {"linkify": True, "html": True})
# Bare names of hosts are left whole on purpose; only some clients link them.
MARKDOWN.linkify.set({"fuzzy_link": False})
# What our own layout consists of: paragraphs, line breaks, a heading and links that the message has.
PLAIN = {"paragraph_open", "paragraph_close", "inline", "text", "softbreak", "hardbreak", "heading_open",
         "heading_close", "link_open", "link_close", "text_special"}


def written():
    """Everything that our tests write for peers, by file."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["cargo", "test", "--locked", "--lib", "for_peers", "--", "--ignored"]
        environment = {**os.environ, "NIGHTCALL_TEST_PEERS": folder}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
        files = {}
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), encoding="utf-8") as lines:
                files[name.removesuffix(".jsonl")] = [json.loads(line) for line in lines]
        return files


def markup(text, links):
    """Names what a Markdown reader makes of a text beyond plain lines and at most `links` links of ours."""
    found, seen = [], 0
    for token in MARKDOWN.parse(text):
        for token in [token, *(token.children or [])]:
            if token.type not in PLAIN:
                found.append(token.type)
            if token.type == "link_open":
                seen += 1
                if not token.attrs["href"].startswith(OURS):
                    found.append(token.attrs["href"])
    return found if seen <= links else [*found, f"{seen} links instead of {links}"]


class Tags(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)


def telegram(body):
    tags = Tags()
    tags.feed(body["text"])
    return [tag for tag in tags.tags if tag not in ("code", "pre", "a")]


def slack(body):
    for block in Block.parse_all(body["blocks"]):
        block.validate_json()
    texts = json.dumps(body["blocks"])
    return ["mrkdwn"] if "mrkdwn" in texts else []


def links_of(text):
    """How many links a page has: our own, one of the mail's, and its text where that is a URL."""
    return 3 if text.startswith("https://") else 2


PAGES = {
    "slack": lambda body, text: slack(body),
    "slack webhook": lambda body, text: slack(body),
    "telegram": lambda body, text: telegram(body),
    "mattermost": lambda body, text: markup(body["text"], 0) + markup(body["attachments"][0]["text"], links_of(text)),
    "discord": lambda body, text: markup(body["content"], 0)
    + markup(body["embeds"][0]["description"], links_of(text)),
    "dingtalk": lambda body, text: markup(body["actionCard"]["text"], 0),
    "apprise": lambda body, text: markup(body["body"].rsplit("\n", 1)[0], links_of(text) - 1),
}


def pages(files):
    """Nothing of a mail's text becomes markup, a mention or a link; Slack's library finds every block valid."""
    for page in files["pages"]:
        check = PAGES.get(page["channel"])
        if check is not None:
            yield page, check(json.loads(page["body"]), page["text"])


class Then(Clock):
    def __init__(self, seconds):
        self.seconds = seconds

    def now(self):
        return self.seconds


def clicks(files):
    """Slack's verifier believes what we believe, and nothing else."""
    for click in files["clicks"]:
        verifier = SignatureVerifier(click["secret"], Then(int(click["timestamp"])))
        late = SignatureVerifier(click["secret"], Then(int(click["timestamp"]) + 301))
        judged = [one.is_valid(click["body"], click["timestamp"], click[signature])
                  for one, signature in ((verifier, "right"), (verifier, "wrong"), (late, "right"))]
        yield click, [] if judged == [True, False, False] else [f"judged {judged}"]


def webhooks(files):
    """Standard Webhooks' library takes our requests, and none that was changed."""
    for hook in files["webhooks"]:
        at = datetime.datetime.fromtimestamp(hook["now"], tz=datetime.timezone.utc)

        class Stopped(datetime.datetime):
            @classmethod
            def now(cls, tz=None, at=at):
                return at

        standardwebhooks.webhooks.datetime = Stopped
        receiver, found = standardwebhooks.Webhook(hook["secret"]), []
        if receiver.verify(hook["body"], hook["headers"]) != json.loads(hook["body"]):
            found.append("another body")
        try:
            receiver.verify(hook["body"] + " ", hook["headers"])
            found.append("a changed body is taken")
        except standardwebhooks.WebhookVerificationError:
            pass
        yield hook, found


class Form(dict):
    """Parameters of which one may come twice."""

    def __init__(self, pairs):
        super().__init__()
        for name, value in pairs:
            self.setdefault(name, []).append(value)

    def getlist(self, name):
        return self[name]


def calls(files):
    """Twilio's validator makes the signature that we demand, and its TwiML knows every verb and attribute of ours."""
    for call in files["calls"]:
        validator = RequestValidator(call["token"])
        found = []
        if validator.compute_signature(call["url"], Form(call["pairs"])) != call["signature"]:
            found.append("another signature")
        if not validator.validate(call["url"], Form(call["pairs"]), call["signature"]):
            found.append("refused")
        if validator.validate(call["url"], Form([*call["pairs"], ["Digits", "6"]]), call["signature"]):
            found.append("a changed key is taken")
        root = xml.etree.ElementTree.fromstring(call["said"])
        yield call, found + verbs(root, voice_response.VoiceResponse)


def verbs(element, parent):
    """Names what Twilio's own writer could not have written below this element."""
    found = []
    for child in element:
        write = getattr(parent, child.tag.lower(), None)
        if write is None:
            found.append(f"no {child.tag} below {parent.__name__}")
            continue
        known = set(inspect.signature(write).parameters)
        snake = ("".join("_" + c.lower() if c.isupper() else c for c in name) for name in child.attrib)
        found += [f"{child.tag} has no {name}" for name in snake if name not in known]
        found += verbs(child, getattr(voice_response, child.tag))
    return found


def b64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def pushes(files):
    """http_ece reads what we have sealed for a browser, and py-vapid believes who we say we are."""
    for push in files["pushes"]:
        secret = int.from_bytes(b64(push["private"]), "big")
        plain = http_ece.decrypt(b64(push["sealed"]), private_key=ec.derive_private_key(secret, ec.SECP256R1()),
                                 auth_secret=b64(push["auth"]), version="aes128gcm")
        found = [] if plain.decode() == push["content"] else ["another content"]
        headers = dict(push["headers"])
        if not Vapid02.verify(headers["authorization"]):
            found.append("the VAPID token is refused")
        head, claims, signature = headers["authorization"].split("t=")[1].split(",")[0].split(".")
        if json.loads(b64(claims))["aud"] != "https://push.example":
            found.append("the token is for another service")
        wrong = headers["authorization"].replace(signature, signature[::-1])
        try:
            if Vapid02.verify(wrong):
                found.append("a forged token is taken")
        except Exception:  # A broken signature need not even be readable.
            pass
        yield push, found


def starts(files):
    """AWS's own library signs our requests as we do, and finds in each what its model of the service asks for."""
    model = botocore.session.get_session().get_service_model("ssm-incidents")
    operations = [model.operation_model(name) for name in model.operation_names]
    inputs = {operation.http["requestUri"]: operation.input_shape for operation in operations}
    for start in files["starts"]:
        headers = dict(start["headers"])
        given = dict(part.split("=", 1) for part in headers["authorization"].split(" ", 1)[1].split(", "))
        names = [name for name in given["SignedHeaders"].split(";") if name != "host"]
        request = AWSRequest("POST", start["url"], {name: headers[name] for name in names}, start["body"].encode())
        request.context["timestamp"] = headers["x-amz-date"]
        signer = SigV4Auth(Credentials(start["access_key"], start["secret_key"]), "ssm-incidents", start["region"])
        right = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        found = [] if right == given["Signature"] else ["another signature"]
        shape = inputs["/" + start["url"].rsplit("/", 1)[1]]
        body = json.loads(start["body"])
        report = ParamValidator().validate(body, shape)
        if report.has_errors():
            found.append(report.generate_report())
        found += [f"{name} is unknown" for name in body if name not in shape.members]
        yield start, found


class Listener:
    """Takes JSON over HTTP and hands it on."""

    def __init__(self, take):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                take(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.server_address[1]


def notified(files):
    """Apprise hands on what an Apprise API server is asked to, word for word."""
    got = []
    service = apprise.Apprise()
    service.add(f"json://127.0.0.1:{Listener(got.append).port}/")
    for page in files["pages"]:
        if page["channel"] != "apprise":
            continue
        body, found = json.loads(page["body"]), []
        if not service.notify(body["body"], body["title"], notify_type=body["type"], body_format=body["format"]):
            found.append("refused")
        told = got.pop() if got else {}
        # Blanks at an end are the service's business.
        for ours, theirs in (("title", "title"), ("body", "message"), ("type", "type")):
            if body[ours].strip() != told.get(theirs, "").strip():
                found.append(f"another {ours}: {told.get(theirs)!r}")
        yield page, found


def alerts(files):
    """A real Alertmanager takes every alert, and has it afterwards with the labels we gave it."""
    program = shutil.which("prometheus-alertmanager")
    with tempfile.TemporaryDirectory() as folder, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = "127.0.0.1:%d" % free.getsockname()[1]
        free.close()
        config = os.path.join(folder, "alertmanager.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("route: {receiver: none}\nreceivers: [{name: none}]\n")
        options = [f"--config.file={config}", f"--storage.path={folder}", f"--web.listen-address={address}",
                   "--cluster.listen-address="]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen([program, *options], **quiet) as running:
            try:
                yield from told_alerts(files, f"http://{address}")
            finally:
                running.kill()


def told_alerts(files, url):
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{url}/-/ready", timeout=5)
            break
        except OSError:
            time.sleep(0.1)
    else:
        yield {"url": url}, ["it does not start"]
        return
    for page in files["pages"]:
        if page["channel"] != "alertmanager":
            continue
        request = urllib.request.Request(f"{url}/api/v2/alerts", page["body"].encode(),
                                         {"content-type": "application/json"})
        try:
            urllib.request.urlopen(request, timeout=5)
        except urllib.error.HTTPError as error:
            yield page, [error.read().decode()]
            continue
        with urllib.request.urlopen(f"{url}/api/v2/alerts", timeout=5) as answer:
            known = [alert["labels"] for alert in json.load(answer)]
        # An empty label is none.
        ours = [{name: value for name, value in alert["labels"].items() if value}
                for alert in json.loads(page["body"])]
        yield page, [f"{labels} is not there" for labels in ours if labels not in known]


PEERS = [
    ("parsers", "markdown-it-py", pages, 50),
    ("Slack", "slack_sdk", clicks, 10),
    ("Standard Webhooks", "standardwebhooks", webhooks, 10),
    ("Twilio", "twilio", calls, 10),
    ("Web Push", "http_ece", pushes, 10),
    ("Incident Manager", "botocore", starts, 10),
    ("Apprise", "apprise", notified, 10),
]


def main():
    files, bad = written(), 0
    peers = list(PEERS)
    if shutil.which("prometheus-alertmanager"):
        peers.append(("Alertmanager", None, alerts, 10))
    else:
        print("Alertmanager: not installed, left out")
        bad += "NIGHTCALL_TEST_ALL" in os.environ
    for name, package, check, least in peers:
        checked, wrong = 0, 0
        for what, found in check(files):
            checked += 1
            if found:
                wrong += 1
                print(f"{name}: {json.dumps(what)[:200]}: {found}")
        if checked < least:
            wrong += 1
            print(f"{name}: only {checked} were looked at")
        bad += wrong
        library = f" ({package} {version(package)})" if package else ""
        print(f"{name}{library}: {checked} looked at, {wrong} wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
