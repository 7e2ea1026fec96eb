#!/usr/bin/env python3
"""Both ends of the protocol from docs/protocol.md and the standards it names, with Python's standard library and nothing of ours:
computes docs/vectors/protocol.json a second time, and holds the examples in docs/protocol.md to it.

vectors.py DOCS    prints what differs; status 1 when anything does
"""
import hashlib
import hmac
import json
import re
import struct
import sys
from pathlib import Path

# --- RFC 7748: X25519 ---

P = 2**255 - 19


def x25519(secret, public):
    scalar = int.from_bytes(secret, "little")
    scalar = scalar & ~7 & ~(128 << 8 * 31) | (64 << 8 * 31)
    u = (int.from_bytes(public, "little") & (2**255 - 1)) % P
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for bit in reversed(range(255)):
        now = scalar >> bit & 1
        if swap ^ now:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = now
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % P, b * b % P, d * a % P, c * b % P
        x3, z3 = (da + cb) ** 2 % P, u * (da - cb) ** 2 % P
        e = aa - bb
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def public_of(secret):
    return x25519(secret, (9).to_bytes(32, "little"))


# --- FIPS 197 and NIST SP 800-38D: AES-256-GCM ---


def double(value):
    return value << 1 ^ (0x11B if value & 0x80 else 0)


def make_sbox():
    """The inverse in GF(2^8) by powers of the generator 3, then the affine map."""
    power, log, value = [0] * 255, [0] * 256, 1
    for exponent in range(255):
        power[exponent], log[value] = value, exponent
        value ^= double(value)
    box = []
    for byte in range(256):
        inverse = power[-log[byte] % 255] if byte else 0
        turned = [(inverse << n | inverse >> 8 - n) & 0xFF for n in range(5)]
        box.append(turned[0] ^ turned[1] ^ turned[2] ^ turned[3] ^ turned[4] ^ 0x63)
    return box


SBOX = make_sbox()


def expand_key(key):
    words, constant = [list(key[i : i + 4]) for i in range(0, 32, 4)], 1
    while len(words) < 60:
        word = list(words[-1])
        if len(words) % 8 == 0:
            word = [SBOX[byte] for byte in word[1:] + word[:1]]
            word[0] ^= constant
            constant = double(constant)
        elif len(words) % 8 == 4:
            word = [SBOX[byte] for byte in word]
        words.append([a ^ b for a, b in zip(word, words[-8])])
    return [sum(words[i : i + 4], []) for i in range(0, 60, 4)]


def encrypt_block(round_keys, block):
    state = [a ^ b for a, b in zip(block, round_keys[0])]
    for number, round_key in enumerate(round_keys[1:], 1):
        state = [SBOX[state[(i + 4 * (i % 4)) % 16]] for i in range(16)]  # SubBytes and ShiftRows
        if number < len(round_keys) - 1:
            mixed = []
            for column in range(0, 16, 4):
                a = state[column : column + 4]
                everything = a[0] ^ a[1] ^ a[2] ^ a[3]
                mixed += [a[i] ^ everything ^ double(a[i] ^ a[(i + 1) % 4]) for i in range(4)]
            state = mixed
        state = [a ^ b for a, b in zip(state, round_key)]
    return bytes(state)


def multiply(x, y):
    """In GF(2^128), bits in GCM's order."""
    product = 0
    for bit in reversed(range(128)):
        if x >> bit & 1:
            product ^= y
        y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
    return product


def seal(key, nonce, associated, plaintext):
    round_keys = expand_key(key)

    def keystream(counter):
        return encrypt_block(round_keys, nonce + struct.pack(">I", counter))

    ciphertext = b""
    for i in range(0, len(plaintext), 16):
        ciphertext += bytes(a ^ b for a, b in zip(plaintext[i : i + 16], keystream(2 + i // 16)))
    h = int.from_bytes(encrypt_block(round_keys, bytes(16)), "big")
    hashed = 0
    for part in (associated, ciphertext):
        for i in range(0, len(part), 16):
            hashed = multiply(hashed ^ int.from_bytes(part[i : i + 16].ljust(16, b"\0"), "big"), h)
    hashed = multiply(hashed ^ (8 * len(associated) << 64 | 8 * len(ciphertext)), h)
    tag = bytes(a ^ b for a, b in zip(hashed.to_bytes(16, "big"), keystream(1)))
    return ciphertext + tag


# --- RFC 2104, RFC 5869 ---


def sha256(data):
    return hashlib.sha256(data).digest()


def hmac256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf(salt, data, info, length):
    key, out, block = hmac256(salt, data), b"", b""
    while len(out) < length:
        block = hmac256(key, block + info + bytes([len(out) // 32 + 1]))
        out += block
    return out[:length]


# --- the Noise Protocol Framework, revision 34 ---


class Noise:
    """One end that knows all keys of both: what it writes is what the real writer writes."""

    PATTERNS = {
        "XX": (b"Noise_XX_25519_AESGCM_SHA256", [["e"], ["e", "ee", "s", "es"], ["s", "se"]]),
        "KKpsk0": (b"Noise_KKpsk0_25519_AESGCM_SHA256", [["psk", "e", "es", "ss"], ["e", "ee", "se"]]),
    }

    def __init__(self, pattern, prologue, initiator, responder, psk=None):
        name, self.messages = self.PATTERNS[pattern]
        self.ends, self.psk, self.key, self.number = (initiator, responder), psk, None, 0
        self.hash = name.ljust(32, b"\0") if len(name) <= 32 else sha256(name)
        self.chain = self.hash
        self.mix_hash(prologue)
        if psk:
            self.mix_hash(public_of(initiator["s"]))
            self.mix_hash(public_of(responder["s"]))

    def mix_hash(self, data):
        self.hash = sha256(self.hash + data)

    def mix_key(self, data, hashed=False):
        out = hkdf(self.chain, data, b"", 96 if hashed else 64)
        self.chain = out[:32]
        if hashed:
            self.mix_hash(out[32:64])
        self.key, self.counter = out[-32:], 0

    def encrypt(self, plaintext):
        if self.key:
            plaintext = seal(self.key, bytes(4) + struct.pack(">Q", self.counter), self.hash, plaintext)
            self.counter += 1
        self.mix_hash(plaintext)
        return plaintext

    def write(self, payload):
        writer, out = self.ends[self.number % 2], b""
        for token in self.messages[self.number]:
            if token == "e":
                public = public_of(writer["e"])
                out += public
                self.mix_hash(public)
                if self.psk:
                    self.mix_key(public)
            elif token == "s":
                out += self.encrypt(public_of(writer["s"]))
            elif token == "psk":
                self.mix_key(self.psk, hashed=True)
            else:  # the first letter is the initiator's key, the second the responder's
                self.mix_key(x25519(self.ends[0][token[0]], public_of(self.ends[1][token[1]])))
        self.number += 1
        return out + self.encrypt(payload)

    def split(self):
        out = hkdf(self.chain, b"", b"", 64)
        return {"companion": Transport(out[:32]), "camera": Transport(out[32:])}


class Transport:
    def __init__(self, key):
        self.key, self.counter = key, 0

    def write(self, plaintext):
        out = seal(self.key, bytes(4) + struct.pack(">Q", self.counter), b"", plaintext)
        self.counter += 1
        return out


# --- docs/protocol.md ---

VERSIONS = bytes([1, 1]) + bytes(4)


def hello(pattern):
    return bytes([pattern, 1, 1, 1]) + bytes(4)


def record(data):
    return struct.pack(">H", len(data)) + data


def text(value):
    return bytes([len(value)]) + value.encode()


class Differences:
    def __init__(self):
        self.count, self.compared = 0, 0

    def compare(self, where, found, computed):
        self.compared += 1
        if found != computed:
            self.count += 1
            print(f"{where}:\n  found    {found}\n  computed {computed}")


def check_keys(differences, where, block):
    for name, value in block.items():
        if name.endswith("_secret") and name.replace("_secret", "_public") in block:
            public = block[name.replace("_secret", "_public")]
            differences.compare(f"{where}.{name}", public, public_of(bytes.fromhex(value)).hex())


def check_records(differences, where, block, computed):
    differences.compare(f"{where}.records", len(block["records"]), len(computed))
    for found, (sender, data) in zip(block["records"], computed):
        differences.compare(f"{where}: {found['what']}", (found["from"], found["record"]), (sender, record(data).hex()))


def check_pairing(differences, block):
    value = {name: bytes.fromhex(text) for name, text in block.items()
             if isinstance(text, str) and not name.endswith("_name") and name != "code"}
    companion = {"s": value["companion_static_secret"], "e": value["companion_ephemeral_secret"]}
    camera = {"s": value["camera_static_secret"], "e": value["camera_ephemeral_secret"]}
    noise = Noise("XX", b"lanyard" + hello(1), companion, camera)
    commitment = sha256(value["r"])
    messages = [("companion", hello(1) + noise.write(commitment + b"\0"))]
    messages.append(("camera", noise.write(VERSIONS + bytes(4) + b"\0" + text(block["camera_name"]))))
    h2 = noise.hash
    messages.append(("companion", noise.write(bytes(4) + value["r"] + text(block["companion_name"]))))
    h3, transport = noise.hash, noise.split()
    for sender, step in (("camera", b"\1" + value["camera_contribution"]), ("companion", b"\1" + value["companion_contribution"]),
                         ("companion", b"\2"), ("camera", b"\3")):
        messages.append((sender, transport[sender].write(step)))
    check_keys(differences, "pairing", block)
    check_records(differences, "pairing", block, messages)
    code = int.from_bytes(sha256(b"lanyard sas v1" + h2 + value["r"])[:8], "big") % 1000000
    secret = hkdf(h3, value["camera_contribution"] + value["companion_contribution"], b"lanyard pairing v1", 32)
    for name, computed in (("commitment", commitment.hex()), ("h2", h2.hex()), ("h3", h3.hex()), ("code", f"{code:06}"),
                           ("pairing_secret", secret.hex())):
        differences.compare(f"pairing.{name}", block[name], computed)
    return companion["s"], camera["s"], secret


def check_session(differences, where, pattern, block, companion_static, camera_static):
    companion = {"s": companion_static, "e": bytes.fromhex(block["companion_ephemeral_secret"])}
    camera = {"s": camera_static, "e": bytes.fromhex(block["camera_ephemeral_secret"])}
    noise = Noise("KKpsk0", b"lanyard" + hello(pattern), companion, camera, bytes.fromhex(block["psk"]))
    messages = [("companion", hello(pattern) + noise.write(b"")), ("camera", noise.write(VERSIONS))]
    transport = noise.split()
    said = [("companion", b"")] + ([("camera", b"")] if pattern == 2 else [])  # a session's keep-alive is answered, media's not
    said += [("companion", bytes.fromhex(block["companion_says"])), ("camera", bytes.fromhex(block["camera_says"]))]
    for sender, data in said:
        messages.append((sender, transport[sender].write(data)))
    check_keys(differences, where, block)
    check_records(differences, where, block, messages)


def check_adverts(differences, adverts, secret):
    types = set()
    for number, advert in enumerate(adverts):
        where = f"adverts[{number}]"
        types.add(advert["type"])
        if advert["type"] == 2:
            epoch = advert["seconds"] // 900
            differences.compare(f"{where}.epoch", advert["epoch"], epoch)
            identity = hmac256(secret, b"lanyard hint v1" + struct.pack(">Q", epoch))[:8]
            differences.compare(f"{where}.hint", advert["hint"], identity.hex())
        else:
            identity = bytes.fromhex(advert["random"])
        differences.compare(f"{where}.service_data", advert["service_data"], (bytes([advert["type"]]) + identity + b"\1\1").hex())
    differences.compare("adverts: types", types, {1, 2})


def check_streams(differences, streams):
    for stream in streams:
        data, records, then = bytes.fromhex(stream["stream"]), [], None
        while then is None:
            length = int.from_bytes(data[:2], "big")
            if not data:
                then = "between records"
            elif len(data) < 2:
                then = "waits"
            elif length == 0:
                then = "record-malformed"
            elif length > 4112:
                then = "record-too-long"
            elif len(data) < 2 + length:
                then = "waits"
            else:
                records.append(data[2 : 2 + length].hex())
                data = data[2 + length :]
        differences.compare(f"records: {stream['what']}", (stream["records"], stream["then"]), (records, then))


def lookup(vectors, path):
    """pairing.h2, session.records[1]"""
    value = vectors
    for name, index in re.findall(r"([a-z_0-9]+)|\[(\d+)\]", path):
        value = value[int(index)] if index else value[name]
    return value["record"] if isinstance(value, dict) else str(value)


def check_page(differences, page, vectors):
    """Each line "    path = value" of the page's section "Test vectors"; long values go on in the next lines."""
    section = page.split("\n## Test vectors\n", 1)
    if len(section) != 2:
        differences.compare("docs/protocol.md", "no section", "## Test vectors")
        return
    lines = re.findall(r"^    ([a-z0-9_.\[\]]+) += (\S+(?:\n     +[0-9a-f]+(?=\n))*)", section[1].split("\n## ")[0], re.M)
    for path, value in lines:
        differences.compare(f"docs/protocol.md: {path}", re.sub(r"\s", "", value), lookup(vectors, path))
    shown = {path for path, _ in lines}
    wanted = {f"pairing.records[{i}]" for i in range(len(vectors["pairing"]["records"]))}
    wanted |= {f"session.records[{i}]" for i in range(len(vectors["session"]["records"]))}
    wanted |= {"pairing.commitment", "pairing.h2", "pairing.code", "pairing.h3", "pairing.pairing_secret", "adverts[1].service_data"}
    differences.compare("docs/protocol.md: not shown", sorted(wanted - shown), [])


def check_ourselves(differences):
    """The primitives of this file against their standards: RFC 7748 section 5.2, GCM's test case 16 (McGrew and Viega), RFC 5869 A.1."""
    scalar = bytes.fromhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4")
    point = bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    differences.compare("X25519 here", x25519(scalar, point).hex(), "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552")
    key = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
    plaintext = bytes.fromhex("d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                              "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39")
    associated = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    differences.compare("AES-256-GCM here", seal(key, bytes.fromhex("cafebabefacedbaddecaf888"), associated, plaintext)[-16:].hex(),
                        "76fc6ece0f4e1768cddf8853bb2d551b")
    differences.compare("HKDF here", hkdf(bytes(range(13)), b"\x0b" * 22, bytes(range(0xF0, 0xFA)), 42).hex(),
                        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")


def main():
    docs = Path(sys.argv[1])
    vectors = json.loads((docs / "vectors/protocol.json").read_text())
    differences = Differences()
    check_ourselves(differences)
    companion_static, camera_static, secret = check_pairing(differences, vectors["pairing"])
    differences.compare("session.psk", vectors["session"]["psk"], secret.hex())
    check_session(differences, "session", 2, vectors["session"], companion_static, camera_static)
    check_session(differences, "media", 3, vectors["media"], companion_static, camera_static)
    check_adverts(differences, vectors["adverts"], secret)
    check_streams(differences, vectors["records"])
    check_page(differences, (docs / "protocol.md").read_text(), vectors)
    print(f"{differences.compared} values compared, {differences.count} differ")
    return 1 if differences.count or differences.compared < 60 else 0


if __name__ == "__main__":
    sys.exit(main())
