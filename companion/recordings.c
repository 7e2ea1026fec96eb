#include "companion/recordings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define PAGE_OF_PROTOCOL 4 /* recordings in one answer (proto/footage.proto) */
/* A list of 100 takes 25 answers of about 3 KiB each over Bluetooth. */
#define ANSWER_TIMEOUT_US (10 * SECOND_US)

struct thumbnail {
	char id[RECORDING_ID_SIZE + 1];
	uint64_t used; /* larger is later */
	size_t length;
	uint8_t *jpeg;
};

struct recordings {
	struct session *session;
	uint64_t clock; /* counts uses, to find the thumbnail that was not used for longest */
	struct thumbnail thumbnail[THUMBNAIL_CACHE];
};

struct recordings_job {
	struct recordings *recordings;
	uint32_t request;
	void *context;
	/* list */
	void (*listed)(void *context, enum reason reason, const lanyard_Recording *list, size_t count, bool more);
	lanyard_Recording *list;
	unsigned count, limit;
	/* thumbnail */
	void (*fetched)(void *context, enum reason reason, const uint8_t *jpeg, size_t length);
	char id[RECORDING_ID_SIZE + 1]; /* of the thumbnail, or of the last recording listed */
	uint8_t *jpeg;
	size_t length, total;
};

struct recordings *recordings_new(struct session *session) {
	struct recordings *recordings = calloc(1, sizeof(*recordings));
	if (recordings)
		recordings->session = session;
	return recordings;
}

static void thumbnail_drop(struct thumbnail *thumbnail) {
	if (thumbnail->jpeg)
		wipe(thumbnail->jpeg, thumbnail->length);
	free(thumbnail->jpeg);
	*thumbnail = (struct thumbnail){ 0 };
}

void recordings_clear(struct recordings *recordings) {
	for (size_t i = 0; i < THUMBNAIL_CACHE; i++)
		thumbnail_drop(&recordings->thumbnail[i]);
}

void recordings_free(struct recordings *recordings) {
	if (!recordings)
		return;
	recordings_clear(recordings);
	free(recordings);
}

bool recording_id_is_valid(const char *id) {
	return strlen(id) == RECORDING_ID_SIZE && strspn(id, "0123456789abcdef") == RECORDING_ID_SIZE;
}

static void job_free(struct recordings_job *job) {
	if (job->jpeg)
		wipe(job->jpeg, job->total);
	free(job->jpeg);
	free(job->list);
	free(job);
}

void recordings_job_cancel(struct recordings_job *job) {
	if (!job)
		return;
	session_cancel(job->recordings->session, job->request);
	job_free(job);
}

/* --- list --- */

static void on_list_answer(void *context, enum reason reason, const lanyard_Response *response);

static int job_request_list(struct recordings_job *job) {
	lanyard_Request request = { .which_body = lanyard_Request_list_tag };
	unsigned left = job->limit - job->count;
	request.body.list.limit = left < PAGE_OF_PROTOCOL ? left : PAGE_OF_PROTOCOL;
	strcpy(request.body.list.before_id, job->id); /* both hold RECORDING_ID_SIZE characters */
	return session_request(job->recordings->session, &request, REQUESTS_REPEAT, ANSWER_TIMEOUT_US, on_list_answer, job,
	                       &job->request);
}

static enum reason reason_from_error(int error) {
	return error == -ENOTCONN ? REASON_NOT_CONNECTED : error == -EAGAIN ? REASON_BUSY : REASON_INTERNAL;
}

static void job_listed(struct recordings_job *job, enum reason reason, bool more) {
	job->listed(job->context, reason, job->list, reason == REASON_OK ? job->count : 0, more);
	job_free(job);
}

static void on_list_answer(void *context, enum reason reason, const lanyard_Response *response) {
	struct recordings_job *job = context;
	job->request = 0;
	if (reason != REASON_OK) {
		job_listed(job, reason, false);
		return;
	}
	const lanyard_ListResponse *page = &response->body.list;
	for (pb_size_t i = 0; i < page->recordings_count; i++) {
		/* The id goes into addresses and into the next request; a camera that sends more than was asked for is cut off.
		 */
		if (!recording_id_is_valid(page->recordings[i].id)) {
			job_listed(job, REASON_MESSAGE_MALFORMED, false);
			return;
		}
		if (job->count == job->limit)
			break;
		job->list[job->count++] = page->recordings[i];
		strcpy(job->id, page->recordings[i].id); /* its length was checked above */
	}
	if (!page->more || page->recordings_count == 0 || job->count == job->limit) {
		job_listed(job, REASON_OK, page->more);
		return;
	}
	int result = job_request_list(job);
	if (result < 0)
		job_listed(job, reason_from_error(result), false);
}

int recordings_list(struct recordings_job **ret, struct recordings *recordings, const char *before, unsigned limit,
                    void (*done)(void *context, enum reason reason, const lanyard_Recording *list, size_t count, bool more),
                    void *context) {
	struct recordings_job *job = calloc(1, sizeof(*job));
	if (!job)
		return -ENOMEM;
	*job = (struct recordings_job){ .recordings = recordings, .context = context, .listed = done, .limit = limit };
	job->list = calloc(limit, sizeof(*job->list));
	strncpy(job->id, before, sizeof(job->id) - 1);
	int result = job->list ? job_request_list(job) : -ENOMEM;
	if (result < 0) {
		job_free(job);
		return result;
	}
	*ret = job;
	return 0;
}

/* --- thumbnails --- */

static struct thumbnail *recordings_find_thumbnail(struct recordings *recordings, const char *id) {
	for (size_t i = 0; i < THUMBNAIL_CACHE; i++)
		if (recordings->thumbnail[i].jpeg && strcmp(recordings->thumbnail[i].id, id) == 0)
			return &recordings->thumbnail[i];
	return NULL;
}

/* Takes over the job's bytes. */
static void recordings_keep_thumbnail(struct recordings *recordings, struct recordings_job *job) {
	struct thumbnail *place = recordings_find_thumbnail(recordings, job->id);
	for (size_t i = 0; !place && i < THUMBNAIL_CACHE; i++)
		if (!recordings->thumbnail[i].jpeg)
			place = &recordings->thumbnail[i];
	if (!place) {
		place = &recordings->thumbnail[0];
		for (size_t i = 1; i < THUMBNAIL_CACHE; i++)
			if (recordings->thumbnail[i].used < place->used)
				place = &recordings->thumbnail[i];
	}
	thumbnail_drop(place);
	strcpy(place->id, job->id); /* both hold RECORDING_ID_SIZE characters */
	place->jpeg = job->jpeg;
	place->length = job->total;
	place->used = ++recordings->clock;
	job->jpeg = NULL;
}

static void on_thumbnail_answer(void *context, enum reason reason, const lanyard_Response *response);

static int job_request_thumbnail(struct recordings_job *job) {
	lanyard_Request request = { .which_body = lanyard_Request_thumbnail_tag };
	strcpy(request.body.thumbnail.id, job->id); /* both hold RECORDING_ID_SIZE characters */
	request.body.thumbnail.offset = (uint32_t)job->length;
	return session_request(job->recordings->session, &request, REQUESTS_REPEAT, ANSWER_TIMEOUT_US, on_thumbnail_answer, job,
	                       &job->request);
}

static void job_fetched(struct recordings_job *job, enum reason reason) {
	job->fetched(job->context, reason, reason == REASON_OK ? job->jpeg : NULL, reason == REASON_OK ? job->total : 0);
	if (reason == REASON_OK)
		recordings_keep_thumbnail(job->recordings, job);
	job_free(job);
}

/* Adds a part. REASON_OK: go on or complete. */
static enum reason job_take_part(struct recordings_job *job, const lanyard_ThumbnailResponse *part) {
	if (!job->jpeg) {
		if (part->total == 0)
			return REASON_NOT_FOUND;
		if (part->total > THUMBNAIL_LIMIT)
			return REASON_MESSAGE_MALFORMED;
		job->total = part->total;
		job->jpeg = malloc(job->total);
		if (!job->jpeg)
			return REASON_INTERNAL;
	}
	if (part->total != job->total || part->data.size == 0 || part->data.size > job->total - job->length)
		return REASON_MESSAGE_MALFORMED;
	memcpy(job->jpeg + job->length, part->data.bytes, part->data.size);
	job->length += part->data.size;
	return REASON_OK;
}

static void on_thumbnail_answer(void *context, enum reason reason, const lanyard_Response *response) {
	struct recordings_job *job = context;
	job->request = 0;
	if (reason == REASON_OK)
		reason = job_take_part(job, &response->body.thumbnail);
	if (reason != REASON_OK || job->length == job->total) {
		job_fetched(job, reason);
		return;
	}
	int result = job_request_thumbnail(job);
	if (result < 0)
		job_fetched(job, reason_from_error(result));
}

int recordings_thumbnail(struct recordings_job **ret, struct recordings *recordings, const char *id,
                         void (*done)(void *context, enum reason reason, const uint8_t *jpeg, size_t length), void *context) {
	struct thumbnail *known = recordings_find_thumbnail(recordings, id);
	if (known) {
		known->used = ++recordings->clock;
		*ret = NULL;
		done(context, REASON_OK, known->jpeg, known->length);
		return 0;
	}
	struct recordings_job *job = calloc(1, sizeof(*job));
	if (!job)
		return -ENOMEM;
	*job = (struct recordings_job){ .recordings = recordings, .context = context, .fetched = done };
	strncpy(job->id, id, sizeof(job->id) - 1);
	int result = job_request_thumbnail(job);
	if (result < 0) {
		job_free(job);
		return result;
	}
	*ret = job;
	return 0;
}
