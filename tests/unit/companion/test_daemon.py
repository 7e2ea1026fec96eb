"""companiond as a whole against a camera on the test link: pairing, session, requests, media, faults."""
import concurrent.futures
import json
import os
import socket
import time
import unittest

from harness import Camera, Companion, Events, UnixConnection, World, sha256


class Case(unittest.TestCase):
    options = {}

    def setUp(self):
        self.world = World(**self.options)
        self.addCleanup(self.world.close)

    @property
    def companion(self):
        return self.world.companion

    @property
    def camera(self):
        return self.world.camera


class Pairing(Case):
    def test_pairs_and_survives_restart(self):
        self.assertEqual(self.companion.status()["state"], "idle")
        self.assertIsNone(self.companion.status()["camera"])
        status = self.world.pair()
        self.assertEqual(status["camera"]["serial"], "FAKE-0001")
        self.assertRegex(status["camera"]["fingerprint"], r"^[0-9a-f]{4}(-[0-9a-f]{4}){7}$")
        self.assertEqual(status["camera"]["battery_percent"], 87)
        self.assertEqual(status["camera"]["recorder"], "buffering")
        fingerprint = status["camera"]["fingerprint"]
        self.world.restart_companion()
        status = self.companion.wait_status(lambda s: s["state"] == "live")
        self.assertEqual(status["camera"]["fingerprint"], fingerprint)

    def test_window_closed(self):
        self.companion.ask("POST", "/api/scan")
        near = self.companion.wait_status(lambda s: s["cameras"])["cameras"][0]
        self.assertEqual(self.companion.ask("POST", "/api/pair", {"camera": near["id"]}).status, 202)
        status = self.companion.wait_status(lambda s: s["reason"])
        self.assertEqual(status["state"], "scanning")
        self.assertIsNone(status["camera"])

    def test_camera_closes_the_first_links(self):
        """The radio connection of a try before this one is about to end, and takes new channels with it."""
        self.camera.do("window open")
        self.companion.ask("POST", "/api/scan")
        near = self.companion.wait_status(lambda s: s["cameras"])["cameras"][0]
        self.camera.do("ending 2")
        self.companion.ask("POST", "/api/pair", {"camera": near["id"]})
        code = self.camera.expect("code ").split()[1]
        self.assertEqual(self.companion.wait_status(lambda s: s["pairing"]["step"] == "compare")["pairing"]["code"], code)
        self.assertEqual(self.companion.ask("DELETE", "/api/pair").status, 204)
        # When it never gets better, that is said.
        self.camera.do("ending 1000")
        self.companion.ask("POST", "/api/pair", {"camera": near["id"]})
        status = self.companion.wait_status(lambda s: s["pairing"] is None and s["reason"])
        self.assertEqual(status["reason"], "link-closed")

    def test_rejected_code_leaves_old_pairing(self):
        before = self.world.pair()
        self.camera.do("window open")
        self.companion.ask("POST", "/api/scan")
        near = self.companion.wait_status(lambda s: s["cameras"])["cameras"][0]
        self.companion.ask("POST", "/api/pair", {"camera": near["id"]})
        self.camera.expect("code ")
        self.assertEqual(self.companion.ask("POST", "/api/pair", {"camera": near["id"]}).reason, "pairing-busy")
        self.camera.do("reject")
        status = self.companion.wait_status(lambda s: s["pairing"] is None and s["reason"])
        self.assertEqual(status["state"], "live")
        self.world.restart_companion()
        status = self.companion.wait_status(lambda s: s["state"] == "live")
        self.assertEqual(status["camera"]["fingerprint"], before["camera"]["fingerprint"])

    def test_codes_compared_here(self):
        """What poses as a camera may confirm by itself: without the companion's own person nothing is paired."""
        self.assertEqual(self.companion.ask("POST", "/api/pair/confirm", {"code": "123456"}).reason, "no-code")
        self.camera.do("window open")
        self.companion.ask("POST", "/api/scan")
        near = self.companion.wait_status(lambda s: s["cameras"])["cameras"][0]
        self.companion.ask("POST", "/api/pair", {"camera": near["id"]})
        code = self.camera.expect("code ").split()[1]
        self.companion.wait_status(lambda s: s["pairing"]["step"] == "compare")
        self.assertEqual(self.companion.ask("POST", "/api/pair/confirm", {"code": code[:5]}).reason, "request-invalid")
        self.camera.do("confirm")
        self.assertEqual(self.companion.status()["pairing"]["step"], "compare")
        self.assertEqual(os.listdir(os.path.join(self.world.folder, "state")), ["static-key"])
        other = f"{(int(code) + 1) % 1000000:06}"
        self.assertEqual(self.companion.ask("POST", "/api/pair/confirm", {"code": other}).reason, "code-rejected")
        status = self.companion.status()
        self.assertEqual((status["pairing"], status["camera"], status["reason"]), (None, None, "code-rejected"))
        self.assertEqual(os.listdir(os.path.join(self.world.folder, "state")), ["static-key"])

    def test_touched(self):
        """Told the key by the camera's tag: that camera pairs without an answer at this end, any other one is refused."""
        fingerprint = self.world.pair()["camera"]["fingerprint"]
        files = sorted(os.listdir(os.path.join(self.world.folder, "state")))
        self.assertEqual(self.companion.ask("POST", "/api/forget").status, 204)
        other = ("0" if fingerprint[0] != "0" else "1") + fingerprint[1:]
        for told, accepted in ((other, False), (fingerprint.replace("-", "").upper(), True)):
            self.camera.do("window open")
            self.companion.ask("POST", "/api/scan")
            near = self.companion.wait_status(lambda s: s["cameras"])["cameras"][0]
            self.assertEqual(self.companion.ask("POST", "/api/pair", {"camera": near["id"], "fingerprint": told[:-1]}).reason, "request-invalid")
            self.assertEqual(self.companion.ask("POST", "/api/pair", {"camera": near["id"], "fingerprint": told}).status, 202)
            if not accepted:
                status = self.companion.wait_status(lambda s: s["pairing"] is None and s["reason"])
                self.assertEqual((status["reason"], status["camera"]), ("fingerprint-mismatch", None))
                self.assertEqual(os.listdir(os.path.join(self.world.folder, "state")), ["static-key"])
                continue
            code = self.camera.expect("code ").split()[1]
            status = self.companion.wait_status(lambda s: s["pairing"] and s["pairing"]["step"] == "confirmed")
            self.assertEqual(status["pairing"]["code"], code)  # for the camera's person, who compares
            self.camera.do("confirm")
            self.camera.do("window closed")
            self.companion.wait_status(lambda s: s["state"] == "live")
        self.assertEqual(sorted(os.listdir(os.path.join(self.world.folder, "state"))), files)

    def test_acknowledgement_lost(self):
        """The camera has committed and dies before it says so: the companion's provisional record must work."""
        self.world.pair()
        self.camera.do("window open")
        self.companion.ask("POST", "/api/scan")
        near = self.companion.wait_status(lambda s: s["cameras"])["cameras"][0]
        self.companion.ask("POST", "/api/pair", {"camera": near["id"]})
        code = self.camera.expect("code ").split()[1]
        # The camera's acknowledgement and the companion's end cross: whichever comes first, both records are kept until a session
        # has shown which one is right.
        self.camera.send("confirm")
        self.assertEqual(self.companion.ask("POST", "/api/pair/confirm", {"code": code}).status, 204)
        self.camera.expect("paired ")
        self.world.restart_companion()
        self.companion.wait_status(lambda s: s["state"] == "live")
        names = sorted(os.listdir(os.path.join(self.world.folder, "state")))
        self.assertEqual(names, ["camera", "static-key"])

    def test_cancel_and_unknown_camera(self):
        self.assertEqual(self.companion.ask("POST", "/api/pair", {"camera": "0123456789abcdef"}).status, 404)
        self.camera.do("window open")
        self.companion.ask("POST", "/api/scan")
        near = self.companion.wait_status(lambda s: s["cameras"])["cameras"][0]
        self.companion.ask("POST", "/api/pair", {"camera": near["id"]})
        self.camera.expect("code ")
        self.assertEqual(self.companion.ask("DELETE", "/api/pair").status, 204)
        self.camera.expect("closed")
        self.assertIsNone(self.companion.status()["pairing"])
        self.assertEqual(self.companion.ask("DELETE", "/api/scan").status, 204)
        self.assertEqual(self.companion.status()["cameras"], [])

    def test_forget(self):
        self.world.pair()
        self.assertEqual(self.companion.ask("POST", "/api/forget").status, 204)
        status = self.companion.status()
        self.assertEqual((status["state"], status["camera"]), ("idle", None))
        self.assertEqual(self.companion.ask("GET", "/api/recordings").reason, "not-paired")
        self.assertEqual(os.listdir(os.path.join(self.world.folder, "state")), ["static-key"])
        self.world.restart_companion()
        self.assertEqual(self.companion.status()["state"], "idle")

    def test_damaged_files_are_set_aside(self):
        self.world.pair()
        self.companion.stop()
        state = os.path.join(self.world.folder, "state")
        with open(os.path.join(state, "camera"), "r+b") as file:
            file.seek(40)
            byte = file.read(1)
            file.seek(40)
            file.write(bytes([byte[0] ^ 1]))
        self.world.companion = Companion(self.world.folder, self.world.link)
        self.assertEqual(self.companion.status()["state"], "idle")
        self.assertIn("camera.damaged-1", os.listdir(state))
        self.world.pair()


class Session(Case):
    def test_comes_back(self):
        self.world.pair()
        for _ in range(3):
            self.camera.drain()
            self.camera.do("drop")
            self.camera.expect("session live")
            self.companion.wait_status(lambda s: s["state"] == "live")

    def test_request_survives_a_lost_session(self):
        """Asked on one session, answered on the next; the effect happens once."""
        self.world.pair()
        self.camera.do("silent on")
        self.camera.drain()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            tag = pool.submit(self.companion.ask, "PUT", f"/api/recordings/{Camera.id(5)}/tag", {"note": "x"})
            self.camera.expect("request 22")
            self.camera.do("silent off")
            self.camera.do("drop")
            answer = tag.result(20)
        self.assertEqual((answer.status, answer.json["revision"]), (200, 1))

    def test_camera_goes_away_and_comes_back(self):
        self.world.pair()
        self.camera.stop()
        status = self.companion.wait_status(lambda s: s["state"] != "live")
        self.assertIn(status["reason"], ("link-closed", "connect-failed"))
        # After the grace time a question is answered at once, and says why.
        self.companion.wait_status(lambda s: s["reason"] == "connect-failed")
        answer = self.companion.ask("GET", "/api/recordings")
        self.assertEqual((answer.status, answer.reason), (409, "not-connected"))

    def test_malformed_message_ends_the_session(self):
        self.world.pair()
        self.camera.do("malformed")
        self.companion.expect("message-malformed")
        self.camera.expect("session live")

    def test_camera_that_forgot(self):
        self.world.pair()
        self.camera.do("forget")
        self.camera.do("drop")
        self.companion.wait_status(lambda s: s["state"] != "live")
        self.companion.expect("no session")
        self.assertNotEqual(self.companion.status()["state"], "live")
        self.assertIsNotNone(self.companion.status()["camera"])  # only a person forgets a camera


class Renewal(Case):
    options = {"renew_seconds": 1}

    def test_renewed_without_notice(self):
        self.world.pair()
        self.world.open_wifi()
        with Events(self.companion) as events:
            states = set()
            for _ in range(3):
                self.companion.expect("renewed")
            self.companion.ask("POST", "/api/record", {"start": True})
            while True:
                kind, data = events.next()
                if kind == "status":
                    states.add((data["state"], data["wifi"]["mode"]))
                    if data["camera"]["recorder"] == "event":
                        break
        self.assertEqual(states, {("live", "media-ready")})
        data = self.companion.ask("GET", f"/api/recordings/{Camera.id(4)}/media").body
        self.assertEqual(data, Camera.content(4))


class Recordings(Case):
    def setUp(self):
        super().setUp()
        self.world.pair()

    def test_list(self):
        page = self.companion.ask("GET", "/api/recordings").json
        self.assertEqual(len(page["recordings"]), 20)
        self.assertTrue(page["more"])
        ids = [r["id"] for r in page["recordings"]]
        self.assertEqual(ids, [Camera.id(n) for n in range(22, 2, -1)])
        page = self.companion.ask("GET", f"/api/recordings?before={ids[-1]}&limit=100").json
        self.assertEqual([r["id"] for r in page["recordings"]], [Camera.id(n) for n in range(2, -1, -1)])
        self.assertFalse(page["more"])
        page = self.companion.ask("GET", "/api/recordings?limit=1").json
        self.assertEqual(len(page["recordings"]), 1)
        first = page["recordings"][0]
        self.assertEqual(first["sha256"], sha256(Camera.content(22)))
        self.assertEqual(first["size"], len(Camera.content(22)))
        self.assertEqual(first["tag"]["revision"], 0)
        self.assertIsNone(first["tag"]["latitude"])

    def test_bad_queries(self):
        for query in ("limit=0", "limit=101", "limit=-1", "limit=x", "limit=", "limit=1e1", "before=x", "before=" + "0" * 33,
                      "before=" + "A" * 32, "before=..%2f..%2fetc"):
            answer = self.companion.ask("GET", "/api/recordings?" + query)
            self.assertEqual((answer.status, answer.reason), (400, "request-invalid"), query)
        answer = self.companion.ask("GET", f"/api/recordings?before={'0' * 32}")
        self.assertEqual((answer.status, answer.reason), (404, "not-found"))

    def test_thumbnail(self):
        answer = self.companion.ask("GET", f"/api/recordings/{Camera.id(7)}/thumbnail")
        self.assertEqual(answer.headers["Content-Type"], "image/jpeg")
        self.assertEqual(answer.body, Camera.content(7)[:7000])
        self.camera.drain()
        again = self.companion.ask("GET", f"/api/recordings/{Camera.id(7)}/thumbnail")
        self.assertEqual(again.body, answer.body)
        self.camera.do("window closed")
        self.assertFalse([line for line in self.camera.seen if line.startswith("request 21")][3:])  # from memory
        answer = self.companion.ask("GET", f"/api/recordings/{'0' * 32}/thumbnail")
        self.assertEqual((answer.status, answer.reason), (404, "not-found"))

    def test_tag(self):
        path = f"/api/recordings/{Camera.id(9)}/tag"
        tag = {"category": "Traffic", "case_number": "24-001", "note": "caf\u00e9 \U0001f697\nline", "latitude": -33.8688197,
               "longitude": 151.2092955}
        answer = self.companion.ask("PUT", path, tag)
        self.assertEqual((answer.status, answer.json["revision"]), (200, 1))
        answer = self.companion.ask("PUT", path, dict(tag, note="b", latitude=None, longitude=None))
        self.assertEqual(answer.json["revision"], 2)
        page = self.companion.ask("GET", f"/api/recordings?before={Camera.id(10)}&limit=1").json
        self.assertEqual(page["recordings"][0]["tag"], dict(tag, note="b", latitude=None, longitude=None, revision=2))
        answer = self.companion.ask("PUT", path, tag)
        page = self.companion.ask("GET", f"/api/recordings?before={Camera.id(10)}&limit=1").json
        self.assertEqual(page["recordings"][0]["tag"], dict(tag, revision=3))
        self.camera.do("full on")
        answer = self.companion.ask("PUT", path, tag)
        self.assertEqual((answer.status, answer.reason), (507, "disk-full"))
        answer = self.companion.ask("PUT", f"/api/recordings/{'0' * 32}/tag", tag)
        self.assertEqual((answer.status, answer.reason), (404, "not-found"))

    def test_record_and_events(self):
        with Events(self.companion) as events:
            kind, data = events.next()
            self.assertEqual((kind, data["state"]), ("status", "live"))
            self.camera.do("event")
            kind, data = events.next()
            self.assertEqual((kind, data["id"]), ("recording", Camera.id(3)))
        self.assertEqual(self.companion.ask("POST", "/api/record", {"start": True}).status, 204)

    def test_slate_head(self):
        answer = self.companion.ask("GET", "/api/slate/head")
        self.assertEqual(answer.status, 200)
        self.assertEqual((answer.json["entries"], answer.json["time_us"]), (5, 1700000000000000))
        self.assertRegex(answer.json["head"], r"^lanyard-slate-head 1 ab0{30} 5 cd0{62} 1700000000000000 [0-9a-f]{64} [0-9a-f]{128}$")
        self.camera.do("unsigned on")
        answer = self.companion.ask("GET", "/api/slate/head")
        self.assertEqual(answer.reason, "message-malformed")

    def test_timeout(self):
        self.camera.do("silent on")
        start = time.monotonic()
        answer = self.companion.ask("POST", "/api/record", {"start": True})
        # The request times out, or the ping notices first and the session ends: never does the client hang.
        self.assertLess(time.monotonic() - start, 20)
        self.assertIn((answer.status, answer.reason), ((504, "timeout"), (409, "not-connected")))


class Media(Case):
    def setUp(self):
        super().setUp()
        self.world.pair()

    def media(self, number, headers=None, **options):
        return self.companion.ask("GET", f"/api/recordings/{Camera.id(number)}/media", headers=headers, **options)

    def test_off(self):
        answer = self.media(1)
        self.assertEqual((answer.status, answer.reason), (409, "wifi-off"))
        self.assertEqual(self.companion.ask("GET", "/api/live").reason, "wifi-off")
        self.assertEqual(self.companion.ask("DELETE", "/api/wifi").status, 204)

    def test_whole_and_ranges(self):
        status = self.world.open_wifi()
        self.assertTrue(all(value is not None for value in status["wifi"]["stages"].values()), status)
        for number in (0, 1, 2, 22):
            content = Camera.content(number)
            answer = self.media(number)
            self.assertEqual(answer.status, 200)
            self.assertEqual(answer.headers["Cache-Control"], "no-store")
            self.assertEqual(answer.headers["Accept-Ranges"], "bytes")
            self.assertEqual(answer.headers["Content-Type"], "video/mp4")
            self.assertEqual(sha256(answer.body), sha256(content))
        content = Camera.content(12)
        size = len(content)
        for header, first, last in (("bytes=0-", 0, size - 1), ("bytes=0-0", 0, 0), ("bytes=100-199", 100, 199),
                                    ("bytes=262143-262145", 262143, 262145), ("bytes=1000000-", 1000000, size - 1),
                                    ("bytes=-1", size - 1, size - 1), ("bytes=-300000", size - 300000, size - 1),
                                    ("bytes=-99999999", 0, size - 1), (f"bytes={size - 1}-{size + 100}", size - 1, size - 1)):
            answer = self.media(12, {"Range": header})
            self.assertEqual(answer.status, 206, header)
            self.assertEqual(answer.headers["Content-Range"], f"bytes {first}-{last}/{size}")
            self.assertEqual(answer.body, content[first:last + 1], header)
        for header in (f"bytes={size}-", f"bytes={size + 5}-{size + 9}", "bytes=-0"):
            answer = self.media(12, {"Range": header})
            self.assertEqual((answer.status, answer.reason), (416, "range-invalid"), header)
            self.assertEqual(answer.headers["Content-Range"], f"bytes */{size}")
        for header in ("bytes=5-4", "bytes=0-1,5-6", "chapters=1-2", "bytes"):
            answer = self.media(12, {"Range": header})
            self.assertEqual((answer.status, len(answer.body)), (200, size), header)
        answer = self.companion.ask("GET", f"/api/recordings/{'0' * 32}/media")
        self.assertEqual((answer.status, answer.reason), (404, "not-found"))

    def test_readers_do_not_stall_each_other(self):
        self.world.open_wifi()
        slow = []
        for _ in range(7):
            connection = UnixConnection(self.companion.socket)
            connection.request("GET", f"/api/recordings/{Camera.id(22)}/media")
            slow.append(connection)  # and never reads
        content = Camera.content(20)
        self.assertEqual(self.media(20).body, content)
        with open(f"/proc/{self.companion.process.pid}/status") as file:
            resident = int(next(line for line in file if line.startswith("VmRSS")).split()[1])
        if "sanitize" not in os.environ.get("LANYARD_BUILD", "") and not os.environ.get("LANYARD_SANITIZED"):
            self.assertLess(resident, 64 * 1024)
        for connection in slow:
            connection.close()
        # Their places are free again.
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            for answer in pool.map(lambda _: self.media(20), range(6)):
                self.assertEqual(answer.body, content)

    def test_damaged_recording_is_seen(self):
        self.world.open_wifi()
        self.camera.do("damage " + Camera.id(8))
        connection = UnixConnection(self.companion.socket)
        connection.request("GET", f"/api/recordings/{Camera.id(8)}/media")
        response = connection.getresponse()
        with self.assertRaises(Exception):  # the connection ends before the announced length
            response.read()
        connection.close()
        self.assertEqual(self.companion.status()["wifi"]["mode"], "media-ready")
        self.assertEqual(self.media(7).body, Camera.content(7))

    def test_close(self):
        self.world.open_wifi()
        self.assertEqual(self.companion.ask("POST", "/api/wifi").status, 202)  # it is up
        self.assertEqual(self.companion.ask("DELETE", "/api/wifi").status, 204)
        self.camera.expect("wifi stop")
        status = self.companion.status()
        self.assertEqual((status["state"], status["wifi"]["mode"], status["wifi"]["reason"]), ("live", "off", None))
        self.world.open_wifi()
        self.assertEqual(self.media(3).body, Camera.content(3))

    def test_tried_once_more(self):
        self.camera.do("deaf 1")
        status = self.world.open_wifi()
        self.assertIsNone(status["wifi"]["reason"])
        self.camera.expect("deaf")
        self.camera.expect("wifi stop")  # the first try was taken down as a whole
        self.assertEqual(self.media(3).body, Camera.content(3))
        self.companion.ask("DELETE", "/api/wifi")
        # Not twice; and what was tried before does not count for the next time.
        self.camera.do("deaf 2")
        self.assertEqual(self.companion.ask("POST", "/api/wifi").status, 202)
        status = self.companion.wait_status(lambda s: s["wifi"]["mode"] == "off" and s["wifi"]["reason"])
        self.assertEqual((status["state"], status["wifi"]["reason"]), ("live", "dial-failed"))
        self.world.open_wifi()

    def test_media_channel_is_lost(self):
        self.world.open_wifi()
        self.camera.do("media drop")
        status = self.companion.wait_status(lambda s: s["wifi"]["mode"] == "off" and s["wifi"]["reason"])
        self.assertEqual((status["state"], status["wifi"]["reason"]), ("live", "media-closed"))
        self.world.open_wifi()

    def test_wanted_again_while_it_is_taken_down(self):
        self.world.open_wifi()
        self.camera.do("silent on")
        with concurrent.futures.ThreadPoolExecutor() as threads:
            closed = threads.submit(self.companion.ask, "DELETE", "/api/wifi")
            self.companion.wait_status(lambda s: s["wifi"]["mode"] == "off")
            opened = threads.submit(self.companion.ask, "POST", "/api/wifi")
            with self.assertRaises(concurrent.futures.TimeoutError):
                opened.result(timeout=1)
            self.camera.do("silent off")
            self.camera.do("wifi off 110")
            self.assertEqual((closed.result().status, opened.result().status), (204, 202))
        self.companion.wait_status(lambda s: s["wifi"]["mode"] == "media-ready")
        self.assertEqual(self.media(3).body, Camera.content(3))

    def test_camera_switches_it_off(self):
        self.world.open_wifi()
        self.camera.do("wifi off 110")
        status = self.companion.wait_status(lambda s: s["wifi"]["mode"] == "off" and s["wifi"]["reason"])
        self.assertEqual((status["state"], status["wifi"]["reason"]), ("live", "wifi-idle"))

    def test_session_is_lost(self):
        self.world.open_wifi()
        self.camera.do("drop")
        status = self.companion.wait_status(lambda s: s["wifi"]["mode"] == "off" and s["wifi"]["reason"])
        self.assertIn(status["wifi"]["reason"], ("session-lost", "media-closed"))
        self.companion.wait_status(lambda s: s["state"] == "live")
        self.world.open_wifi()

    def test_client_goes_away_in_the_middle(self):
        self.world.open_wifi()
        for _ in range(20):
            connection = UnixConnection(self.companion.socket)
            connection.request("GET", f"/api/recordings/{Camera.id(22)}/media")
            connection.getresponse().read(1000)
            connection.close()
        self.assertEqual(self.media(21).body, Camera.content(21))

    def test_stop_while_streaming(self):
        self.world.open_wifi()
        connection = UnixConnection(self.companion.socket)
        connection.request("GET", f"/api/recordings/{Camera.id(22)}/media")
        connection.getresponse().read(1000)
        with Events(self.companion) as events:
            events.next()
            self.assertEqual(self.companion.stop(), 0)
        connection.close()
        self.assertFalse(os.path.exists(self.companion.socket))
        self.world.companion = Companion(self.world.folder, self.world.link)


if __name__ == "__main__":
    unittest.main(verbosity=2)
