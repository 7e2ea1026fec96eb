/* The two-button gate: Event and Function pressed within 500 ms of each other and both held for 2 s open the pairing window.
 * Pure. A button that is held at boot, stuck or bouncing never opens it; both must have been seen released since start, since the
 * last opening, and since their device came (back). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "pairing/limits.h"

enum button { BUTTON_EVENT, BUTTON_FUNCTION, BUTTON_COUNT };

enum button_gate_result {
	BUTTON_GATE_NOTHING,
	BUTTON_GATE_HOLDING,     /* both are down in time: feedback for the person */
	BUTTON_GATE_OPEN,        /* held long enough: open the window now */
	BUTTON_GATE_FAILED,      /* let go too early or not together: feedback for the person */
	BUTTON_GATE_EVENT_CLICK, /* Event alone pressed and released within three seconds: confirms a code, starts a recording */
	BUTTON_GATE_FUNCTION_CLICK, /* Function alone: rejects a code */
};

struct button_gate {
	struct {
		bool known, raw, down,
		        armed; /* known: seen since its device came; raw: last edge; armed: seen released, so a press counts */
		uint64_t changed_us, pressed_us;
	} button[BUTTON_COUNT];
	bool holding, spoiled;
	uint64_t held_since_us;
};

void button_gate_init(struct button_gate *gate);
/* State of a button when its device is opened (EVIOCGKEY), or a change of it. */
enum button_gate_result button_gate_input(struct button_gate *gate, enum button button, bool down, uint64_t now_us);
/* Its device vanished: the button must be seen released again. */
enum button_gate_result button_gate_lost(struct button_gate *gate, enum button button);
enum button_gate_result button_gate_tick(struct button_gate *gate, uint64_t now_us);
/* Absolute time of the next tick, UINT64_MAX for none. */
uint64_t button_gate_deadline_us(const struct button_gate *gate);
