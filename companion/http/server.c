#include "companion/http/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/loop.h"
#include "companion/http/body.h"

#define MILLISECOND_IN_US 1000ull
#define SECOND_IN_US 1000000ull
#define SWEEP_US (3 * SECOND_IN_US)
#define STREAM_BLOCK (32u * 1024)
#define EXTRA_HEADERS 4

struct connection {
	struct connection *next, **link;
	struct MHD_Connection *mhd;
	uint64_t waiting_since_us; /* for a complete request; UINT64_MAX while one is worked on */
	bool ended;
};

struct http_server {
	sd_event *event;
	struct MHD_Daemon *daemon;
	bool local;
	sd_event_source *io, *soon, *timer, *sweep;
	struct connection *connections;
	size_t connection_count;
	bool made_room;                /* a connection was closed while MHD ran */
	struct http_request *requests; /* suspended ones */
	struct http_stream *streams;
	const struct http_server_callbacks *callbacks;
	void *context;
};

struct http_request {
	struct http_server *server;
	struct MHD_Connection *mhd;
	char *path;
	const char *method;
	bool handled;                      /* `handle` was called */
	bool answered;                     /* also when there was no memory for the answer: the connection is closed then */
	bool suspended;                    /* waits for its answer */
	struct http_request *next, **link; /* while suspended */
	unsigned status;
	struct MHD_Response *response; /* the answer, until MHD has it */
	struct {
		const char *name;
		char value[128];
	} header[EXTRA_HEADERS];
	size_t headers;
	void (*gone)(void *context);
	void *gone_context;
	size_t body_length;
	char body[BODY_LIMIT];
};

struct http_stream {
	struct http_server *server;
	struct http_stream *next, **link;
	struct MHD_Connection *mhd;
	bool suspended, ended;
	const struct http_stream_operations *operations;
	void *context;
};

/* --- running libmicrohttpd --- */

/* From the loop: whoever asks may be anywhere, also within MHD_run. A timer that has passed would be late by its accuracy. */
static void server_run_soon(struct http_server *server) {
	sd_event_source_set_enabled(server->soon, SD_EVENT_ONESHOT);
}

static void server_run(struct http_server *server) {
	server->made_room = false;
	MHD_run(server->daemon);
	MHD_UNSIGNED_LONG_LONG timeout_ms = 0;
	bool waits = MHD_get_timeout(server->daemon, &timeout_ms) == MHD_YES;
	loop_timer_stop(server->timer);
	/* At its limit MHD does not watch the listening socket, and looks whether it may again only when it runs. */
	if (server->made_room || (waits && timeout_ms == 0)) {
		server_run_soon(server);
	} else if (waits) {
		loop_timer_start(server->timer, timeout_ms * MILLISECOND_IN_US);
	}
}

static int on_io(sd_event_source *source, int file, uint32_t events, void *context) {
	(void)source;
	(void)file;
	(void)events;
	server_run(context);
	return 0;
}

static int on_soon(sd_event_source *source, void *context) {
	(void)source;
	server_run(context);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t time_us, void *context) {
	(void)source;
	(void)time_us;
	server_run(context);
	return 0;
}

static void connection_end(struct connection *connection) {
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info)
		shutdown(info->connect_fd, SHUT_RDWR); /* MHD sees the end of it and cleans up */
	connection->ended = true;
}

/* Whoever opens connections and says nothing must not keep others out. */
static void server_make_room(struct http_server *server) {
	struct connection *longest = NULL;
	for (struct connection *connection = server->connections; connection; connection = connection->next)
		if (!connection->ended && connection->waiting_since_us != UINT64_MAX &&
		    (!longest || connection->waiting_since_us <= longest->waiting_since_us))
			longest = connection; /* the list is newest first: of equals the older one */
	if (longest)
		connection_end(longest);
}

/* libmicrohttpd's own time limit begins anew with every byte; this one does not. */
static int on_sweep(sd_event_source *source, uint64_t time_us, void *context) {
	(void)time_us;
	struct http_server *server = context;
	uint64_t now_us = loop_now_us(server->event);
	for (struct connection *connection = server->connections; connection; connection = connection->next) {
		if (connection->waiting_since_us == UINT64_MAX ||
		    now_us < connection->waiting_since_us + HTTP_REQUEST_SECONDS * SECOND_IN_US)
			continue;
		connection_end(connection);
	}
	loop_timer_start(source, SWEEP_US);
	return 0;
}

static struct connection *connection_of(struct MHD_Connection *mhd) {
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

static void connection_set_waiting(struct MHD_Connection *mhd, uint64_t since_us) {
	struct connection *connection = connection_of(mhd);
	if (connection)
		connection->waiting_since_us = since_us;
}

static void on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode code) {
	struct http_server *server = context;
	struct connection *connection = *socket_context;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (!connection)
			return;
		*connection->link = connection->next;
		if (connection->next)
			connection->next->link = connection->link;
		server->connection_count--;
		server->made_room = true;
		free(connection);
		*socket_context = NULL;
		return;
	}
	/* Without memory for it the connection merely has MHD's own time limit. */
	connection = calloc(1, sizeof(*connection));
	if (!connection)
		return;
	connection->mhd = mhd;
	connection->waiting_since_us = loop_now_us(server->event);
	connection->next = server->connections;
	connection->link = &server->connections;
	if (connection->next)
		connection->next->link = &connection->next;
	server->connections = connection;
	*socket_context = connection;
	if (++server->connection_count > HTTP_CONNECTIONS - HTTP_CONNECTIONS_FREE)
		server_make_room(server);
}

/* --- requests --- */

static struct http_request *request_new(struct http_server *server, struct MHD_Connection *mhd, const char *path,
                                        const char *method) {
	struct http_request *request = calloc(1, sizeof(*request));
	if (!request)
		return NULL;
	request->server = server;
	request->mhd = mhd;
	request->method = method; /* MHD keeps it as long as the request */
	request->path = strdup(path);
	if (!request->path) {
		free(request);
		return NULL;
	}
	return request;
}

static void request_unlink(struct http_request *request) {
	if (!request->link)
		return;
	*request->link = request->next;
	if (request->next)
		request->next->link = request->link;
	request->link = NULL;
}

static void request_free(struct http_request *request) {
	request_unlink(request);
	if (request->response)
		MHD_destroy_response(request->response);
	wipe(request->body, request->body_length); /* it may be the token */
	free(request->path);
	free(request);
}

static void request_suspend(struct http_request *request) {
	struct http_server *server = request->server;
	request->suspended = true;
	request->next = server->requests;
	request->link = &server->requests;
	if (request->next)
		request->next->link = &request->next;
	server->requests = request;
	MHD_suspend_connection(request->mhd);
}

/* NO closes the connection. */
static enum MHD_Result request_queue(struct http_request *request) {
	struct MHD_Response *response = request->response;
	if (!response)
		return MHD_NO;
	request->response = NULL;
	enum MHD_Result result = MHD_queue_response(request->mhd, request->status, response);
	MHD_destroy_response(response); /* MHD has a reference of its own */
	return result;
}

static bool announced_body_is_too_long(struct MHD_Connection *mhd) {
	const char *length = MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
	return length && strtoull(length, NULL, 10) > BODY_LIMIT;
}

static enum MHD_Result request_begin(struct http_server *server, struct MHD_Connection *mhd, const char *path, const char *method,
                                     void **request_context) {
	struct http_request *request = request_new(server, mhd, path, method);
	if (!request)
		return MHD_NO;
	*request_context = request;
	server->callbacks->check(server->context, request);
	if (!request->answered && announced_body_is_too_long(mhd))
		http_reply_reason(request, REASON_BODY_TOO_LONG);
	return request->answered ? request_queue(request) : MHD_YES;
}

static enum MHD_Result on_access(void *context, struct MHD_Connection *mhd, const char *path, const char *method,
                                 const char *version, const char *upload, size_t *upload_length, void **request_context) {
	(void)version;
	struct http_request *request = *request_context;
	if (!request)
		return request_begin(context, mhd, path, method, request_context);
	if (*upload_length > 0) {
		/* The announced length was checked: only a chunked body gets here, and it is not worth an answer. */
		if (*upload_length > sizeof(request->body) - request->body_length)
			return MHD_NO;
		memcpy(request->body + request->body_length, upload, *upload_length);
		request->body_length += *upload_length;
		*upload_length = 0;
		return MHD_YES;
	}
	if (!request->handled) {
		request->handled = true;
		connection_set_waiting(mhd, UINT64_MAX);
		request->server->callbacks->handle(request->server->context, request);
		if (!request->answered) {
			request_suspend(request);
			return MHD_YES;
		}
	}
	/* Called again after the connection was resumed: the answer is there, or the server ends. */
	return request_queue(request);
}

static void on_completed(void *context, struct MHD_Connection *mhd, void **request_context,
                         enum MHD_RequestTerminationCode code) {
	struct http_server *server = context;
	(void)code;
	struct http_request *request = *request_context;
	if (!request)
		return;
	*request_context = NULL;
	connection_set_waiting(mhd, loop_now_us(server->event));
	if (request->gone)
		request->gone(request->gone_context);
	request_free(request);
}

bool http_request_is_local(const struct http_request *request) {
	return request->server->local;
}

const char *http_request_method(const struct http_request *request) {
	return request->method;
}

const char *http_request_path(const struct http_request *request) {
	return request->path;
}

const char *http_request_header(const struct http_request *request, const char *name) {
	return MHD_lookup_connection_value(request->mhd, MHD_HEADER_KIND, name);
}

const char *http_request_query(const struct http_request *request, const char *name) {
	return MHD_lookup_connection_value(request->mhd, MHD_GET_ARGUMENT_KIND, name);
}

const char *http_request_body(const struct http_request *request, size_t *ret_length) {
	*ret_length = request->body_length;
	return request->body;
}

void http_request_on_gone(struct http_request *request, void (*gone)(void *context), void *context) {
	request->gone = gone;
	request->gone_context = context;
}

/* --- answers --- */

void http_request_add_header(struct http_request *request, const char *name, const char *value) {
	if (request->headers == EXTRA_HEADERS)
		return;
	request->header[request->headers].name = name;
	snprintf(request->header[request->headers].value, sizeof(request->header[0].value), "%s", value);
	request->headers++;
}

/* On every answer, the page's files included. The page uses nothing from elsewhere; video is played from this origin or from
 * memory. */
static const struct {
	const char *name, *value;
} security_headers[] = {
	{ "Cache-Control", "no-store" },
	{ "Content-Security-Policy",
	  "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; img-src 'self' blob: "
	  "data:; "
	  "media-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Permissions-Policy", "geolocation=(self), camera=(), microphone=(), payment=(), usb=()" },
	{ "Referrer-Policy", "no-referrer" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
};

/* False for want of memory. */
static bool response_add_headers(struct MHD_Response *response, const struct http_request *request, const char *type) {
	if (type && MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type) != MHD_YES)
		return false;
	for (size_t i = 0; i < ELEMENTS(security_headers); i++)
		if (MHD_add_response_header(response, security_headers[i].name, security_headers[i].value) != MHD_YES)
			return false;
	for (size_t i = 0; i < request->headers; i++)
		if (MHD_add_response_header(response, request->header[i].name, request->header[i].value) != MHD_YES)
			return false;
	return true;
}

/* Takes over the response; NULL: out of memory, and the connection is closed. So it is for one that would lack headers: it may be
 * kept, or shown, where it must not be. */
static void request_answer(struct http_request *request, unsigned status, const char *type, struct MHD_Response *response) {
	request->gone = NULL;
	request->answered = true;
	request->status = status;
	if (response && !response_add_headers(response, request, type)) {
		MHD_destroy_response(response);
		response = NULL;
	}
	request->response = response;
	if (!request->suspended)
		return;
	request->suspended = false;
	request_unlink(request);
	MHD_resume_connection(request->mhd);
	server_run_soon(request->server);
}

void http_reply_bytes(struct http_request *request, unsigned status, const char *type, const void *bytes, size_t length) {
	struct MHD_Response *response = MHD_create_response_from_buffer(length, (void *)(uintptr_t)bytes, MHD_RESPMEM_MUST_COPY);
	request_answer(request, status, type, response);
}

void http_reply_empty(struct http_request *request, unsigned status) {
	http_reply_bytes(request, status, NULL, "", 0);
}

/* Not json_dumps: when its buffer cannot grow for an object's key, that of jansson 2.14 leaves the key out, and goes on. */
char *http_json_text(json_t *json) {
	size_t size = json ? json_dumpb(json, NULL, 0, JSON_COMPACT) : 0;
	char *text = size > 0 ? malloc(size + 1) : NULL;
	if (text && json_dumpb(json, text, size, JSON_COMPACT) == size) {
		text[size] = '\0';
	} else {
		free(text);
		text = NULL;
	}
	json_decref(json);
	return text;
}

void http_reply_json(struct http_request *request, unsigned status, json_t *json) {
	char *text = http_json_text(json);
	if (!text) {
		http_reply_empty(request, MHD_HTTP_INTERNAL_SERVER_ERROR);
		return;
	}
	http_reply_bytes(request, status, "application/json", text, strlen(text));
	free(text);
}

unsigned http_status_of_reason(enum reason reason) {
	static const struct {
		enum reason reason;
		unsigned status;
	} table[] = {
		{ REASON_OK, MHD_HTTP_OK },
		{ REASON_BODY_INVALID, MHD_HTTP_BAD_REQUEST },
		{ REASON_REQUEST_INVALID, MHD_HTTP_BAD_REQUEST },
		{ REASON_LOGIN_REQUIRED, MHD_HTTP_UNAUTHORIZED },
		{ REASON_ORIGIN_REFUSED, MHD_HTTP_FORBIDDEN },
		{ REASON_NOT_PERMITTED, MHD_HTTP_FORBIDDEN },
		{ REASON_PATH_UNKNOWN, MHD_HTTP_NOT_FOUND },
		{ REASON_NOT_FOUND, MHD_HTTP_NOT_FOUND },
		{ REASON_CAMERA_NOT_FOUND, MHD_HTTP_NOT_FOUND },
		{ REASON_METHOD_UNKNOWN, MHD_HTTP_METHOD_NOT_ALLOWED },
		{ REASON_NOT_CONNECTED, MHD_HTTP_CONFLICT },
		{ REASON_NOT_PAIRED, MHD_HTTP_CONFLICT },
		{ REASON_WIFI_OFF, MHD_HTTP_CONFLICT },
		{ REASON_PAIRING_BUSY, MHD_HTTP_CONFLICT },
		{ REASON_CODE_REJECTED, MHD_HTTP_CONFLICT },
		{ REASON_NO_CODE, MHD_HTTP_CONFLICT },
		{ REASON_BUSY, MHD_HTTP_CONFLICT },
		{ REASON_BODY_TOO_LONG, MHD_HTTP_CONTENT_TOO_LARGE },
		{ REASON_RANGE_INVALID, MHD_HTTP_RANGE_NOT_SATISFIABLE },
		{ REASON_REQUEST_UNKNOWN, MHD_HTTP_NOT_IMPLEMENTED },
		{ REASON_BLUETOOTH_GONE, MHD_HTTP_SERVICE_UNAVAILABLE },
		{ REASON_ADAPTER_GONE, MHD_HTTP_SERVICE_UNAVAILABLE },
		{ REASON_WIFI_GONE, MHD_HTTP_SERVICE_UNAVAILABLE },
		{ REASON_TIMEOUT, MHD_HTTP_GATEWAY_TIMEOUT },
		{ REASON_INTERNAL, MHD_HTTP_INTERNAL_SERVER_ERROR },
		{ REASON_DISK_FULL, MHD_HTTP_INSUFFICIENT_STORAGE },
	};
	for (size_t i = 0; i < ELEMENTS(table); i++)
		if (table[i].reason == reason)
			return table[i].status;
	return MHD_HTTP_BAD_GATEWAY; /* everything else is something between us and the camera */
}

void http_reply_reason_with_status(struct http_request *request, unsigned status, enum reason reason) {
	http_reply_json(request, status,
	                json_pack("{s:s, s:s}", "reason", reason_code(reason), "message", reason_sentence(reason)));
}

void http_reply_reason(struct http_request *request, enum reason reason) {
	http_reply_reason_with_status(request, http_status_of_reason(reason), reason);
}

void http_reply_file(struct http_request *request, const char *type, int file, uint64_t size) {
	struct MHD_Response *response = MHD_create_response_from_fd64(size, file);
	if (!response)
		close(file);
	request_answer(request, MHD_HTTP_OK, type, response);
}

/* --- streams --- */

static ssize_t on_stream_read(void *context, uint64_t position, char *out, size_t capacity) {
	(void)position;
	struct http_stream *stream = context;
	if (stream->ended)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	size_t length = 0;
	switch (stream->operations->read(stream->context, (uint8_t *)out, capacity, &length)) {
	case HTTP_READ_BYTES:
		return (ssize_t)length;
	case HTTP_READ_WAIT:
		stream->suspended = true;
		MHD_suspend_connection(stream->mhd);
		return 0;
	case HTTP_READ_END:
		return MHD_CONTENT_READER_END_OF_STREAM;
	case HTTP_READ_BROKEN:
		break;
	}
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static void on_stream_free(void *context) {
	struct http_stream *stream = context;
	*stream->link = stream->next;
	if (stream->next)
		stream->next->link = stream->link;
	stream->operations->free(stream->context);
	free(stream);
}

struct http_stream *http_reply_stream(struct http_request *request, unsigned status, const char *type, uint64_t size,
                                      const struct http_stream_operations *operations, void *context) {
	struct http_stream *stream = calloc(1, sizeof(*stream));
	struct MHD_Response *response =
	        stream ? MHD_create_response_from_callback(size == UINT64_MAX ? MHD_SIZE_UNKNOWN : size, STREAM_BLOCK,
	                                                   on_stream_read, stream, on_stream_free)
	               : NULL;
	if (!response) {
		free(stream);
		operations->free(context);
		http_reply_empty(request, MHD_HTTP_INTERNAL_SERVER_ERROR);
		return NULL;
	}
	*stream = (struct http_stream){
		.server = request->server,
		.mhd = request->mhd,
		.operations = operations,
		.context = context,
		.next = request->server->streams,
		.link = &request->server->streams,
	};
	if (stream->next)
		stream->next->link = &stream->next;
	request->server->streams = stream;
	request_answer(request, status, type, response);
	return request->response ? stream : NULL;
}

void http_stream_wake(struct http_stream *stream) {
	if (!stream->suspended)
		return;
	stream->suspended = false;
	MHD_resume_connection(stream->mhd);
	server_run_soon(stream->server);
}

/* --- life --- */

/* An encoded zero byte must not cut a path or a value short. */
static size_t on_unescape(void *context, struct MHD_Connection *mhd, char *text) {
	(void)context;
	(void)mhd;
	size_t length = MHD_http_unescape(text);
	for (size_t i = 0; i < length; i++)
		if (text[i] == '\0')
			text[i] = '\1';
	return length;
}

static void on_mhd_log(void *context, const char *format, va_list arguments) {
	(void)context;
	char text[256];
	vsnprintf(text, sizeof(text), format, arguments);
	log_line(LOG_LEVEL_DEBUG, "http", "%s", text); /* mostly clients that went away; the text may quote them */
}

int http_server_new(struct http_server **ret, sd_event *event, int listening, bool local,
                    const struct http_server_callbacks *callbacks, void *context) {
	struct http_server *server = calloc(1, sizeof(*server));
	if (!server) {
		close(listening);
		return -ENOMEM;
	}
	*server = (struct http_server){ .event = event, .local = local, .callbacks = callbacks, .context = context };
	server->daemon = MHD_start_daemon(
	        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_access, server,
	        MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL, MHD_OPTION_LISTEN_SOCKET, listening, MHD_OPTION_NOTIFY_COMPLETED,
	        on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_CONNECTION_LIMIT,
	        (unsigned)HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)HTTP_STALLED_SECONDS,
	        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_CONNECTION_MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1,
	        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, NULL, MHD_OPTION_END);
	int result = 0;
	if (!server->daemon) {
		close(listening);
		result = -EIO;
	}
	if (result == 0) {
		const union MHD_DaemonInfo *info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
		result = info ? sd_event_add_io(event, &server->io, info->epoll_fd, EPOLLIN, on_io, server) : -EIO;
	}
	if (result >= 0)
		result = sd_event_add_defer(event, &server->soon, on_soon, server);
	/* After all else: a source of this kind counts as the one that has waited longest, and requests without end would keep
	 * the camera's link, and the end of the program, waiting. */
	if (result >= 0)
		result = sd_event_source_set_priority(server->soon, SD_EVENT_PRIORITY_NORMAL + 1);
	if (result >= 0)
		result = sd_event_add_time_relative(event, &server->timer, CLOCK_BOOTTIME, 0, 1000, on_timer, server);
	if (result >= 0)
		result = sd_event_add_time_relative(event, &server->sweep, CLOCK_BOOTTIME, SWEEP_US, 500000, on_sweep, server);
	if (result < 0) {
		http_server_free(server);
		return result;
	}
	*ret = server;
	return 0;
}

void http_server_free(struct http_server *server) {
	if (!server)
		return;
	sd_event_source_disable_unref(server->io);
	sd_event_source_disable_unref(server->soon);
	sd_event_source_disable_unref(server->timer);
	sd_event_source_disable_unref(server->sweep);
	server->io = server->soon = server->timer = server->sweep = NULL;
	/* Nothing may be suspended when the daemon stops. */
	while (server->requests) {
		struct http_request *request = server->requests;
		request->suspended = false;
		request_unlink(request);
		MHD_resume_connection(request->mhd);
	}
	for (struct http_stream *stream = server->streams; stream; stream = stream->next) {
		stream->ended = true;
		if (stream->suspended) {
			stream->suspended = false;
			MHD_resume_connection(stream->mhd);
		}
	}
	if (server->daemon) {
		MHD_run(server->daemon); /* takes note of what was resumed */
		MHD_stop_daemon(server->daemon);
	}
	free(server);
}
