#!/usr/bin/env python3
"""pcscd with one virtual reader: real pcscd, real libpcsclite, the driver of the package vsmartcard-vpcd, tags of card.py.

    reader.py KIND COMMAND [ARGUMENT...]     runs the command with a new tag of that kind (ntag213, ntag215, ntag216, type4) on the reader

pcscd knows one place for its socket and its pid, /run/pcscd, and the driver listens to the whole world: apart() gives this process a
folder and a network of its own, in namespaces, so that a pcscd of the system is neither disturbed nor asked, and nobody else can lay a tag on
this reader. Where a container is root's and allows no namespaces, /run/pcscd itself and a free port are used.
"""
import ctypes
import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

from card import Field, Ntag, Type4

DRIVER = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"
FOLDER = "/run/pcscd"
PORT = 23963  # and the next one; its own default lies where the kernel takes ports from for others
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x00020000, 0x10000000, 0x40000000
MS_REC, MS_PRIVATE = 0x4000, 1 << 18
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def _call(function, *arguments):
    if function(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def apart():
    """A /run/pcscd of our own for this process and what it starts. Called before any thread is started. False: not possible here."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    try:
        _call(libc.unshare, CLONE_NEWNS | (0 if user == 0 else CLONE_NEWUSER))
        if user != 0:
            for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
                with open(f"/proc/self/{name}", "w") as file:
                    file.write(text)
        _call(libc.mount, b"none", b"/", None, MS_REC | MS_PRIVATE, None)
        if os.path.isdir(FOLDER):
            _call(libc.mount, b"pcscd", FOLDER.encode(), b"tmpfs", 0, b"mode=755")
        else:
            _call(libc.mount, b"pcscd", b"/run", b"tmpfs", 0, b"mode=755")
            os.mkdir(FOLDER)
        # Last: where something before it is refused (in a chroot, "/" is no mount), the network stays the one that works.
        _call(libc.unshare, CLONE_NEWNET)
        with socket.socket() as any_socket:
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    except OSError:
        if user == 0:
            return False
        raise
    return True


def free_ports():
    """The first of two in a row that nobody listens on. Somebody may be faster than pcscd; then pcscd does not start, and says so."""
    for port in range(PORT, PORT + 200, 2):
        try:
            with socket.create_server(("", port)), socket.create_server(("", port + 1)):
                return port
        except OSError:
            continue
    raise OSError("no free port")


class Reader:
    """Runs pcscd; `field` is the antenna of its reader."""

    def __init__(self, alone):
        self.guard = None
        if not alone:  # one at a time in the one place
            self.guard = open("/run/lanyard-virtual-reader.lock", "w")
            fcntl.flock(self.guard, fcntl.LOCK_EX)
            if os.path.exists(FOLDER + "/pcscd.comm"):
                sys.exit("a pcscd runs here, and this container allows no namespace to be apart from it: stop it first")
        port = PORT if alone else free_ports()
        self.configuration = tempfile.TemporaryDirectory(prefix="lanyard-pcscd-")
        with open(os.path.join(self.configuration.name, "virtual"), "w") as file:
            file.write(f'FRIENDLYNAME "Virtual reader"\nDEVICENAME /dev/null:{port}\nLIBPATH {DRIVER}\nCHANNELID {port}\n')
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(["/usr/sbin/pcscd", "--foreground", "--info", "--config", self.configuration.name], stdout=self.log,
                                        stderr=subprocess.STDOUT, preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGTERM))
        deadline = time.monotonic() + 20
        while not os.path.exists(FOLDER + "/pcscd.comm"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("pcscd did not start: " + self.said())
            time.sleep(0.01)
        self.field = Field(port, self.comings)

    def said(self):
        return os.pread(self.log.fileno(), 1 << 24, 0).decode(errors="replace")

    def comings(self):
        said = self.said()
        return said.count("Card inserted into"), said.count("Card Removed From")

    def stop(self):
        self.field.lift()
        self.process.terminate()
        self.process.wait(20)
        self.log.close()
        self.configuration.cleanup()
        if self.guard:
            self.guard.close()


def main():
    if len(sys.argv) < 3 or sys.argv[1] not in (*Ntag.CHIPS, "type4"):
        sys.exit(__doc__)
    reader = Reader(apart())
    try:
        reader.field.lay(Type4() if sys.argv[1] == "type4" else Ntag(sys.argv[1]))
        status = subprocess.run(sys.argv[2:]).returncode
    finally:
        reader.stop()
    sys.exit(status)


if __name__ == "__main__":
    main()
