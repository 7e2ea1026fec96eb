#include "cli/trigger.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/config.h"
#include "base/log.h"
#include "cli/signal_sender.h"

#define NONE UINT32_MAX /* a number that the file does not give */
#define LINE_LIMIT 1023
#define SENDER_KEYS 7
#define TRIGGER_KEYS 8

/* --- settings --- */

struct trigger_text {
	char section[16], kind[16], device[TRIGGER_PATH_SIZE], chip[TRIGGER_PATH_SIZE], active[8];
	unsigned key, switch_code, line, debounce_ms;
};

/* What is wrong with one trigger, or NULL. */
static const char *take_trigger(struct trigger *ret, const struct trigger_text *text) {
	struct trigger trigger = { .debounce_us = text->debounce_ms * 1000ull };
	bool key = text->key != NONE, other = text->switch_code != NONE, line = text->line != NONE;
	if (!signal_kind_from_name(text->kind, &trigger.kind))
		return "kind must be one of manual, light-bar, siren, vehicle-door, holster, energy-weapon, camera";
	if (key + other + line != 1)
		return "needs one of key, switch and line";
	if (line ? !*text->chip || *text->device : !*text->device || *text->chip)
		return "key and switch need device, line needs chip";
	trigger.source = key ? TRIGGER_KEY : other ? TRIGGER_SWITCH : TRIGGER_LINE;
	trigger.code = key ? text->key : other ? text->switch_code : text->line;
	memcpy(trigger.path, line ? text->chip : text->device, sizeof(trigger.path));
	trigger.active_low = strcmp(text->active, "low") == 0;
	if (!trigger.active_low && strcmp(text->active, "high") != 0)
		return "active is high or low";
	*ret = trigger;
	return NULL;
}

static bool is_given(const struct trigger_text *text) {
	return *text->kind || *text->device || *text->chip || text->key != NONE || text->switch_code != NONE ||
	       text->line != NONE;
}

static int complain(const char *path, const char *section, const char *what) {
	log_line(LOG_LEVEL_ERROR, "config", "%s: [%s] %s", path, section, what);
	return -EINVAL;
}

int trigger_settings_read(struct trigger_settings *ret, const char *path) {
	struct trigger_settings s = { .sender = NONE, .company = SIGNAL_SENDER_COMPANY, .seconds = 30 };
	struct trigger_text text[TRIGGERS_LIMIT];
	struct config_key keys[SENDER_KEYS + TRIGGERS_LIMIT * TRIGGER_KEYS] = {
		{ "sender", "number", CONFIG_NUMBER, &s.sender, NONE - 1 },
		{ "sender", "adapter", CONFIG_TEXT, s.adapter, sizeof(s.adapter) },
		{ "sender", "keys", CONFIG_TEXT, s.keys, sizeof(s.keys) },
		{ "sender", "state", CONFIG_TEXT, s.state, sizeof(s.state) },
		{ "sender", "company", CONFIG_NUMBER, &s.company, UINT16_MAX },
		{ "sender", "seconds", CONFIG_NUMBER, &s.seconds, SIGNAL_SENDER_SECONDS_LIMIT },
		{ "sender", "legacy", CONFIG_BOOLEAN, &s.legacy, 0 },
	};
	for (size_t i = 0; i < TRIGGERS_LIMIT; i++) {
		struct trigger_text *t = &text[i];
		*t = (struct trigger_text){
			.active = "high", .key = NONE, .switch_code = NONE, .line = NONE, .debounce_ms = TRIGGER_DEBOUNCE_MS
		};
		snprintf(t->section, sizeof(t->section), "trigger %zu", i + 1);
		const struct config_key rows[TRIGGER_KEYS] = {
			{ t->section, "kind", CONFIG_TEXT, t->kind, sizeof(t->kind) },
			{ t->section, "device", CONFIG_TEXT, t->device, sizeof(t->device) },
			{ t->section, "key", CONFIG_NUMBER, &t->key, KEY_MAX },
			{ t->section, "switch", CONFIG_NUMBER, &t->switch_code, SW_MAX },
			{ t->section, "chip", CONFIG_TEXT, t->chip, sizeof(t->chip) },
			{ t->section, "line", CONFIG_NUMBER, &t->line, LINE_LIMIT },
			{ t->section, "active", CONFIG_TEXT, t->active, sizeof(t->active) },
			{ t->section, "debounce_ms", CONFIG_NUMBER, &t->debounce_ms, TRIGGER_DEBOUNCE_LIMIT_MS },
		};
		memcpy(&keys[SENDER_KEYS + i * TRIGGER_KEYS], rows, sizeof(rows));
	}
	int r = config_read(path, keys, ELEMENTS(keys));
	if (r < 0)
		return r;
	if (s.sender == NONE)
		return complain(path, "sender", "number is missing: the number that this sender has in the agency");
	if (s.seconds == 0)
		return complain(path, "sender", "seconds must be at least 1");
	for (size_t i = 0; i < TRIGGERS_LIMIT; i++) {
		if (!is_given(&text[i]))
			continue;
		const char *fault = take_trigger(&s.trigger[s.count++], &text[i]);
		if (fault)
			return complain(path, text[i].section, fault);
	}
	if (s.count == 0)
		return complain(path, "trigger 1", "is missing: nothing would ever call");
	*ret = s;
	return 0;
}

/* --- contacts --- */

void trigger_contact_see(struct trigger_contact *c, uint64_t now_us, bool active) {
	if (!c->known) {
		*c = (struct trigger_contact){ .known = true, .level = active, .settled = active, .since_us = now_us };
	} else if (active != c->level) {
		c->level = active;
		c->since_us = now_us;
	}
}

uint64_t trigger_contact_deadline_us(const struct trigger_contact *c, uint64_t debounce_us) {
	return c->known && c->level != c->settled ? c->since_us + debounce_us : UINT64_MAX;
}

bool trigger_contact_due(struct trigger_contact *c, uint64_t now_us, uint64_t debounce_us) {
	if (now_us < trigger_contact_deadline_us(c, debounce_us))
		return false;
	c->settled = c->level;
	return c->settled;
}

void trigger_contact_forget(struct trigger_contact *c) {
	*c = (struct trigger_contact){ 0 };
}
