#include "companion/requests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "pairing/limits.h"

/* The largest request is a tag of 48 + 48 + 256 bytes. */
#define ENCODED_LIMIT 640
#define TIMEOUT_LIMIT_US (60 * SECOND_US)

struct entry {
	struct entry *next;
	uint32_t id;
	pb_size_t expected; /* body that a success must carry, 0 for none */
	enum requests_loss loss;
	bool sent, failing;
	uint64_t deadline_us;
	requests_answer answer;
	void *context;
	size_t length;
	uint8_t bytes[ENCODED_LIMIT];
};

struct requests {
	const struct random_source *random;
	struct entry *first; /* oldest first */
	uint32_t last_id;
	unsigned calling; /* callbacks on the stack */
	bool freed;
};

/* What a successful answer to a request must carry, and whether the request changes something. */
static const struct {
	pb_size_t request, response;
	bool effect;
} kinds[] = {
	{ lanyard_Request_status_tag, lanyard_Response_status_tag, false },
	{ lanyard_Request_clock_tag, 0, true },
	{ lanyard_Request_location_tag, 0, true },
	{ lanyard_Request_record_tag, 0, true },
	{ lanyard_Request_config_tag, lanyard_Response_config_tag, true },
	{ lanyard_Request_list_tag, lanyard_Response_list_tag, false },
	{ lanyard_Request_thumbnail_tag, lanyard_Response_thumbnail_tag, false },
	{ lanyard_Request_tag_tag, lanyard_Response_tag_tag, true },
	{ lanyard_Request_access_point_start_tag, lanyard_Response_access_point_up_tag, true },
	{ lanyard_Request_access_point_joined_tag, 0, true },
	{ lanyard_Request_wifi_stop_tag, 0, true },
	{ lanyard_Request_station_start_tag, 0, true },
	{ lanyard_Request_slate_head_tag, lanyard_Response_slate_head_tag, false },
};

struct requests *requests_new(const struct random_source *random) {
	struct requests *requests = calloc(1, sizeof(*requests));
	if (requests)
		requests->random = random;
	return requests;
}

static void entry_free(struct entry *entry) {
	wipe(entry, sizeof(*entry));
	free(entry);
}

static void requests_clear(struct requests *requests) {
	while (requests->first) {
		struct entry *entry = requests->first;
		requests->first = entry->next;
		entry_free(entry);
	}
}

void requests_free(struct requests *requests) {
	if (!requests)
		return;
	requests_clear(requests);
	requests->freed = true;
	if (requests->calling == 0)
		free(requests);
}

/* Takes the entry out and calls back. Returns false when the queue was freed meanwhile: the caller must not touch it again. */
static bool requests_finish(struct requests *requests, struct entry **link, enum reason reason,
                            const lanyard_Response *response) {
	struct entry *entry = *link;
	*link = entry->next;
	requests_answer answer = entry->answer;
	void *context = entry->context;
	entry_free(entry);
	requests->calling++;
	answer(context, reason, response);
	requests->calling--;
	if (!requests->freed)
		return true;
	if (requests->calling == 0)
		free(requests);
	return false;
}

static uint32_t requests_new_id(struct requests *requests) {
	if (++requests->last_id == 0)
		requests->last_id = 1;
	return requests->last_id;
}

static size_t requests_count(const struct requests *requests) {
	size_t count = 0;
	for (const struct entry *entry = requests->first; entry; entry = entry->next)
		count++;
	return count;
}

int requests_add(struct requests *requests, lanyard_Request *request, enum requests_loss loss, uint64_t now_us,
                 uint64_t timeout_us, requests_answer answer, void *context, uint32_t *ret_id) {
	if (requests_count(requests) >= REQUESTS_LIMIT)
		return -EAGAIN;
	struct entry *entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	if (timeout_us > TIMEOUT_LIMIT_US)
		timeout_us = TIMEOUT_LIMIT_US;
	entry->id = requests_new_id(requests);
	entry->loss = loss;
	entry->deadline_us = now_us + timeout_us;
	entry->answer = answer;
	entry->context = context;
	request->id = entry->id;
	request->deadline_ms = (uint32_t)(timeout_us / MILLISECOND_US);
	for (size_t i = 0; i < ELEMENTS(kinds); i++) {
		if (kinds[i].request != request->which_body)
			continue;
		entry->expected = kinds[i].response;
		if (kinds[i].effect) {
			request->operation.size = sizeof(request->operation.bytes);
			requests->random->fill(requests->random->context, request->operation.bytes,
			                       sizeof(request->operation.bytes));
		}
	}
	lanyard_Message message = { .which_kind = lanyard_Message_request_tag, .kind.request = *request };
	int result = codec_encode(&message, entry->bytes, sizeof(entry->bytes), &entry->length);
	wipe(&message, sizeof(message));
	if (result < 0) {
		entry_free(entry);
		return result;
	}
	struct entry **link = &requests->first;
	while (*link)
		link = &(*link)->next;
	*link = entry;
	if (ret_id)
		*ret_id = entry->id;
	return 0;
}

static struct entry **requests_find(struct requests *requests, uint32_t id) {
	for (struct entry **link = &requests->first; *link; link = &(*link)->next)
		if ((*link)->id == id)
			return link;
	return NULL;
}

void requests_cancel(struct requests *requests, uint32_t id) {
	struct entry **link = requests_find(requests, id);
	if (!link)
		return;
	struct entry *entry = *link;
	*link = entry->next;
	entry_free(entry);
}

const uint8_t *requests_next(struct requests *requests, size_t *ret_length) {
	size_t in_flight = 0;
	for (const struct entry *entry = requests->first; entry; entry = entry->next)
		in_flight += entry->sent;
	if (in_flight >= REQUESTS_IN_FLIGHT)
		return NULL;
	for (struct entry *entry = requests->first; entry; entry = entry->next)
		if (!entry->sent) {
			entry->sent = true;
			*ret_length = entry->length;
			return entry->bytes;
		}
	return NULL;
}

void requests_take_answer(struct requests *requests, const lanyard_Response *response) {
	struct entry **link = requests_find(requests, response->id);
	if (!link || !(*link)->sent)
		return;
	enum reason reason = reason_from_number(response->reason);
	if (reason == REASON_OK && (*link)->expected != 0 && response->which_body != (*link)->expected)
		reason = REASON_MESSAGE_MALFORMED;
	(void)requests_finish(requests, link, reason, reason == REASON_OK ? response : NULL);
}

/* A callback may change the list in any way: what is to fail is marked before the first is called, and each search starts anew.
 */
static void requests_fail_marked(struct requests *requests, enum reason reason) {
	struct entry **link = &requests->first;
	while (*link) {
		if (!(*link)->failing) {
			link = &(*link)->next;
			continue;
		}
		if (!requests_finish(requests, link, reason, NULL))
			return;
		link = &requests->first;
	}
}

void requests_link_lost(struct requests *requests) {
	for (struct entry *entry = requests->first; entry; entry = entry->next) {
		entry->failing = entry->sent && entry->loss == REQUESTS_FAIL;
		entry->sent = false;
	}
	requests_fail_marked(requests, REASON_SESSION_LOST);
}

void requests_fail_all(struct requests *requests, enum reason reason) {
	for (struct entry *entry = requests->first; entry; entry = entry->next)
		entry->failing = true;
	requests_fail_marked(requests, reason);
}

void requests_tick(struct requests *requests, uint64_t now_us) {
	for (struct entry *entry = requests->first; entry; entry = entry->next)
		entry->failing = entry->deadline_us <= now_us;
	requests_fail_marked(requests, REASON_TIMEOUT);
}

uint64_t requests_deadline_us(const struct requests *requests) {
	uint64_t deadline_us = UINT64_MAX;
	for (const struct entry *entry = requests->first; entry; entry = entry->next)
		if (entry->deadline_us < deadline_us)
			deadline_us = entry->deadline_us;
	return deadline_us;
}

bool requests_bound(const struct requests *requests) {
	for (const struct entry *entry = requests->first; entry; entry = entry->next)
		if (entry->sent && entry->loss == REQUESTS_FAIL)
			return true;
	return false;
}
