#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "companion/http/access.h"

#define PORT 8620

/* Counts up, so that every token and cookie differs. */
static void fill(void *context, uint8_t *out, size_t length) {
	uint8_t *next = context;
	memset(out, (*next)++, length);
}

static uint8_t next_fill;
static const struct random_source counting = { .fill = fill, .context = &next_fill };
static struct access access_state;
static char token[TOKEN_TEXT_SIZE], cookie[TOKEN_TEXT_SIZE], bearer[100], cookie_header[100];

static int set_up(void **state) {
	(void)state;
	next_fill = 0x11;
	access_init(&access_state, PORT, &counting);
	hex_encode(token, access_state.token, TOKEN_SIZE);
	assert_true(access_login(&access_state, token, cookie));
	snprintf(bearer, sizeof(bearer), "Bearer %s", token);
	snprintf(cookie_header, sizeof(cookie_header), "other=1; " ACCESS_COOKIE_NAME "=%s", cookie);
	return 0;
}

/* What the page's own script sends. */
static struct access_request from_page(void) {
	return (struct access_request){
		.api = true,
		.host = "127.0.0.1:8620",
		.origin = "http://127.0.0.1:8620",
		.fetch_site = "same-origin",
		.cookie = cookie_header,
	};
}

static void page_and_programs_get_in(void **state) {
	(void)state;
	struct access_request request = from_page();
	assert_int_equal(access_check(&access_state, &request), REASON_OK);
	request.changes = true;
	assert_int_equal(access_check(&access_state, &request), REASON_OK);
	request = (struct access_request){ .api = true, .changes = true, .host = "localhost:8620", .authorization = bearer };
	assert_int_equal(access_check(&access_state, &request), REASON_OK);
	request = (struct access_request){ .api = true, .changes = true, .local = true, .host = "localhost" };
	assert_int_equal(access_check(&access_state, &request), REASON_OK);
	/* A link to the page, followed from elsewhere or typed; its files need no login. */
	request = (struct access_request){ .host = "127.0.0.1:8620", .fetch_site = "cross-site", .fetch_mode = "navigate" };
	assert_int_equal(access_check(&access_state, &request), REASON_OK);
	request = (struct access_request){ .host = "[::1]:8620", .fetch_site = "none" };
	assert_int_equal(access_check(&access_state, &request), REASON_OK);
}

static void foreign_hosts_are_refused(void **state) {
	(void)state;
	static const char *const hosts[] = { NULL,
		                             "",
		                             "evil.example",
		                             "evil.example:8620",
		                             "127.0.0.1.evil.example:8620",
		                             "localhost.evil.example:8620",
		                             "127.0.0.1@evil.example:8620",
		                             "127.0.0.1:8621",
		                             "127.0.0.1",
		                             "127.0.0.1:",
		                             "127.0.0.1:8620 ",
		                             "127.0.0.1:86200",
		                             "127.0.0.2:8620",
		                             "[::2]:8620",
		                             "0.0.0.0:8620",
		                             "localhost:0x21ac" };
	for (size_t i = 0; i < ELEMENTS(hosts); i++) {
		struct access_request request = from_page();
		request.host = hosts[i];
		char origin[200] = "http://";
		strcat(origin, hosts[i] ? hosts[i] : "");
		request.origin = origin; /* a rebound page is of the same origin as its own name */
		assert_int_equal(access_check(&access_state, &request), REASON_ORIGIN_REFUSED);
	}
	/* The same through the Unix socket, where any port of a loopback name is right: a relay may stand before it. */
	struct access_request local = { .api = true, .local = true, .host = "evil.example:8620" };
	assert_int_equal(access_check(&access_state, &local), REASON_ORIGIN_REFUSED);
	local.host = "127.0.0.1.evil.example";
	assert_int_equal(access_check(&access_state, &local), REASON_ORIGIN_REFUSED);
	local.host = "127.0.0.1:18620";
	assert_int_equal(access_check(&access_state, &local), REASON_OK);
	local.host = "127.0.0.1:1x";
	assert_int_equal(access_check(&access_state, &local), REASON_ORIGIN_REFUSED);
}

static void foreign_pages_are_refused(void **state) {
	(void)state;
	static const char *const origins[] = {
		"http://evil.example",   "https://127.0.0.1:8620", "http://127.0.0.1:9999", "http://localhost:8620", "null", "",
		"http://127.0.0.1:8620/"
	};
	for (size_t i = 0; i < ELEMENTS(origins); i++)
		for (int local = 0; local < 2; local++) {
			struct access_request request = from_page();
			request.origin = origins[i];
			request.local = local;
			assert_int_equal(access_check(&access_state, &request), REASON_ORIGIN_REFUSED);
		}
	static const char *const sites[] = { "cross-site", "same-site", "", "garbage" };
	for (size_t i = 0; i < ELEMENTS(sites); i++) {
		struct access_request request = from_page();
		request.fetch_site = sites[i];
		assert_int_equal(access_check(&access_state, &request), REASON_ORIGIN_REFUSED);
		/* An image or a frame of a foreign page, without Origin. */
		request.origin = NULL;
		request.fetch_mode = "no-cors";
		assert_int_equal(access_check(&access_state, &request), REASON_ORIGIN_REFUSED);
		/* A navigation to an API path shows nothing to the page it came from, but is still not ours. */
		request.fetch_mode = "navigate";
		assert_int_equal(access_check(&access_state, &request), REASON_ORIGIN_REFUSED);
		request.api = false;
		request.fetch_mode = "no-cors";
		assert_int_equal(access_check(&access_state, &request), REASON_ORIGIN_REFUSED);
	}
	/* A change with nothing but the cookie that a browser adds on its own. */
	struct access_request request = from_page();
	request.changes = true;
	request.origin = NULL;
	request.fetch_site = NULL;
	assert_int_equal(access_check(&access_state, &request), REASON_ORIGIN_REFUSED);
}

static void login_is_needed(void **state) {
	(void)state;
	struct access_request request = from_page();
	request.cookie = NULL;
	assert_int_equal(access_check(&access_state, &request), REASON_LOGIN_REQUIRED);
	request.cookie = ACCESS_COOKIE_NAME "=";
	assert_int_equal(access_check(&access_state, &request), REASON_LOGIN_REQUIRED);
	/* The token is no cookie, and the cookie no token. */
	char header[100];
	snprintf(header, sizeof(header), ACCESS_COOKIE_NAME "=%s", token);
	request.cookie = header;
	assert_int_equal(access_check(&access_state, &request), REASON_LOGIN_REQUIRED);
	snprintf(header, sizeof(header), "x" ACCESS_COOKIE_NAME "=%s", cookie);
	assert_int_equal(access_check(&access_state, &request), REASON_LOGIN_REQUIRED);
	snprintf(header, sizeof(header), "Bearer %s", cookie);
	request.authorization = header;
	assert_int_equal(access_check(&access_state, &request), REASON_LOGIN_REQUIRED);
	/* Every wrong digit. */
	for (size_t i = 0; i < TOKEN_TEXT_SIZE - 1; i++) {
		snprintf(header, sizeof(header), "Bearer %s", token);
		header[strlen("Bearer ") + i] = header[strlen("Bearer ") + i] == '0' ? '1' : '0';
		assert_int_equal(access_check(&access_state, &request), REASON_LOGIN_REQUIRED);
	}
	request.authorization = "Basic Og==";
	assert_int_equal(access_check(&access_state, &request), REASON_LOGIN_REQUIRED);
	request.authorization = "Bearer ";
	assert_int_equal(access_check(&access_state, &request), REASON_LOGIN_REQUIRED);
	/* Logging in needs none, but still our own origin. */
	request = (struct access_request){ .api = true, .login = true, .changes = true, .host = "127.0.0.1:8620" };
	assert_int_equal(access_check(&access_state, &request), REASON_OK);
	request.origin = "http://evil.example";
	assert_int_equal(access_check(&access_state, &request), REASON_ORIGIN_REFUSED);
}

static void cookies_are_bounded(void **state) {
	(void)state;
	char wrong[TOKEN_TEXT_SIZE], newer[TOKEN_TEXT_SIZE];
	memset(wrong, '0', sizeof(wrong) - 1);
	wrong[sizeof(wrong) - 1] = '\0';
	assert_false(access_login(&access_state, wrong, newer));
	assert_false(access_login(&access_state, "", newer));
	/* The one that is used stays; the ones that are not make room. */
	for (int i = 0; i < 3 * ACCESS_COOKIES; i++) {
		assert_true(access_login(&access_state, token, newer));
		struct access_request request = from_page();
		assert_int_equal(access_check(&access_state, &request), REASON_OK);
	}
	for (int i = 0; i < ACCESS_COOKIES; i++)
		assert_true(access_login(&access_state, token, newer));
	struct access_request request = from_page();
	assert_int_equal(access_check(&access_state, &request), REASON_LOGIN_REQUIRED);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(page_and_programs_get_in, set_up),
		cmocka_unit_test_setup(foreign_hosts_are_refused, set_up),
		cmocka_unit_test_setup(foreign_pages_are_refused, set_up),
		cmocka_unit_test_setup(login_is_needed, set_up),
		cmocka_unit_test_setup(cookies_are_bounded, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
