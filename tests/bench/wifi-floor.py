"""Inside a guest: how fast the radios alone can be. One program holds the control sockets of a running hostapd and wpa_supplicant and both
network namespaces, so that no protocol, no second process and no Bluetooth is in the way.

    wifi-floor.py AP-NAMESPACE AP-CONTROL STATION-NAMESPACE STATION-CONTROL ROUNDS

Prints one line of JSON: medians in milliseconds from "go" to one TCP byte, for
    floor   hostapd told ENABLE, raw key, known channel, IPv6 link-local address
    usual   passphrase, all channels scanned
"""
import ctypes
import hashlib
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def enter(namespace):
    with open(namespace) as file:
        if libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), namespace)


class Control:
    """A control socket of hostapd or wpa_supplicant: commands on one, events on another."""

    def __init__(self, path):
        folder = tempfile.mkdtemp(dir="/run")
        self.sockets = []
        for name in "command", "events":
            own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            own.bind(f"{folder}/{name}")
            own.connect(path)
            own.settimeout(20)
            self.sockets.append(own)
        self.commands, self.events = self.sockets
        self.events.send(b"ATTACH")
        assert self.events.recv(64) == b"OK\n"

    def ask(self, command):
        self.commands.send(command.encode())
        answer = self.commands.recv(4096).decode().strip()
        if answer == "FAIL":
            raise RuntimeError(f"{command.split()[0]} {command.split()[1:2]} refused")
        return answer

    def drain(self):
        self.events.setblocking(False)
        try:
            while self.events.recv(4096):
                pass
        except BlockingIOError:
            pass
        self.events.settimeout(20)

    def wait(self, name):
        end = time.monotonic() + 20
        while name not in self.events.recv(4096).decode(errors="replace"):
            if time.monotonic() > end:
                raise TimeoutError(name)


def on_link(namespace, *words):
    enter(namespace)
    subprocess.run(["ip", *words], check=True)


def link_local(namespace):
    enter(namespace)
    for _ in range(2000):
        with open("/proc/net/if_inet6") as file:
            for line in file:
                address, index, _, scope, flags, name = line.split()
                if name == "wlan0" and scope == "20" and not int(flags, 16) & 0x40:
                    groups = ":".join(address[i:i + 4] for i in range(0, 32, 4))
                    return groups, int(index, 16)
        time.sleep(0.001)
    raise RuntimeError(f"no link-local address in {namespace}")


def first_byte(ap_space, station_space):
    address, index = link_local(station_space)
    listener = socket.create_server((address, 0, 0, index), family=socket.AF_INET6)
    _, ap_index = link_local(ap_space)
    sender = socket.create_connection((f"{address}%{ap_index}", listener.getsockname()[1]), timeout=20)
    taken, _ = listener.accept()
    sender.send(b"x")
    assert taken.recv(1) == b"x"
    for one in taken, sender, listener:
        one.close()


def once(ap, ap_space, station, station_space, usual):
    ap.ask("DISABLE")
    station.ask("REMOVE_NETWORK all")
    on_link(ap_space, "link", "set", "wlan0", "down")
    on_link(station_space, "link", "set", "wlan0", "down")
    on_link(station_space, "link", "set", "wlan0", "up")
    station.ask("BSS_FLUSH 0")
    ap.drain()
    station.drain()
    secret = secrets.token_hex(32) if not usual else secrets.token_hex(8)
    name = secrets.token_hex(8)
    # The access point knows its key in both cases; what the station is told makes the difference.
    key = hashlib.pbkdf2_hmac("sha1", secret.encode(), name.encode(), 4096, 32).hex() if usual else secret
    began = time.monotonic()
    ap.ask(f"SET ssid {name}")
    ap.ask(f"SET wpa_psk {key}")
    ap.ask("ENABLE")
    ap.wait("AP-ENABLED")
    network = station.ask("ADD_NETWORK")
    settings = {"ssid": f'"{name}"', "scan_ssid": "1", "psk": f'"{secret}"' if usual else secret, "key_mgmt": "WPA-PSK-SHA256", "ieee80211w": "2"}
    if not usual:
        settings["scan_freq"] = "2437"
    for key, value in settings.items():
        station.ask(f"SET_NETWORK {network} {key} {value}")
    station.ask(f"SELECT_NETWORK {network}")
    station.wait("CTRL-EVENT-CONNECTED")
    first_byte(ap_space, station_space)
    return (time.monotonic() - began) * 1000


def main():
    ap_space, ap_path, station_space, station_path, rounds = sys.argv[1:]
    ap, station = Control(ap_path), Control(station_path)
    times = {"floor": [], "usual": []}
    for i in range(int(rounds)):
        times["floor"].append(once(ap, ap_space, station, station_space, False))
        if i < 3:
            times["usual"].append(once(ap, ap_space, station, station_space, True))
    ap.ask("DISABLE")
    station.ask("REMOVE_NETWORK all")
    print(json.dumps({name: round(statistics.median(values), 1) for name, values in times.items()}))


main()
