/* What makes a dock box call: the file that says it, and contacts that bounce. */
#include "cli/trigger.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"

#define MS 1000ull
#define DEBOUNCE (50 * MS)

/* Levels and the times at which they are seen, in ms; asked each millisecond. */
struct step {
	unsigned ms;
	bool active;
};

static unsigned calls(const struct step *steps, size_t count, unsigned until_ms) {
	struct trigger_contact contact = { 0 };
	unsigned called = 0;
	size_t next = 0;
	for (unsigned ms = 0; ms <= until_ms; ms++) {
		for (; next < count && steps[next].ms == ms; next++)
			trigger_contact_see(&contact, ms * MS, steps[next].active);
		bool due = trigger_contact_deadline_us(&contact, DEBOUNCE) <= ms * MS;
		bool call = trigger_contact_due(&contact, ms * MS, DEBOUNCE);
		assert_true(due || !call); /* whoever sleeps until the deadline misses none */
		called += call;
	}
	return called;
}

static void test_contact(void **state) {
	(void)state;
	static const struct {
		const char *what;
		struct step steps[8];
		size_t count;
		unsigned calls;
	} rows[] = {
		{ "pressed once", { { 0, false }, { 10, true }, { 200, false } }, 3, 1 },
		{ "bounces and stays",
		  { { 0, false }, { 10, true }, { 12, false }, { 15, true }, { 16, false }, { 20, true } },
		  6,
		  1 },
		{ "bounces and is nothing", { { 0, false }, { 10, true }, { 40, false } }, 3, 0 },
		{ "exactly long enough", { { 0, false }, { 10, true }, { 61, false } }, 3, 1 },
		{ "on from the start", { { 0, true } }, 1, 0 },
		{ "on from the start, off, on", { { 0, true }, { 100, false }, { 300, true } }, 3, 1 },
		{ "twice", { { 0, false }, { 10, true }, { 100, false }, { 200, true } }, 4, 2 },
		{ "a gap too short to be another", { { 0, false }, { 10, true }, { 100, false }, { 120, true } }, 4, 1 },
		{ "never seen", { { 0 } }, 0, 0 },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		unsigned called = calls(rows[i].steps, rows[i].count, 500);
		if (called != rows[i].calls)
			fail_msg("%s: %u calls", rows[i].what, called);
	}
}

/* Unplugged while pressed, plugged in pressed: no call; released and pressed: one. */
static void test_unplugged(void **state) {
	(void)state;
	struct trigger_contact contact = { 0 };
	trigger_contact_see(&contact, 0, false);
	trigger_contact_see(&contact, 1 * MS, true);
	trigger_contact_forget(&contact);
	assert_int_equal(trigger_contact_deadline_us(&contact, DEBOUNCE), UINT64_MAX);
	assert_false(trigger_contact_due(&contact, 100 * MS, DEBOUNCE));
	trigger_contact_see(&contact, 200 * MS, true);
	assert_false(trigger_contact_due(&contact, 300 * MS, DEBOUNCE));
	trigger_contact_see(&contact, 400 * MS, false);
	assert_false(trigger_contact_due(&contact, 500 * MS, DEBOUNCE));
	trigger_contact_see(&contact, 600 * MS, true);
	assert_true(trigger_contact_due(&contact, 650 * MS, DEBOUNCE));
}

static int read_text(struct trigger_settings *ret, const char *text) {
	char path[] = "/tmp/lanyard-trigger.XXXXXX";
	int file = mkstemp(path);
	assert_true(file >= 0);
	assert_int_equal(write(file, text, strlen(text)), strlen(text));
	close(file);
	int r = trigger_settings_read(ret, path);
	unlink(path);
	return r;
}

#define SENDER "[sender]\nnumber = 7\n"
#define KEY SENDER "[trigger 1]\nkind = siren\ndevice = /dev/input/event0\nkey = 167\n"
#define LINE "[trigger 2]\nkind = light-bar\nchip = gpiochip0\nline = 4\n"

static void test_settings(void **state) {
	(void)state;
	static const struct {
		const char *text;
		bool good;
	} rows[] = {
		{ KEY, true },
		{ KEY LINE, true },
		{ SENDER LINE, true },
		{ SENDER, false },                                                          /* no trigger */
		{ LINE, false },                                                            /* no number */
		{ KEY "key = 768\n", false },                                               /* beyond KEY_MAX */
		{ KEY "switch = 1\n", false },                                              /* two sources */
		{ KEY "chip = gpiochip0\n", false },                                        /* a chip without a line */
		{ SENDER "[trigger 1]\nkind = siren\nkey = 1\n", false },                   /* no device */
		{ SENDER "[trigger 1]\nkind = siren\nline = 1\ndevice = /dev/x\n", false }, /* a line of a device */
		{ SENDER "[trigger 1]\nkind = bell\ndevice = /dev/x\nkey = 1\n", false },
		{ SENDER "[trigger 17]\nkind = siren\ndevice = /dev/x\nkey = 1\n", false },
		{ KEY "active = low\n", true },
		{ KEY "active = down\n", false },
		{ KEY "debounce_ms = 0\n", true },
		{ KEY "debounce_ms = 5001\n", false },
		{ "[sender]\nnumber = 7\nseconds = 0\n" LINE, false },
		{ "[sender]\nnumber = 7\nseconds = 301\n" LINE, false },
		{ KEY "debuonce_ms = 5\n", false },
	};
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		static struct trigger_settings settings;
		memset(&settings, 0x55, sizeof(settings));
		int r = read_text(&settings, rows[i].text);
		if (r != (rows[i].good ? 0 : -EINVAL))
			fail_msg("%s: %d", rows[i].text, r);
		if (r < 0)
			assert_int_equal(settings.adapter[0], 0x55); /* untouched */
	}
	struct trigger_settings settings;
	assert_int_equal(trigger_settings_read(&settings, "/nowhere"), -ENOENT);
	assert_int_equal(trigger_settings_read(&settings, SOURCE_DIR "/packaging/etc/signal.conf"), 0);
	assert_int_equal(settings.count, 2);
	assert_int_equal(read_text(&settings, KEY "active = low\n" LINE "debounce_ms = 7\n"), 0);
	assert_int_equal(settings.count, 2);
	assert_int_equal(settings.sender, 7);
	assert_int_equal(settings.seconds, 30);
	assert_false(settings.legacy);
	const struct trigger *t = settings.trigger;
	assert_true(t[0].source == TRIGGER_KEY && t[0].code == 167 && t[0].active_low && t[0].debounce_us == 50000);
	assert_int_equal(t[0].kind, SIGNAL_SIREN);
	assert_true(t[1].source == TRIGGER_LINE && t[1].code == 4 && !t[1].active_low && t[1].debounce_us == 7000);
	assert_string_equal(t[1].path, "gpiochip0");
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contact),
		cmocka_unit_test(test_unplugged),
		cmocka_unit_test(test_settings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
