/* One listening socket of the HTTP API: libmicrohttpd inside sd-event. Bodies are small and collected before a request is handed
 * to its owner; answers may come later (the connection is suspended meanwhile) and may be streams. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/reason.h"

/* A page with its thumbnails, event stream and video takes about ten; programs one each. */
#define HTTP_CONNECTIONS 64
/* Of these, kept free for the next client: the connection that has waited longest for a request makes room. */
#define HTTP_CONNECTIONS_FREE 4
/* Headers and buffers of one connection. */
#define HTTP_CONNECTION_MEMORY (24u * 1024)
/* A request must be complete, and an idle connection used again, within this: a client that dribbles bytes holds its place no
 * longer. */
#define HTTP_REQUEST_SECONDS 15
/* A stream whose reader takes nothing is closed after this; a player that paused asks anew with a Range. */
#define HTTP_STALLED_SECONDS 120

struct http_server;
struct http_request;
struct http_stream;

struct http_server_callbacks {
	/* The headers are complete. May answer (refuse) at once, by http_reply*; otherwise `handle` follows. */
	void (*check)(void *context, struct http_request *request);
	/* The request is complete. Answer inside or later. */
	void (*handle)(void *context, struct http_request *request);
};

/* Takes ownership of the listening socket, also on failure. local: it is the Unix socket. 0 or a negative errno. */
int http_server_new(struct http_server **ret, sd_event *event, int listening, bool local,
                    const struct http_server_callbacks *callbacks, void *context);
/* Ends every request: unanswered ones see `gone`. NULL is allowed. */
void http_server_free(struct http_server *server);

bool http_request_is_local(const struct http_request *request);
const char *http_request_method(const struct http_request *request);
/* Decoded, without the query. */
const char *http_request_path(const struct http_request *request);
/* NULL when absent. */
const char *http_request_header(const struct http_request *request, const char *name);
const char *http_request_query(const struct http_request *request, const char *name);
const char *http_request_body(const struct http_request *request, size_t *ret_length);
/* For the owner's bookkeeping while it works on the answer: `gone` is called when the client went away, or the server ends,
 * before an answer was given. */
void http_request_on_gone(struct http_request *request, void (*gone)(void *context), void *context);

/* Answers: each ends the request, which must not be used any more. */

/* An extra header is added to the answer that follows. */
void http_request_add_header(struct http_request *request, const char *name, const char *value);
void http_reply_empty(struct http_request *request, unsigned status);
void http_reply_bytes(struct http_request *request, unsigned status, const char *type, const void *bytes, size_t length);
/* Compact JSON, to be freed; NULL for want of memory. Takes over the reference, which may be NULL. */
char *http_json_text(json_t *json);
/* Takes over the reference; NULL (out of memory while building it) answers 500. */
void http_reply_json(struct http_request *request, unsigned status, json_t *json);
/* {"reason", "message"} with the status that belongs to the reason (http_status_of_reason). */
void http_reply_reason(struct http_request *request, enum reason reason);
void http_reply_reason_with_status(struct http_request *request, unsigned status, enum reason reason);
/* A regular file of this size; takes ownership of the descriptor. */
void http_reply_file(struct http_request *request, const char *type, int file, uint64_t size);

unsigned http_status_of_reason(enum reason reason);

enum http_read { HTTP_READ_BYTES, HTTP_READ_WAIT, HTTP_READ_END, HTTP_READ_BROKEN };

struct http_stream_operations {
	/* Fills at most `capacity` bytes. WAIT: nothing now, http_stream_wake follows. BROKEN: the client must see that it is
	 * incomplete. */
	enum http_read (*read)(void *context, uint8_t *out, size_t capacity, size_t *ret_length);
	/* The stream is gone, for whatever reason: frees `context`. Called exactly once, also when replying fails. */
	void (*free)(void *context);
};

/* size: UINT64_MAX when not known. The stream lives until `free` is called; NULL when it was, for want of memory. */
struct http_stream *http_reply_stream(struct http_request *request, unsigned status, const char *type, uint64_t size,
                                      const struct http_stream_operations *operations, void *context);
/* There is something to read, or it has ended. Never calls back from inside. */
void http_stream_wake(struct http_stream *stream);
