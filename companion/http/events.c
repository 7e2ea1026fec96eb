#include "companion/http/events.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/loop.h"

struct client {
	struct client *next, **link;
	struct events *events;
	struct http_stream *stream;
	bool status_due, heartbeat_due;
	bool missed;               /* there was no memory for what it should have heard */
	char *queue[EVENTS_QUEUE]; /* oldest first */
	size_t queued;
	char *text; /* being sent */
	size_t at, length;
};

struct events {
	sd_event *event;
	sd_event_source *timer, *heartbeat;
	bool scheduled;
	char *status_text; /* the last one that was sent, as an event */
	struct client *clients;
	size_t count;
	json_t *(*status)(void *context);
	void *context;
};

/* "event: NAME\ndata: JSON\n\n", or NULL. Compact JSON has no line breaks. */
static char *event_text(const char *name, json_t *json) {
	char *data = http_json_text(json), *text = NULL;
	if (data && asprintf(&text, "event: %s\ndata: %s\n\n", name, data) < 0)
		text = NULL;
	free(data);
	return text;
}

/* --- clients --- */

static char *client_next_text(struct client *client) {
	if (client->status_due && client->events->status_text) {
		char *text = strdup(client->events->status_text);
		client->status_due = !text;
		client->missed |= !text;
		return text;
	}
	if (client->queued > 0) {
		char *text = client->queue[0];
		memmove(&client->queue[0], &client->queue[1], --client->queued * sizeof(client->queue[0]));
		return text;
	}
	if (client->heartbeat_due) {
		client->heartbeat_due = false;
		return strdup(":\n\n");
	}
	return NULL;
}

static enum http_read on_read(void *context, uint8_t *out, size_t capacity, size_t *ret_length) {
	struct client *client = context;
	if (!client->text) {
		client->text = client_next_text(client);
		if (client->missed)
			return HTTP_READ_BROKEN; /* it comes back, and should list anew (openapi.yaml) */
		if (!client->text)
			return HTTP_READ_WAIT;
		client->at = 0;
		client->length = strlen(client->text);
	}
	size_t length = client->length - client->at < capacity ? client->length - client->at : capacity;
	memcpy(out, client->text + client->at, length);
	client->at += length;
	if (client->at == client->length) {
		free(client->text);
		client->text = NULL;
	}
	*ret_length = length;
	return HTTP_READ_BYTES;
}

static void on_free(void *context) {
	struct client *client = context;
	client->events->count--;
	*client->link = client->next;
	if (client->next)
		client->next->link = client->link;
	while (client->queued > 0)
		free(client->queue[--client->queued]);
	free(client->text);
	free(client);
}

static const struct http_stream_operations operations = { .read = on_read, .free = on_free };

static void events_schedule(struct events *events) {
	if (events->scheduled)
		return;
	events->scheduled = true;
	loop_timer_start(events->timer, EVENTS_SPACING_US);
}

static void events_refresh_status(struct events *events) {
	if (!events->clients) { /* nobody has kept it true since the last one left */
		free(events->status_text);
		events->status_text = NULL;
	}
	char *text = event_text("status", events->status(events->context));
	if (!text)
		events_schedule(events); /* out of memory: tried again */
	if (!text || (events->status_text && strcmp(text, events->status_text) == 0)) {
		free(text);
		return;
	}
	free(events->status_text);
	events->status_text = text;
	for (struct client *client = events->clients; client; client = client->next) {
		client->status_due = true;
		http_stream_wake(client->stream);
	}
}

void events_attach(struct events *events, struct http_request *request) {
	struct client *client = events->count < EVENTS_CLIENTS ? calloc(1, sizeof(*client)) : NULL;
	if (!client) {
		http_reply_reason(request, REASON_BUSY);
		return;
	}
	events_refresh_status(events);
	client->events = events;
	client->status_due = true;
	client->next = events->clients;
	client->link = &events->clients;
	if (client->next)
		client->next->link = &client->next;
	events->clients = client;
	events->count++;
	struct http_stream *stream =
	        http_reply_stream(request, MHD_HTTP_OK, "text/event-stream", UINT64_MAX, &operations, client);
	if (stream) /* else the client is already freed */
		client->stream = stream;
}

/* --- what happens --- */

static int on_timer(sd_event_source *source, uint64_t time_us, void *context) {
	(void)source;
	(void)time_us;
	struct events *events = context;
	events->scheduled = false;
	if (events->clients)
		events_refresh_status(events);
	return 0;
}

void events_status_changed(struct events *events) {
	if (events->clients)
		events_schedule(events);
}

void events_send_recording(struct events *events, json_t *recording) {
	char *text = event_text("recording", recording);
	for (struct client *client = events->clients; client; client = client->next) {
		/* A client that does not read loses the oldest; it lists anew when it comes back to life. */
		if (client->queued == EVENTS_QUEUE) {
			free(client->queue[0]);
			memmove(&client->queue[0], &client->queue[1], --client->queued * sizeof(client->queue[0]));
		}
		char *copy = text ? strdup(text) : NULL;
		if (copy)
			client->queue[client->queued++] = copy;
		else
			client->missed = true;
		http_stream_wake(client->stream);
	}
	free(text);
}

static int on_heartbeat(sd_event_source *source, uint64_t time_us, void *context) {
	(void)time_us;
	struct events *events = context;
	for (struct client *client = events->clients; client; client = client->next) {
		client->heartbeat_due = true;
		http_stream_wake(client->stream);
	}
	loop_timer_start(source, EVENTS_HEARTBEAT_US);
	return 0;
}

int events_new(struct events **ret, sd_event *event, json_t *(*status)(void *context), void *context) {
	struct events *events = calloc(1, sizeof(*events));
	if (!events)
		return -ENOMEM;
	*events = (struct events){ .event = event, .status = status, .context = context };
	int result = loop_timer_new(event, &events->timer, 1000, on_timer, events);
	if (result >= 0)
		result = sd_event_add_time_relative(event, &events->heartbeat, CLOCK_BOOTTIME, EVENTS_HEARTBEAT_US, 0,
		                                    on_heartbeat, events);
	if (result < 0) {
		events_free(events);
		return result;
	}
	*ret = events;
	return 0;
}

void events_free(struct events *events) {
	if (!events)
		return;
	sd_event_source_disable_unref(events->timer);
	sd_event_source_disable_unref(events->heartbeat);
	free(events->status_text);
	free(events);
}
