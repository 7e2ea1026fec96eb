/* companiond's parts, all of them but its page, against a whole camera: pairing, sessions that are lost and renewed, requests,
 * Wi-Fi, video. Every call that they make fails once. Whatever fails: no crash, no leak, every request is answered or refused
 * with a reason, no network is left joined; and afterwards, without faults and by itself, the companion has its camera again,
 * before and after a restart.
 *
 *   faults-companion [--from N] [--every N] [SCENARIO...] */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "tests/faults/companion_scene.h"
#include "tests/faults/inject.h"
#include "tests/faults/scenarios.h"
#include "tests/unit/cam-radio/fake_recorder.h"

/* --- pairing --- */

static bool pairing_scenario(void) {
	if (scene_pair() != REASON_OK)
		return false;
	return scene_pair() == REASON_OK; /* anew, with the same camera */
}

/* --- sessions and requests --- */

struct question {
	bool answered;
	enum reason reason;
};

static void on_answered(struct question *question, enum reason reason) {
	MUST(!question->answered);
	*question = (struct question){ .answered = true, .reason = reason };
}

static void on_answer(void *context, enum reason reason, const lanyard_Response *response) {
	MUST((response != NULL) == (reason == REASON_OK));
	on_answered(context, reason);
}

static void on_listed(void *context, enum reason reason, const lanyard_Recording *list, size_t count, bool more) {
	(void)list;
	MUST(reason != REASON_OK || (count == FAKE_RECORDINGS && !more));
	on_answered(context, reason);
}

static void on_thumbnail(void *context, enum reason reason, const uint8_t *jpeg, size_t length) {
	MUST(reason == REASON_OK ? length == FAKE_THUMBNAIL_SIZE : jpeg == NULL);
	on_answered(context, reason);
}

/* result: of asking. Whether it was answered well; refused, or not done, are the other ways. */
static bool is_answered_well(int result, const struct question *question) {
	if (result < 0)
		return false;
	COMES(question->answered);
	return question->reason == REASON_OK;
}

static int ask_for_tag(struct question *question) {
	lanyard_Request request = { .which_body = lanyard_Request_tag_tag, .body.tag.has_tag = true };
	strcpy(request.body.tag.id, first_recording);
	strcpy(request.body.tag.tag.note, "a note");
	return session_request(scene.parts.session, &request, REQUESTS_REPEAT, 10 * SECOND_US, on_answer, question, NULL);
}

static bool ask_all(void) {
	struct recordings_job *job;
	struct question list = { .answered = false }, thumbnail = list, tag = list;
	int result = recordings_list(&job, scene.parts.recordings, "", RECORDINGS_PAGE_LIMIT, on_listed, &list);
	bool good = is_answered_well(result, &list);
	result = recordings_thumbnail(&job, scene.parts.recordings, first_recording, on_thumbnail, &thumbnail);
	good &= is_answered_well(result, &thumbnail);
	result = ask_for_tag(&tag);
	return is_answered_well(result, &tag) && good;
}

/* What was asked is answered, also when the link is lost over it. */
static bool lose_the_link(void) {
	struct question tag = { .answered = false };
	int result = ask_for_tag(&tag);
	(void)tell_camera("hang-up");
	return is_answered_well(result, &tag);
}

static bool session_scenario(void) {
	COMES(is_live());
	bool good = ask_all();
	good &= lose_the_link();
	COMES(is_live());
	return ask_all() && good;
}

#define RENEW_US (SECOND_US / 10)

static unsigned long renewed(void) {
	return strtoul(tell_camera("renewed"), NULL, 10);
}

/* One that fails is tried again in ten seconds only, which nobody here waits for: the session is as good as before. */
static bool renewal_scenario(void) {
	unsigned long before = renewed();
	COMES(is_live());
	uint64_t until_us = must_come_now_us() + 3 * RENEW_US;
	COMES(renewed() > before || (injection.failed && must_come_now_us() >= until_us));
	return ask_all();
}

/* --- Wi-Fi --- */

static void on_progress(void *context) {
	*(bool *)context = true;
}

/* To the end, from a place that makes it two slices. */
static bool read_recording(void) {
	static uint8_t bytes[65536];
	struct media_read *read;
	bool progress = true;
	uint64_t at = 1000;
	enum reason reason = REASON_OK;
	if (media_read_new(&read, scene.parts.media, first_recording, at, 0, on_progress, &progress) < 0)
		return false;
	for (size_t length = 0; length > 0 || !media_read_ended(read, &reason);) {
		COMES(progress || length > 0);
		progress = false;
		length = media_read_take(read, bytes, sizeof(bytes));
		for (size_t i = 0; i < length; i++, at++)
			MUST(bytes[i] == fake_byte(0, at));
	}
	uint64_t total = 0;
	bool whole = reason == REASON_OK && media_read_total(read, &total) && at == total;
	MUST(whole || reason != REASON_OK); /* or the reader would take it for the end */
	media_read_free(read);
	return whole;
}

static bool watch(void) {
	struct handover *handover = scene.parts.handover;
	if (handover_open(handover) < 0)
		return false;
	COMES(handover_state(handover) == HANDOVER_READY || handover_state(handover) == HANDOVER_OFF);
	MUST(handover_state(handover) == HANDOVER_READY || handover_reason(handover) != REASON_OK);
	bool good = handover_state(handover) == HANDOVER_READY && read_recording();
	handover_close(handover);
	COMES(handover_state(handover) == HANDOVER_OFF);
	COMES(is_left());
	return good;
}

static bool handover_scenario(void) {
	COMES(is_live());
	return watch();
}

/* --- whatever has failed, all is well --- */

static void check_all(bool wifi) {
	COMES(is_live());
	MUST(ask_all());
	MUST(!wifi || watch());
}

static void check(bool wifi) {
	if (!scene.built)
		MUST(scene_build());
	MUST(pairer_state(scene.parts.pairer) == PAIRER_IDLE);
	MUST(handover_state(scene.parts.handover) == HANDOVER_OFF);
	/* Unless the camera has none, both ends know each other by themselves. */
	if (strcmp(tell_camera("companion"), "no") == 0)
		MUST(scene_pair() == REASON_OK);
	check_all(wifi);
	MUST(!wifi || strcmp(tell_camera("wifi"), "off") == 0);
	scene_restart();
	check_all(wifi);
}

/* paired: both ends are, before anything fails. */
static bool run(bool (*scenario)(void), bool paired, bool wifi, uint64_t renew_after_us) {
	unsigned fault = inject_pause();
	scene_begin(renew_after_us);
	if (paired) {
		MUST(scene_build());
		MUST(scene_pair() == REASON_OK);
		parts_free(&scene.parts);
	}
	inject_resume(fault);
	bool good = scene_build() && scenario();
	(void)inject_pause();
	check(wifi);
	scene_end();
	return good;
}

static bool run_pairing(void) {
	return run(pairing_scenario, false, false, 0);
}

static bool run_session(void) {
	return run(session_scenario, true, false, 0);
}

static bool run_renewal(void) {
	return run(renewal_scenario, true, false, RENEW_US);
}

static bool run_handover(void) {
	return run(handover_scenario, true, true, 0);
}

static const struct fault_scenario scenarios[] = {
	{ "companion-pairing", run_pairing },
	{ "companion-session", run_session },
	{ "companion-renewal", run_renewal },
	{ "companion-handover", run_handover },
};

int main(int count, char **arguments) {
	if (crypto_start() < 0)
		return 1;
	camera_start();
	int status = fault_scenarios(count, arguments, scenarios, ELEMENTS(scenarios));
	camera_stop();
	return status;
}
