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

static void script_fail(struct wifi_script *script) {
	const struct wifi_step *step = &script->steps[script->at];
	wifi_script_stop(script);
	script->failed(script->context, step->text ? step->text : "a setting");
}

static void script_reply(void *context, const char *text, size_t length) {
	struct wifi_script *script = context;
	if (!script->steps)
		return;
	const struct wifi_step *step = &script->steps[script->at];
	enum wifi_verdict verdict = WIFI_VERDICT_REFUSED;
	if (step->judge)
		verdict = step->judge(script->context, text, length);
	else if (wifi_reply_is(text, length, "OK"))
		verdict = WIFI_VERDICT_GOOD;
	switch (verdict) {
	case WIFI_VERDICT_GOOD:
		script->at++;
		script_continue(script);
		break;
	case WIFI_VERDICT_REFUSED:
		script_fail(script);
		break;
	case WIFI_VERDICT_WAIT:
		break;
	}
}

/* Sends the next command; steps that have nothing to say are passed over. */
static void script_continue(struct wifi_script *script) {
	char command[WIFI_COMMAND_LIMIT + 1];
	int r = 0;
	while (script->at < script->count) {
		r = step_write(script, &script->steps[script->at], command, sizeof(command));
		if (r != 0)
			break;
		script->at++;
	}
	if (script->at == script->count) {
		wifi_script_stop(script);
		script->finished(script->context);
		return;
	}
	if (r > 0)
		r = wifi_control_send(script->control, command, script_reply, script);
	wipe(command, sizeof(command));
	if (r < 0)
		script_fail(script);
}

void wifi_script_run(struct wifi_script *script, const struct wifi_step *steps, size_t count) {
	wifi_control_cancel(script->control);
	script->steps = steps;
	script->count = count;
	script->at = 0;
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
	for (size_t i = 0; script->steps && i <= script->at && i < script->count; i++)
		if (script->steps[i].text && strcmp(script->steps[i].text, text) == 0)
			return true;
	return false;
}

void wifi_script_leave(struct wifi_script *script, const struct wifi_step *steps, size_t count) {
	for (size_t i = 0; i < count; i++) {
		char command[WIFI_COMMAND_LIMIT + 1];
		if (step_write(script, &steps[i], command, sizeof(command)) > 0)
			wifi_control_farewell(script->control, command);
		wipe(command, sizeof(command));
	}
}
