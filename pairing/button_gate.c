#include "pairing/button_gate.h"

#define CLICK_US (3 * SECOND_US) /* a thumb in a wet glove is slow; longer is a hand on the camera by accident */

void button_gate_init(struct button_gate *gate) {
	*gate = (struct button_gate){ 0 };
}

static bool both_down(const struct button_gate *gate) {
	return gate->button[BUTTON_EVENT].down && gate->button[BUTTON_FUNCTION].down;
}

static bool all_up(const struct button_gate *gate) {
	return !gate->button[BUTTON_EVENT].down && !gate->button[BUTTON_FUNCTION].down;
}

static uint64_t apart(uint64_t a, uint64_t b) {
	return a > b ? a - b : b - a;
}

static enum button_gate_result pressed(struct button_gate *gate, enum button button, uint64_t now_us) {
	if (!gate->button[button].armed) {
		gate->spoiled = true;
		return BUTTON_GATE_NOTHING;
	}
	gate->button[button].pressed_us = now_us;
	if (!both_down(gate))
		return BUTTON_GATE_NOTHING;
	bool together =
	        apart(gate->button[BUTTON_EVENT].pressed_us, gate->button[BUTTON_FUNCTION].pressed_us) <= BUTTONS_TOGETHER_US;
	if (gate->spoiled || !gate->button[BUTTON_EVENT].armed || !gate->button[BUTTON_FUNCTION].armed)
		return BUTTON_GATE_NOTHING;
	if (!together) {
		gate->spoiled = true;
		return BUTTON_GATE_FAILED;
	}
	gate->holding = true;
	gate->held_since_us = now_us;
	return BUTTON_GATE_HOLDING;
}

static enum button_gate_result released(struct button_gate *gate, enum button button, uint64_t now_us) {
	bool was_holding = gate->holding, was_spoiled = gate->spoiled, was_armed = gate->button[button].armed;
	gate->button[button].armed = true;
	gate->holding = false;
	if (was_holding || !all_up(gate))
		gate->spoiled = true; /* both must be let go before anything counts again */
	if (all_up(gate))
		gate->spoiled = false;
	if (was_holding)
		return BUTTON_GATE_FAILED;
	bool click = was_armed && !was_spoiled && all_up(gate) && now_us - gate->button[button].pressed_us <= CLICK_US;
	if (!click)
		return BUTTON_GATE_NOTHING;
	return button == BUTTON_EVENT ? BUTTON_GATE_EVENT_CLICK : BUTTON_GATE_FUNCTION_CLICK;
}

static enum button_gate_result apply(struct button_gate *gate, enum button button, uint64_t now_us) {
	bool down = gate->button[button].raw;
	gate->button[button].down = down;
	gate->button[button].changed_us = now_us;
	return down ? pressed(gate, button, now_us) : released(gate, button, now_us);
}

/* Contact bounce: the first edge counts at once, what follows within BUTTON_BOUNCE_US is noise, and the tick at its end takes
 * whatever state the switch has settled in. */
static bool is_settling(const struct button_gate *gate, enum button button, uint64_t now_us) {
	return now_us - gate->button[button].changed_us < BUTTON_BOUNCE_US;
}

enum button_gate_result button_gate_input(struct button_gate *gate, enum button button, bool down, uint64_t now_us) {
	if (!gate->button[button].known) {
		/* The state at start, or of a device that came back: a button that is down now was not pressed for us. */
		gate->button[button].known = true;
		gate->button[button].raw = gate->button[button].down = down;
		gate->button[button].armed = !down;
		gate->button[button].changed_us = now_us > BUTTON_BOUNCE_US ? now_us - BUTTON_BOUNCE_US : 0;
		return BUTTON_GATE_NOTHING;
	}
	gate->button[button].raw = down;
	if (down == gate->button[button].down || is_settling(gate, button, now_us))
		return BUTTON_GATE_NOTHING;
	return apply(gate, button, now_us);
}

enum button_gate_result button_gate_lost(struct button_gate *gate, enum button button) {
	bool was_holding = gate->holding;
	gate->button[button].known = false;
	gate->button[button].raw = gate->button[button].down = false;
	gate->button[button].armed = false;
	gate->holding = false;
	gate->spoiled = !all_up(gate);
	return was_holding ? BUTTON_GATE_FAILED : BUTTON_GATE_NOTHING;
}

static bool is_unsettled(const struct button_gate *gate, enum button button) {
	return gate->button[button].known && gate->button[button].raw != gate->button[button].down;
}

enum button_gate_result button_gate_tick(struct button_gate *gate, uint64_t now_us) {
	for (enum button button = BUTTON_EVENT; button < BUTTON_COUNT; button++)
		if (is_unsettled(gate, button) && !is_settling(gate, button, now_us)) {
			enum button_gate_result result = apply(gate, button, now_us);
			if (result != BUTTON_GATE_NOTHING)
				return result; /* the other button's turn comes with the next tick, which is due at once */
		}
	if (!gate->holding || now_us - gate->held_since_us < BUTTONS_HELD_US)
		return BUTTON_GATE_NOTHING;
	gate->holding = false;
	gate->spoiled = true;
	gate->button[BUTTON_EVENT].armed = false;
	gate->button[BUTTON_FUNCTION].armed = false;
	return BUTTON_GATE_OPEN;
}

uint64_t button_gate_deadline_us(const struct button_gate *gate) {
	uint64_t deadline = gate->holding ? gate->held_since_us + BUTTONS_HELD_US : UINT64_MAX;
	for (enum button button = BUTTON_EVENT; button < BUTTON_COUNT; button++) {
		uint64_t settled = gate->button[button].changed_us + BUTTON_BOUNCE_US;
		if (is_unsettled(gate, button) && settled < deadline)
			deadline = settled;
	}
	return deadline;
}
