"""Reads what the channels say to hostile pages with the parsers of others.

Needs `pip install slack_sdk markdown-it-py linkify-it-py`. Run from the crate's folder. Exits with 1 when a mail's text
became markup, a mention or a link, or when Slack's own library finds a block invalid.
"""

import html.parser
import json
import os
import subprocess
import sys
import tempfile

from markdown_it import MarkdownIt
from slack_sdk.models.blocks import Block

OURS = ("https://nightcall.example/", "https://evil.example/")
MARKDOWN = MarkdownIt("gfm-like", {"linkify": True, "html": True})
# Bare names of hosts are left whole on purpose; only some clients link them.
MARKDOWN.linkify.set({"fuzzy_link": False})
# What our own layout consists of: paragraphs, line breaks, a heading and links that the message has.
PLAIN = {"paragraph_open", "paragraph_close", "inline", "text", "softbreak", "hardbreak", "heading_open",
         "heading_close", "link_open", "link_close", "text_special"}


def pages():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "pages.jsonl")
        command = ["cargo", "test", "--lib", "pages_for_peers", "--", "--ignored"]
        subprocess.run(command, check=True, env={**os.environ, "NIGHTCALL_TEST_PAGES": path}, stdout=subprocess.DEVNULL)
        with open(path, encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]


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


CHECKS = {
    "slack": lambda body, text: slack(body),
    "slack webhook": lambda body, text: slack(body),
    "telegram": lambda body, text: telegram(body),
    "mattermost": lambda body, text: markup(body["text"], 0) + markup(body["attachments"][0]["text"], links_of(text)),
    "discord": lambda body, text: markup(body["content"], 0)
    + markup(body["embeds"][0]["description"], links_of(text)),
    "dingtalk": lambda body, text: markup(body["actionCard"]["text"], 0),
    "apprise": lambda body, text: markup(body["body"].rsplit("\n", 1)[0], links_of(text) - 1),
}


def main():
    checked, bad = 0, 0
    for page in pages():
        check = CHECKS.get(page["channel"])
        if check is None:
            continue
        checked += 1
        found = check(json.loads(page["body"]), page["text"])
        if found:
            bad += 1
            print(f"{page['channel']}: {page['text'][:60]!r} became {found}")
    print(f"{checked} pages read, {bad} bad")
    return 1 if bad or checked < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
