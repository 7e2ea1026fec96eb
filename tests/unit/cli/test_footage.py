"""`lanyard footage` over a folder that cam-recorder has filled: list, show, verify, export; for people and as JSON; and what it says of
damage."""
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
import unittest

BUILD = os.environ["LANYARD_BUILD"]
PROGRAM = os.path.join(BUILD, "bin", "lanyard")
RECORDER = os.path.join(BUILD, "bin", "cam-recorder")
DONE, FAILED, USAGE = 0, 1, 2
HEADER, CHUNK = 100, 4096 + 16  # docs/footage.md

base = None


def flip(path, at):
    """A bit of the file's byte `at`."""
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def setUpModule():
    global base
    base = tempfile.mkdtemp(prefix="lanyard-footage-")
    config = os.path.join(base, "config")
    with open(config, "w") as file:
        file.write("[camera]\nserial = TEST-1\n[video]\nwidth = 160\nheight = 96\nframerate = 10\n")
    subprocess.run([RECORDER, "--make", "2", "--seconds", "3", "--config", config, "--state", os.path.join(base, "made")], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120)


def tearDownModule():
    shutil.rmtree(base)


def run(*words):
    done = subprocess.run([PROGRAM, "footage", *words], capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr.decode()


class Footage(unittest.TestCase):
    def setUp(self):
        self.state = tempfile.mkdtemp(dir=base)
        shutil.copytree(os.path.join(base, "made"), self.state, dirs_exist_ok=True)
        self.recordings = self.json("list")["recordings"]
        self.first, self.second = (recording["id"] for recording in self.recordings)

    def json(self, verb, *words, status=DONE):
        code, out, error = run(verb, *words, "--state", self.state, "--json")
        self.assertEqual(code, status, error)
        return json.loads(out)

    def path(self, recording, suffix):
        return os.path.join(self.state, recording + suffix)

    def verdicts(self, status=FAILED):
        found = self.json("verify", status=status)
        self.assertEqual(found["ok"], status == DONE)
        return {one["id"]: one for one in found["recordings"]}

    def test_list_and_show(self):
        self.assertEqual([recording["state"] for recording in self.recordings], ["complete"] * 2)
        self.assertGreater(self.recordings[0]["started_us"], self.recordings[1]["started_us"])
        status, out, _ = run("list", "--state", self.state)
        self.assertEqual(status, DONE)
        self.assertIn(self.first.encode(), out)
        one = self.json("show", self.first)
        self.assertEqual({key: one[key] for key in self.recordings[0]}, self.recordings[0])
        self.assertEqual(one["tags"], [])
        self.assertIsInstance(one["details"], list)
        self.assertRegex(run("show", "0" * 32, "--state", self.state)[2], r"no recording .*\[not-found\]\n$")

    def test_export_is_what_was_captured(self):
        target = os.path.join(self.state, "out.mp4")
        self.assertEqual(self.json("export", self.first, "--output", target)["id"], self.first)
        with open(target, "rb") as file:
            exported = file.read()
        self.assertEqual(hashlib.sha256(exported).hexdigest(), self.recordings[0]["sha256"])
        self.assertEqual(os.stat(target).st_mode & 0o777, 0o600)
        self.assertEqual(run("export", self.first, "--state", self.state)[1], exported)
        status, _, error = run("export", self.first, "--state", self.state, "--output", target)
        self.assertEqual((status, error.count("\n")), (FAILED, 1))  # never over a file that is there
        self.assertEqual(self.verdicts(DONE)[self.first]["verdict"], "good")

    def test_damaged_recording(self):
        flip(self.path(self.first, ".footage"), HEADER + CHUNK + 5)
        found = self.verdicts()
        self.assertEqual((found[self.first]["verdict"], found[self.first]["ok"]), ("damaged", False))
        self.assertEqual((found[self.second]["verdict"], found[self.second]["ok"]), ("good", True))
        status, out, error = run("verify", "--state", self.state)
        self.assertEqual(status, FAILED)
        self.assertIn(b"DAMAGED: changed, cut off, or not what was captured", out)
        self.assertIn("[recording-damaged]", error)
        self.assertEqual(run("verify", self.second, "--state", self.state)[0], DONE)
        target = os.path.join(self.state, "out.mp4")
        status, _, error = run("export", self.first, "--state", self.state, "--output", target)
        self.assertEqual(status, FAILED)
        self.assertIn("[recording-damaged]", error)
        self.assertFalse(os.path.exists(target))  # a part would pass for the whole

    def test_cut_off(self):
        for length in (0, HEADER - 1, HEADER, HEADER + CHUNK, os.path.getsize(self.path(self.first, ".footage")) - 1):
            with self.subTest(length):
                shutil.copy(os.path.join(base, "made", self.first + ".footage"), self.state)
                os.truncate(self.path(self.first, ".footage"), length)
                self.assertEqual(self.verdicts()[self.first]["verdict"], "damaged")

    def test_missing(self):
        os.unlink(self.path(self.first, ".footage"))
        self.assertEqual(self.verdicts()[self.first]["verdict"], "missing")
        self.assertIn(b"MISSING: its container is gone", run("verify", "--state", self.state)[1])

    def test_damaged_metadata(self):
        for at in (0, 30, 90):  # the key's id, the wrapped key, the content
            with self.subTest(at):
                shutil.copy(os.path.join(base, "made", self.first + ".meta"), self.state)
                flip(self.path(self.first, ".meta"), at)
                before = sorted(os.listdir(self.state))
                found = self.verdicts()[self.first]
                self.assertEqual((found["verdict"], found["damaged"]), ("good", ["metadata"]))
                self.assertEqual(sorted(os.listdir(self.state)), before)  # it only reads
                self.assertIn(b"DAMAGED: metadata", run("verify", "--state", self.state)[1])

    def test_damaged_thumbnail_is_remembered(self):
        flip(self.path(self.first, ".jpeg"), 80)
        self.assertEqual(self.verdicts()[self.first]["damaged"], ["thumbnail"])
        os.rename(self.path(self.first, ".jpeg"), self.path(self.first, ".jpeg.damaged-1"))  # as a recorder does
        found = self.verdicts(DONE)[self.first]
        self.assertEqual((found["damaged"], found["set_aside"]), ([], ["thumbnail"]))

    def test_exchanged_metadata(self):
        first, second = self.path(self.first, ".meta"), self.path(self.second, ".meta")
        os.rename(first, first + ".x")
        os.rename(second, first)
        os.rename(first + ".x", second)
        found = self.verdicts()
        self.assertEqual([found[one]["damaged"] for one in (self.first, self.second)], [["metadata"]] * 2)

    def test_other_key(self):
        with open(os.path.join(self.state, "storage.key"), "wb") as file:
            key = bytes(range(32))
            file.write(key + hashlib.sha256(key).digest())
        found = self.json("verify", status=FAILED)
        self.assertEqual((found["ok"], found["other_key"], found["recordings"]), (False, 2, []))
        self.assertIn(b"2 more cannot be verified", run("verify", "--state", self.state)[1])

    def test_damaged_key(self):
        flip(os.path.join(self.state, "storage.key"), 3)
        status, _, error = run("verify", "--state", self.state)
        self.assertEqual(status, FAILED)
        self.assertRegex(error, r"storage\.key in .* is damaged \[recording-damaged\]\n$")


if __name__ == "__main__":
    unittest.main()
