"""What a camera's tag must hold, worked out a second time from the specifications (NFC Forum NDEF 1.0, RTD Text 1.0, RTD URI 1.0, Type 2
Tag 1.1, Type 4 Tag 2.0; NXP's NTAG213/215/216 data sheet rev. 3.2), not from the code under test."""


def record(flags, kind, type_, payload):
    assert len(payload) < 256
    return bytes([flags | 0x10 | kind, len(type_), len(payload)]) + type_ + payload


def message(serial, model, fingerprint=None):
    text = b"\x02en" + f"{model} {serial}".encode()
    uri = b"\x00" + f"urn:lanyard:camera:{serial}".encode()
    last = 0x40
    out = record(0x80, 1, b"T", text) + record(0 if fingerprint else last, 1, b"U", uri)
    if fingerprint:
        out += record(last, 4, b"lanyard.org:key", fingerprint)
    return out


def type2_data(ndef, size):
    head = b"\x03" + (bytes([len(ndef)]) if len(ndef) < 255 else b"\xff" + len(ndef).to_bytes(2, "big"))
    return (head + ndef + b"\xfe").ljust(size, b"\0")


def ntag(kind, ndef, uid=None):
    """The memory as a reader sees it when the tag is written and locked."""
    pages, user, size_byte, dynamic = {
        "ntag213": (45, 144, 0x12, "ff0f3fbd"),
        "ntag215": (135, 504, 0x3E, "ff000fbd"),
        "ntag216": (231, 888, 0x6D, "ff3f7fbd"),
    }[kind]
    identity = bytes(9)
    if uid:
        identity = uid[:3] + bytes([0x88 ^ uid[0] ^ uid[1] ^ uid[2]]) + uid[3:] + bytes([uid[3] ^ uid[4] ^ uid[5] ^ uid[6]])
    out = identity + b"\x48\xff\xff" + bytes([0xE1, 0x10, size_byte, 0x0F]) + type2_data(ndef, user)
    out += bytes.fromhex(dynamic) + bytes.fromhex("040000ff") + bytes.fromhex("40050000") + bytes(8)
    assert len(out) == 4 * pages
    return out


def type4(ndef):
    return bytes.fromhex("000f20" "00fb" "00f6" "0406" "e104" "0102" "00" "ff") + len(ndef).to_bytes(2, "big") + ndef


def image(kind, serial, model, fingerprint=None, uid=None):
    ndef = message(serial, model, fingerprint)
    return type4(ndef) if kind == "type4" else ntag(kind, ndef, uid)
