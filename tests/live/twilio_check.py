"""Checks by Twilio's own Python package what we make for Twilio (run by tests/twilio.rs, which gives the samples as
JSON on standard input): documents are those the package would make, requests are those it would send, signatures are
those it accepts, and every state it knows is one we know."""

import inspect
import json
import re
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree
from base64 import b64encode
from datetime import datetime, timezone

from twilio.base.exceptions import TwilioException
from twilio.http.http_client import HttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from twilio.rest.api.v2010.account.call import CallInstance
from twilio.rest.api.v2010.account.message import MessageInstance
from twilio.twiml.messaging_response import MessagingResponse
from twilio.twiml.voice_response import VoiceResponse

INLINE_CHARS_MAX = 4000
problems = []


def expect(name, found, wanted):
    if found != wanted:
        problems.append(f"{name}:\n  ours   {found}\n  theirs {wanted}")


def snake(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def rebuild(verb, element):
    """Adds what an element holds by the package's own methods, which know every verb and attribute."""
    for child in element:
        method = getattr(verb, snake(child.tag))
        known = inspect.signature(method).parameters
        given = {snake(name): value for name, value in child.attrib.items()}
        unknown = set(given) - set(known)
        if unknown:
            raise ValueError(f"{child.tag} has no {unknown}")
        text = next((name for name in ("message", "body") if name in known and child.text), None)
        if text:
            given[text] = child.text
        rebuild(method(**given), child)


def canonical(xml):
    return ElementTree.canonicalize(xml, strip_text=False)


def check_documents(samples):
    kinds = [(VoiceResponse, xml) for xml in samples["voice"].values()]
    kinds += [(MessagingResponse, xml) for xml in samples["messaging"]]
    for kind, xml in kinds:
        theirs = kind()
        rebuild(theirs, ElementTree.fromstring(xml.encode()))
        expect("document", canonical(xml), canonical(str(theirs)))
    for name, xml in samples["voice"].items():
        if name.endswith("inline") and len(xml) > INLINE_CHARS_MAX:
            problems.append(f"{name} is longer than {INLINE_CHARS_MAX} characters")
    return len(kinds)


class Recorder(HttpClient):
    """Keeps the last request and answers with an empty resource."""

    def __init__(self):
        self.last = {}

    def request(self, method, url, params=None, data=None, headers=None, auth=None, timeout=None, allow_redirects=False):
        self.last = {
            "method": method,
            "url": url,
            "query": params or {},
            "form": data or {},
            "authorization": "Basic " + b64encode(":".join(auth).encode()).decode(),
        }
        answer = {"resources": []} if params else {"sid": "x"}
        return Response(201 if method == "POST" else 200, json.dumps(answer))


def check_requests(samples):
    recorder = Recorder()
    client = Client("AC" + "0" * 32, samples["token"], http_client=recorder)
    to, caller = "+491700000001", "+4930000000"
    status = "https://nightcall.example/voice/1/2/status?attempt=1"
    text = "#123 critical db: 磁盘 & <b>\nreply 4 K7 = ack"
    since = datetime(2026, 11, 21, 2, 59, 50, tzinfo=timezone.utc)
    call = {"to": to, "from_": caller, "timeout": 25}
    fetched = {
        "url": "https://nightcall.example/voice/1/2/answer",
        "method": "POST",
        "status_callback": status,
        "status_callback_method": "POST",
        "status_callback_event": ["completed"],
    }
    sid = "CA" + "1" * 32
    theirs = {
        "call": lambda: client.calls.create(**call, **fetched),
        "inline call": lambda: client.calls.create(**call, twiml="<Response/>"),
        "cancel": lambda: client.calls(sid).update(status="canceled"),
        "poll": lambda: client.calls(sid).fetch(),
        "list started": lambda: client.calls.list(to=to, from_=caller, start_time_after=since, page_size=50),
        "list waiting": lambda: client.calls.list(to=to, from_=caller, status="queued", page_size=50),
        "list texts": lambda: client.messages.list(to=to, page_size=50),
        "text": lambda: client.messages.create(to=to, from_=caller, body=text, validity_period=600, status_callback=status),
        "text by service": lambda: client.messages.create(
            to=to, messaging_service_sid="MG1", body=text, validity_period=600
        ),
    }
    expect("names of requests", sorted(samples["requests"]), sorted(theirs))
    for name, send in theirs.items():
        try:
            send()
        except (TwilioException, KeyError, TypeError) as error:
            # The answer is no real one; only the request counts.
            print(f"{name}: answer not understood ({type(error).__name__})", file=sys.stderr)
        for part, wanted in recorder.last.items():
            if isinstance(wanted, dict):
                encoded = urllib.parse.urlencode(wanted, doseq=True)
                wanted = sorted(map(list, urllib.parse.parse_qsl(encoded, keep_blank_values=True)))
                found = sorted(samples["requests"][name][part])
            else:
                found = samples["requests"][name][part]
            expect(f"{name}: {part}", found, wanted)
    return len(theirs)


class Parameters(dict):
    """A form in which a name may stand more than once, as web frameworks give it."""

    def __init__(self, pairs):
        super().__init__(pairs)
        self.pairs = pairs

    def getlist(self, name):
        return [value for key, value in self.pairs if key == name]


def check_signatures(samples):
    validator = RequestValidator(samples["token"])
    for callback in samples["signatures"]:
        form, url = Parameters(callback["form"]), callback["url"]
        expect(url, validator.validate(url, form, callback["signature"]), True)
        expect(url + " forged", validator.validate(url + "x", form, callback["signature"]), False)
    return len(samples["signatures"])


def check_states(samples):
    def words(status):
        return {str(word.value if hasattr(word, "value") else word) for word in status_words(status)}

    def status_words(status):
        return [value for name, value in vars(status).items() if name.isupper()]

    expect("states of calls we do not know", sorted(words(CallInstance.Status) - set(samples["states"]["call"])), [])
    # What comes in, and what other channels have.
    not_ours = {"receiving", "received", "partially_delivered"}
    unknown = words(MessageInstance.Status) - not_ours - set(samples["states"]["message"])
    expect("states of messages we do not know", sorted(unknown), [])
    return len(words(CallInstance.Status)) + len(words(MessageInstance.Status))


def main():
    samples = json.load(sys.stdin)
    counts = [
        f"{check_documents(samples)} documents",
        f"{check_requests(samples)} requests",
        f"{check_signatures(samples)} signatures",
        f"{check_states(samples)} states",
    ]
    print("\n".join(problems) if problems else "agreed: " + ", ".join(counts))
    sys.exit(1 if problems else 0)


main()
