/* The other end of companion_scene.c: cam-radiod's daemon whole, with the D-Bus daemon and the recorder of its unit tests,
 * on the test link (docs/test-link.md), in a process of its own, where nothing is made to fail. The first line that it prints is
 * the path of its link. From then on one line of input is one command, and it answers each with one line:
 *
 *   forget     it has no companion any more
 *   pair       its window opens; whoever asks first is confirmed
 *   hang-up    its links end
 *   companion  "yes" when it has one
 *   renewed    how many sessions were renewed since it began
 *   wifi       its D-Bus property */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "tests/unit/cam-radio/world.h"

#include "base/log.h"
#include "cam-radio/links.h"
#include "cam-radio/pairing_window.h"
#include "crypto/crypto.h"

/* --- what the daemon keeps to itself (linked with --wrap) --- */

static struct pairing_window *window;
static struct links *links;

int __real_pairing_window_new(struct pairing_window **ret, const struct pairing_window_callbacks *callbacks, void *context);
int __wrap_pairing_window_new(struct pairing_window **ret, const struct pairing_window_callbacks *callbacks, void *context);
int __wrap_pairing_window_new(struct pairing_window **ret, const struct pairing_window_callbacks *callbacks, void *context) {
	int result = __real_pairing_window_new(ret, callbacks, context);
	window = *ret;
	return result;
}

int __real_links_new(struct links **ret, sd_event *event, const struct links_config *config,
                     const struct links_callbacks *callbacks, void *context);
int __wrap_links_new(struct links **ret, sd_event *event, const struct links_config *config,
                     const struct links_callbacks *callbacks, void *context);
int __wrap_links_new(struct links **ret, sd_event *event, const struct links_config *config,
                     const struct links_callbacks *callbacks, void *context) {
	int result = __real_links_new(ret, event, config, callbacks, context);
	links = *ret;
	return result;
}

/* --- commands --- */

static const char *answer(struct world *world, const char *command) {
	static char text[32];
	if (strcmp(command, "forget") == 0) {
		assert_int_equal(world_forget(world, NULL), 0);
	} else if (strcmp(command, "pair") == 0) {
		pairing_window_open(window, world_now_us());
	} else if (strcmp(command, "hang-up") == 0) {
		links_close_all(links, REASON_LINK_CLOSED);
	} else if (strcmp(command, "companion") == 0) {
		return *world_property(world, "Companion") ? "yes" : "no";
	} else if (strcmp(command, "renewed") == 0) {
		snprintf(text, sizeof(text), "%llu", (unsigned long long)world_counter(world, "sessions-renewed"));
		return text;
	} else if (strcmp(command, "wifi") == 0) {
		return world_property(world, "Wifi");
	} else {
		fail_msg("unknown command: %s", command);
	}
	return "done";
}

static int on_input(sd_event_source *source, int file, uint32_t events, void *context) {
	(void)source, (void)file, (void)events;
	*(bool *)context = true; /* its commands run the loop, so they cannot be carried out from inside it */
	return 0;
}

/* False when whoever gives commands is gone. */
static bool obey(struct world *world) {
	char line[32];
	if (!fgets(line, sizeof(line), stdin))
		return false;
	line[strcspn(line, "\n")] = '\0';
	puts(answer(world, line));
	return true;
}

int main(void) {
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setvbuf(stdin, NULL, _IONBF, 0);
	setvbuf(stdout, NULL, _IOLBF, 0);
	log_set_level((enum log_level)0);
	if (crypto_start() < 0)
		return 1;
	struct world *world = world_new();
	world_start(world);
	bool commanded = false;
	assert_true(sd_event_add_io(world->event, NULL, STDIN_FILENO, EPOLLIN, on_input, &commanded) >= 0);
	puts(world->settings.link_socket);
	for (bool more = true; more;) {
		assert_true(sd_event_run(world->event, UINT64_MAX) >= 0);
		if (pairing_window_state(window) == WINDOW_CONFIRMING)
			(void)pairing_window_click(window, true); /* the person is quick */
		if (commanded) {
			commanded = false;
			more = obey(world);
		}
	}
	world_free(world);
	return 0;
}
