"""What packaging/ installs, as far as it can be tried without being installed."""
import glob
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

SOURCE = os.environ["LANYARD_SOURCE"]
BUILD = os.environ["LANYARD_BUILD"]
EXPOSURE = 30  # tenths of systemd's scale from 0 (safe) to 10
EXPOSURE_OF_ROOT = 45  # hostapd and wpa_supplicant stay root
UNITS = {  # unit file: name under which it is tried
    "cam-radiod.service": "cam-radiod.service",
    "cam-recorder.service": "cam-recorder.service",
    "companiond.service": "companiond.service",
    "lanyard-signal.service": "lanyard-signal.service",
    "lanyard-hostapd@.service": "lanyard-hostapd@wlan0.service",
    "lanyard-supplicant@.service": "lanyard-supplicant@wlan0.service",
}
DAEMONS = {"cam-radiod": "cam-radio/settings.c", "cam-recorder": "cam-recorder/settings.c", "companiond": "companion/settings.c"}


def packaging(*path):
    return os.path.join(SOURCE, "packaging", *path)


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, **options)


def manual(name, section):
    with open(os.path.join(SOURCE, "docs", "man", f"{name}.{section}")) as file:
        return file.read().replace("\\-", "-").replace("\\_", "_")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="lanyard-packaging-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)


class Units(Folder):
    def setUp(self):
        super().setUp()
        # As installed, but with programs that are there: systemd-analyze looks for them.
        for unit in UNITS:
            with open(os.path.join(BUILD, "packaging", unit)) as file:
                text = file.read()
            text = re.sub(r"(?m)^(Exec\w+=[+]?)\S+", rf"\g<1>{shutil.which('true')}", text)
            self.write(unit, text)
            if "@" in unit:
                os.symlink(unit, self.path(UNITS[unit]))

    def test_all_are_tried(self):
        self.assertEqual(sorted(os.path.basename(path)[:-3] for path in glob.glob(packaging("systemd", "*.service.in"))), sorted(UNITS))

    def test_verify(self):
        for name in UNITS.values():
            done = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", self.path(name),
                       env=dict(os.environ, SYSTEMD_UNIT_PATH=self.folder + ":"))
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)

    def test_exposure(self):
        for name in UNITS.values():
            threshold = EXPOSURE_OF_ROOT if name.startswith(("lanyard-hostapd", "lanyard-supplicant")) else EXPOSURE
            done = run("systemd-analyze", "security", "--offline=true", f"--threshold={threshold}", "--no-pager", self.path(name))
            self.assertEqual(done.returncode, 0, f"{name}: {done.stdout[-300:]}{done.stderr}")

    def test_exposure_is_measured(self):
        """The check above can fail: a unit without any sandbox is above the threshold."""
        path = self.write("open.service", "[Service]\nExecStart=/bin/true\n")
        self.assertNotEqual(run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", path).returncode, 0)

    def test_memory_stays_memory(self):
        """Keys, footage, and what hostapd and wpa_supplicant know of the network: nothing of it gets to a disk, as swap or as a core."""
        for unit in UNITS:
            with open(self.path(unit)) as file:
                settings = file.read().splitlines()
            for setting in ("LimitCORE=0", "MemorySwapMax=0"):
                self.assertIn(setting, settings, unit)

    def test_enough_may_be_locked(self):
        """Below what its main.c asks for, a daemon leaves its memory unlocked."""
        for name, source in DAEMONS.items():
            with open(os.path.join(SOURCE, os.path.dirname(source), "main.c")) as file:
                wanted = int(re.search(r"(?m)^#define MEMORY_NEEDED \((\d+)ul \* 1024 \* 1024\)$", file.read())[1])
            with open(self.path(name + ".service")) as file:
                limit = re.search(r"(?m)^LimitMEMLOCK=(?:(\d+)M|infinity)$", file.read())
            self.assertTrue(limit and int(limit[1] or wanted) >= wanted, name)

    def test_users(self):
        root = self.path("root")
        os.makedirs(os.path.join(root, "etc"))
        done = run("systemd-sysusers", f"--root={root}", packaging("sysusers", "lanyard.conf"))
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(root, "etc/passwd")) as file:
            made = {line.split(":")[0] for line in file}
        self.assertEqual(made, {"lanyard-camera", "lanyard-recorder", "lanyard-companion", "lanyard-signal"})
        with open(os.path.join(root, "etc/group")) as file:
            groups = {line.split(":")[0] for line in file} | {"input", "video", "audio"}  # the latter are Debian's
        for unit in UNITS:
            with open(self.path(unit)) as file:
                for line in re.findall(r"(?m)^(?:Supplementary)?Groups?=(.+)", file.read()):
                    self.assertLessEqual(set(line.split()), groups)
        # Each unit's user is one of them, and so is each user of the bus policies.
        for unit in UNITS:
            with open(self.path(unit)) as file:
                for user in re.findall(r"(?m)^User=(\S+)", file.read()):
                    self.assertIn(user, made)
        for policy in glob.glob(packaging("dbus", "*.conf")):
            for element in xml.etree.ElementTree.parse(policy).iter("policy"):
                if "user" in element.attrib:
                    self.assertIn(element.attrib["user"], made | {"root"})

    @unittest.skipIf(os.geteuid() != 0, "needs root")
    def test_folders(self):
        root = self.path("root")
        os.makedirs(root)
        done = run("systemd-tmpfiles", "--create", f"--root={root}", packaging("tmpfiles", "lanyard.conf"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(os.path.isdir(os.path.join(root, "var/lib/lanyard")))


class Objects(unittest.TestCase):
    def test_nothing_forks(self):
        """A process that went on with another's session would use its keys and nonces a second time: no code of ours becomes two.
        posix_spawn is another matter, it ends in another program."""
        rooms = [room for room in os.listdir(SOURCE) if room not in ("tests", "lab") and os.path.exists(os.path.join(SOURCE, room, "CMakeLists.txt"))]
        objects = [path for room in rooms for path in glob.glob(os.path.join(BUILD, room, "CMakeFiles", "**", "*.o"), recursive=True)]
        done = run("nm", "--undefined-only", *objects)
        self.assertEqual(done.returncode, 0, done.stderr)
        wanted = [line.split()[-1] for line in done.stdout.splitlines() if " U " in line]
        self.assertIn("posix_spawnp", wanted)  # the list is what it seems to be
        self.assertEqual([symbol for symbol in wanted if re.fullmatch(
            r"_*(v?fork|Fork|forkpty|daemon|os_daemonize|clone[23]?|syscall)", symbol)], [])


class Examples(Folder):
    KEY = re.compile(r'\{ "(\w+)", "(\w+)", CONFIG_')

    @staticmethod
    def example(name):
        """((section, key), in force) of every setting, the text as it is, and the text with every setting in force."""
        with open(os.path.join(BUILD, "packaging", "etc", name + ".conf")) as file:
            text = file.read()
        lines = text.splitlines()
        keys, full, section = [], [], None
        for line in lines:
            if match := re.fullmatch(r"\[(\w+)\]", line):
                section = match[1]
                full.append(line)
            elif match := re.fullmatch(r"#?((\w+) = .+)", line):
                keys.append(((section, match[2]), not line.startswith("#")))
                full.append(match[1])
        return keys, text, "\n".join(full) + "\n"

    def test_every_setting_and_no_other(self):
        for name, source in DAEMONS.items():
            with open(os.path.join(SOURCE, source)) as file:
                known = [key for key in self.KEY.findall(file.read()) if key[0] != "test"]
            self.assertGreater(len(known), 4, source)
            self.assertEqual(sorted(key for key, _ in self.example(name)[0]), sorted(known), name)

    def test_man_pages_name_every_setting(self):
        """Each under the heading of its section, and no other."""
        for name in DAEMONS:
            documented, section, due = [], None, False
            for line in manual(name, 8).splitlines():
                if match := re.fullmatch(r"\.SS \[(\w+)\]", line):
                    section = match[1]
                elif line.startswith(".SH"):
                    section = None
                elif section and due:
                    documented += [(section, key) for key in re.findall(r"[a-z_]{2,}", line.replace('", "', " ").split(" ", 1)[1])]
                due = line == ".TP"
            self.assertEqual(sorted(documented), sorted(key for key, _ in self.example(name)[0]), name)

    def test_man_pages_and_help_have_the_same_options(self):
        for name in DAEMONS:
            page = manual(name, 8)
            options = page[page.index(".SH OPTIONS"):page.index(".SH CONFIGURATION")]
            documented = re.findall(r"(?m)^\.BI? (--[a-z]+)", options)
            done = run(os.path.join(BUILD, "bin", name), "--help")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertGreater(len(documented), 3)
            self.assertEqual(sorted(documented), sorted(set(re.findall(r"--[a-z]+", done.stdout))), name)
            synopsis = page[page.index(".SH SYNOPSIS"):page.index(".SH DESCRIPTION")]
            for option in set(documented) - {"--help", "--version"}:
                self.assertIn(option, synopsis, name)

    def test_man_pages_are_clean(self):
        for path in glob.glob(os.path.join(SOURCE, "docs", "man", "*")):
            self.assertIn(".SH EXIT STATUS", manual(*os.path.basename(path).rsplit(".", 1)), path)
            done = run("mandoc", "-T", "lint", "-W", "warning", path)
            self.assertEqual((done.returncode, done.stdout), (0, ""), path)

    def test_man_pages_name_the_bus(self):
        """Every method, property and signal of the D-Bus interfaces stands in the page of the daemon that has it."""
        for name, interface in (("cam-radiod", "Camera1"), ("cam-recorder", "Recorder1")):
            tree = xml.etree.ElementTree.parse(os.path.join(SOURCE, "docs", "dbus", f"org.lanyard.{interface}.xml"))
            page = manual(name, 8)
            bus = page[page.index(".SH D-BUS"):]
            for kind in ("method", "property", "signal"):
                for element in tree.iter(kind):
                    self.assertRegex(bus, rf"\b{element.attrib['name']}\b", name)

    def test_daemons_take_them(self):
        """Each daemon starts with its example, as it is and with every setting in force, and ends when it is told to."""
        bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", "--print-address=1"], stdout=subprocess.PIPE, text=True)
        try:
            address = bus.stdout.readline().strip()
            for name in DAEMONS:
                plain, full = self.example(name)[1:]
                # What belongs to the machine that the tests run on.
                changes = {"port": str(free_port()), "socket": self.path("http.socket"), "page": os.path.dirname(__file__)}
                for text in (plain, re.sub(r"(?m)^namespace = .*\n", "", full)):
                    for key, value in changes.items():
                        text = re.sub(rf"(?m)^#?{key} = .*$", lambda match, key=key, value=value: f"{key} = {value}", text)
                    self.started_and_ended(name, text, address)
        finally:
            bus.terminate()
            bus.wait()
            bus.stdout.close()

    def started_and_ended(self, name, text, address):
        state = tempfile.mkdtemp(dir=self.folder)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notes, open(self.path("log"), "w+") as log:
            notes.bind(os.path.join(state, "notify"))
            notes.settimeout(90)
            environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=address, NOTIFY_SOCKET=os.path.join(state, "notify"))
            process = subprocess.Popen([os.path.join(BUILD, "bin", name), "--config", self.write(name + ".conf", text), "--state", state],
                                       stdout=log, stderr=log, env=environment)
            try:
                while b"READY=1" not in (note := notes.recv(4096)):  # an end before that would be a timeout: told with the log
                    self.assertIsNone(process.poll(), note)
                process.terminate()
                self.assertEqual(process.wait(60), 0, name)
            except TimeoutError:
                self.fail(f"{name} does not get ready")
            finally:
                process.kill()
                process.wait()
                log.seek(0)
                text = log.read()
            self.assertNotIn("config:", text)

    def test_unknown_settings_are_refused(self):
        """By name, file and line; without this, that daemons take the examples would say nothing about their keys."""
        for name in DAEMONS:
            path = self.write(name + ".conf", self.example(name)[1].replace("]\n", "]\nunknown = 1\n", 1))
            with open(path) as file:
                line = file.read().splitlines().index("unknown = 1") + 1
            done = run(os.path.join(BUILD, "bin", name), "--config", path, "--state", self.path("state"), timeout=60)
            self.assertEqual(done.returncode, 1, name)
            self.assertRegex(done.stderr, rf"{re.escape(path)}:{line}: .*unknown", name)

    def test_wifi_templates(self):
        for kind, template in (("hostapd", "hostapd.conf.in"), ("supplicant", "wpa_supplicant.conf.in")):
            os.makedirs(self.path(f"{kind}-config"))
            environment = dict(os.environ, LANYARD_WIFI_RUN=self.folder, LANYARD_WIFI_TEMPLATES=os.path.join(SOURCE, "wifi"))
            for interface, status in (("wlan0", 0), ("a b", 2), ("../x", 2), ("", 2)):
                done = run("sh", os.path.join(BUILD, "packaging", "wifi-config"), kind, interface, env=environment)
                self.assertEqual(done.returncode, status, f"{kind} {interface!r}: {done.stderr}")
            path = self.path(f"{kind}-config", "wlan0.conf")
            self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
            with open(path) as file:
                settings = [line for line in file.read().splitlines() if line and not line.startswith("#")]
            self.assertFalse([line for line in settings if "@" in line], template)
            self.assertTrue(any(line.startswith("ctrl_interface=") and self.folder in line for line in settings))
        keys = set()
        for _ in range(2):
            run("sh", os.path.join(BUILD, "packaging", "wifi-config"), "hostapd", "wlan0", env=environment)
            with open(self.path("hostapd-config", "wlan0.conf")) as file:
                keys.add(re.search(r"(?m)^wpa_psk=([0-9a-f]{64})$", file.read())[1])
        self.assertEqual(len(keys), 2)

    def test_hostapd_and_wpa_supplicant_take_them(self):
        """Both read their file and then fail at an interface that is not there; a setting they do not know is told by line."""
        interface = "lanyardtest0"
        for kind, program in (("hostapd", ["hostapd"]), ("supplicant", ["wpa_supplicant", "-i", interface, "-D", "nl80211", "-c"])):
            os.makedirs(self.path(f"{kind}-config"))
            environment = dict(os.environ, LANYARD_WIFI_RUN=self.folder, LANYARD_WIFI_TEMPLATES=os.path.join(SOURCE, "wifi"),
                               PATH=os.environ["PATH"] + ":/usr/sbin")
            self.assertEqual(run("sh", os.path.join(BUILD, "packaging", "wifi-config"), kind, interface, env=environment).returncode, 0)
            path = self.path(f"{kind}-config", interface + ".conf")
            for wrong in (False, True):
                if wrong:
                    with open(path, "a") as file:
                        file.write("lanyard_unknown=1\n")
                done = run(*program, path, env=environment, timeout=60)
                self.assertNotEqual(done.returncode, 0)
                self.assertEqual(bool(re.search(r"(?m)^Line \d+: ", done.stdout + done.stderr)), wrong, done.stdout + done.stderr)


class Installed(Folder):
    def test_everything_is_there(self):
        if not os.path.exists(os.path.join(SOURCE, "companion/web/dist/index.html")):
            self.skipTest("the page is not built")
        done = run("cmake", "--install", BUILD, "--prefix", "/usr", env=dict(os.environ, DESTDIR=self.folder))
        self.assertEqual(done.returncode, 0, done.stderr)
        installed = {os.path.relpath(os.path.join(folder, name), self.path("usr"))
                     for folder, _, names in os.walk(self.path("usr")) for name in names}
        self.assertEqual({name for name in installed if not name.startswith("share/lanyard/page/")}, {
            "bin/cam-radiod", "bin/cam-recorder", "bin/companiond", "bin/lanyard", "libexec/lanyard/wifi-config",
            "lib/systemd/system/cam-radiod.service", "lib/systemd/system/cam-recorder.service", "lib/systemd/system/companiond.service",
            "lib/systemd/system/lanyard-hostapd@.service", "lib/systemd/system/lanyard-signal.service",
            "lib/systemd/system/lanyard-supplicant@.service",
            "lib/sysusers.d/lanyard.conf", "lib/tmpfiles.d/lanyard.conf", "lib/udev/rules.d/60-lanyard.rules",
            "share/bash-completion/completions/lanyard",
            "share/dbus-1/interfaces/org.lanyard.Camera1.xml", "share/dbus-1/interfaces/org.lanyard.Recorder1.xml",
            "share/dbus-1/system.d/org.lanyard.Camera.conf", "share/dbus-1/system.d/org.lanyard.Recorder.conf",
            "share/doc/lanyard/LICENSE", "share/doc/lanyard/reference/dbus.md", "share/doc/lanyard/reference/http.md",
            "share/doc/lanyard/reference/reasons.md", "share/doc/lanyard/reference/wire.md", "share/doc/lanyard/real-adapters.md",
            "share/doc/lanyard/examples/cam-radiod.conf", "share/doc/lanyard/examples/cam-recorder.conf",
            "share/doc/lanyard/examples/companiond.conf", "share/doc/lanyard/examples/signal.conf",
            "share/lanyard/bluetooth/bluetooth-camera.conf", "share/lanyard/bluetooth/main.conf", "share/lanyard/bluetooth/sysctl.conf",
            "share/lanyard/hostapd.conf.in", "share/lanyard/wpa_supplicant.conf.in",
            "share/man/man1/lanyard.1", "share/man/man8/cam-radiod.8", "share/man/man8/cam-recorder.8", "share/man/man8/companiond.8"})
        self.assertTrue({"share/lanyard/page/index.html", "share/lanyard/page/app.js"} <= installed)
        # A path that a unit or drop-in names is one that was installed. They were written for the prefix of the configuration.
        with open(os.path.join(BUILD, "CMakeCache.txt")) as file:
            prefix = re.search(r"(?m)^CMAKE_INSTALL_PREFIX:PATH=(.*)$", file.read())[1]
        named = set()
        for name in installed:
            if name.endswith((".service", "bluetooth-camera.conf")):
                with open(self.path("usr", name)) as file:
                    named |= set(re.findall(rf"{re.escape(prefix)}/([^\s]+)", "\n".join(line for line in file if line.startswith("Exec"))))
        self.assertGreater(len(named), 4)
        self.assertFalse({name for name in named if not re.match(r"(bin|libexec/bluetooth)/(?!cam|comp)", name)} - installed)


# Stand-ins for the users that are not there when nothing is installed.
USERS = {"lanyard-camera": "daemon", "lanyard-recorder": "bin", "nobody": "nobody"}


@unittest.skipIf(os.geteuid() != 0, "needs root")
class Bus(Folder):
    """The policies on a bus of the test's own, with the system bus's defaults."""

    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        # The build folder may be closed to the users that the probe runs as.
        self.program = shutil.copy(os.path.join(BUILD, "tests/unit/packaging/bus-probe"), self.path("bus-probe"))
        includes = ""
        for path in sorted(glob.glob(packaging("dbus", "*.conf"))):
            with open(path) as file:
                text = file.read()
            for user, other in USERS.items():
                text = text.replace(f'user="{user}"', f'user="{other}"')
            includes += f"<include>{self.write(os.path.basename(path), text)}</include>\n"
        config = self.write("bus.conf", f"""<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={self.path('bus')}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><deny own="*"/><deny send_type="method_call"/><allow send_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/>
<allow send_destination="org.freedesktop.DBus"/></policy>
{includes}</busconfig>""")
        self.bus = subprocess.Popen(["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address=1"], stdout=subprocess.PIPE,
                                    text=True)
        self.addCleanup(self._end_bus)
        self.environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=self.bus.stdout.readline().strip())

    def _end_bus(self):
        self.bus.terminate()
        self.bus.wait()
        self.bus.stdout.close()

    def probe(self, user, *words):
        account = USERS.get(user, user)
        group = "nogroup" if account == "nobody" else account
        return ["setpriv", f"--reuid={account}", f"--regid={group}", "--clear-groups", self.program, *words]

    def own(self, user, name):
        """Whether this user may have this name; keeps it until the end of the test."""
        process = subprocess.Popen(self.probe(user, "own", name), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                   env=self.environment)

        def end():
            process.stdin.close()
            process.wait()
            process.stdout.close()

        self.addCleanup(end)
        return process.stdout.readline() == "owned\n"

    def call(self, user, *words):
        return run(*self.probe(user, "call", *words), env=self.environment).stdout.strip()

    def test_names(self):
        for user, name, allowed in (("lanyard-camera", "org.lanyard.Camera", True), ("lanyard-camera", "org.lanyard.Camera.cam1", True),
                                    ("lanyard-camera", "org.lanyard.Recorder", False), ("lanyard-recorder", "org.lanyard.Recorder", True),
                                    ("lanyard-recorder", "org.lanyard.Recorder.cam1", True), ("lanyard-recorder", "org.lanyard.Camera.x", False),
                                    ("nobody", "org.lanyard.Camera.y", False), ("nobody", "org.lanyard.Recorder.y", False),
                                    ("root", "org.lanyard.Camera.z", True), ("root", "org.lanyard.Recorder.z", True)):
            self.assertEqual(self.own(user, name), allowed, f"{user} {name}")

    def test_calls(self):
        denied = "org.freedesktop.DBus.Error.AccessDenied"
        for suffix in ("", ".cam1"):
            camera, recorder = "org.lanyard.Camera" + suffix, "org.lanyard.Recorder" + suffix
            self.assertTrue(self.own("lanyard-camera", camera))
            self.assertTrue(self.own("lanyard-recorder", recorder))
            for user, name, interface, member, expected in (
                    ("nobody", camera, "org.freedesktop.DBus.Properties", "GetAll", "ok"),
                    ("nobody", camera, "org.freedesktop.DBus.Properties", "Get", "ok"),
                    ("nobody", camera, "org.freedesktop.DBus.Properties", "Set", denied),
                    ("nobody", camera, "org.lanyard.Camera1", "Forget", denied),
                    ("root", camera, "org.lanyard.Camera1", "Forget", "ok"),
                    ("nobody", recorder, "org.lanyard.Recorder1", "OpenRange", denied),
                    ("nobody", recorder, "org.freedesktop.DBus.Properties", "Get", denied),
                    ("lanyard-camera", recorder, "org.lanyard.Recorder1", "OpenRange", "ok"),
                    ("lanyard-camera", recorder, "org.freedesktop.DBus.Properties", "Get", "ok"),
                    ("root", recorder, "org.lanyard.Recorder1", "List", "ok")):
                self.assertEqual(self.call(user, name, interface, member), expected, f"{user} {name} {member}")


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
