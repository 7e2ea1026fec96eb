"""`lanyard slate export`: how the log of a camera that runs leaves it, over the test link (docs/test-link.md)."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "companion"))

from test_camera import RealCamera  # noqa: E402
from test_cli import DONE, FAILED, run  # noqa: E402
from test_footage import flip  # noqa: E402
from test_slate import NOW_US, Log  # noqa: E402


class Export(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lanyard-cli-")
        self.addCleanup(shutil.rmtree, self.folder)
        keys, camera = os.path.join(self.folder, "signal.keys"), os.path.join(self.folder, "camera.keys")
        self.assertEqual(run("signal", "keys", keys)[0], DONE)
        self.assertEqual(run("slate", "keys", camera, "TEST-0042")[0], DONE)
        self.real = RealCamera(self.folder, f"[signal]\nkeys = {keys}\n[slate]\nenabled = yes\nkey = {camera}\n")
        self.addCleanup(self.real.close)
        self.log = os.path.join(self.folder, "radio", "slate")
        self.exports = 0

    def recorder(self, *words):
        subprocess.run(["busctl", f"--address={self.real.address}", "call", "org.lanyard.Recorder", "/org/lanyard/Recorder1", "org.lanyard.Recorder1",
                        *words], check=True, stdout=subprocess.DEVNULL)

    def record(self):
        """Two entries: it began, it ended."""
        size = os.path.getsize(self.log)
        self.recorder("Start", "sa{sv}", "test", "0")
        self.real.wait("Recorder", "event")
        self.recorder("Stop", "s", "test")
        self.real.wait("Recorder", "buffering")
        self.assertEqual(os.path.getsize(self.log), size + 160)

    def export(self):
        """(where, answer)"""
        self.exports += 1
        folder = os.path.join(self.folder, f"export-{self.exports}")
        return folder, run("slate", "export", folder, "--state", os.path.dirname(self.log), environment=self.real.environment)

    def verify(self, folder, *names):
        return run("slate", "verify", *(os.path.join(folder, name) for name in names), "--head", os.path.join(folder, "head"))

    def test_export(self):
        self.record()
        folder, (status, out, error) = self.export()
        self.assertEqual((status, out, error), (DONE, f"{folder}: log of TEST-0042, 2 entries, with its signed head\n", ""))
        self.assertEqual(sorted(os.listdir(folder)), ["head", "slate"])
        self.assertEqual({os.stat(os.path.join(folder, name)).st_mode & 0o777 for name in ("head", "slate")}, {0o600})
        self.assertEqual(self.verify(folder, "slate")[0], DONE)
        # What was exported stays as it was signed for, and is not written over.
        self.record()
        self.assertEqual(self.verify(folder, "slate")[0], DONE)
        status, out, error = run("slate", "export", folder, "--state", os.path.dirname(self.log), environment=self.real.environment)
        self.assertEqual((status, out), (FAILED, ""))
        self.assertRegex(error, r"is there already; name a new folder \[store-failed\]\n$")
        # Whoever has it finds what was changed on the way.
        flip(os.path.join(folder, "slate"), 96 + 80 + 20)
        status, _, error = self.verify(folder, "slate")
        self.assertEqual(status, FAILED)
        self.assertRegex(error, r"after 1 entries: the chain of hashes breaks.*\[record-corrupt\]\n$")

    def test_the_camera_is_writing(self):
        """What follows the entry that the head is of, whole or not, is left for the next time."""
        self.record()
        with open(self.log, "ab") as file:
            file.write(b"x" * 50)
        folder, (status, _, error) = self.export()
        self.assertEqual((status, error), (DONE, ""))
        self.assertEqual(os.path.getsize(os.path.join(folder, "slate")), 96 + 160)

    def test_damage_keeps_nothing_back(self):
        self.record()
        flip(self.log, 96 + 20)
        folder, (status, out, error) = self.export()
        self.assertEqual((status, out), (FAILED, ""))
        self.assertRegex(error, r"was written, and slate in it is damaged: after 0 entries: .*\[record-corrupt\]\n$")
        self.assertEqual(sorted(os.listdir(folder)), ["head", "slate"])
        status, out, _ = run("slate", "export", folder + "-json", "--json", "--state", os.path.dirname(self.log), environment=self.real.environment)
        self.assertEqual((status, json.loads(out)["verdict"]), (FAILED, "broken"))
        # Not even a log any more; and one that is none where the full one should be, and one that was set aside.
        flip(self.log, 0)
        for name, content in (("slate.old", b"none"), ("slate.damaged-1", b"was one")):
            with open(os.path.join(os.path.dirname(self.log), name), "wb") as file:
                file.write(content)
        folder, (status, out, error) = self.export()
        self.assertEqual((status, out), (FAILED, ""))
        self.assertRegex(error, r"has 1 that the camera set aside as damaged, too\n(?s:.*)slate.old in it is damaged: after 0 entries")
        self.assertEqual(sorted(os.listdir(folder)), ["head", "slate", "slate.damaged-1", "slate.old"])
        for name in ("slate.old", "slate.damaged-1"):
            with open(os.path.join(folder, name), "rb") as copy, open(os.path.join(os.path.dirname(self.log), name), "rb") as original:
                self.assertEqual(copy.read(), original.read())
        # Cut down to less than a header.
        os.truncate(self.log, 50)
        folder, (status, _, error) = self.export()
        self.assertEqual(status, FAILED)
        self.assertEqual(os.path.getsize(os.path.join(folder, "slate")), 50)

    def test_with_the_full_one_before(self):
        self.real.stop()
        old = Log("TEST-0042")
        old.recording(1, NOW_US, NOW_US + 1)
        with open(self.log + ".old", "wb") as file:
            file.write(old.bytes)
        os.remove(self.log)
        self.real.start()
        self.record()
        folder, (status, out, error) = self.export()
        self.assertEqual((status, error), (DONE, ""))
        self.assertIn("4 entries", out)
        status, out, _ = self.verify(folder, "slate.old", "slate")
        self.assertEqual(status, DONE)
        self.assertIn("4 entries with those before it, nothing was changed", out)
        # Another one in its place, which is whole by itself.
        other = Log("TEST-0042")
        other.recording(1, NOW_US, NOW_US + 2)
        with open(self.log + ".old", "wb") as file:
            file.write(other.bytes)
        folder, (status, _, error) = self.export()
        self.assertEqual(status, FAILED)
        self.assertRegex(error, r"slate in it is damaged: .*does not follow the log before it.*\[record-corrupt\]\n$")
        status, _, error = self.verify(folder, "slate.old", "slate")
        self.assertEqual(status, FAILED)
        self.assertRegex(error, r"does not follow the log before it.*\[record-corrupt\]\n$")

    def test_nothing_to_export(self):
        for state, reason in ((os.path.join(self.folder, "nothing"), "not-found"), (self.folder, "not-found")):
            status, out, error = run("slate", "export", self.folder + "/new", "--state", state, environment=self.real.environment)
            self.assertEqual((status, out), (FAILED, ""))
            self.assertRegex(error, rf"\[{reason}\]\n$")
            self.assertFalse(os.path.exists(self.folder + "/new"))


if __name__ == "__main__":
    unittest.main()
