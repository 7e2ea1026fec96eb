"""`lanyard slate` over logs that this file writes by itself, from docs/slate.md and docs/protocol.md alone: verify, resolve, the page."""
import hashlib
import hmac
import json
import os
import re
import shutil
import struct
import subprocess
import tempfile
import unittest
from html.parser import HTMLParser

BUILD = os.environ["LANYARD_BUILD"]
PROGRAM = os.path.join(BUILD, "bin", "lanyard")
DONE, FAILED, USAGE = 0, 1, 2
NOW_US = 1800000000 * 1000000


def run(*words):
    done = subprocess.run([PROGRAM, "slate", *words], capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def say(key, at_us, tx_power=-4):
    """What a camera with this key says at this moment of its clock: epoch, identity, counter, power, mac."""
    epoch, counter = divmod(at_us // 1000000, 900)
    identity = hmac.digest(key, b"lanyard slate identity v1" + struct.pack(">Q", epoch), "sha256")[:8]
    mac = hmac.digest(key, b"lanyard slate mac v1" + struct.pack(">QHb", epoch, counter, tx_power), "sha256")[:3]
    return epoch, identity, counter, tx_power, mac


class Log:
    def __init__(self, serial):
        self.bytes = b"LYslate1" + os.urandom(16) + bytes(32) + struct.pack(">Q", NOW_US) + serial.encode().ljust(32, b"\0")
        self.chain = hashlib.sha256(self.bytes).digest()

    def entry(self, body):
        body = body.ljust(48, b"\0")
        self.chain = hashlib.sha256(self.chain + body).digest()
        self.bytes += body + self.chain

    def recording(self, number, began_us, ended_us):
        for kind, time_us in ((1, began_us), (2, ended_us)):
            self.entry(struct.pack(">BBQ16s", kind, 1, time_us, bytes([number]) * 16))

    def sighting(self, said, first_us, last_us, count, rssi=-60):
        epoch, identity, counter, tx_power, mac = said
        self.entry(struct.pack(">BBQQIbI8sHb3s", 3, 1, first_us, last_us, count, rssi, epoch, identity, counter, tx_power, mac))


class Slate(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lanyard-slate-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.keys = self.path("keys")
        status, _, error = run("keys", self.keys, "CAM-A", "CAM <B>", "CAM-C")
        self.assertEqual((status, error), (DONE, ""))
        self.assertEqual(os.stat(self.keys).st_mode & 0o777, 0o600)
        with open(self.keys) as file:
            self.key = {line.rsplit(" ", 1)[0]: bytes.fromhex(line.rsplit(" ", 1)[1]) for line in file}

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, log):
        with open(self.path(name), "wb") as file:
            file.write(log.bytes)
        return self.path(name)

    def two(self):
        """A and B, whose clock is 20 s behind, near each other for three minutes over the end of an epoch."""
        a, b = Log("CAM-A"), Log("CAM <B>")
        behind = 20000000
        start = NOW_US + 840 * 1000000
        a.recording(1, start, start + 180000000)
        b.recording(2, start - behind + 30000000, start - behind + 150000000)
        for i in range(3):
            at = start + i * 60000000
            a.sighting(say(self.key["CAM <B>"], at - behind), at + 400000, at + 59000000, 400)
            b.sighting(say(self.key["CAM-A"], at), at - behind + 300000, at - behind + 59000000, 390)
        return a, b

    def test_resolve(self):
        a, b = self.two()
        c = Log("CAM-C")
        logs = [self.write("a", a), self.write("b", b), self.write("c", c)]
        status, out, error = run("resolve", "--json", "--keys", self.keys, *logs)
        self.assertEqual((status, error), (DONE, ""))
        result = json.loads(out)
        [meeting] = result["meetings"]
        self.assertEqual((meeting["cameras"], meeting["confidence"], meeting["clock_difference"]["contradicts"]), (["CAM-A", "CAM <B>"], "high", False))
        self.assertEqual([side["count"] for side in meeting["heard"]], [1200, 1170])
        difference = meeting["clock_difference"]
        self.assertLessEqual(difference["least_us"], 20000000)
        self.assertGreaterEqual(difference["most_us"], 20000000)
        self.assertLess(difference["most_us"] - difference["least_us"], 3000000)
        # Both recordings on one clock: B began 30 s into A's.
        began = {recording["camera"]: recording["common_began_us"] for recording in result["recordings"]}
        self.assertAlmostEqual((began["CAM <B>"] - began["CAM-A"]) / 1e6, 30, delta=1)
        self.assertEqual([camera["unknown"] for camera in result["cameras"]], [0, 0, 0])
        status, out, _ = run("resolve", "--keys", self.keys, *logs)
        self.assertIn("CAM-A with CAM <B>: confidence high", out)

    def test_page(self):
        """One file, nothing from outside, serials as text."""
        logs = [self.write(name, log) for name, log in zip("ab", self.two())]
        page = self.path("page.html")
        self.assertEqual(run("resolve", "--keys", self.keys, "--html", page, *logs)[0], DONE)
        with open(page) as file:
            text = file.read()
        for word in ("http:", "https:", "<script", "<link", "@import", "url("):
            self.assertNotIn(word, text)
        self.assertIn("CAM &lt;B&gt;", text)
        self.assertNotIn("CAM <B>", text)
        depth = []

        class Nesting(HTMLParser):
            def handle_starttag(self, tag, attrs):
                if tag not in ("meta", "line"):
                    depth.append(tag)

            def handle_endtag(self, tag):
                if tag != "line":
                    assert depth.pop() == tag

        Nesting().feed(text)
        self.assertEqual(depth, [])
        bars = {cls: len(re.findall(rf'<rect class="{cls}"', text)) for cls in ("rec", "high", "medium", "low")}
        self.assertEqual((bars["rec"], bars["medium"], bars["low"]), (2, 0, 0))
        self.assertGreaterEqual(bars["high"], 2)
        status, _, error = run("resolve", "--keys", self.keys, "--html", page, *logs)
        self.assertEqual(status, FAILED)  # nothing is overwritten
        self.assertRegex(error, r"\[store-failed\]\n$")

    def test_verify(self):
        a, _ = self.two()
        path = self.write("a", a)
        status, out, _ = run("verify", path)
        self.assertEqual(status, DONE)
        self.assertIn("log of CAM-A, 5 entries", out)
        data = bytearray(a.bytes)
        data[96 + 2 * 80 + 20] ^= 1
        with open(path, "wb") as file:
            file.write(data)
        status, out, error = run("verify", path)
        self.assertEqual((status, out), (FAILED, ""))
        self.assertRegex(error, r"after 2 entries: the chain of hashes breaks.*\[record-corrupt\]\n$")
        status, out, _ = run("verify", path, "--json")
        self.assertEqual((status, json.loads(out)["verdict"]), (FAILED, "broken"))
        # What is behind the break counts for nothing.
        status, out, error = run("resolve", "--json", "--keys", self.keys, path)
        self.assertEqual(status, DONE)
        self.assertIn("only its first 2 entries count", error)

    def test_wrong(self):
        a, _ = self.two()
        path = self.write("a", a)
        other = self.path("other")
        self.assertEqual(run("keys", other, "CAM-X")[0], DONE)
        for words, reason in ((["verify", "/nonexistent"], "not-found"), (["verify", self.keys], "record-corrupt"),
                              (["verify", path, "--head", self.keys], "message-malformed"),
                              (["resolve", "--keys", other, path], "not-found"), (["resolve", "--keys", "/nonexistent", path], "not-found"),
                              (["keys", self.keys, "CAM-1"], "store-failed")):
            status, out, error = run(*words)
            self.assertEqual((status, out), (FAILED, ""), words)
            self.assertRegex(error, rf"\[{reason}\]\n$", words)
        for words in (["verify"], ["resolve", path], ["verify", path, "--key", "00"], ["keys", other], ["keys", self.path("x"), " x"],
                      ["keys", self.path("x"), "x" * 33]):
            status, out, error = run(*words)
            self.assertEqual((status, out), (USAGE, ""), words)


if __name__ == "__main__":
    unittest.main()
