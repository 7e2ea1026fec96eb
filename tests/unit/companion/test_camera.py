"""The main job without radios: the real camera daemon, the real recorder and companiond, over the test link (docs/test-link.md)."""
import hashlib
import json
import os
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from harness import BUILD, Companion, Events, Lines, UnixConnection

KEY_RECORD, KEY_MENU = 167, 139
RECORDINGS = 3


class RealCamera:
    """cam-recorder and cam-radiod on a bus of their own."""

    RECORDER = "[camera]\nserial = TEST-0042\n[video]\nsource = test\nwidth = 320\nheight = 180\nframerate = 10\n"
    made = None

    @classmethod
    def _recordings(cls):
        """The state of a recorder with some recordings. Made once, because it takes as long as all the rest."""
        if not cls.made:
            cls.made = tempfile.TemporaryDirectory(prefix="lanyard-made-")
            config = os.path.join(cls.made.name, "recorder.conf")
            with open(config, "w") as file:
                file.write(cls.RECORDER)
            subprocess.run([cls._program("cam-recorder"), "--config", config, "--state", os.path.join(cls.made.name, "state"),
                            "--make", str(RECORDINGS), "--seconds", "4"],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return os.path.join(cls.made.name, "state")

    def __init__(self, folder, settings=""):
        """settings: more of cam-radiod's configuration."""
        self.folder = folder
        self.link = os.path.join(folder, "link")
        self.buttons = os.path.join(folder, "buttons")
        os.mkfifo(self.buttons)
        self.bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--print-address=1"], stdout=subprocess.PIPE)
        self.address = self.bus.stdout.readline().decode().strip()
        self.environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=self.address)
        self.recorder_state = os.path.join(folder, "recorder")
        shutil.copytree(self._recordings(), self.recorder_state)
        with open(os.path.join(folder, "recorder.conf"), "w") as file:
            file.write(self.RECORDER)
        with open(os.path.join(folder, "radio.conf"), "w") as file:
            file.write("[camera]\nserial = TEST-0042\nmodel = Test camera\n[policy]\nrecord_stop = yes\n"
                       f"[test]\nlink_socket = {self.link}\nbuttons = {self.buttons}\n{settings}")
        self.recorder = self.radio = None
        self.start()

    @staticmethod
    def _program(name):
        return os.path.join(BUILD, "bin", name)

    def _run(self, name, config, state):
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = self.address
        return Lines([self._program(name), "--config", os.path.join(self.folder, config), "--state", os.path.join(self.folder, state)],
                     "stderr")

    def start(self):
        self.recorder = self._run("cam-recorder", "recorder.conf", "recorder")
        self.radio = self._run("cam-radiod", "radio.conf", "radio")
        self.wait("Recorder", "buffering")

    def stop(self):
        return self.radio.stop(), self.recorder.stop()

    def close(self):
        statuses = self.stop()
        self.bus.terminate()
        self.bus.wait()
        self.bus.stdout.close()
        return statuses

    def get(self, name):
        answer = subprocess.run(["busctl", f"--address={self.address}", "--json=short", "get-property", "org.lanyard.Camera",
                                 "/org/lanyard/Camera1", "org.lanyard.Camera1", name], capture_output=True)
        return json.loads(answer.stdout)["data"] if answer.returncode == 0 else None

    def wait(self, name, value, timeout=30):
        """Until a property has this value; asked again and again, because the daemon may not be on the bus yet."""
        deadline = time.monotonic() + timeout
        while (now := self.get(name)) != value:
            if time.monotonic() > deadline:
                raise AssertionError(f"{name} is {now!r}, not {value!r}; log: {self.radio_log()}")
            time.sleep(0.05)

    def radio_log(self):
        self.radio.drain()
        return self.radio.seen[-30:]

    def _key(self, key, down):
        now = time.clock_gettime(time.CLOCK_BOOTTIME)
        seconds, micros = int(now), int(now % 1 * 1e6)
        return struct.pack("qqHHi", seconds, micros, 1, key, down) + struct.pack("qqHHi", seconds, micros, 0, 0, 0)

    def press(self, keys, seconds):
        """The person's fingers: how long they stay down is what is being tested, so this is the one place that sleeps."""
        with open(self.buttons, "wb", buffering=0) as pipe:
            for key in keys:
                pipe.write(self._key(key, 1))
            time.sleep(seconds)
            for key in keys:
                pipe.write(self._key(key, 0))


class MainJob(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lanyard-main-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.camera = RealCamera(self.folder)
        self.addCleanup(self.camera.close)
        self.companion = Companion(self.folder, self.camera.link)
        self.addCleanup(lambda: self.companion.stop())

    def pair(self):
        self.camera.press([KEY_RECORD, KEY_MENU], 2.3)
        self.camera.wait("Pairing", "open")
        self.assertEqual(self.companion.ask("POST", "/api/scan").status, 202)
        near = self.companion.wait_status(lambda s: s["cameras"])["cameras"][0]
        self.assertEqual(self.companion.ask("POST", "/api/pair", {"camera": near["id"]}).status, 202)
        shown = self.companion.wait_status(lambda s: s["pairing"] and s["pairing"]["step"] == "compare")
        self.camera.wait("Pairing", "confirming")
        self.assertEqual(self.camera.get("PairingCode"), shown["pairing"]["code"])
        # In either order: this time the companion's person first.
        self.assertEqual(self.companion.ask("POST", "/api/pair/confirm", {"code": shown["pairing"]["code"]}).status, 204)
        self.assertEqual(self.companion.status()["pairing"]["step"], "confirmed")
        self.camera.press([KEY_RECORD], 0.1)
        return self.live()

    def live(self):
        return self.companion.wait_status(lambda s: s["state"] == "live" and s["camera"]["recorder"] == "buffering", timeout=40)

    def open_wifi(self):
        self.assertEqual(self.companion.ask("POST", "/api/wifi").status, 202)
        status = self.companion.wait_status(lambda s: s["wifi"]["mode"] == "media-ready" or s["wifi"]["reason"])
        self.assertEqual(status["wifi"]["mode"], "media-ready", status)
        self.camera.wait("Wifi", "media-ready")
        return status

    def list(self):
        answer = self.companion.ask("GET", "/api/recordings")
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json["recordings"]

    def test_from_two_buttons_to_a_picture(self):
        # Nothing happens without both buttons.
        self.companion.ask("POST", "/api/scan")
        near = self.companion.wait_status(lambda s: s["cameras"])["cameras"][0]
        self.companion.ask("POST", "/api/pair", {"camera": near["id"]})
        refused = self.companion.wait_status(lambda s: s["reason"] and not s["pairing"])
        self.assertIsNone(refused["camera"])
        self.camera.press([KEY_RECORD], 2.3)
        self.assertEqual(self.camera.get("Pairing"), "closed")

        status = self.pair()
        self.assertEqual(status["camera"]["serial"], "TEST-0042")
        self.assertEqual(status["camera"]["model"], "Test camera")
        self.assertEqual(self.camera.get("Fingerprint"), status["camera"]["fingerprint"])
        self.assertTrue(self.camera.get("Session"))

        recordings = self.list()
        self.assertEqual(len(recordings), RECORDINGS)
        for recording in recordings:
            self.assertEqual(recording["state"], "complete")
            self.assertGreater(recording["duration_ms"], 3000)
            thumbnail = self.companion.ask("GET", f"/api/recordings/{recording['id']}/thumbnail")
            self.assertEqual(thumbnail.body[:3], b"\xff\xd8\xff")

        self.open_wifi()
        for recording in recordings:
            media = self.companion.ask("GET", f"/api/recordings/{recording['id']}/media")
            self.assertEqual(len(media.body), recording["size"])
            self.assertEqual(hashlib.sha256(media.body).hexdigest(), recording["sha256"])
            self.assertEqual(media.body[4:8], b"ftyp")
            size = recording["size"]
            for first, last in ((0, 0), (size // 3, size // 2), (size - 1, size - 1)):
                part = self.companion.ask("GET", f"/api/recordings/{recording['id']}/media", headers={"Range": f"bytes={first}-{last}"})
                self.assertEqual((part.status, part.body), (206, media.body[first:last + 1]))
            beyond = self.companion.ask("GET", f"/api/recordings/{recording['id']}/media", headers={"Range": f"bytes={size}-"})
            self.assertEqual((beyond.status, beyond.headers["Content-Range"]), (416, f"bytes */{size}"))

        # Nothing of it is on a disk.
        needle = media.body[len(media.body) // 2:len(media.body) // 2 + 64]
        for root, _, names in os.walk(self.folder):
            for name in names:
                path = os.path.join(root, name)
                if os.path.isfile(path) and not path.endswith("buttons"):
                    with open(path, "rb") as file:
                        self.assertNotIn(needle, file.read(), path)

        identity = recordings[1]["id"]
        tag = {"category": "Traffic stop", "case_number": "2026-004711", "note": "Driver \"cooperative\", \u00fcn\u00efcode",
               "latitude": 59.3293, "longitude": 18.0686}
        receipt = self.companion.ask("PUT", f"/api/recordings/{identity}/tag", tag)
        self.assertEqual((receipt.status, receipt.json["revision"]), (200, 1), receipt.body)

        self.assertEqual(self.companion.ask("DELETE", "/api/wifi").status, 204)
        self.camera.wait("Wifi", "off")
        self.assertEqual(self.companion.status()["state"], "live")

        self.assertEqual(self.camera.stop(), (0, 0))
        self.camera.start()
        self.live()
        self.assertEqual(next(r["tag"] for r in self.list() if r["id"] == identity), dict(tag, revision=1))

    def test_records_on_demand(self):
        self.pair()
        with Events(self.companion) as events:
            self.assertEqual(self.companion.ask("POST", "/api/record", {"start": True}).status, 204)
            while (event := events.next())[0] != "recording" or event[1]["state"] != "active":
                pass
            self.companion.wait_status(lambda s: s["camera"]["recorder"] == "event")
            self.assertEqual(self.companion.ask("POST", "/api/record", {"start": False}).status, 204)
            while (event := events.next(60))[0] != "recording" or event[1]["state"] != "complete":
                pass
        self.open_wifi()
        recording = next(r for r in self.list() if r["id"] == event[1]["id"])
        media = self.companion.ask("GET", f"/api/recordings/{recording['id']}/media")
        self.assertEqual(hashlib.sha256(media.body).hexdigest(), recording["sha256"])

    def test_damaged_recording_is_never_taken_for_whole(self):
        self.pair()
        recording = self.list()[1]
        self.camera.recorder.stop()
        path = os.path.join(self.camera.recorder_state, recording["id"] + ".footage")
        with open(path, "r+b") as file:
            file.seek(os.path.getsize(path) // 2)
            byte = file.read(1)[0]
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([byte ^ 0x55]))
        self.camera.recorder = self.camera._run("cam-recorder", "recorder.conf", "recorder")
        self.camera.wait("Recorder", "buffering")
        self.live()
        self.open_wifi()
        play = subprocess.run(["curl", "-sf", "--max-time", "20", "--unix-socket", self.companion.socket,
                               f"http://localhost/api/recordings/{recording['id']}/media"], capture_output=True)
        self.assertNotEqual(play.returncode, 0)
        self.assertLess(len(play.stdout), recording["size"])
        self.assertEqual(self.companion.status()["state"], "live")

    def test_live_preview(self):
        self.pair()
        self.open_wifi()
        connection = UnixConnection(self.companion.socket)
        connection.request("GET", "/api/live")
        response = connection.getresponse()
        self.assertEqual((response.status, response.headers["Content-Type"]), (200, "video/mp4"))
        start = response.read(20000)
        self.assertEqual(start[4:8], b"ftyp")
        self.assertIn(b"moof", start)
        connection.close()

    def test_companion_dies_while_viewing(self):
        self.pair()
        self.open_wifi()
        connection = UnixConnection(self.companion.socket)
        connection.request("GET", f"/api/recordings/{self.list()[0]['id']}/media")
        connection.getresponse().read(1000)
        self.companion.process.send_signal(signal.SIGKILL)
        self.companion.process.wait()
        connection.close()
        self.camera.wait("Wifi", "off")
        self.camera.wait("Session", False)
        self.companion.stop()
        self.companion = Companion(self.folder, self.camera.link)
        self.live()
        self.open_wifi()

    def test_camera_dies_while_viewing(self):
        self.pair()
        self.open_wifi()
        self.camera.radio.process.send_signal(signal.SIGKILL)
        status = self.companion.wait_status(lambda s: s["wifi"]["mode"] == "off" and s["wifi"]["reason"])
        self.assertIn(status["wifi"]["reason"], ("media-closed", "session-lost"))
        self.camera.radio.stop()
        self.camera.radio = self.camera._run("cam-radiod", "radio.conf", "radio")
        self.live()
        self.open_wifi()
        recording = self.list()[0]
        media = self.companion.ask("GET", f"/api/recordings/{recording['id']}/media")
        self.assertEqual(hashlib.sha256(media.body).hexdigest(), recording["sha256"])

    def test_recorder_is_gone(self):
        self.pair()
        self.open_wifi()
        identity = self.list()[0]["id"]
        self.camera.recorder.process.send_signal(signal.SIGKILL)
        self.companion.wait_status(lambda s: s["camera"]["recorder"] == "unknown")
        answer = self.companion.ask("GET", "/api/recordings")
        self.assertEqual((answer.status, answer.reason), (502, "recorder-gone"))
        answer = self.companion.ask("GET", f"/api/recordings/{identity}/media")
        self.assertEqual((answer.status, answer.reason), (502, "recorder-gone"))
        self.camera.recorder.stop()
        self.camera.recorder = self.camera._run("cam-recorder", "recorder.conf", "recorder")
        self.live()
        self.assertEqual(self.companion.ask("GET", f"/api/recordings/{identity}/media").status, 200)

    def test_a_second_companion_takes_over(self):
        self.pair()
        other_folder = os.path.join(self.folder, "other")
        os.mkdir(other_folder)
        first, self.companion = self.companion, Companion(other_folder, self.camera.link, name="Car 8")
        try:
            self.pair()
            self.camera.wait("Companion", "Car 8")
            gone = first.wait_status(lambda s: s["state"] != "live")
            self.assertIsNotNone(gone["camera"])
            self.assertEqual(len(self.list()), RECORDINGS)
        finally:
            first.stop()


if __name__ == "__main__":
    unittest.main(verbosity=2)
