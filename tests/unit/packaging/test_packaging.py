"""What packaging/ installs, as far as it can be tried without being installed."""
import glob
import os
import re
import shutil
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
    "lanyard-hostapd@.service": "lanyard-hostapd@wlan0.service",
    "lanyard-supplicant@.service": "lanyard-supplicant@wlan0.service",
}
DAEMONS = {"cam-radiod": "cam-radio/settings.c", "cam-recorder": "cam-recorder/settings.c", "companiond": "companion/settings.c"}


def packaging(*path):
    return os.path.join(SOURCE, "packaging", *path)


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, **options)


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
        self.assertEqual(sorted(os.path.basename(path)[:-3] for path in glob.glob(packaging("systemd", "*.in"))), sorted(UNITS))

    def test_verify(self):
        for name in UNITS.values():
            done = run("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", self.path(name),
                       env=dict(os.environ, SYSTEMD_UNIT_PATH=self.folder + ":"))
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)

    def test_exposure(self):
        for name in UNITS.values():
            threshold = EXPOSURE_OF_ROOT if name.startswith("lanyard-") else EXPOSURE
            done = run("systemd-analyze", "security", "--offline=true", f"--threshold={threshold}", "--no-pager", self.path(name))
            self.assertEqual(done.returncode, 0, f"{name}: {done.stdout[-300:]}{done.stderr}")

    def test_exposure_is_measured(self):
        """The check above can fail: a unit without any sandbox is above the threshold."""
        path = self.write("open.service", "[Service]\nExecStart=/bin/true\n")
        self.assertNotEqual(run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", path).returncode, 0)

    def test_users(self):
        root = self.path("root")
        os.makedirs(os.path.join(root, "etc"))
        done = run("systemd-sysusers", f"--root={root}", packaging("sysusers", "lanyard.conf"))
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(root, "etc/passwd")) as file:
            made = {line.split(":")[0] for line in file}
        self.assertEqual(made, {"lanyard-camera", "lanyard-recorder", "lanyard-companion"})
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


class Examples(Folder):
    KEY = re.compile(r'\{ "(\w+)", "(\w+)", CONFIG_')

    @staticmethod
    def example(name):
        """(section, key) of every setting, commented out or not, and the whole with every one of them in force."""
        with open(packaging("etc", name + ".conf")) as file:
            lines = file.read().splitlines()
        keys, full, section = [], [], None
        for line in lines:
            if match := re.fullmatch(r"\[(\w+)\]", line):
                section = match[1]
                full.append(line)
            elif match := re.fullmatch(r"#?((\w+) = .+)", line):
                keys.append((section, match[2]))
                full.append(match[1])
        return keys, "\n".join(full) + "\n"

    def test_every_setting_and_no_other(self):
        for name, source in DAEMONS.items():
            with open(os.path.join(SOURCE, source)) as file:
                known = [key for key in self.KEY.findall(file.read()) if key[0] != "test"]
            self.assertGreater(len(known), 4, source)
            self.assertEqual(sorted(self.example(name)[0]), sorted(known), name)

    def test_man_pages_name_every_setting_and_option(self):
        for name in DAEMONS:
            with open(os.path.join(SOURCE, "docs", "man", name + ".8")) as file:
                page = file.read().replace("\\-", "-").replace("\\_", "_")
            for _, key in self.example(name)[0]:
                self.assertRegex(page, rf"\b{key}\b", name)
            usage = run(os.path.join(BUILD, "bin", name), "--help").stdout
            options = re.findall(r"--[a-z]+", usage)
            self.assertGreater(len(options), 3)
            for option in options:
                self.assertIn(option, page, name)

    def test_daemons_read_them(self):
        """With every setting in force, each daemon gets past its configuration: it fails, in this place, at the missing bus. An
        unknown key is told, so getting past it means something."""
        environment = dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS="unix:path=/nonexistent/bus", NOTIFY_SOCKET="")
        for name in DAEMONS:
            text = re.sub(r"(?m)^namespace = .*\n", "", self.example(name)[1])  # would be entered before the bus is tried
            for content, wrong in ((text, False), (text.replace("\n", "\nunknown = 1\n", 1), True)):
                config = self.write(name + ".conf", content)
                done = run(os.path.join(BUILD, "bin", name), "--config", config, "--state", self.path("state"), env=environment,
                           timeout=60)
                self.assertNotEqual(done.returncode, 0, name)
                self.assertEqual("config:" in done.stderr, wrong, f"{name}: {done.stderr}")

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
