/* A request's headers, separated by zero bytes. Without the token or the cookie, which no fuzzer finds, nothing of the API may
 * open, and no foreign host may. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bytes.h"
#include "companion/http/access.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fill(void *context, uint8_t *out, size_t length) {
	(void)context;
	for (size_t i = 0; i < length; i++)
		out[i] = (uint8_t)(i * 37 + 11);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static const struct random_source fixed = { .fill = fill };
	struct access access;
	access_init(&access, 8620, &fixed);
	if (size < 1)
		return 0;
	char text[1024];
	size_t length = size - 1 < sizeof(text) - 1 ? size - 1 : sizeof(text) - 1;
	memcpy(text, data + 1, length);
	text[length] = '\0';
	const char *header[6] = { NULL };
	size_t count = 0;
	for (char *at = text; at <= text + length && count < ELEMENTS(header); at += strlen(at) + 1)
		header[count++] = *at ? at : NULL;
	struct access_request request = {
		.local = *data & 1,
		.api = *data & 2,
		.changes = *data & 4,
		.host = header[0],
		.origin = header[1],
		.fetch_site = header[2],
		.fetch_mode = header[3],
		.authorization = header[4],
		.cookie = header[5],
	};
	if (access_check(&access, &request) != REASON_OK)
		return 0;
	if (request.api && !request.local && !request.authorization)
		abort();
	if (!request.host)
		abort();
	if (strncasecmp(request.host, "127.0.0.1", 9) != 0 && strncasecmp(request.host, "localhost", 9) != 0 &&
	    strncmp(request.host, "[::1]", 5) != 0)
		abort();
	if (request.origin && (strlen(request.origin) != strlen("http://") + strlen(request.host)))
		abort();
	return 0;
}
