"""`lanyard` itself against the real daemons over the test link (docs/test-link.md), and its texts against what documents it."""
import glob
import hashlib
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "companion"))

from harness import BUILD, Companion, Lines  # noqa: E402
from test_camera import KEY_MENU, KEY_RECORD, RECORDINGS, RealCamera  # noqa: E402

PROGRAM = os.path.join(BUILD, "bin", "lanyard")
SOURCE = os.path.abspath(os.path.join(here, "..", "..", ".."))
DONE, FAILED, USAGE = 0, 1, 2


def run(*words, environment=None, binary=False):
    done = subprocess.run([PROGRAM, *words], capture_output=True, timeout=90, stdin=subprocess.DEVNULL, env=environment)
    return done.returncode, done.stdout if binary else done.stdout.decode(), done.stderr.decode()


def complete(*words):
    return run("--complete", *words)[1].split()


def commands():
    """(group, name) of every subcommand, as the program itself knows them."""
    groups = [word for word in complete("") if not word.startswith("--")]
    return [(group, name) for group in groups for name in complete(group, "")]


def options(group, name):
    return [word for word in complete(group, name, "-")]


class Documents(unittest.TestCase):
    def test_overview_has_every_command(self):
        status, text, _ = run("--help")
        self.assertEqual(status, DONE)
        self.assertGreater(len(commands()), 10)
        for group, name in commands():
            self.assertRegex(text, rf"(?m)^  lanyard {group} {name} ")

    def test_help_has_every_option(self):
        for group, name in commands():
            status, text, _ = run(group, name, "--help")
            self.assertEqual(status, DONE)
            for option in options(group, name):
                self.assertRegex(text, rf"(?m)^  {option}\b", f"{group} {name}")

    def test_man_page_has_them_all_and_nothing_else(self):
        with open(os.path.join(SOURCE, "docs", "man", "lanyard.1")) as file:
            page = file.read().replace("\\-", "-")
        documented = {}
        current = None
        for line in page.splitlines():
            if match := re.match(r"\.SS lanyard (\S+) (\S+)", line):
                current = documented.setdefault((match[1], match[2]), set())
            elif line.startswith(".SH"):
                current = None
            elif current is not None and (match := re.match(r"\.B[IR]? (--[a-z]+)", line)):
                current.add(match[1])
        self.assertEqual(set(documented), set(commands()))
        for group, name in commands():
            own = set(options(group, name)) - {"--json", "--help"}
            self.assertEqual(documented[group, name], own, f"{group} {name}")
        for code in ("--json", "--help", "--version"):
            self.assertIn(code, page)

    def test_bash_completion_offers_the_same(self):
        script = os.path.join(SOURCE, "packaging", "bash-completion", "lanyard")
        probe = (f'source {script}; COMP_WORDS=(lanyard companion pla); COMP_CWORD=2; _lanyard; echo "${{COMPREPLY[*]}}";'
                 'COMP_WORDS=(lanyard companion play --out); COMP_CWORD=3; _lanyard; echo "${COMPREPLY[*]}"')
        environment = dict(os.environ, PATH=os.path.dirname(PROGRAM) + ":" + os.environ["PATH"])
        done = subprocess.run(["bash", "-c", probe], capture_output=True, text=True, env=environment)
        self.assertEqual((done.stdout, done.stderr), ("play\n--output\n", ""))


class Alone(unittest.TestCase):
    """No daemon is there."""

    def test_usage(self):
        for words in ([], ["camera"], ["nothing"], ["camera", "nothing"], ["companion", "play"], ["companion", "list", "--limit"],
                      ["companion", "list", "--limit", "0"], ["companion", "list", "--limit", "101"], ["companion", "list", "--limit", "x"],
                      ["companion", "list", "--before", "../x"], ["companion", "play", "../../etc"], ["companion", "play", "a" * 33],
                      ["companion", "tag", "a" * 32, "--position", "91,0"], ["companion", "tag", "a" * 32, "--position", "1"],
                      ["companion", "tag", "a" * 32, "--position", "1,2,3"], ["companion", "tag", "a" * 32, "--position", "nan,0"],
                      ["companion", "tag", "a" * 32, "--note", b"\xff"], ["companion", "scan", "--seconds", "61"], ["companion", "open", "--port", "65536"],
                      ["camera", "status", "--instance", "a b"], ["camera", "status", "--instance", ""]):
            status, out, error = run(*words)
            self.assertEqual((status, out), (USAGE, ""), words)
            self.assertTrue(error, words)

    def test_companiond_missing(self):
        for words in (["status"], ["open"], ["scan"], ["pair"], ["list"], ["ap"], ["close"], ["forget"], ["tag", "a" * 32], ["play", "a" * 32]):
            status, out, error = run("companion", *words, "--socket", "/nonexistent/socket")
            self.assertEqual((status, out), (FAILED, ""), words)
            self.assertRegex(error, r"^lanyard: companiond does not answer on /nonexistent/socket.*\[link-failed\]\n$")

    def test_bus_missing(self):
        environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS="unix:path=/nonexistent/bus")
        for words in (["status"], ["buttons"], ["forget"]):
            status, out, error = run("camera", *words, environment=environment)
            self.assertEqual((status, out), (FAILED, ""), words)
            self.assertRegex(error, r"^lanyard: the system bus cannot be reached: .*\[link-failed\]\n$")

    def test_no_connection(self):
        """A socket that is not there, that nobody listens on, and that is somebody else's are three different things to do."""
        folder = tempfile.mkdtemp(prefix="lanyard-cli-")
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "socket")
        self.assertIn("systemctl start companiond", run("companion", "status", "--socket", path)[2])
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(path)
        self.assertIn("it has ended", run("companion", "status", "--socket", path)[2])
        if os.geteuid() == 0:
            os.chmod(folder, 0o755)
            os.chmod(path, 0o600)
            program = shutil.copy(PROGRAM, os.path.join(folder, "lanyard"))
            done = subprocess.run([program, "companion", "status", "--socket", path], capture_output=True, text=True, user="nobody",
                                  extra_groups=[])
            self.assertEqual((done.returncode, done.stdout), (FAILED, ""))
            self.assertRegex(done.stderr, r"^lanyard: you may not open .* \[not-permitted\]\n$")

    def test_failures_as_json(self):
        environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS="unix:path=/nonexistent/bus")
        for words, reason in ((["companion", "status", "--socket", "/nonexistent"], "link-failed"), (["camera", "status"], "link-failed"),
                              (["footage", "list", "--state", "/nonexistent"], "not-found")):
            plain = run(*words, environment=environment)[2]
            status, out, error = run(*words, "--json", environment=environment)
            self.assertEqual((status, out, error.count("\n")), (FAILED, "", 1))
            failure = json.loads(error)
            self.assertEqual(sorted(failure), ["message", "reason"])
            self.assertEqual(failure["reason"], reason)
            self.assertEqual(plain, f"lanyard: {failure['message']} [{reason}]\n")

    def test_help_of_a_group_is_of_that_group(self):
        for group in {group for group, _ in commands()}:
            status, text, error = run(group, "--help")
            self.assertEqual((status, error), (DONE, ""))
            self.assertEqual(set(re.findall(r"(?m)^  lanyard (\S+)", text)), {group})
            self.assertEqual(run(group), (USAGE, "", text))

    def test_every_reason_in_the_program_is_one(self):
        """The codes that lanyard itself gives out stand in the one table of them."""
        with open(os.path.join(SOURCE, "base", "reason.h")) as file:
            known = set(re.findall(r'X\(\w+, \d+, "([a-z-]+)"', file.read()))
        used = set()
        for path in glob.glob(os.path.join(SOURCE, "cli", "*.c")):
            with open(path) as file:
                used |= set(re.findall(r'output_failure\(\s*"([a-z-]+)"', file.read()))
        self.assertGreater(len(used), 4)
        self.assertLessEqual(used, known)


class WithDaemons(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lanyard-cli-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.real = RealCamera(self.folder)
        self.addCleanup(self.real.close)
        self.daemon = Companion(self.folder, self.real.link)
        self.addCleanup(lambda: self.daemon.stop())

    def camera(self, *words):
        return run("camera", *words, environment=self.real.environment)

    def companion(self, *words, **options):
        return run("companion", *words, "--socket", self.daemon.socket, **options)

    def ok(self, answer, text=None):
        status, out, error = answer
        self.assertEqual((status, error), (DONE, ""))
        if text is not None:
            self.assertEqual(out, text)
        return out

    def refused(self, answer, code):
        status, out, error = answer
        self.assertEqual((status, out), (FAILED, ""))
        self.assertRegex(error, rf"^lanyard: .+ \[{code}\]\n$")

    def start(self, *words, **options):
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = self.real.address
        lines = Lines([PROGRAM, *words], "stdout", **options)
        self.addCleanup(lines.stop)
        return lines

    def pair(self, typed=b""):
        self.real.press([KEY_RECORD, KEY_MENU], 2.3)
        self.real.wait("Pairing", "open")
        keyboard, terminal = os.openpty()  # the person answers here, or with another command
        pairing = self.start("companion", "pair", "--socket", self.daemon.socket, stdin=terminal)
        self.addCleanup(os.close, keyboard)
        self.addCleanup(os.close, terminal)
        code = "".join(re.match(r"Code (\d{3}) (\d{3})\. Compare it with the camera's", pairing.expect("Code ")).groups())
        self.real.wait("Pairing", "confirming")
        self.assertEqual(json.loads(self.ok(self.camera("status", "--json")))["pairing_code"], code)
        self.assertIn(f"code {code}: press Event to confirm", self.ok(self.camera("status")))
        if typed:
            os.write(keyboard, typed)
        else:
            self.assertEqual(self.ok(self.companion("confirm", code)), "The codes are the same. Press Event on the camera, too.\n")
        if typed == b"n\n":
            self.assertEqual(pairing.process.wait(10), FAILED)
            self.real.wait("Pairing", "open")
            return
        self.real.press([KEY_RECORD], 0.1)
        pairing.expect("Paired.")
        self.assertEqual(pairing.process.wait(10), DONE)
        self.daemon.wait_status(lambda s: s["state"] == "live" and s["camera"]["recorder"] == "buffering", timeout=40)

    def test_pair_after_a_touch(self):
        key = json.loads(self.ok(self.camera("status", "--json")))["fingerprint"]
        for told in (key[:-1] + ("0" if key[-1] != "0" else "1"), key):
            self.real.press([KEY_RECORD, KEY_MENU], 2.3)
            self.real.wait("Pairing", "open")
            if told != key:
                status, out, error = self.companion("pair", "--fingerprint", told)
                self.assertEqual(status, FAILED)
                self.assertRegex(error, r"^lanyard: The camera that answered has another key .* \[fingerprint-mismatch\]\n$")
                self.assertEqual(json.loads(self.ok(self.camera("status", "--json")))["companion"], "")
                continue
            pairing = self.start("companion", "pair", "--fingerprint", told, "--socket", self.daemon.socket)
            pairing.expect("The camera has the key that you gave.")
            self.real.wait("Pairing", "confirming")
            self.real.press([KEY_RECORD], 0.1)
            pairing.expect("Paired.")
            self.assertEqual(pairing.process.wait(10), DONE)
        self.assertEqual(run("companion", "pair", "--fingerprint", "0123", "--socket", self.daemon.socket)[0], USAGE)

    def test_address_of_the_page(self):
        address = self.ok(self.companion("open", "--port", str(self.daemon.port)))
        token = re.fullmatch(rf"http://127\.0\.0\.1:{self.daemon.port}/#token=([0-9a-f]{{64}})\n", address)[1]
        self.assertEqual(self.daemon.ask("POST", "/api/login", {"token": token}, tcp=True).status, 204)
        self.assertEqual(json.loads(self.ok(self.companion("open", "--json")))["address"], f"http://127.0.0.1:8620/#token={token}")
        self.open_on_a_desktop(address.strip())
        path = os.path.join(self.folder, "run", "token")
        for broken in (token, token[:-1] + "g\n", token + "00\n", ""):
            with open(path, "w") as file:
                file.write(broken)
            self.refused(self.companion("open"), "login-required")
        os.unlink(path)
        self.refused(self.companion("open"), "login-required")

    def open_on_a_desktop(self, address):
        """What stands for xdg-open says what it was given, and what is in that file. Nothing of the key stands on its command line."""
        tools, runtime, seen = (os.path.join(self.folder, name) for name in ("tools", "runtime", "seen"))
        os.mkdir(tools)
        os.mkdir(runtime, 0o700)
        os.mkfifo(seen)
        opener = os.path.join(tools, "xdg-open")
        with open(opener, "w") as file:
            file.write(f'#!/bin/sh\n{{ echo "$#"; stat -c %a "$1"; cat "$1"; }} >{seen}\n')
        os.chmod(opener, 0o755)
        user = "nobody" if os.geteuid() == 0 else None
        if user:  # root has no desktop: as somebody else, who may open the socket
            for path in (self.folder, os.path.join(self.folder, "run")):
                os.chmod(path, 0o755)
            for path in (runtime, seen, self.daemon.socket, os.path.join(self.folder, "run", "token")):
                shutil.chown(path, user)
        program = shutil.copy(PROGRAM, os.path.join(self.folder, "lanyard"))
        command = [program, "companion", "open", "--socket", self.daemon.socket, "--port", str(self.daemon.port)]
        desktop = dict(os.environ, DISPLAY=":7", XDG_RUNTIME_DIR=runtime, PATH=tools + ":/usr/bin:/bin")

        def ask(*words, **changes):
            done = subprocess.run(command + list(words), capture_output=True, text=True, timeout=60, user=user, extra_groups=[] if user else None,
                                  env=dict(desktop, **changes))
            return done.returncode, done.stdout, done.stderr

        pipe = os.open(seen, os.O_RDWR)  # its own writer, too: an opener that never comes is no reason to wait for ever
        self.addCleanup(os.close, pipe)
        self.assertEqual(ask(), (DONE, "The page opens in your browser.\n", ""))
        text = b""
        while b"refresh" not in text or not text.endswith(b"\n"):
            self.assertTrue(select.select([pipe], [], [], 20)[0], f"the browser was not opened: {text}")
            text += os.read(pipe, 4096)
        count, mode, *page = text.decode().splitlines()
        self.assertEqual((count, mode), ("1", "600"))
        self.assertIn(f'<meta http-equiv="refresh" content="0; url={address}">', page)
        self.assertEqual(os.listdir(runtime), ["lanyard-page.html"])
        self.assertEqual(ask("--print"), (DONE, address + "\n", ""))
        self.assertEqual(ask(DISPLAY=""), (DONE, address + "\n", ""))
        self.assertEqual(json.loads(ask("--json")[1])["address"], address)
        # Without an opener, and in a folder that others may look into: the address, and no file with it.
        status, out, error = ask(PATH="/nonexistent")
        self.assertEqual((status, out), (DONE, address + "\n"))
        self.assertIn("could not be started", error)
        os.chmod(runtime, 0o755)
        self.assertEqual(ask()[:2], (DONE, address + "\n"))
        self.assertEqual(os.listdir(runtime), [])
        if user:
            done = subprocess.run(command, capture_output=True, text=True, env=desktop)
            self.assertEqual(done.stdout, address + "\n")  # root's browser is not opened

    def test_main_job(self):
        self.assertIn("No camera is paired.", self.ok(self.companion("status")))
        status = json.loads(self.ok(self.camera("status", "--json")))
        self.assertEqual((status["serial"], status["pairing"], status["companion"], status["wifi"]), ("TEST-0042", "closed", "", "off"))
        self.assertIn("Camera TEST-0042 (Test camera)", self.ok(self.camera("status")))
        self.refused(self.companion("list"), "not-paired")

        near = json.loads(self.ok(self.companion("scan", "--first", "--json")))
        self.assertEqual(len(near), 1)
        self.assertIn(near[0]["id"], self.ok(self.companion("scan", "--first")))
        # The buttons have not been pressed. Whether the camera has been heard again when the command looks first is the radio's business,
        # and the camera may close without a word.
        status, out, error = self.companion("pair", near[0]["id"])
        self.assertEqual(status, FAILED)
        self.assertRegex(out, r"^(Looking for the camera\. .+\n)?$")
        self.assertRegex(error, r"^lanyard: .+ \[(pairing|link)-closed\]\n$")

        self.refused(self.companion("confirm", "123456"), "no-code")
        self.pair(typed=b"n\n")
        self.assertEqual(json.loads(self.ok(self.camera("status", "--json")))["companion"], "")
        self.pair()
        self.pair(typed=b"y\n")
        text = self.ok(self.companion("status"))
        self.assertIn("Connected to the camera.", text)
        self.assertIn("TEST-0042", text)
        self.assertIn("session      live", self.ok(self.camera("status")))

        recordings = json.loads(self.ok(self.companion("list", "--json")))["recordings"]
        self.assertEqual(len(recordings), RECORDINGS)
        table = self.ok(self.companion("list")).splitlines()
        self.assertEqual(len(table), RECORDINGS + 1)
        for recording, line in zip(recordings, table[1:]):
            self.assertTrue(line.startswith(recording["id"] + "  20"), line)
            self.assertIn("complete", line)
        short = self.ok(self.companion("list", "--limit", "1")).splitlines()
        self.assertEqual(short[-1], f"There are older ones: --before {recordings[0]['id']}")
        older = json.loads(self.ok(self.companion("list", "--json", "--before", recordings[0]["id"])))["recordings"]
        self.assertEqual([r["id"] for r in older], [r["id"] for r in recordings[1:]])

        newest = recordings[0]
        self.refused(self.companion("play", newest["id"]), "wifi-off")
        self.ok(self.companion("ap"), "The camera's Wi-Fi is on and the video channel is ready.\n")
        self.assertEqual(json.loads(self.ok(self.companion("ap", "--json")))["mode"], "media-ready")
        video = self.ok(self.companion("play", newest["id"], binary=True))
        self.assertEqual(hashlib.sha256(video).hexdigest(), newest["sha256"])
        target = os.path.join(self.folder, "video.mp4")
        self.ok(self.companion("play", newest["id"], "--output", target), "")
        with open(target, "rb") as file:
            self.assertEqual(file.read(), video)
        self.refused(self.companion("play", newest["id"], "--output", target), "request-invalid")  # never over an old file
        self.refused(self.companion("play", "0" * 32, "--output", target + ".2"), "not-found")
        self.assertFalse(os.path.exists(target + ".2"))

        answer = self.ok(self.companion("tag", newest["id"], "--category", "Traffic stop", "--case", "2026-004711", "--note", "Grüße",
                                        "--position", "59.3293,-18.0686"))
        self.assertEqual(answer, "Saved on the camera, revision 1.\n")
        self.assertIn("Traffic stop, case 2026-004711", self.ok(self.companion("list")))
        tag = json.loads(self.ok(self.companion("list", "--json")))["recordings"][0]["tag"]
        self.assertEqual(tag, {"category": "Traffic stop", "case_number": "2026-004711", "note": "Grüße", "latitude": 59.3293,
                               "longitude": -18.0686, "revision": 1})
        self.refused(self.companion("tag", newest["id"], "--category", "x" * 49), "request-invalid")

        self.ok(self.companion("close"), "The camera's Wi-Fi is off.\n")
        self.real.wait("Wifi", "off")
        self.assertIn("Connected to the camera.", self.ok(self.companion("status")))

        self.ok(self.companion("forget"), "The companion has no camera now.\n")
        self.assertIn("No camera is paired.", self.ok(self.companion("status")))
        self.assertNotEqual(json.loads(self.ok(self.camera("status", "--json")))["companion"], "")
        if os.geteuid() == 0:
            self.ok(self.camera("forget"), "The camera has no companion now.\n")
            self.assertEqual(json.loads(self.ok(self.camera("status", "--json")))["companion"], "")
        else:
            self.refused(self.camera("forget"), "not-permitted")

    def test_signal_without_keys(self):
        """Who lacks the agency's keys says which file that is: the camera, which uses them when they are there, and a sender."""
        keys = os.path.join(self.folder, "signal.keys")
        self.real.stop()
        with open(os.path.join(self.folder, "radio.conf"), "a") as file:
            file.write(f"[signal]\nenabled = yes\nkeys = {keys}\n")
        self.real.start()
        self.assertIn(f"\n  signal keys  {keys} is missing: ", self.ok(self.camera("status")))
        status, out, error = run("signal", "send", "--kind", "manual", "--sender", "1", "--keys", keys, "--state", self.folder,
                                 environment=self.real.environment)
        self.assertEqual((status, out), (FAILED, ""))
        self.assertRegex(error, rf"^lanyard: {keys} is missing: .+ \[not-found\]\n$")
        self.assertEqual(run("signal", "keys", keys)[0], DONE)
        self.real.wait("SignalKeysProblem", "")
        self.assertNotIn("signal keys", self.ok(self.camera("status")))

    def test_buttons_live(self):
        self.assertEqual(self.ok(self.camera("buttons", "--once")), "Event released  Function released\n")
        shown = self.start("camera", "buttons")
        shown.expect("Event released  Function released")
        self.real.press([KEY_RECORD], 0.5)
        shown.expect("Event pressed   Function released")
        shown.expect("Event released  Function released")
        self.real.press([KEY_MENU], 0.5)
        shown.expect("Event released  Function pressed")
        # The daemon is killed: all that is heard of it is that its name has no owner. The command says so and ends.
        self.real.radio.process.kill()
        self.assertEqual(shown.process.wait(10), FAILED)
        self.refused(self.camera("buttons", "--once"), "link-failed")
        self.refused(self.camera("status"), "link-failed")

    def test_hung_daemon(self):
        """Stopped, not dead: the command ends by itself."""
        os.kill(self.real.radio.process.pid, signal.SIGSTOP)
        try:
            self.refused(self.camera("status"), "timeout")
        finally:
            os.kill(self.real.radio.process.pid, signal.SIGCONT)


if __name__ == "__main__":
    unittest.main(verbosity=2)
