/* lab-buttons: the two buttons of a camera, as a keyboard that uinput makes. Reads one command a line from standard input and
 * does them in order; standard output says what happened.
 *
 *   lab-buttons NAME [EVENT_CODE FUNCTION_CODE]       codes of <linux/input-event-codes.h>; default KEY_RECORD 167, KEY_MENU 139
 *
 *   press BUTTON      release BUTTON                  BUTTON: event, function
 *   click BUTTON [MS]                                 pressed for MS (default 80)
 *   both MS [GAP]                                     both pressed, the second GAP ms after the first (default 0), held for MS
 *   wait MS
 *
 * The first line of output is "ready /dev/input/eventN". End of input, or its end by a signal, unplugs the device. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/uinput.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

struct keyboard {
	int file;
	unsigned short event_code, function_code;
};

static void wait_ms(long ms) {
	struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&time, &time) < 0 && errno == EINTR)
		;
}

static int emit(const struct keyboard *keyboard, unsigned short type, unsigned short code, int value) {
	struct input_event event = { .type = type, .code = code, .value = value };

	return write(keyboard->file, &event, sizeof(event)) == sizeof(event) ? 0 : -EIO;
}

static int set_key(const struct keyboard *keyboard, unsigned short code, bool down) {
	int r = emit(keyboard, EV_KEY, code, down);

	return r < 0 ? r : emit(keyboard, EV_SYN, SYN_REPORT, 0);
}

static int both(const struct keyboard *keyboard, long held, long gap) {
	int r = set_key(keyboard, keyboard->event_code, true);

	if (r == 0 && gap > 0)
		wait_ms(gap);
	if (r == 0)
		r = set_key(keyboard, keyboard->function_code, true);
	wait_ms(held);
	if (r == 0)
		r = set_key(keyboard, keyboard->event_code, false);
	return r < 0 ? r : set_key(keyboard, keyboard->function_code, false);
}

/* 0, -EINVAL for a line that is no command, -EIO when the device does not take it. */
static int run_command(const struct keyboard *keyboard, const char *line) {
	char verb[16], button[16];
	long first = 80, second = 0;
	unsigned short code;
	int r;

	if (sscanf(line, "both %ld %ld", &first, &second) >= 1)
		return both(keyboard, first, second);
	if (sscanf(line, "wait %ld", &first) == 1) {
		wait_ms(first);
		return 0;
	}
	if (sscanf(line, "%15s %15s %ld", verb, button, &first) < 2)
		return -EINVAL;
	if (!strcmp(button, "event"))
		code = keyboard->event_code;
	else if (!strcmp(button, "function"))
		code = keyboard->function_code;
	else
		return -EINVAL;
	if (!strcmp(verb, "press"))
		return set_key(keyboard, code, true);
	if (!strcmp(verb, "release"))
		return set_key(keyboard, code, false);
	if (strcmp(verb, "click"))
		return -EINVAL;
	r = set_key(keyboard, code, true);
	wait_ms(first);
	return r < 0 ? r : set_key(keyboard, code, false);
}

static int plug(struct keyboard *keyboard, const char *name) {
	struct uinput_setup setup = { .id = { .bustype = BUS_VIRTUAL, .vendor = 1, .product = 1 } };
	char folder[128], system_name[64];
	struct dirent *entry;
	DIR *directory;
	bool found = false;

	snprintf(setup.name, sizeof(setup.name), "%s", name);
	keyboard->file = open("/dev/uinput", O_WRONLY | O_CLOEXEC);
	if (keyboard->file < 0 || ioctl(keyboard->file, UI_SET_EVBIT, EV_KEY) < 0 ||
	    ioctl(keyboard->file, UI_SET_KEYBIT, keyboard->event_code) < 0 ||
	    ioctl(keyboard->file, UI_SET_KEYBIT, keyboard->function_code) < 0 ||
	    ioctl(keyboard->file, UI_DEV_SETUP, &setup) < 0 || ioctl(keyboard->file, UI_DEV_CREATE) < 0 ||
	    ioctl(keyboard->file, UI_GET_SYSNAME(sizeof(system_name)), system_name) < 0)
		return -errno;
	snprintf(folder, sizeof(folder), "/sys/devices/virtual/input/%s", system_name);
	directory = opendir(folder);
	if (!directory)
		return -errno;
	while ((entry = readdir(directory))) {
		if (strncmp(entry->d_name, "event", 5))
			continue;
		printf("ready /dev/input/%s\n", entry->d_name);
		found = true;
	}
	closedir(directory);
	return found ? 0 : -ENODEV; /* the module evdev is not loaded */
}

int main(int argc, char **argv) {
	struct keyboard keyboard = { .event_code = KEY_RECORD, .function_code = KEY_MENU };
	char line[128];
	int r;

	if (argc != 2 && argc != 4) {
		fprintf(stderr, "usage: lab-buttons NAME [EVENT_CODE FUNCTION_CODE]\n");
		return 2;
	}
	if (argc == 4) {
		keyboard.event_code = (unsigned short)atoi(argv[2]);
		keyboard.function_code = (unsigned short)atoi(argv[3]);
	}
	setlinebuf(stdout);
	r = plug(&keyboard, argv[1]);
	if (r < 0) {
		fprintf(stderr, "lab-buttons: %s\n", strerror(-r));
		return 1;
	}
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		r = run_command(&keyboard, line);
		if (r < 0) {
			fprintf(stderr, "lab-buttons: \"%s\": %s\n", line, strerror(-r));
			return 1;
		}
		printf("done %s\n", line);
	}
	return 0;
}
