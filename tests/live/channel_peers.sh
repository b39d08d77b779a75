#!/usr/bin/env bash
# Installs the libraries that channel_peers.py asks into a folder of their own, and asks them.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder"
timeout 300 "$folder/bin/pip" install --quiet --disable-pip-version-check --no-input --retries 5 --timeout 20 \
  slack_sdk markdown-it-py linkify-it-py apprise twilio standardwebhooks http_ece py-vapid botocore
timeout 600 "$folder/bin/python" tests/live/channel_peers.py
