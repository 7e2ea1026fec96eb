/* A camera and a companion of ours with somebody in between who holds no key but does as he likes with the bytes: replaces,
 * flips, cuts, repeats, reflects, delays. First byte: pairing, session or media. Then operations, of which the highest bit says
 * which end it is done to (set: the camera):
 *
 *   0            what the other end has sent arrives
 *   1 n          the next n bytes of it arrive
 *   2 n n BYTES  these bytes arrive in its place
 *   3 n n        bit n of it is flipped on the way
 *   4            it arrives, and stays to arrive again
 *   5            what this end has sent comes back to it
 *   6 n          n times 250 ms pass, for both
 *   7            the person says yes (set) or no (not set)
 *   8            this end sends a message
 *   9            this end closes
 *   10           nothing of it arrives: it is lost
 *
 * What must hold of it stands in ends.h. */
#include "tests/fuzz/pairing/ends.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void drop(struct end *from, size_t length) {
	from->wire_length -= length;
	memmove(from->wire, from->wire + length, from->wire_length);
}

static void deliver(struct end *to, size_t length, bool keep) {
	static uint8_t bytes[WIRE_LIMIT];
	struct end *from = other_end(to);
	if (length > from->wire_length)
		length = from->wire_length;
	memcpy(bytes, from->wire, length);
	if (!keep)
		drop(from, length);
	end_receive(to, bytes, length);
}

static void operate(struct ends *ends, uint8_t operation, struct reader *r) {
	struct end *end = operation & 0x80 ? &ends->camera : &ends->companion, *from = other_end(end);
	switch (operation & 0x7f) {
	case 0:
		deliver(end, SIZE_MAX, false);
		break;
	case 1:
		deliver(end, reader_u8(r), false);
		break;
	case 2: {
		size_t length = reader_u16(r);
		length = length < reader_left(r) ? length : reader_left(r);
		from->wire_length = 0;
		const uint8_t *bytes = reader_take(r, length);
		if (bytes)
			end_receive(end, bytes, length);
		break;
	}
	case 3: {
		size_t bit = reader_u16(r);
		if (from->wire_length > 0) {
			bit %= 8 * from->wire_length;
			from->wire[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		deliver(end, SIZE_MAX, false);
		break;
	}
	case 4:
		deliver(end, SIZE_MAX, true);
		break;
	case 5: {
		static uint8_t bytes[WIRE_LIMIT];
		memcpy(bytes, end->wire, end->wire_length);
		end_receive(end, bytes, end->wire_length);
		break;
	}
	case 6:
		ends->now_us += reader_u8(r) * 250 * MILLISECOND_US;
		end_tick(&ends->camera);
		end_tick(&ends->companion);
		break;
	case 7:
		end_confirm(end, operation & 0x80);
		break;
	case 8:
		end_say(end);
		break;
	case 9:
		end_close(end, REASON_CANCELLED);
		break;
	case 10:
		from->wire_length = 0;
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct ends ends;
	struct reader r = reader_over(data, size);
	enum channel_kind kind = (enum channel_kind)(reader_u8(&r) % 3);
	ends_start(&ends, true);
	end_open(&ends.camera, kind);
	end_open(&ends.companion, kind);
	for (unsigned operations = 0; reader_left(&r) > 0 && operations < 400; operations++)
		operate(&ends, reader_u8(&r), &r);
	channel_free(ends.camera.channel);
	channel_free(ends.companion.channel);
	return 0;
}
