#include "signal/legacy.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"

void legacy_encode(const struct legacy_call *call, uint8_t out[LEGACY_SIZE]) {
	struct writer w = writer_over(out, LEGACY_SIZE);
	writer_u8(&w, LEGACY_HEADER);
	writer_u8(&w, (uint8_t)call->kind);
	writer_u32(&w, call->activator);
	assert(!w.failed && w.at == w.end);
}

bool legacy_decode(const uint8_t *bytes, size_t length, struct legacy_call *ret) {
	struct reader r = reader_over(bytes, length);
	uint8_t header = reader_u8(&r);
	struct legacy_call call = { .kind = (enum signal_kind)reader_u8(&r) };
	call.activator = reader_u32(&r);
	if (!reader_done(&r) || header != LEGACY_HEADER || !signal_kind_name(call.kind))
		return false;
	*ret = call;
	return true;
}

bool legacy_gate_admit(struct legacy_gate *gate, uint64_t now_us, const uint8_t address[6], uint32_t activator) {
	size_t kept = 0;
	for (size_t i = 0; i < gate->count; i++)
		if (now_us - gate->starts[i].at_us < LEGACY_WINDOW_US)
			gate->starts[kept++] = gate->starts[i];
	gate->count = kept;
	for (size_t i = 0; i < gate->count; i++) {
		const struct legacy_start *start = &gate->starts[i];
		if (now_us - start->at_us < LEGACY_SOURCE_US &&
		    (start->activator == activator || memcmp(start->address, address, sizeof(start->address)) == 0))
			return false;
	}
	if (gate->count == LEGACY_WINDOW_STARTS)
		return false;
	struct legacy_start *start = &gate->starts[gate->count++];
	*start = (struct legacy_start){ .activator = activator, .at_us = now_us };
	memcpy(start->address, address, sizeof(start->address));
	return true;
}
