#include "link/dial_tcp.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "link/connecting.h"

struct dial_tcp {
	struct connecting *connecting;
	void (*done)(void *context, int file, enum reason reason);
	void *context;
};

static void on_done(void *context, int file, int error) {
	struct dial_tcp *d = context;
	if (error < 0)
		log_line(LOG_LEVEL_DEBUG, "link", "dialling over Wi-Fi failed: %s", strerror(-error));
	d->done(d->context, file, error == 0 ? REASON_OK : error == -ETIMEDOUT ? REASON_TIMEOUT : REASON_DIAL_FAILED);
}

int dial_tcp_new(struct dial_tcp **ret, sd_event *event, const struct tcp_endpoint *to, uint64_t timeout_us,
                 void (*done)(void *context, int file, enum reason reason), void *context) {
	assert(ret && event && to && done);
	struct sockaddr_in6 address;
	int r = tcp_endpoint_to_sockaddr(to, &address);
	if (r < 0)
		return r;
	if (to->port == 0)
		return -EINVAL;
	int file = tcp_socket_open(to->interface);
	if (file < 0)
		return file;
	struct dial_tcp *d = calloc(1, sizeof(*d));
	if (!d) {
		close(file);
		return -ENOMEM;
	}
	*d = (struct dial_tcp){ .done = done, .context = context };
	r = connecting_new(&d->connecting, event, file, (const struct sockaddr *)&address, sizeof(address), timeout_us, on_done,
	                   d);
	if (r < 0) {
		free(d);
		return r;
	}
	*ret = d;
	return 0;
}

void dial_tcp_free(struct dial_tcp *d) {
	if (!d)
		return;
	connecting_free(d->connecting);
	free(d);
}
