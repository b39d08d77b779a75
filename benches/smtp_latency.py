#!/usr/bin/env python3
"""Milliseconds from a mail's final dot to its 250, with many sessions at once; for smtp_source.sh.

    smtp_latency.py PORT SESSIONS MAILS CHECKS

Prints the mails sent, the median, the 99th percentile and the maximum. The sessions stay open and send without a
pause. The kernel says when a reply arrived, so the time that this program needs to get to it does not count.
"""

import selectors
import socket
import sys
import time

SO_TIMESTAMPNS = 35  # of linux/socket.h; the module has no name for it
WARM_UP = 5  # mails of each session that do not count
SECONDS_MAX = 120
REPLY_BYTES_MAX = 4096


def mail(number: int, checks: int) -> bytes:
    """A Nagios problem of one of the checks, 1 KiB of text, its final dot included."""
    check = number % checks
    lines = [
        "From: nagios@monitor.test",
        "To: db@alerts.test",
        f"Subject: ** PROBLEM Service Alert: host-{check:02}/Disk is CRITICAL **",
        f"Message-ID: <latency.{time.time_ns()}.{number}@monitor.test>",
        "",
        *["X" * 78] * 12,
        "X" * 62,
        ".",
        "",
    ]
    return "\r\n".join(lines).encode()


class Session:
    """One connection: says the next thing when the reply to the last one is whole."""

    def __init__(self, port: int, selector: selectors.BaseSelector):
        self.socket = socket.socket()
        self.socket.settimeout(10)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.socket.connect(("127.0.0.1", port))
        self.socket.setblocking(False)
        selector.register(self.socket, selectors.EVENT_READ, self)
        self.reply = b""
        self.expected = "greeting"
        self.sent_ns = 0
        self.mails = 0

    def say(self, text: bytes, expected: str) -> None:
        self.reply = b""
        self.expected = expected
        self.sent_ns = time.time_ns()
        if self.socket.send(text) != len(text):
            sys.exit("the socket takes no whole mail")

    def read(self) -> int | None:
        """When the reply came, once it is whole."""
        found, ancillary, _, _ = self.socket.recvmsg(REPLY_BYTES_MAX, 64)
        if not found:
            sys.exit(f"the connection ended where {self.expected} was expected")
        stamps = [data for level, kind, data in ancillary if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS)]
        self.reply += found
        last = self.reply.rstrip(b"\r\n").rsplit(b"\n", 1)[-1]
        if not self.reply.endswith(b"\n") or last[3:4] == b"-":
            return None
        if self.reply[:1] not in b"23":
            sys.exit(f"{self.expected} was expected, but found {self.reply!r}")
        if not stamps:
            # The kernel starts to note times a moment after the first socket asks for it.
            if self.expected == "dot" and self.mails >= WARM_UP:
                sys.exit("the kernel does not say when a reply came")
            return 0
        seconds, nanoseconds = (int.from_bytes(stamps[-1][at : at + 8], sys.byteorder) for at in (0, 8))
        return seconds * 1_000_000_000 + nanoseconds


def run(port: int, sessions: int, mails: int, checks: int) -> list[float]:
    """The waits in milliseconds, sorted."""
    selector = selectors.DefaultSelector()
    for _ in range(sessions):
        Session(port, selector)  # which the selector keeps
    open_count, started, waits = sessions, 0, []
    deadline = time.monotonic() + SECONDS_MAX
    while open_count:
        if time.monotonic() > deadline:
            sys.exit(f"not done after {SECONDS_MAX} s")
        for key, _ in selector.select(1):
            session = key.data
            arrived_ns = session.read()
            if arrived_ns is None:
                continue
            match session.expected:
                case "greeting":
                    session.say(b"EHLO monitor.test\r\n", "EHLO")
                    continue
                case "MAIL":
                    session.say(b"RCPT TO:<db@alerts.test>\r\n", "RCPT")
                    continue
                case "RCPT":
                    session.say(b"DATA\r\n", "DATA")
                    continue
                case "DATA":
                    session.say(mail(started, checks), "dot")
                    started += 1
                    continue
                case "QUIT":
                    selector.unregister(session.socket)
                    session.socket.close()
                    open_count -= 1
                    continue
                case "dot":
                    session.mails += 1
                    if session.mails > WARM_UP:
                        waits.append((arrived_ns - session.sent_ns) / 1e6)
            if session.mails < mails // sessions:
                session.say(b"MAIL FROM:<nagios@monitor.test>\r\n", "MAIL")
            else:
                session.say(b"QUIT\r\n", "QUIT")
    return sorted(waits)


def main() -> None:
    port, sessions, mails, checks = map(int, sys.argv[1:])
    waits = run(port, sessions, mails, checks)
    p50, p99 = waits[len(waits) // 2], waits[len(waits) * 99 // 100]
    print(mails // sessions * sessions, f"{p50:.2f} {p99:.2f} {waits[-1]:.2f}")


main()
