#include "cam-recorder/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define AT_ONCE 64 /* then the loop's other sources get a turn */
#define EXTRA 2    /* for the end and an error, which must not get lost in a full box */

struct mailbox {
	pthread_mutex_t mutex;
	pthread_cond_t room;
	enum mailbox_mode mode;
	bool closed;
	struct mail *ring; /* limit + EXTRA */
	size_t limit, first, count;
	int file;
	sd_event_source *source;
	void (*receive)(void *context, struct mail mail);
	void *context;
	bool *freed; /* set when it is freed inside `receive` */
};

static void mail_drop(struct mail *mail) {
	gst_clear_buffer(&mail->buffer);
	gst_clear_caps(&mail->caps);
}

static bool take(struct mailbox *m, struct mail *ret, bool *ret_more) {
	pthread_mutex_lock(&m->mutex);
	bool any = m->count > 0;
	if (any) {
		*ret = m->ring[m->first];
		m->first = (m->first + 1) % (m->limit + EXTRA);
		m->count--;
		pthread_cond_signal(&m->room);
	}
	*ret_more = m->count > 0;
	pthread_mutex_unlock(&m->mutex);
	return any;
}

static void signal_loop(const struct mailbox *m) {
	uint64_t one = 1;
	ssize_t written = write(m->file, &one, sizeof(one));
	(void)written; /* only fails when the counter is full, and then the loop is awake */
}

static int on_mail(sd_event_source *source, int file, uint32_t events, void *context) {
	(void)source;
	(void)events;
	struct mailbox *m = context;
	uint64_t signals;
	ssize_t got = read(file, &signals, sizeof(signals));
	(void)got;
	bool freed = false, more = true;
	m->freed = &freed;
	for (unsigned i = 0; i < AT_ONCE && more; i++) {
		struct mail mail;
		if (!take(m, &mail, &more))
			break;
		m->receive(m->context, mail);
		if (freed)
			return 0;
	}
	m->freed = NULL;
	if (more)
		signal_loop(m);
	return 0;
}

int mailbox_new(struct mailbox **ret, sd_event *event, size_t limit, enum mailbox_mode mode,
                void (*receive)(void *context, struct mail mail), void *context) {
	struct mailbox *m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	*m = (struct mailbox){ .mode = mode, .limit = limit, .file = -1, .receive = receive, .context = context };
	pthread_mutex_init(&m->mutex, NULL);
	pthread_cond_init(&m->room, NULL);
	m->ring = calloc(limit + EXTRA, sizeof(*m->ring));
	m->file = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int result = !m->ring ? -ENOMEM : m->file < 0 ? -errno : sd_event_add_io(event, &m->source, m->file, EPOLLIN, on_mail, m);
	if (result < 0) {
		mailbox_free(m);
		return result;
	}
	*ret = m;
	return 0;
}

void mailbox_close(struct mailbox *m) {
	if (!m)
		return;
	pthread_mutex_lock(&m->mutex);
	m->closed = true;
	pthread_cond_broadcast(&m->room);
	pthread_mutex_unlock(&m->mutex);
}

void mailbox_free(struct mailbox *m) {
	if (!m)
		return;
	if (m->freed)
		*m->freed = true;
	sd_event_source_disable_unref(m->source);
	struct mail mail;
	for (bool more = m->ring != NULL; more && take(m, &mail, &more);)
		mail_drop(&mail);
	if (m->file >= 0)
		close(m->file);
	pthread_cond_destroy(&m->room);
	pthread_mutex_destroy(&m->mutex);
	free(m->ring);
	free(m);
}

bool mailbox_post(struct mailbox *m, struct mail mail) {
	pthread_mutex_lock(&m->mutex);
	bool news = mail.kind == MAIL_END || mail.kind == MAIL_ERROR;
	size_t limit = news ? m->limit + EXTRA : m->limit;
	while (m->mode == MAILBOX_WAITS && !m->closed && m->count >= limit)
		pthread_cond_wait(&m->room, &m->mutex);
	bool taken = !m->closed && m->count < limit;
	if (taken)
		m->ring[(m->first + m->count++) % (m->limit + EXTRA)] = mail;
	pthread_mutex_unlock(&m->mutex);
	if (taken)
		signal_loop(m);
	else
		mail_drop(&mail);
	return taken;
}
