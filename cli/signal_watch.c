/* lanyard signal watch: a vehicle or a dock box that calls by itself. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "base/loop.h"
#include "cli/output.h"
#include "cli/signal.h"
#include "cli/signal_sender.h"
#include "cli/trigger.h"
#include "cli/trigger_port.h"
#include "crypto/crypto.h"

#define DEFAULT_CONFIG "/etc/lanyard/signal.conf"
/* A device that is not plugged in, or a chip whose driver is not loaded yet. */
#define OPEN_AGAIN_US 2000000u

struct watch;

struct watched {
	struct watch *watch;
	const struct trigger *trigger;
	struct trigger_contact contact;
	struct trigger_port *port;
	sd_event_source *io, *timer; /* timer: opens again, or looks whether the contact has settled */
	bool told_missing;
};

struct watch {
	sd_event *event;
	struct trigger_settings settings;
	struct signal_sender *sender;
	struct watched watched[TRIGGERS_LIMIT];
	bool json;
};

static void say(const struct watched *w, const char *what) {
	if (w->watch->json) {
		output_json(json_pack("{s:s, s:s, s:i}", "event", what, "kind", signal_kind_name(w->trigger->kind), "trigger",
		                      (int)(w - w->watch->watched) + 1));
	} else {
		printf("%s: %s\n", signal_kind_name(w->trigger->kind), what);
	}
	fflush(stdout);
}

static void set_timer(struct watched *w, uint64_t at_us) {
	int r = sd_event_source_set_time(w->timer, at_us);
	if (r >= 0)
		r = sd_event_source_set_enabled(w->timer, at_us == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
	if (r < 0)
		output_failure("internal", "%s", strerror(-r));
}

static void call_if_due(struct watched *w, uint64_t now) {
	if (!trigger_contact_due(&w->contact, now, w->trigger->debounce_us))
		return;
	/* What keeps it from calling has been said; the next time it may be mended. */
	bool called = signal_sender_call(w->watch->sender, w->trigger->kind, w->watch->settings.seconds) == CLI_DONE;
	say(w, called ? "called" : "failed");
}

static void on_level(void *context, bool active) {
	struct watched *w = context;
	uint64_t now = loop_now_us(w->watch->event);
	/* What was due between two levels that are read at once is due all the same. */
	call_if_due(w, now);
	trigger_contact_see(&w->contact, now, active);
}

static void close_port(struct watched *w, int error) {
	if (!w->told_missing)
		output_failure("not-found", "%s: %s", w->trigger->path, strerror(-error));
	w->told_missing = true;
	w->io = sd_event_source_disable_unref(w->io);
	trigger_port_close(w->port);
	w->port = NULL;
	trigger_contact_forget(&w->contact);
	set_timer(w, loop_now_us(w->watch->event) + OPEN_AGAIN_US);
}

static void look(struct watched *w) {
	int r = trigger_port_read(w->port, on_level, w);
	if (r < 0)
		close_port(w, r);
	else
		set_timer(w, trigger_contact_deadline_us(&w->contact, w->trigger->debounce_us));
}

static int on_io(sd_event_source *source, int file, uint32_t events, void *context) {
	(void)source, (void)file, (void)events;
	look(context);
	return 0;
}

static void open_port(struct watched *w) {
	int r = trigger_port_open(&w->port, w->trigger);
	if (r >= 0)
		r = sd_event_add_io(w->watch->event, &w->io, trigger_port_file(w->port), EPOLLIN, on_io, w);
	if (r < 0) {
		close_port(w, r);
		return;
	}
	w->told_missing = false;
	say(w, trigger_port_polled(w->port) ? "polled" : "watched");
	look(w);
}

static int on_timer(sd_event_source *source, uint64_t time_us, void *context) {
	(void)source, (void)time_us;
	struct watched *w = context;
	if (!w->port) {
		open_port(w);
		return 0;
	}
	call_if_due(w, loop_now_us(w->watch->event));
	set_timer(w, trigger_contact_deadline_us(&w->contact, w->trigger->debounce_us));
	return 0;
}

static void on_ended(void *context, enum cli_exit result) {
	(void)context;
	if (result != CLI_DONE)
		output_failure("bluetooth-gone", "the call was not made");
}

static int run(struct watch *watch) {
	const struct trigger_settings *s = &watch->settings;
	const struct signal_sender_config config = {
		.adapter = *s->adapter ? s->adapter : NULL,
		.keys = *s->keys ? s->keys : NULL,
		.state = *s->state ? s->state : NULL,
		.sender = s->sender,
		.company = (uint16_t)s->company,
		.legacy = s->legacy,
		.patient = true,
		.fresh_addresses = true,
	};
	int r = sd_event_default(&watch->event);
	if (r >= 0)
		r = loop_handle_end(watch->event, NULL, NULL); /* whose end withdraws the advert */
	if (r >= 0)
		r = sd_event_set_watchdog(watch->event, true);
	if (r >= 0)
		r = signal_sender_new(&watch->sender, watch->event, &config, on_ended, watch);
	for (size_t i = 0; i < s->count && r >= 0; i++) {
		struct watched *w = &watch->watched[i];
		*w = (struct watched){ .watch = watch, .trigger = &s->trigger[i] };
		r = sd_event_add_time(watch->event, &w->timer, CLOCK_BOOTTIME, 0, 1000, on_timer, w); /* opens it */
	}
	if (r < 0)
		return r;
	(void)sd_notify(0, "READY=1");
	return sd_event_loop(watch->event);
}

static void watch_end(struct watch *watch) {
	for (size_t i = 0; i < watch->settings.count; i++) {
		sd_event_source_disable_unref(watch->watched[i].io);
		sd_event_source_disable_unref(watch->watched[i].timer);
		trigger_port_close(watch->watched[i].port);
	}
	signal_sender_free(watch->sender);
	sd_event_unref(watch->event);
}

enum cli_exit cli_signal_watch(const struct cli_call *call) {
	static struct watch watch;
	const char *path = cli_value(call, "config");
	path = path ? path : DEFAULT_CONFIG;
	int r = trigger_settings_read(&watch.settings, path);
	if (r < 0) {
		output_failure("request-invalid", "%s: %s", path, r == -EINVAL ? "is not good" : strerror(-r));
		return CLI_USAGE;
	}
	if (crypto_start() < 0)
		return output_reason(REASON_INTERNAL);
	watch.json = call->json;
	r = run(&watch);
	if (r < 0)
		output_failure("bluetooth-gone", "%s: is the system bus running?", strerror(-r));
	watch_end(&watch);
	return r < 0 ? CLI_FAILED : CLI_DONE;
}
