#include "wifi/script.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

static void script_continue(struct wifi_script *script);

enum wifi_verdict wifi_judge_anything(void *context, const char *text, size_t length) {
	(void)context;
	(void)text;
	(void)length;
	return WIFI_VERDICT_GOOD;
}

static int step_write(const struct wifi_script *script, const struct wifi_step *step, char *out, size_t capacity) {
	return step->write ? step->write(script->context, out, capacity) : snprintf(out, capacity, "%s", step->text);
}

static void script_fail(struct wifi_script *script, size_t at) {
	const struct wifi_step *step = &script->steps[at];
	wifi_script_stop(script);
	script->failed(script->context, step->text ? step->text : "a setting");
}

static void script_reply(void *context, const char *text, size_t length) {
	struct wifi_script *script = context;
	if (!script->steps)
		return;
	size_t at = script->ahead[0];
	script->waiting--;
	memmove(&script->ahead[0], &script->ahead[1], script->waiting * sizeof(script->ahead[0]));
	const struct wifi_step *step = &script->steps[at];
	enum wifi_verdict verdict = WIFI_VERDICT_REFUSED;
	if (step->judge)
		verdict = step->judge(script->context, text, length);
	else if (wifi_reply_is(text, length, "OK"))
		verdict = WIFI_VERDICT_GOOD;
	switch (verdict) {
	case WIFI_VERDICT_GOOD:
		script_continue(script);
		break;
	case WIFI_VERDICT_REFUSED:
		script_fail(script, at);
		break;
	case WIFI_VERDICT_WAIT:
		break;
	}
}

/* Sends what may be sent; steps that have nothing to say are passed over. Afterwards the script may be gone. */
static void script_continue(struct wifi_script *script) {
	while (script->next < script->count && script->waiting < WIFI_AHEAD) {
		char command[WIFI_COMMAND_LIMIT + 1];
		const struct wifi_step *step = &script->steps[script->next];
		if (step->in_turn && script->waiting > 0)
			return;
		int r = step_write(script, step, command, sizeof(command));
		if (r > 0)
			r = wifi_control_send(script->control, command, script_reply, script) < 0 ? -1 : 1;
		wipe(command, sizeof(command));
		if (r < 0) {
			script_fail(script, script->next);
			return;
		}
		if (r > 0)
			script->ahead[script->waiting++] = script->next;
		script->next++;
	}
	if (script->waiting > 0)
		return;
	wifi_script_stop(script);
	script->finished(script->context);
}

void wifi_script_run(struct wifi_script *script, const struct wifi_step *steps, size_t count) {
	wifi_control_cancel(script->control);
	script->steps = steps;
	script->count = count;
	script->next = script->waiting = 0;
	script_continue(script);
}

void wifi_script_stop(struct wifi_script *script) {
	if (script->steps)
		wifi_control_cancel(script->control);
	script->steps = NULL;
}

bool wifi_script_is_running(const struct wifi_script *script) {
	return script->steps != NULL;
}

bool wifi_script_has_sent(const struct wifi_script *script, const char *text) {
	for (size_t i = 0; script->steps && i < script->next; i++)
		if (script->steps[i].text && strcmp(script->steps[i].text, text) == 0)
			return true;
	return false;
}

bool wifi_script_awaits_last(const struct wifi_script *script) {
	return script->steps && script->waiting == 1 && script->ahead[0] + 1 == script->count;
}

void wifi_script_leave(struct wifi_script *script, const struct wifi_step *steps, size_t count) {
	for (size_t i = 0; i < count; i++) {
		char command[WIFI_COMMAND_LIMIT + 1];
		if (step_write(script, &steps[i], command, sizeof(command)) > 0)
			wifi_control_farewell(script->control, command);
		wipe(command, sizeof(command));
	}
}
