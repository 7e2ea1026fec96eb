"""Starts companiond and a camera on the test link, and speaks HTTP to it. Standard library only."""
import hashlib
import http.client
import json
import os
import queue
import shutil
import socket
import subprocess
import tempfile
import threading
import time

BUILD = os.environ["LANYARD_BUILD"]
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page")


class Lines:
    """A program whose output lines can be waited for."""

    def __init__(self, command, stream, stdin=subprocess.PIPE):
        self.process = subprocess.Popen(
            command, stdin=stdin, stdout=subprocess.PIPE if stream == "stdout" else subprocess.DEVNULL,
            stderr=subprocess.PIPE if stream == "stderr" else None)
        self.lines = queue.Queue()
        self.seen = []
        source = self.process.stdout if stream == "stdout" else self.process.stderr
        self.thread = threading.Thread(target=self._read, args=(source,), daemon=True)
        self.thread.start()

    def _read(self, source):
        for line in source:
            self.lines.put(line.decode(errors="replace").rstrip("\n"))
        self.lines.put(None)

    def expect(self, text, timeout=20):
        """Waits for a line with this text in it and returns the line."""
        deadline = time.monotonic() + timeout
        while True:
            try:
                line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line with {text!r}; seen: {self.seen[-20:]}") from None
            if line is None:
                raise AssertionError(f"ended without {text!r}; seen: {self.seen[-20:]}")
            self.seen.append(line)
            if text in line:
                return line

    def drain(self):
        """Forgets what was said so far."""
        while True:
            try:
                self.seen.append(self.lines.get_nowait())
            except queue.Empty:
                return

    def send(self, line):
        self.process.stdin.write((line + "\n").encode())
        self.process.stdin.flush()

    def stop(self, timeout=20):
        if self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(timeout)
        self.thread.join(timeout)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream:
                stream.close()
        return status


class Camera(Lines):
    def __init__(self, path):
        super().__init__([os.path.join(BUILD, "tests/unit/companion/fake-camera"), path], "stdout")
        self.expect("ready")

    def do(self, command):
        self.send(command)
        self.expect("done " + command)

    @staticmethod
    def id(number):
        return f"{0xabc000 + number:032x}"

    @staticmethod
    def content(number):
        size = 1 if number == 0 else 100000 * number + number
        return bytes((number * 59 + p * 31 + (p >> 8) * 7 + (p >> 16)) & 255 for p in range(size))


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def reason(self):
        return self.json["reason"]


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Companion(Lines):
    def __init__(self, folder, link, renew_seconds=0, name="Car 7"):
        self.folder = folder
        self.socket = os.path.join(folder, "run", "http.socket")
        self.port = free_port()
        self.config = os.path.join(folder, "companiond.conf")
        with open(self.config, "w") as file:
            file.write(f"[companion]\nname = {name}\n[http]\nsocket = {self.socket}\nport = {self.port}\npage = {PAGE}\n"
                       f"[test]\nlink_socket = {link}\nrenew_seconds = {renew_seconds}\n")
        self.command = [os.path.join(BUILD, "bin/companiond"), "--config", self.config, "--state", os.path.join(folder, "state"),
                        "--debug"]
        super().__init__(self.command, "stderr")
        self.expect("ready on")

    @property
    def token(self):
        with open(os.path.join(self.folder, "run", "token")) as file:
            return file.read().strip()

    def ask(self, method, path, body=None, headers=None, tcp=False, timeout=30):
        """One request on a connection of its own. Through the Unix socket unless tcp."""
        connection = (http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout) if tcp
                      else UnixConnection(self.socket, timeout))
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()

    def status(self):
        return self.ask("GET", "/api/status").json

    def wait_status(self, condition, timeout=20):
        """Follows /api/events until the condition holds for a status, and returns that status."""
        deadline = time.monotonic() + timeout
        with Events(self) as events:
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"not reached; last: {self.status()}")
                kind, data = events.next(left)
                if kind == "status" and condition(data):
                    return data


class Events:
    """Server-sent events through the Unix socket."""

    def __init__(self, companion, headers=None):
        self.connection = UnixConnection(companion.socket)
        self.connection.request("GET", "/api/events", headers=headers or {})
        self.response = self.connection.getresponse()
        assert self.response.status == 200, self.response.status

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def next(self, timeout=20):
        self.connection.sock.settimeout(timeout) if self.connection.sock else None
        kind = None
        while True:
            line = self.response.readline().decode()
            if not line:
                raise AssertionError("the event stream ended")
            if line.startswith("event: "):
                kind = line[7:].strip()
            elif line.startswith("data: "):
                return kind, json.loads(line[6:])


class World:
    """A camera, a companion, and their folder."""

    def __init__(self, **options):
        self.folder = tempfile.mkdtemp(prefix="lanyard-companion-")
        self.link = os.path.join(self.folder, "link")
        self.options = options
        self.camera = Camera(self.link)
        self.companion = Companion(self.folder, self.link, **options)

    def restart_companion(self):
        status = self.companion.stop()
        assert status == 0, status
        self.companion = Companion(self.folder, self.link, **self.options)

    def pair(self):
        companion, camera = self.companion, self.camera
        camera.do("window open")
        assert companion.ask("POST", "/api/scan").status == 202
        near = companion.wait_status(lambda s: s["cameras"])["cameras"][0]
        answer = companion.ask("POST", "/api/pair", {"camera": near["id"]})
        assert answer.status == 202, answer.body
        code = camera.expect("code ").split()[1]
        shown = companion.wait_status(lambda s: s["pairing"] and s["pairing"]["step"] == "compare")
        assert shown["pairing"]["code"] == code, (shown, code)
        camera.do("confirm")
        assert companion.ask("POST", "/api/pair/confirm", {"code": code}).status == 204
        camera.do("window closed")
        return companion.wait_status(lambda s: s["state"] == "live" and s["camera"]["recorder"] != "unknown")

    def open_wifi(self):
        answer = self.companion.ask("POST", "/api/wifi")
        assert answer.status == 202, (answer.body, self.companion.ask("GET", "/api/status").body)
        return self.companion.wait_status(lambda s: s["wifi"]["mode"] == "media-ready")

    def close(self):
        companion = self.companion.stop()
        camera = self.camera.stop()
        shutil.rmtree(self.folder)
        # cmocka and sanitizers aside: both must end cleanly on SIGTERM.
        assert companion == 0, companion
        assert camera in (0, -15), camera


def sha256(data):
    return hashlib.sha256(data).hexdigest()
