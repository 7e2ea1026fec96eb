"""Virtual tags: the memory and the rules of NXP's NTAG213, 215 and 216 page by page, and an NFC Forum Type 4 tag, behind the commands
that a PC/SC reader takes. Written from the data sheet (NTAG213/215/216 rev. 3.2) and the Forum's specification alone: nothing here is
shared with the code that is tried against it.

reader.py puts them on the antenna of a virtual reader.
"""
import socket
import struct
import threading
import time

OK, REFUSED = b"\x90\x00", b"\x63\x00"
POWER = (b"\x00", b"\x01", b"\x02")  # off, on, reset


class Gone(Exception):
    """The tag left the field in the middle of a command."""


class Ntag:
    """Sections of the data sheet are named where their rules are enforced."""

    # pages, dynamic lock page, container's size byte, pages a lock bit, first user bytes at delivery (table 6)
    CHIPS = {
        "ntag213": (45, 0x28, 0x12, 2, bytes.fromhex("0103a00c340300fe")),
        "ntag215": (135, 0x82, 0x3E, 16, bytes.fromhex("0300fe0000000000")),
        "ntag216": (231, 0xE2, 0x6D, 16, bytes.fromhex("0300fe0000000000")),
    }
    # 8.5.3: the lock bits and block-lock bits that exist
    LOCK_BITS = {"ntag213": (12, 6), "ntag215": (8, 4), "ntag216": (14, 7)}
    ATR = bytes.fromhex("3b8f8001804f0ca0000003060300030000000068")

    def __init__(self, kind="ntag213", uid=bytes.fromhex("04a1b2c3d4e5f6"), memory=None):
        self.kind = kind
        self.pages, self.lock_page, size, self.per_bit, first = self.CHIPS[kind]
        self.uid = uid
        self.writes = 0             # accepted so far
        self.log = []               # (page, bytes) of every accepted write
        self.tear_after = None      # the field is lost right after so many accepted writes
        self.broken_page = None     # agrees to a write of this page and keeps something else
        self.ignores_locks = None   # a counterfeit: pages from here on are written in spite of their lock bits
        if memory is not None:
            self.memory = bytearray(memory)
        else:
            self.memory = bytearray(4 * self.pages)
            self.memory[0:9] = uid[:3] + bytes([0x88 ^ uid[0] ^ uid[1] ^ uid[2]]) + uid[3:] + bytes([uid[3] ^ uid[4] ^ uid[5] ^ uid[6]])
            self.memory[9] = 0x48
            self.memory[12:16] = bytes([0xE1, 0x10, size, 0x00])
            self.memory[16:24] = first
            self.memory[4 * self.lock_page:4 * self.lock_page + 4] = bytes.fromhex("000000bd")
            self.memory[4 * self.lock_page + 4:4 * self.lock_page + 12] = bytes.fromhex("040000ff00050000")
            self.memory[-8:-4] = b"\xff\xff\xff\xff"
        self.power_up()

    # ------------------------------------------------------------------------------------------------------------- power

    def power_up(self):
        """8.8: the lock of the configuration is in effect from the next power-up on."""
        self.halted = False
        self.configuration_locked = bool(self.memory[4 * (self.lock_page + 2)] & 0x40)

    reset = power_up

    # ------------------------------------------------------------------------------------------------------------- memory

    def dynamic(self):
        at = 4 * self.lock_page
        return self.memory[at] | self.memory[at + 1] << 8, self.memory[at + 2]

    def is_locked(self, page):
        if self.ignores_locks is not None and page >= self.ignores_locks:
            return False
        if page < 2:
            return True  # 8.5.1: UID, locked in the factory
        if page == 2 or page == self.lock_page:
            return False  # their bits can be set unless frozen
        if page < 16:  # 8.5.2: bit 3 of byte 0 for page 3 and so on
            return bool((self.memory[10] | self.memory[11] << 8) >> page & 1)
        if page < self.lock_page:  # 8.5.3
            return bool(self.dynamic()[0] >> (page - 16) // self.per_bit & 1)
        if page < self.lock_page + 3:  # 8.5.7: CFG0 and CFG1
            return self.configuration_locked
        return False  # PWD and PACK: CFGLCK does not cover them

    def read(self, page):
        """READ, 10.2: four pages, from the last page on to the first; PWD and PACK read as zeros."""
        if page >= self.pages:
            return None
        if self.memory[4 * (self.lock_page + 2)] & 0x80 and any((page + i) % self.pages >= self.auth0() for i in range(4)):
            return None  # 8.8: PROT and no authentication
        shown = bytes(self.memory[:-8]) + bytes(8)
        return (shown + shown)[4 * page:4 * page + 16]

    def auth0(self):
        return self.memory[4 * (self.lock_page + 1) + 3]

    def write(self, page, data):
        """WRITE, 10.4. False: NAK."""
        if page < 2 or page >= self.pages or self.is_locked(page) or page >= self.auth0():
            return False
        at = 4 * page
        if page == 2:  # 8.5.2: bytes 0 and 1 are left; lock bits are set, never cleared, and not where a block-lock bit freezes them
            frozen = 0
            blocks = self.memory[10] & 7
            for bit, pages in ((0, range(3, 4)), (1, range(4, 10)), (2, range(10, 16))):
                if blocks >> bit & 1:
                    frozen |= sum(1 << p for p in pages)
            new = (data[2] | data[3] << 8) & ~frozen
            self.memory[10] |= new & 0xFF
            self.memory[11] |= new >> 8
        elif page == 3:  # 8.5.4: one-time programmable
            for i in range(4):
                self.memory[at + i] |= data[i]
        elif page == self.lock_page:  # 8.5.3
            bits, blocks = self.LOCK_BITS[self.kind]
            frozen = sum(3 << 2 * block for block in range(blocks) if self.memory[at + 2] >> block & 1)
            new = (data[0] | data[1] << 8) & ((1 << bits) - 1) & ~frozen
            self.memory[at] |= new & 0xFF
            self.memory[at + 1] |= new >> 8
            self.memory[at + 2] |= data[2] & ((1 << blocks) - 1)
        else:
            self.memory[at:at + 4] = bytes(data)
        if page == self.broken_page:
            self.memory[at] ^= 0x10
        self.log.append((page, bytes(data)))
        self.writes += 1
        return True

    # ----------------------------------------------------------------------------------------------------------- commands

    def command(self, apdu):
        """PC/SC part 3: what a reader makes of its pseudo-APDUs. After a NAK the chip is halted until the field was off (10.1)."""
        if self.tear_after is not None and self.writes >= self.tear_after:
            raise Gone
        if apdu[:2] == b"\xff\xca":
            return self.uid + OK
        if self.halted:
            return REFUSED
        answer = None
        if apdu[:3] == b"\xff\xb0\x00" and len(apdu) == 5:
            answer = self.read(apdu[3])
            answer = answer and answer[:apdu[4] or 16]
        elif apdu[:3] == b"\xff\xd6\x00" and len(apdu) == 9 and apdu[4] == 4:
            answer = b"" if self.write(apdu[3], apdu[5:]) else None
        else:
            return b"\x6d\x00"
        if answer is None:
            self.halted = True
            return REFUSED
        return answer + OK


class Type4:
    """NFC Forum Type 4 Tag 2.0: the NDEF application with a container and one file. What enforces write access is the card, not its
    container: `container_writable` and `enforces` are how makers differ."""

    ATR = bytes.fromhex("3b8180018080")
    APPLICATION = bytes.fromhex("d2760000850101")

    def __init__(self, size=512, read_limit=59, write_limit=52, extra=b"", container_writable=True, enforces=True, uid=bytes.fromhex("08112233"),
                 memory=None):
        self.uid = uid
        container = struct.pack(">HBHHBBHHBB", 15 + len(extra), 0x20, read_limit, write_limit, 4, 6, 0xE104, size, 0, 0) + extra
        self.files = {0xE103: bytearray(container), 0xE104: bytearray(size)}
        if memory:
            self.files[0xE103][:] = memory[:len(container)]
            self.files[0xE104][:] = memory[len(container):]
        self.limits = (read_limit, write_limit)
        self.container_writable, self.enforces = container_writable, enforces
        self.writes = 0
        self.tear_after = None
        self.reset()

    @property
    def memory(self):
        return bytes(self.files[0xE103] + self.files[0xE104])

    def reset(self):
        self.selected = None
        self.in_application = False

    power_up = reset

    def command(self, apdu):
        if self.tear_after is not None and self.writes >= self.tear_after:
            raise Gone
        if apdu[:2] == b"\xff\xca":
            return self.uid + OK
        if apdu[:5] == b"\x00\xa4\x04\x00\x07" and len(apdu) == 13:
            self.in_application, self.selected = apdu[5:12] == self.APPLICATION, None
            return OK if self.in_application else b"\x6a\x82"
        if apdu[:5] == b"\x00\xa4\x00\x0c\x02" and len(apdu) == 7:
            name = int.from_bytes(apdu[5:7], "big")
            if not self.in_application or name not in self.files:
                return b"\x6a\x82"
            self.selected = name
            return OK
        if len(apdu) < 5 or apdu[0] != 0 or self.selected is None:
            return b"\x69\x86"
        file, offset = self.files[self.selected], apdu[2] << 8 | apdu[3]
        if apdu[1] == 0xB0 and len(apdu) == 5:
            if apdu[4] > self.limits[0]:
                return b"\x67\x00"
            return bytes(file[offset:offset + apdu[4]]) + OK
        if apdu[1] == 0xD6 and len(apdu) == 5 + apdu[4]:
            if apdu[4] > self.limits[1] or offset + apdu[4] > len(file):
                return b"\x67\x00"
            never = self.files[0xE103][14] == 0xFF
            if (self.selected == 0xE103 and not self.container_writable) or (never and self.enforces):
                return b"\x69\x82"
            file[offset:offset + apdu[4]] = apdu[5:]
            self.writes += 1
            return OK
        return b"\x6d\x00"


def made(kind, memory=None):
    return Type4(memory=memory) if kind == "type4" else Ntag(kind, memory=memory)


class Field:
    """The antenna of pcscd's virtual reader, on which one tag may lie. The driver, vpcd, listens; a connection is a tag. Messages are a
    length of two bytes and so many bytes; one byte is power or the request for the answer to reset, anything else a command."""

    def __init__(self, port, comings):
        """comings: a function that tells how often the reader has seen a tag come and go, and so when it has seen the last one."""
        self.port, self.comings = port, comings
        self.tag = self.connection = self.thread = None

    def wait(self, done):
        deadline = time.monotonic() + 20
        while not done(*self.comings()):
            if time.monotonic() > deadline:
                raise TimeoutError("the reader does not look for tags")
            time.sleep(0.005)

    def lay(self, tag):
        """Returns when the reader has seen the tag. None: as lift."""
        self.lift()
        if tag is None:
            return
        came_before, _ = self.comings()
        self.tag = tag
        self.connection = socket.create_connection(("127.0.0.1", self.port), 10)
        self.connection.settimeout(None)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        self.wait(lambda came, went: came > came_before)

    def lift(self):
        """Takes the tag away and returns when the reader has seen it go. One that has left by itself is waited for, too: pcscd does not
        notice a tag that comes back before it has looked."""
        if self.connection is None:
            return
        try:
            self.connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        self.wait(lambda came, went: went == came)
        self.thread.join()
        self.connection.close()
        self.tag = self.connection = None

    def receive(self, count):
        data = b""
        while len(data) < count:
            # The driver sends length and message in two pieces and lets the second one wait for the acknowledgement of the first.
            self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            more = self.connection.recv(count - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data

    def answer(self, message):
        if message in POWER:
            self.tag.reset()
            return None
        if message == b"\x04":
            return self.tag.ATR
        return self.tag.command(message)

    def serve(self):
        try:
            while True:
                size, = struct.unpack(">H", self.receive(2))
                message = self.receive(size)
                try:
                    answer = self.answer(message)
                    if answer is not None:
                        self.connection.sendall(struct.pack(">H", len(answer)) + answer)
                except Gone:
                    self.connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the reader has let go, or the tag was taken away
