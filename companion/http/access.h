/* Who may use the companion's API: decides on a request by its headers alone. Pure. The threats are other users of the machine
 * (file mode of the Unix socket; token and cookie on TCP), other web pages (Host, Origin, Sec-Fetch-Site: DNS rebinding and
 * cross-site requests), and other hosts (the TCP listener is bound to loopback only). docs/threats.md, invariant 20. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/random.h"
#include "base/reason.h"

#define TOKEN_SIZE 32
#define TOKEN_TEXT_SIZE (2 * TOKEN_SIZE + 1)
/* Browsers and windows that are logged in at once; the one that was not used for longest makes room. */
#define ACCESS_COOKIES 8
#define ACCESS_COOKIE_NAME "lanyard"

struct access {
	const struct random_source *random;
	unsigned port; /* of the TCP listener */
	uint8_t token[TOKEN_SIZE];
	uint64_t clock; /* counts uses */
	struct {
		uint64_t used; /* 0: free */
		uint8_t value[TOKEN_SIZE];
	} cookie[ACCESS_COOKIES];
};

struct access_request {
	bool local;   /* through the Unix socket: whoever could open it is authorized */
	bool api;     /* an API path, as opposed to the page's files */
	bool login;   /* the login path: needs no cookie yet */
	bool changes; /* a method other than GET and HEAD */
	/* Header values, NULL when absent. */
	const char *host, *origin, *fetch_site, *fetch_mode, *authorization, *cookie;
};

void access_init(struct access *access, unsigned port, const struct random_source *random);
/* REASON_OK, ORIGIN_REFUSED or LOGIN_REQUIRED. */
enum reason access_check(struct access *access, const struct access_request *request);
/* True when `text` is the token; then *ret_cookie is a new cookie's value. */
bool access_login(struct access *access, const char *text, char ret_cookie[TOKEN_TEXT_SIZE]);
