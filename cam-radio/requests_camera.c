/* Requests of proto/camera.proto. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "cam-radio/request.h"
#include "cam-radio/requests.h"
#include "cam-radio/slate.h"
#include "pairing/limits.h"

#define BATTERY_UNKNOWN 255
#define START_REASON "companion"
/* 2020-01-01 to 2100-01-01: a clock outside of it is not one that anybody wants set. */
#define CLOCK_EARLIEST_US (1577836800ull * SECOND_US)
#define CLOCK_LATEST_US (4102444800ull * SECOND_US)
#define ACCURACY_LIMIT_M 1000000

/* --- status --- */

/* /sys/class/power_supply/NAME/capacity: a number of per cent. */
static uint32_t read_battery(const char *path) {
	char text[8] = "";
	if (!*path)
		return BATTERY_UNKNOWN;
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return BATTERY_UNKNOWN;
	ssize_t length = read(file, text, sizeof(text) - 1);
	close(file);
	char *end;
	unsigned long percent = strtoul(text, &end, 10);
	return length > 0 && end != text && percent <= 100 ? (uint32_t)percent : BATTERY_UNKNOWN;
}

static uint64_t clock_us(void) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * SECOND_US + (uint64_t)now.tv_nsec / 1000;
}

void requests_fill_status(const struct services *services, lanyard_StatusResponse *ret) {
	*ret = (lanyard_StatusResponse){
		.recorder = recorder_state(services->recorder),
		.free_bytes = recorder_free_bytes(services->recorder),
		.battery_percent = read_battery(services->settings->battery),
		.time_us = clock_us(),
	};
	snprintf(ret->serial, sizeof(ret->serial), "%s", services->settings->serial);
	snprintf(ret->model, sizeof(ret->model), "%s", services->settings->model);
	snprintf(ret->firmware, sizeof(ret->firmware), "%s", LANYARD_VERSION);
	if (ret->recorder == lanyard_RecorderState_RECORDER_EVENT)
		snprintf(ret->recording_id, sizeof(ret->recording_id), "%s", recorder_current_id(services->recorder));
}

/* Answered from what is known: this is the companion's sign of life, which must not wait for a recorder that is slow or dead. */
void handle_status(struct request *request, const lanyard_Request *message) {
	(void)message;
	const struct services *services = request_services(request);
	lanyard_Response response = { .which_body = lanyard_Response_status_tag };
	requests_fill_status(services, &response.body.status);
	recorder_refresh(services->recorder);
	request_answer(request, REASON_OK, &response);
}

/* --- clock --- */

void handle_clock(struct request *request, const lanyard_Request *message) {
	const struct services *services = request_services(request);
	uint64_t time_us = message->body.clock.time_us;
	enum reason reason = REASON_NOT_PERMITTED;
	if (time_us < CLOCK_EARLIEST_US || time_us >= CLOCK_LATEST_US)
		reason = REASON_REQUEST_INVALID;
	else if (services->settings->may_set_clock)
		reason = services->set_clock(time_us);
	request_answer(request, reason, NULL);
}

/* --- location --- */

static void on_done(void *context, enum reason reason, const struct recorder_answer *answer) {
	(void)answer;
	request_answer(context, reason, NULL);
}

void handle_location(struct request *request, const lanyard_Request *message) {
	const struct services *services = request_services(request);
	const lanyard_LocationRequest *body = &message->body.location;
	if (!field_is_position(body->latitude_e7, body->longitude_e7) || body->accuracy_m > ACCURACY_LIMIT_M) {
		request_answer(request, REASON_REQUEST_INVALID, NULL);
		return;
	}
	const struct recorder_location location = {
		.latitude_e7 = body->latitude_e7,
		.longitude_e7 = body->longitude_e7,
		.accuracy_m = body->accuracy_m,
		.time_us = body->time_us,
	};
	requests_set_location(request->requests, &location);
	if (recorder_state(services->recorder) != lanyard_RecorderState_RECORDER_EVENT) {
		request_answer(request, REASON_OK, NULL); /* kept for the next recording */
		return;
	}
	request_asked(request, recorder_add_location(services->recorder, &request->call, recorder_current_id(services->recorder),
	                                             &location, on_done, request));
}

/* --- record --- */

void handle_record(struct request *request, const lanyard_Request *message) {
	const struct services *services = request_services(request);
	bool start = message->body.record.start;
	if (!(start ? services->settings->may_start_recording : services->settings->may_stop_recording)) {
		request_answer(request, REASON_NOT_PERMITTED, NULL);
		return;
	}
	int result = start ? recorder_start(services->recorder, &request->call, START_REASON, NULL,
	                                    requests_location(request->requests), on_done, request)
	                   : recorder_stop(services->recorder, &request->call, START_REASON, on_done, request);
	request_asked(request, result);
}

/* --- config --- */

static enum reason check_config(const struct settings *settings, const lanyard_ConfigRequest *config) {
	if (config->has_video_height && config->video_height != 480 && config->video_height != 720 &&
	    config->video_height != 1080)
		return REASON_REQUEST_INVALID;
	if ((config->has_indicator_lights && !settings->may_set_lights) || (config->has_sounds && !settings->may_set_sounds) ||
	    (config->has_video_height && !settings->may_set_video_height))
		return REASON_NOT_PERMITTED;
	return REASON_OK;
}

static enum reason store_preferences(struct request *request) {
	const struct services *services = request_services(request);
	struct preferences preferences = *services->preferences;
	if (request->config.has_indicator_lights)
		preferences.indicator_lights = request->config.indicator_lights;
	if (request->config.has_sounds)
		preferences.sounds = request->config.sounds;
	if (preferences.indicator_lights == services->preferences->indicator_lights &&
	    preferences.sounds == services->preferences->sounds)
		return REASON_OK;
	int result = preferences_store(&preferences, services->layer, services->folder);
	if (result < 0) {
		log_line(LOG_LEVEL_ERROR, "requests", "the preferences could not be stored: %s", strerror(-result));
		return result == -ENOSPC ? REASON_DISK_FULL : REASON_STORE_FAILED;
	}
	*services->preferences = preferences;
	requests_preferences_changed(request->requests);
	return REASON_OK;
}

static void finish_config(struct request *request) {
	const struct services *services = request_services(request);
	lanyard_Response response = { .which_body = lanyard_Response_config_tag };
	enum reason reason = store_preferences(request);
	response.body.config = (lanyard_ConfigResponse){
		.indicator_lights = services->preferences->indicator_lights,
		.sounds = services->preferences->sounds,
		.video_height = request->config.has_video_height ? request->config.video_height
		                                                 : recorder_video_height(services->recorder),
	};
	request_answer(request, reason, &response);
}

static void on_video_height(void *context, enum reason reason, const struct recorder_answer *answer) {
	(void)answer;
	struct request *request = context;
	request->call = NULL;
	if (reason == REASON_OK)
		finish_config(request);
	else
		request_answer(request, reason, NULL);
}

void handle_config(struct request *request, const lanyard_Request *message) {
	const struct services *services = request_services(request);
	request->config = message->body.config;
	enum reason reason = check_config(services->settings, &request->config);
	if (reason != REASON_OK)
		request_answer(request, reason, NULL);
	else if (request->config.has_video_height)
		request_asked(request, recorder_set_video_height(services->recorder, &request->call, request->config.video_height,
		                                                 on_video_height, request));
	else
		finish_config(request);
}

/* --- slate --- */

void handle_slate_head(struct request *request, const lanyard_Request *message) {
	(void)message;
	lanyard_Response response = { .which_body = lanyard_Response_slate_head_tag };
	lanyard_SlateHeadResponse *body = &response.body.slate_head;
	struct slate_head head;
	int result = slate_head(request_services(request)->slate, &head);
	if (result < 0) {
		request_answer(request, result == -ENOENT ? REASON_NOT_FOUND : REASON_STORE_FAILED, NULL);
		return;
	}
	body->entries = head.entries;
	body->time_us = head.time_us;
	body->log_id.size = sizeof(head.log_id);
	memcpy(body->log_id.bytes, head.log_id, sizeof(head.log_id));
	body->chain.size = sizeof(head.chain);
	memcpy(body->chain.bytes, head.chain, sizeof(head.chain));
	body->public_key.size = sizeof(head.public_key);
	memcpy(body->public_key.bytes, head.public_key, sizeof(head.public_key));
	body->signature.size = sizeof(head.signature);
	memcpy(body->signature.bytes, head.signature, sizeof(head.signature));
	request_answer(request, REASON_OK, &response);
}
