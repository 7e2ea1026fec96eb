"""`lanyard nfc` against real pcscd and libpcsclite with a virtual reader, whose tags (lab/nfc/card.py) obey NXP's data sheet and the
Type 4 specification; and the images it makes against a second computation of them (expected.py)."""
import csv
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

here = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [here, os.path.join(here, "..", "..", "..", "lab", "nfc")]

import expected  # noqa: E402
import reader  # noqa: E402
from card import Ntag, Type4  # noqa: E402

PROGRAM = os.path.join(os.environ["LANYARD_BUILD"], "bin", "lanyard")
DONE, FAILED, USAGE = 0, 1, 2
KINDS = ["ntag213", "ntag215", "ntag216", "type4"]
KEY = bytes.fromhex("0123456789abcdef0123456789abcdef")
KEY_TEXT = "0123-4567-89ab-cdef-0123-4567-89ab-cdef"
UID = bytes.fromhex("04a1b2c3d4e5f6")

field = pcscd = None


def setUpModule():
    global field, pcscd
    pcscd = reader.Reader(reader.apart())
    field = pcscd.field


def tearDownModule():
    pcscd.stop()


def run(*words):
    done = subprocess.run([PROGRAM, "nfc", *words], capture_output=True, timeout=60, stdin=subprocess.DEVNULL, text=True)
    return done.returncode, done.stdout, done.stderr


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="lanyard-nfc-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.addCleanup(lambda: field.lay(None))

    def path(self, name):
        return os.path.join(self.folder, name)

    def image(self, kind="ntag213", serial="LY1-000042", model="Lanyard One", key=True):
        path = self.path(f"{kind}-{serial}")
        if not os.path.exists(path):
            self.done("image", path, "--kind", kind, "--serial", serial, "--model", model, *(["--fingerprint", KEY_TEXT] if key else []))
        return path

    def done(self, *words):
        status, out, error = run(*words)
        self.assertEqual((status, error.replace("Lay the tag on the reader.\n", "")), (DONE, ""), words)
        return out

    def json(self, *words):
        return json.loads(self.done(*words, "--json"))

    def refused(self, reason, *words):
        status, out, error = run(*words)
        self.assertEqual(status, FAILED, (words, out, error))
        self.assertRegex(error, rf"(?m)^lanyard: .+ \[{reason}\]\n\Z")
        return error


class Images(Case):
    def test_every_byte(self):
        for kind in KINDS:
            for key in (None, KEY):
                path = self.path(f"{kind}-{key}")
                out = self.json("image", path, "--kind", kind, "--serial", "LY1-000042", "--model", "Lanyard One",
                                *(["--fingerprint", KEY_TEXT] if key else []))
                with open(path, "rb") as file:
                    made = file.read()
                self.assertEqual(made.hex(), expected.image(kind, "LY1-000042", "Lanyard One", key).hex())
                self.assertEqual(out, {"file": path, "kind": kind, "bytes": len(made), "serial": "LY1-000042"})

    def test_the_vector_of_the_document(self):
        with open(os.path.join(here, "..", "..", "..", "docs", "nfc.md")) as file:
            rows = re.findall(r"^([0-9a-f]{2})  ((?:[0-9a-f]{2} ){3}[0-9a-f]{2})\b", file.read(), re.M)
        memory = bytearray(180)
        for page, data in rows:
            memory[4 * int(page, 16):4 * int(page, 16) + 4] = bytes.fromhex(data)
        self.assertEqual(len(rows), 2 + 36 + 3)
        with open(self.image(), "rb") as file:
            made = file.read()
        self.assertEqual(memory[12:].hex(), made[12:].hex())
        self.assertEqual(memory[10:12].hex(), made[10:12].hex())

    def test_files(self):
        path = self.image()
        self.refused("store-failed", "image", path, "--kind", "ntag213", "--serial", "OTHER", "--model", "M")  # never over a file
        self.assertEqual(self.json("read", path)["serial"], "LY1-000042")
        self.assertEqual(self.json("read", path)["fingerprint"], KEY_TEXT)
        self.refused("not-found", "read", self.path("nothing"))
        self.refused("tag-unknown", "verify", PROGRAM)
        self.refused("tag-too-small", "image", self.path("x"), "--kind", "ntag213", "--serial", "S" * 32, "--model", "M" * 32,
                     "--fingerprint", KEY_TEXT)
        self.assertFalse(os.path.exists(self.path("x")))

    def test_usage(self):
        x = self.path("x")
        for words in (["image"], ["image", x], ["image", x, "--kind", "ntag214", "--serial", "S", "--model", "M"],
                      ["image", x, "--kind", "ntag213", "--serial", "S"], ["image", x, "--kind", "ntag213", "--serial", "=S", "--model", "M"],
                      ["image", x, "--kind", "ntag213", "--serial", "S", "--model", "M\u00e4"],
                      ["image", x, "--kind", "ntag213", "--serial", "S" * 33, "--model", "M"],
                      ["image", x, "--kind", "ntag213", "--serial", "S", "--model", "M", "--fingerprint", "0123"],
                      ["read", "--wait", "-1"], ["read", "--wait", "601"], ["read", "--wait", "x"], ["write"], ["assign", "--count", "0"],
                      ["assign", "--count", "10001"]):
            status, out, error = run(*words)
            self.assertEqual((status, out), (USAGE, ""), words)
            self.assertTrue(error.startswith("lanyard: "), words)
        self.assertFalse(os.path.exists(x))


class Writing(Case):
    def written(self, tag, kind, **options):
        field.lay(tag)
        return self.json("write", self.image(kind, **options))

    def test_ntags(self):
        for kind in KINDS[:3]:
            tag = Ntag(kind)
            out = self.written(tag, kind)
            self.assertEqual(out, {"serial": "LY1-000042", "model": "Lanyard One", "fingerprint": KEY_TEXT, "kind": kind, "uid": UID.hex(),
                                   "locked": True, "written": True})
            wanted = bytearray(expected.image(kind, "LY1-000042", "Lanyard One", KEY, UID))
            self.assertEqual(bytes(tag.memory[:-8]).hex(), bytes(wanted[:-8]).hex())
            # Content before locks, page 4 last of it, the page that locks the rest last of all.
            pages = [page for page, _ in tag.log]
            self.assertEqual(pages[-5 + (kind != "x"):], [tag.lock_page + 2, tag.lock_page, 3, 2])
            self.assertEqual(pages[-5], 4)
            # Nobody changes a bit of it any more: every page, every value that would.
            tag.power_up()
            before = bytes(tag.memory[:-8])
            for page in range(tag.pages):
                for data in (b"\0\0\0\0", b"\xff\xff\xff\xff"):
                    tag.write(page, data)
            self.assertEqual(bytes(tag.memory[:-8]), before)
            # Again: nothing to do. Another camera: refused, before the first write.
            count = tag.writes
            self.assertEqual(self.written(tag, kind)["written"], False)
            self.refused("tag-locked", "write", self.image(kind, serial="EVIL-1"))
            self.assertEqual(tag.writes, count)
            self.assertEqual(self.json("read")["serial"], "LY1-000042")
            self.assertEqual(self.json("verify")["locked"], True)

    def test_type4(self):
        tag = Type4(extra=bytes.fromhex("0506e1050010ffff"))
        out = self.written(tag, "type4")
        self.assertEqual((out["locked"], out["written"], out["uid"]), (True, True, "08112233"))
        ndef = expected.message("LY1-000042", "Lanyard One", KEY)
        self.assertEqual(tag.files[0xE104][:2 + len(ndef)], len(ndef).to_bytes(2, "big") + ndef)
        self.assertEqual((tag.files[0xE103][14], tag.files[0xE103][2:5].hex()), (0xFF, "20003b"))  # the rest of the container is the card's
        count = tag.writes
        self.assertEqual(self.written(tag, "type4")["written"], False)
        self.refused("tag-locked", "write", self.image("type4", serial="EVIL-1"))
        self.assertEqual(tag.writes, count)
        report = self.json("verify")
        self.assertEqual([row["state"] for row in report["bytes"]], ["locked", "locked"])

    def test_type4_that_only_says_so(self):
        """The container says that nothing is to be written; the card lets it happen. Only trying tells."""
        tag = Type4(enforces=False)
        field.lay(tag)
        self.refused("tag-writable", "write", self.image("type4"))
        self.assertIn("ndef file", self.refused("tag-writable", "verify"))
        self.assertIsNone(self.json("read")["locked"])  # reading tries nothing
        # It is believed all the same: nothing else is written where the container forbids it.
        self.refused("tag-locked", "write", self.image("type4", serial="EVIL-1"))
        self.assertEqual(self.json("read")["serial"], "LY1-000042")

    def test_type4_whose_container_is_fixed(self):
        field.lay(Type4(container_writable=False))
        self.refused("tag-writable", "write", self.image("type4"))
        self.assertEqual(self.json("read")["serial"], "LY1-000042")

    def test_type4_too_small(self):
        tag = Type4(size=64)
        field.lay(tag)
        self.refused("tag-too-small", "write", self.image("type4"))
        self.assertEqual(tag.writes, 0)

    def test_wrong_kind(self):
        for kind, tag in (("ntag215", Ntag("ntag213")), ("type4", Ntag("ntag213")), ("ntag213", Type4())):
            field.lay(tag)
            self.assertIn("kind", self.refused("tag-unknown", "write", self.image(kind)))
            self.assertEqual(tag.writes, 0)

    def test_taken_away_after_every_write(self):
        """Whenever the tag leaves: it says nothing yet, or all of it; and writing the same again finishes it."""
        for kind in ("ntag213", "type4"):
            probe = Ntag(kind) if kind != "type4" else Type4()
            self.written(probe, kind)
            # Of an NTAG's content the first pages stand for all of them: what comes after each of them is one more page.
            counts = [0, 1, 2, *range(probe.writes - 7, probe.writes)] if kind == "ntag213" else range(probe.writes - 1)
            for count in counts:
                tag = Ntag(kind) if kind != "type4" else Type4()
                tag.tear_after = count
                field.lay(tag)
                self.refused("tag-gone", "write", self.image(kind), "--wait", "3")  # before the first write it may come back
                self.assertEqual(tag.writes, count)
                tag.tear_after = None
                field.lay(tag)
                status, out, error = run("read", "--json")
                if status == DONE:
                    self.assertEqual((json.loads(out)["serial"], json.loads(out)["fingerprint"]), ("LY1-000042", KEY_TEXT))
                else:
                    self.assertIn('"reason":"tag-empty"', error, f"{kind} after {count} writes")
                self.assertEqual(self.json("write", self.image(kind))["locked"], True, count)

    def test_broken_page(self):
        """A tag that agrees and keeps something else is not locked."""
        tag = Ntag()
        tag.broken_page = 9
        field.lay(tag)
        self.refused("tag-differs", "write", self.image())
        self.assertEqual((tag.memory[10:12], tag.memory[15]), (b"\0\0", 0))

    def test_counterfeit(self):
        """Lock bits that are set and do nothing."""
        for first, named in ((4, "pages 4-15, pages from 16"), (16, "pages from 16")):
            tag = Ntag()
            tag.ignores_locks = first
            field.lay(tag)
            self.refused("tag-writable", "write", self.image())
            # The second try comes after a refusal, so after the field was off and on again: a chip is deaf until then.
            self.assertIn(f"can still be changed: {named} [", self.refused("tag-writable", "verify"))

    def test_half_locked(self):
        """What can no longer become right is refused before anything is changed."""
        for page, data in ((2, "00001000"), (2, "00000200"), (2, "00000800"), (0x28, "01000000"), (0x28, "00000100"), (3, "00000080"),
                           (0x29, "04000010")):
            tag = Ntag()
            self.assertTrue(tag.write(page, bytes.fromhex(data)))
            before, count = bytes(tag.memory), tag.writes
            field.lay(tag)
            self.refused("tag-unknown" if page == 3 else "tag-locked", "write", self.image())
            self.assertEqual((bytes(tag.memory), tag.writes), (before, count))

    def test_used_tag(self):
        """What somebody left on an open tag is gone to the last byte."""
        tag = Ntag("ntag215")
        for page in range(4, 130):
            tag.write(page, b"\x03\x04\xd1\x01")
        self.written(tag, "ntag215")
        self.assertEqual(bytes(tag.memory[:-8]).hex(), expected.image("ntag215", "LY1-000042", "Lanyard One", KEY, UID)[:-8].hex())


class Verifying(Case):
    def test_every_class_is_named(self):
        """Each lock left out in turn; the tag itself then takes a write there, which is what the verifier warned of."""
        locks = {
            "capability container": (2, "0000f7ff", 3), "pages 4-15": (2, "0000ff7f", 15), "static lock bits": (2, "0000fbff", None),
            "pages from 16": (0x28, "ff0e3f00", 32), "dynamic lock bits": (0x28, "ff0f1f00", None), "configuration": (0x2A, "00050000", 0x29),
        }
        image = expected.image("ntag213", "LY1-000042", "Lanyard One", KEY, UID)
        for name, (page, data, open_page) in locks.items():
            with self.subTest(name):
                memory = bytearray(image)
                memory[4 * page:4 * page + 4] = bytes(a if page == 2 and i < 2 else b
                                                      for i, (a, b) in enumerate(zip(memory[4 * page:], bytes.fromhex(data))))
                tag = Ntag(memory=memory)
                field.lay(tag)
                status, out, error = run("verify", "--json")
                self.assertEqual(status, FAILED)
                states = {row["bytes"]: row["state"] for row in json.loads(out)["bytes"]}
                wanted = {name, "password"} if name == "configuration" else {name}
                self.assertEqual({key for key, value in states.items() if value == "writable"}, wanted)
                self.assertEqual(json.loads(error)["reason"], "tag-writable")
                self.assertIn("WRITABLE", run("verify")[1])
                if open_page:
                    self.assertTrue(tag.write(open_page, bytes(4)))

    def test_factory_new(self):
        field.lay(Ntag())
        self.assertIn("capability container, pages 4-15, pages from 16, static lock bits, dynamic lock bits, configuration, password",
                      self.refused("tag-writable", "verify"))
        self.refused("tag-empty", "read")

    def test_verifying_writes_nothing(self):
        tag = Ntag()
        field.lay(tag)
        run("verify")
        self.assertEqual(tag.writes, 0)

    def test_reading_tries_nothing(self):
        for tag in (Type4(enforces=False), Ntag()):
            tag.ignores_locks = 4
            field.lay(tag)
            run("write", self.image("type4" if isinstance(tag, Type4) else "ntag213"))
            count = tag.writes
            self.assertEqual(self.json("read")["serial"], "LY1-000042")
            self.assertEqual(tag.writes, count)
            self.refused("tag-writable", "verify")
            self.assertGreater(tag.writes, count)


class Reading(Case):
    def test_memory_to_a_file(self):
        tag = Ntag(memory=expected.image("ntag213", "S1", "M", None, UID))
        field.lay(tag)
        path = self.path("dump")
        self.assertIn("Camera S1 (M)", self.done("read", "--output", path))
        with open(path, "rb") as file:
            self.assertEqual(file.read(), bytes(tag.memory))
        self.assertEqual(self.json("read", path)["serial"], "S1")

    def test_hostile(self):
        ndef = expected.message("S1", "M")

        def with_data(data):
            memory = bytearray(expected.ntag("ntag213", ndef, UID))
            memory[16:160] = data.ljust(144, b"\0")[:144]
            return Ntag(memory=memory)

        for reason, data in (("tag-empty", b""), ("tag-malformed", b"\x03\xff\xff\xff"), ("ndef-malformed", b"\x03\x03\xd1\x01\x00"),
                             ("tag-foreign", b"\x03\x10\xd1\x01\x0cU\x01example.com\xfe"),
                             ("ndef-malformed", b"\x03\x22" + ndef.replace(b"camera:S1", b"camera:\x1b[")[-34:])):
            field.lay(with_data(data))
            self.refused(reason, "read")
        # Escape sequences in a model are no model.
        field.lay(with_data(b"\x03" + bytes([len(ndef)]) + ndef.replace(b"enM S1", b"en\x1b S1")))
        self.assertIsNone(self.json("read")["model"])
        # A container of something else; a password before the message; a Type 4 file that claims to be longer than it is.
        tag = Ntag()
        tag.memory[12:16] = b"\0\0\0\0"
        field.lay(tag)
        self.refused("tag-unknown", "read")
        tag = Ntag()
        tag.write(0x2A, bytes.fromhex("80050000"))
        tag.write(0x29, bytes.fromhex("04000004"))
        field.lay(tag)
        self.refused("tag-unreadable", "read")
        card = Type4()
        card.files[0xE104][:2] = b"\xff\xff"
        field.lay(card)
        self.refused("tag-malformed", "read")
        card = Type4()
        card.APPLICATION = b"another"
        field.lay(card)
        self.refused("tag-unknown", "read")

    def test_readers(self):
        field.lay(Ntag(memory=expected.image("ntag213", "S1", "M", None, UID)))
        self.assertEqual(self.json("read", "--reader", "Virtual reader 00 00")["serial"], "S1")
        self.assertIn("Virtual reader", self.refused("reader-gone", "read", "--reader", "ACR122"))
        field.lift()
        self.refused("tag-gone", "read", "--wait", "0")

    def test_waits_for_the_tag(self):
        field.lift()
        process = subprocess.Popen([PROGRAM, "nfc", "read", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.assertEqual(process.stderr.readline(), "Lay the tag on the reader.\n")
        field.lay(Ntag(memory=expected.image("ntag213", "S1", "M", None, UID)))
        out, _ = process.communicate(timeout=30)
        self.assertEqual((process.returncode, json.loads(out)["serial"]), (DONE, "S1"))


class Assigning(Case):
    def assign(self, tags, *words):
        """Lays one tag after the other; the next one when lanyard has said something of the one before."""
        field.lift()
        process = subprocess.Popen([PROGRAM, "nfc", "assign", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        said = process.stderr.readline()
        self.assertIn("one tag after another", said)
        for tag in tags:
            field.lay(tag)
            said += process.stderr.readline()
            if tag is not tags[-1] or "--count" not in words:
                field.lift()
        if "--count" not in words:
            process.terminate()
        out, rest = process.communicate(timeout=30)
        return process.returncode, out, said + rest

    @staticmethod
    def tag(serial, uid, model="Lanyard One", key=KEY):
        return Ntag(uid=bytes.fromhex(uid), memory=expected.image("ntag213", serial, model, key, bytes.fromhex(uid)))

    def test_list(self):
        status, out, _ = self.assign([self.tag("S1", "04000000000001"), self.tag("S2", "04000000000002", 'A "B", C', None)], "--count", "2")
        self.assertEqual(status, DONE)
        rows = list(csv.reader(io.StringIO(out, newline="")))
        self.assertEqual(rows[0], ["serial", "model", "fingerprint", "uid", "kind", "locked", "read_at"])
        self.assertEqual([row[:6] for row in rows[1:]], [["S1", "Lanyard One", KEY_TEXT, "04000000000001", "ntag213", "yes"],
                                                         ["S2", 'A "B", C', "", "04000000000002", "ntag213", "yes"]])
        for row in rows[1:]:
            self.assertRegex(row[6], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")

    def test_duplicates_and_unreadable(self):
        first = self.tag("S1", "04000000000001")
        tags = [first, Ntag(uid=bytes.fromhex("04000000000009")), self.tag("S1", "04000000000002"), first, self.tag("S2", "04000000000003")]
        status, out, error = self.assign(tags)
        self.assertEqual(status, FAILED)
        self.assertEqual([row[0] for row in csv.reader(io.StringIO(out, newline=""))], ["serial", "S1", "S2"])
        self.assertIn("tag 04000000000009: There is no message on the tag. [tag-empty]", error)
        self.assertIn("tag 04000000000002 says S1, as tag 04000000000001 did before", error)
        self.assertIn("S1 again: it is in the list already", error)
        self.assertRegex(error, r"lanyard: 2 cameras are in the list; 1 duplicates and 1 unreadable tags are not \[tag-duplicate\]\n\Z")
        status, out, error = self.assign(tags, "--json")
        self.assertEqual(status, FAILED)
        document = json.loads(out)
        self.assertEqual([camera["serial"] for camera in document["cameras"]], ["S1", "S2"])
        self.assertEqual(document["duplicates"], [{"serial": "S1", "uid": "04000000000002", "first_uid": "04000000000001"}])
        self.assertEqual(document["unreadable"], [{"uid": "04000000000009", "reason": "tag-empty"}])


if __name__ == "__main__":
    unittest.main(verbosity=2)
