"""The HTTP API under attack: other web pages, other users, malformed and slow requests (docs/threats.md, invariant 20)."""
import json
import os
import socket
import stat
import time
import unittest

from harness import Camera, Events, World


class Http(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.world = World()
        cls.companion = cls.world.companion
        cls.world.pair()
        cls.port = cls.companion.port
        cls.host = f"127.0.0.1:{cls.port}"
        cls.origin = f"http://{cls.host}"
        cls.bearer = {"Authorization": "Bearer " + cls.companion.token}

    @classmethod
    def tearDownClass(cls):
        cls.world.close()

    def ask(self, method, path, body=None, headers=None):
        return self.companion.ask(method, path, body, headers, tcp=True)

    def raw(self, data, wait=5):
        """Sends bytes to the TCP port; returns everything until the other side closes or `wait` passes."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.settimeout(wait)
            connection.sendall(data)
            received = b""
            try:
                while chunk := connection.recv(65536):
                    received += chunk
            except (TimeoutError, ConnectionResetError):
                pass
            return received

    def login(self):
        answer = self.ask("POST", "/api/login", {"token": self.companion.token}, {"Origin": self.origin})
        self.assertEqual(answer.status, 204)
        cookie = answer.headers["Set-Cookie"]
        for attribute in ("HttpOnly", "SameSite=Strict", "Path=/"):
            self.assertIn(attribute, cookie)
        self.assertNotIn(self.companion.token, cookie)
        return cookie.split(";")[0]

    # --- who gets in ---

    def test_files_are_private(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.companion.socket).st_mode), 0o600)
        folder = os.path.dirname(self.companion.socket)
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(folder, "token")).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700)
        for name in os.listdir(os.path.join(self.world.folder, "state")):
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.world.folder, "state", name)).st_mode), 0o600)

    def test_listens_on_loopback_only(self):
        with open("/proc/net/tcp") as file:
            mine = [line.split()[1] for line in file if f":{self.port:04X} " in line and line.split()[3] == "0A"]
        self.assertEqual(mine, [f"0100007F:{self.port:04X}"])
        if os.path.exists("/proc/net/tcp6"):
            with open("/proc/net/tcp6") as file:
                mine = [line.split()[1] for line in file if f":{self.port:04X} " in line and line.split()[3] == "0A"]
            self.assertIn(mine, ([], [f"00000000000000000000000001000000:{self.port:04X}"]))

    def test_nobody_without_token(self):
        for method, path in (("GET", "/api/status"), ("GET", "/api/events"), ("GET", "/api/recordings"), ("POST", "/api/scan"),
                             ("GET", f"/api/recordings/{Camera.id(1)}/thumbnail"), ("GET", f"/api/recordings/{Camera.id(1)}/media"),
                             ("PUT", f"/api/recordings/{Camera.id(1)}/tag"), ("POST", "/api/record"), ("GET", "/api/slate/head"), ("POST", "/api/wifi"),
                             ("DELETE", "/api/wifi"), ("POST", "/api/forget"), ("POST", "/api/pair"), ("POST", "/api/pair/confirm"), ("GET", "/api/live"),
                             ("GET", "/api/openapi.yaml"), ("GET", "/api"), ("GET", "/api/nothing")):
            for headers in ({}, {"Cookie": "lanyard=" + "0" * 64}, {"Authorization": "Bearer " + "0" * 64}):
                answer = self.ask(method, path, headers=headers)
                self.assertEqual((answer.status, answer.reason), (401, "login-required"), (method, path))
        self.assertEqual(self.ask("GET", "/api/status", headers=self.bearer).status, 200)

    def test_login(self):
        cookie = self.login()
        answer = self.ask("GET", "/api/status", headers={"Cookie": cookie})
        self.assertEqual((answer.status, answer.json["state"]), (200, "live"))
        answer = self.ask("POST", "/api/scan", headers={"Cookie": cookie, "Origin": self.origin, "Sec-Fetch-Site": "same-origin"})
        self.assertEqual(answer.status, 202)
        answer = self.ask("POST", "/api/login", {"token": "0" * 64})
        self.assertEqual((answer.status, answer.reason), (403, "login-required"))
        self.assertIsNone(answer.headers["Set-Cookie"])

    def test_dns_rebinding(self):
        cookie = self.login()
        for host in ("evil.example", f"evil.example:{self.port}", f"127.0.0.1.evil.example:{self.port}", f"127.0.0.1:{self.port + 1}"):
            answer = self.ask("GET", "/api/status", headers={"Host": host, "Cookie": cookie})
            self.assertEqual((answer.status, answer.reason), (403, "origin-refused"), host)
            answer = self.ask("GET", "/", headers={"Host": host})
            self.assertEqual(answer.status, 403, host)
            answer = self.companion.ask("GET", "/api/status", headers={"Host": host.replace(str(self.port + 1), "1x")})
            self.assertEqual(answer.status, 403, host)  # through the Unix socket too: a relay may stand before it
        self.assertIn(b" 400 ", self.raw(b"GET /api/status HTTP/1.1\r\n\r\n").split(b"\r\n")[0])
        self.assertIn(b" 403 ", self.raw(b"GET /api/status HTTP/1.0\r\n\r\n").split(b"\r\n")[0])

    def test_cross_site(self):
        cookie = self.login()
        attacks = ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": f"http://127.0.0.1:{self.port + 1}"},
                   {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
                   {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
                   {"Origin": self.origin, "Sec-Fetch-Site": "cross-site"}, {})
        for attack in attacks:
            answer = self.ask("POST", "/api/forget", headers={"Cookie": cookie, **attack})
            self.assertEqual((answer.status, answer.reason), (403, "origin-refused"), attack)
        for attack in attacks[:-1]:
            answer = self.ask("GET", "/api/status", headers={"Cookie": cookie, **attack})
            self.assertEqual(answer.status, 403, attack)
            self.assertNotIn("Access-Control-Allow-Origin", answer.headers)
        answer = self.ask("OPTIONS", "/api/forget", headers={"Origin": "http://evil.example", "Access-Control-Request-Method": "POST"})
        self.assertEqual(answer.status, 403)
        self.assertEqual(self.companion.status()["state"], "live")

    def test_forms_are_not_json(self):
        cookie = self.login()
        headers = {"Cookie": cookie, "Origin": self.origin}
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "application/jsonp"):
            answer = self.ask("POST", "/api/record", '{"start":true}', {**headers, "Content-Type": kind})
            self.assertEqual((answer.status, answer.reason), (415, "body-invalid"), kind)

    # --- what comes back ---

    def test_headers(self):
        for path, headers in (("/", {}), ("/assets/app.js", {}), ("/nothing", {}), ("/api/status", self.bearer), ("/api/status", {}),
                              ("/api/openapi.yaml", self.bearer)):
            answer = self.ask("GET", path, headers=headers)
            self.assertEqual(answer.headers["Cache-Control"], "no-store", path)
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
            self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
            self.assertIn("frame-ancestors 'none'", answer.headers["Content-Security-Policy"])
            self.assertEqual(answer.headers["Cross-Origin-Resource-Policy"], "same-origin")
            self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")

    def test_page(self):
        answer = self.ask("GET", "/")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/html; charset=utf-8"))
        self.assertIn(b"<title>page</title>", answer.body)
        self.assertEqual(self.ask("GET", "/assets/app.js").headers["Content-Type"], "text/javascript; charset=utf-8")
        self.assertEqual(self.ask("HEAD", "/").body, b"")
        self.assertEqual(self.ask("POST", "/").status, 405)

    def test_path_traversal(self):
        secret = os.path.join(self.world.folder, "run", "token")
        page = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page")
        relative = os.path.relpath(secret, page)
        link = os.path.join(page, "link")
        os.symlink(secret, link)
        folder = os.path.join(page, "folder-link")
        os.symlink(os.path.dirname(secret), folder)
        try:
            for path in ("/../" + relative, "/" + relative, "/%2e%2e/" + relative.replace("..", "%2e%2e"), "/assets/../../" + relative,
                         "//" + secret, secret, "/link", "/folder-link/token", "/assets", "/assets/", "/.", "/..", "/%2e", "/a%00b",
                         "/index.html/", "/index.html%00.js", "/" + "a/" * 60 + "a", "/" + "a" * 3000, "/assets\\..\\index.html"):
                answer = self.ask("GET", path)
                self.assertIn(answer.status, (400, 404, 414), path)
                self.assertNotIn(self.companion.token.encode(), answer.body)
        finally:
            os.unlink(link)
            os.unlink(folder)

    def test_unknown_paths_and_methods(self):
        for path in ("/api/", "/api/statusx", "/api/status/", "/api/recordings/", "/api/recordings/x/media",
                     f"/api/recordings/{Camera.id(1).upper()}/media", f"/api/recordings/{Camera.id(1)}", f"/api/recordings/{Camera.id(1)}/",
                     f"/api/recordings/{Camera.id(1)}/media/x", f"/api/recordings/{Camera.id(1)[:-1]}%00/media", "/api/../api/status"):
            answer = self.companion.ask("GET", path)
            self.assertEqual((answer.status, answer.reason), (404, "path-unknown"), path)
        for method, path in (("PUT", "/api/status"), ("GET", "/api/scan"), ("DELETE", "/api/forget"), ("TRACE", "/api/status"),
                             ("HEAD", "/api/status"), ("BREW", "/api/record")):
            answer = self.companion.ask(method, path)
            self.assertEqual(answer.status, 405, (method, path))

    def test_openapi_names_every_path(self):
        text = self.companion.ask("GET", "/api/openapi.yaml").body.decode()
        for path in ("login", "status", "events", "scan", "pair", "pair/confirm", "forget", "recordings", "recordings/{id}/thumbnail",
                     "recordings/{id}/media", "recordings/{id}/tag", "live", "record", "wifi", "openapi.yaml"):
            self.assertIn(f"  /api/{path}:\n", text)

    # --- bodies ---

    def test_bad_bodies(self):
        path = f"/api/recordings/{Camera.id(2)}/tag"
        for body in ("", "{", "[]", "null", "{}x", '{"note":1}', '{"notes":""}', '{"note":"a","note":"b"}', "\x00", '{"note":"\xff"}',
                     '{"note":"\\u0000"}', "[" * 4000, '{"a":' * 500):
            answer = self.companion.ask("PUT", path, body.encode("latin-1"), {"Content-Type": "application/json"})
            self.assertEqual((answer.status, answer.reason), (400, "body-invalid"), body[:40])
        for body in ({"category": "x" * 49}, {"note": "x" * 257}, {"latitude": 91, "longitude": 0}, {"latitude": 1}):
            answer = self.companion.ask("PUT", path, body)
            self.assertEqual((answer.status, answer.reason), (400, "request-invalid"), body)
        answer = self.companion.ask("PUT", path, {"note": "x" * 256})
        self.assertEqual(answer.status, 200)

    def test_long_bodies(self):
        head = f"POST /api/record HTTP/1.1\r\nHost: {self.host}\r\nAuthorization: {self.bearer['Authorization']}\r\n" \
               "Content-Type: application/json\r\n"
        received = self.raw((head + "Content-Length: 4097\r\n\r\n").encode())
        self.assertIn(b" 413 ", received.split(b"\r\n")[0])
        self.assertIn(b"body-too-long", received)
        received = self.raw((head + "Content-Length: 99999999999999999999999\r\n\r\n").encode())
        self.assertIn(received.split(b" ")[1:2], ([b"400"], [b"413"]))
        # Chunked without end: cut off as soon as it is too long.
        chunks = b"1000\r\n" + b" " * 4096 + b"\r\n"
        received = self.raw((head + "Transfer-Encoding: chunked\r\n\r\n").encode() + 3 * chunks)
        self.assertNotIn(b"204", received.split(b"\r\n")[0])
        self.assertEqual(self.companion.status()["state"], "live")

    def test_garbage(self):
        for data in (b"\r\n\r\n", b"\x00" * 100 + b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01",
                     b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20000 + b"\r\n",
                     b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
                     b"POST /api/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n"):
            self.raw(data, wait=1)
        self.assertEqual(self.companion.status()["state"], "live")

    # --- slow and many ---

    def test_slow_clients_are_gone(self):
        """A header byte now and then does not hold a place for ever; somebody else is served meanwhile."""
        slow = [socket.create_connection(("127.0.0.1", self.port)) for _ in range(60)]
        for connection in slow:
            connection.sendall(f"GET / HTTP/1.1\r\nHost: {self.host}\r\nX: ".encode())
        self.assertEqual(self.ask("GET", "/").status, 200)
        deadline = time.monotonic() + 30
        alive = set(slow)
        while alive and time.monotonic() < deadline:
            for connection in list(alive):
                try:
                    connection.sendall(b"a")
                except OSError:
                    alive.discard(connection)
            self.assertEqual(self.companion.ask("GET", "/api/status").status, 200)
            time.sleep(0.5)  # the attacker's own pace
        self.assertFalse(alive)
        for connection in slow:
            connection.close()

    def test_too_many_connections(self):
        """Connections that say nothing make room for those that do."""
        many = [socket.create_connection(("127.0.0.1", self.port), timeout=10) for _ in range(200)]
        for _ in range(10):
            self.assertEqual(self.ask("GET", "/").status, 200)
        self.assertEqual(self.companion.ask("GET", "/api/status").status, 200)
        for connection in many:
            connection.close()

    def test_many_event_streams(self):
        streams = []
        refused = 0
        for _ in range(20):
            try:
                streams.append(Events(self.companion))
            except AssertionError:
                refused += 1
        self.assertEqual((len(streams), refused), (16, 4))
        for stream in streams:
            stream.connection.close()

    # --- secrets ---

    def test_log_has_no_secrets(self):
        cookie = self.login()
        self.ask("GET", "/api/status?token=" + self.companion.token, headers={"Cookie": cookie})
        self.raw(f"GET /api/{self.companion.token} HTTP/1.1\r\nCookie: {cookie}\r\nX".encode(), wait=1)
        self.companion.drain()
        text = "\n".join(self.companion.seen)
        self.assertNotIn(self.companion.token, text)
        self.assertNotIn(cookie.split("=")[1], text)
        with open(f"/proc/{self.companion.process.pid}/cmdline") as file:
            self.assertNotIn(self.companion.token, file.read())


if __name__ == "__main__":
    unittest.main(verbosity=2)
