/* One request under way: what its handler works with. Internal to the requests. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/reason.h"
#include "cam-radio/recorder.h"
#include "cam-radio/services.h"
#include "proto/lanyard.pb.h"

#define OPERATION_SIZE 16

struct request;
struct requests;

struct request_kind {
	pb_size_t body; /* lanyard_Request_*_tag */
	const char *name;
	/* Has an effect: needs an operation id, and a repeated one is answered with the first result. */
	bool changes;
	/* The same, but bound to its session: there is nothing to repeat in another one, and its result holds secrets. */
	bool bound;
	/* Ends in exactly one request_answer, inside or later. */
	void (*handle)(struct request *request, const lanyard_Request *message);
};

struct request {
	size_t slot; /* among those under way */
	struct requests *requests;
	const struct request_kind *kind;
	uint32_t id;
	uint64_t deadline_us;
	uint8_t operation[OPERATION_SIZE];
	bool orphan; /* nobody waits for the answer */

	/* What it waits for; gives up waiting when the request ends before. */
	struct recorder_call *call;
	void (*cancel)(struct request *request);

	/* Of its handler. */
	uint32_t offset;
	char recording_id[33];
	lanyard_ConfigRequest config;
};

const struct services *request_services(const struct request *request);
/* Answers and frees it. response: its body and which_body, or NULL for none; id and reason are filled in. */
void request_answer(struct request *request, enum reason reason, const lanyard_Response *response);
/* After an attempt to ask the recorder: nothing when it was asked, otherwise answers. */
void request_asked(struct request *request, int result);

/* The companion's last known position, for the next recording. NULL when there is none that is fresh. */
const struct recorder_location *requests_location(const struct requests *requests);
void requests_set_location(struct requests *requests, const struct recorder_location *location);
void requests_preferences_changed(struct requests *requests);

/* --- checks of fields --- */

/* 32 lower-case hexadecimal digits. */
bool field_is_id(const char *text);
/* UTF-8 without control characters; newline and tab only where `lines`. */
bool field_is_text(const char *text, bool lines);
bool field_is_position(int32_t latitude_e7, int32_t longitude_e7);

/* --- handlers, by family of the schema --- */

void handle_status(struct request *request, const lanyard_Request *message);
void handle_clock(struct request *request, const lanyard_Request *message);
void handle_location(struct request *request, const lanyard_Request *message);
void handle_record(struct request *request, const lanyard_Request *message);
void handle_config(struct request *request, const lanyard_Request *message);
void handle_slate_head(struct request *request, const lanyard_Request *message);
void handle_list(struct request *request, const lanyard_Request *message);
void handle_thumbnail(struct request *request, const lanyard_Request *message);
void handle_tag(struct request *request, const lanyard_Request *message);
void handle_access_point_start(struct request *request, const lanyard_Request *message);
void handle_access_point_joined(struct request *request, const lanyard_Request *message);
void handle_wifi_stop(struct request *request, const lanyard_Request *message);
void handle_station_start(struct request *request, const lanyard_Request *message);
