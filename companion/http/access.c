#include "companion/http/access.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"

#define AUTHORITY_LIMIT 64 /* "localhost:65535" is the longest that can be right */

void access_init(struct access *access, unsigned port, const struct random_source *random) {
	*access = (struct access){ .random = random, .port = port };
	random->fill(random->context, access->token, sizeof(access->token));
}

static const char *const loopback_names[] = { "127.0.0.1", "localhost", "[::1]" };

/* The part of `host` after a loopback name, or NULL when it names anything else. */
static const char *after_loopback_name(const char *host) {
	for (size_t i = 0; i < ELEMENTS(loopback_names); i++) {
		size_t length = strlen(loopback_names[i]);
		if (strncasecmp(host, loopback_names[i], length) == 0 && (host[length] == '\0' || host[length] == ':'))
			return host + length;
	}
	return NULL;
}

static bool is_port(const char *text) {
	size_t digits = strspn(text, "0123456789");
	return digits >= 1 && digits <= 5 && text[digits] == '\0';
}

/* A page of another site that has its name point to 127.0.0.1 (DNS rebinding) still sends its own name. Through the Unix socket
 * any port will do: a relay may stand before it. */
static bool host_is_ours(const struct access *access, const struct access_request *request) {
	if (!request->host || strlen(request->host) >= AUTHORITY_LIMIT)
		return false;
	const char *rest = after_loopback_name(request->host);
	if (!rest)
		return false;
	if (request->local)
		return *rest == '\0' || is_port(rest + 1);
	char expected[8];
	snprintf(expected, sizeof(expected), ":%u", access->port);
	return strcmp(rest, expected) == 0;
}

static bool origin_is_ours(const struct access_request *request) {
	static const char scheme[] = "http://";
	return strncasecmp(request->origin, scheme, sizeof(scheme) - 1) == 0 &&
	       strcasecmp(request->origin + sizeof(scheme) - 1, request->host) == 0;
}

/* A link to the page from somewhere else may be followed; everything else must come from the page itself. */
static bool fetch_is_ours(const struct access_request *request) {
	if (strcmp(request->fetch_site, "same-origin") == 0 || strcmp(request->fetch_site, "none") == 0)
		return true;
	return !request->api && !request->changes && request->fetch_mode && strcmp(request->fetch_mode, "navigate") == 0;
}

static bool token_decode(const char *text, size_t length, uint8_t out[TOKEN_SIZE]) {
	char copy[TOKEN_TEXT_SIZE];
	if (length != sizeof(copy) - 1)
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return hex_decode(out, TOKEN_SIZE, copy) == 0;
}

static bool bearer_is_right(const struct access *access, const char *authorization) {
	static const char scheme[] = "Bearer ";
	uint8_t token[TOKEN_SIZE];
	if (strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
		return false;
	const char *text = authorization + sizeof(scheme) - 1;
	bool right = token_decode(text, strlen(text), token) && bytes_equal_secret(token, access->token, TOKEN_SIZE);
	wipe(token, sizeof(token));
	return right;
}

static bool cookie_value_is_known(struct access *access, const char *text, size_t length) {
	uint8_t value[TOKEN_SIZE];
	if (!token_decode(text, length, value))
		return false;
	bool known = false;
	for (size_t i = 0; i < ACCESS_COOKIES; i++)
		if (access->cookie[i].used > 0 && bytes_equal_secret(value, access->cookie[i].value, TOKEN_SIZE)) {
			access->cookie[i].used = ++access->clock;
			known = true;
		}
	wipe(value, sizeof(value));
	return known;
}

/* RFC 6265: "name=value; name=value". Other programs on this host name may have set cookies too. */
static bool cookie_is_known(struct access *access, const char *header) {
	static const char name[] = ACCESS_COOKIE_NAME "=";
	for (const char *at = header; *at;) {
		at += strspn(at, " ;");
		size_t length = strcspn(at, ";");
		if (length > sizeof(name) - 1 && strncmp(at, name, sizeof(name) - 1) == 0 &&
		    cookie_value_is_known(access, at + sizeof(name) - 1, length - (sizeof(name) - 1)))
			return true;
		at += length;
	}
	return false;
}

enum reason access_check(struct access *access, const struct access_request *request) {
	if (!host_is_ours(access, request))
		return REASON_ORIGIN_REFUSED;
	if (request->origin && !origin_is_ours(request))
		return REASON_ORIGIN_REFUSED;
	if (request->fetch_site && !fetch_is_ours(request))
		return REASON_ORIGIN_REFUSED;
	if (request->local || !request->api || request->login)
		return REASON_OK;
	if (request->authorization)
		return bearer_is_right(access, request->authorization) ? REASON_OK : REASON_LOGIN_REQUIRED;
	if (!request->cookie || !cookie_is_known(access, request->cookie))
		return REASON_LOGIN_REQUIRED;
	/* A cookie is sent by the browser on its own, so a change must also prove that the page itself asked for it. */
	if (request->changes && !request->origin && !request->fetch_site)
		return REASON_ORIGIN_REFUSED;
	return REASON_OK;
}

bool access_login(struct access *access, const char *text, char ret_cookie[TOKEN_TEXT_SIZE]) {
	uint8_t token[TOKEN_SIZE];
	bool right = token_decode(text, strlen(text), token) && bytes_equal_secret(token, access->token, TOKEN_SIZE);
	wipe(token, sizeof(token));
	if (!right)
		return false;
	size_t place = 0;
	for (size_t i = 1; i < ACCESS_COOKIES; i++)
		if (access->cookie[i].used < access->cookie[place].used)
			place = i;
	access->random->fill(access->random->context, access->cookie[place].value, TOKEN_SIZE);
	access->cookie[place].used = ++access->clock;
	hex_encode(ret_cookie, access->cookie[place].value, TOKEN_SIZE);
	return true;
}
