#include "cli/signal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/loop.h"
#include "base/random.h"
#include "cli/output.h"
#include "cli/signal_sender.h"
#include "crypto/crypto.h"
#include "signal/activation.h"

#define SECONDS_DEFAULT 30
#define WEEKS_LIMIT 5

/* --- sending --- */

static enum cli_exit kind_of(const struct cli_call *call, enum signal_kind *ret) {
	const char *text = cli_value(call, "kind");
	if (text && signal_kind_from_name(text, ret))
		return CLI_DONE;
	output_error("--kind must be one of manual, light-bar, siren, vehicle-door, holster, energy-weapon, camera");
	return CLI_USAGE;
}

struct once {
	sd_event *event;
	bool ended;
	enum cli_exit result;
};

static void on_ended(void *context, enum cli_exit result) {
	struct once *once = context;
	once->ended = true;
	once->result = result;
	sd_event_exit(once->event, 0);
}

enum cli_exit cli_signal_send(const struct cli_call *call) {
	struct signal_sender_config config = {
		.adapter = cli_value(call, "adapter"),
		.keys = cli_value(call, "keys"),
		.state = cli_value(call, "state"),
		.legacy = cli_value(call, "legacy"),
	};
	struct once once = { .result = CLI_FAILED };
	struct signal_sender *sender = NULL;
	enum signal_kind kind;
	uint64_t number, seconds, company;
	if (!cli_value(call, "sender")) {
		output_error("--sender N is missing: the number that this sender has in the agency");
		return CLI_USAGE;
	}
	enum cli_exit result = kind_of(call, &kind);
	if (result == CLI_DONE)
		result = cli_number(call, "sender", 0, UINT32_MAX, 0, &number);
	if (result == CLI_DONE)
		result = cli_number(call, "seconds", 1, SIGNAL_SENDER_SECONDS_LIMIT, SECONDS_DEFAULT, &seconds);
	if (result == CLI_DONE)
		result = cli_number(call, "company", 0, UINT16_MAX, SIGNAL_SENDER_COMPANY, &company);
	if (result != CLI_DONE)
		return result;
	config.sender = (uint32_t)number;
	config.company = (uint16_t)company;
	if (crypto_start() < 0)
		return output_reason(REASON_INTERNAL);
	int r = sd_event_default(&once.event);
	if (r >= 0)
		r = loop_handle_end(once.event, NULL, NULL); /* whose end withdraws the advert */
	if (r >= 0)
		r = signal_sender_new(&sender, once.event, &config, on_ended, &once);
	if (r < 0) {
		output_failure("bluetooth-gone", "%s: is the system bus running?", strerror(-r));
	} else if (signal_sender_call(sender, kind, (unsigned)seconds) == CLI_DONE) {
		if (!call->json)
			printf("Calling as sender %" PRIu32 " (%s) for %" PRIu64 " s. Ctrl-C ends it.\n", config.sender,
			       signal_kind_name(kind), seconds);
		fflush(stdout);
		r = sd_event_loop(once.event);
		if (r < 0)
			output_failure("internal", "%s", strerror(-r));
		/* Ended by a signal: what was said until then was said. */
		result = once.ended || signal_sender_calls(sender) == 0 ? once.result : CLI_DONE;
	} else {
		result = CLI_FAILED;
	}
	if (r < 0)
		result = CLI_FAILED;
	if (result == CLI_DONE && call->json)
		output_json(json_pack("{s:I, s:s, s:I, s:i, s:b}", "sender", (json_int_t)config.sender, "kind",
		                      signal_kind_name(kind), "first_sequence", (json_int_t)signal_sender_first(sender), "calls",
		                      (int)signal_sender_calls(sender), "legacy", (int)config.legacy));
	signal_sender_free(sender);
	sd_event_unref(once.event);
	return result;
}

/* --- keys --- */

static int write_keys(int file, uint32_t week, unsigned weeks) {
	uint8_t key[ADVERT_KEY_SIZE];
	char digits[2 * ADVERT_KEY_SIZE + 1], line[sizeof(digits) + 16];
	int r = 0;
	for (unsigned i = 0; i < weeks && r == 0; i++) {
		random_system()->fill(random_system()->context, key, sizeof(key));
		hex_encode(digits, key, sizeof(key));
		int length = snprintf(line, sizeof(line), "%" PRIu32 " %s\n", week + i, digits);
		if (write(file, line, (size_t)length) != length)
			r = errno ? -errno : -EIO;
	}
	wipe(key, sizeof(key));
	wipe(digits, sizeof(digits));
	wipe(line, sizeof(line));
	if (r == 0 && fsync(file) < 0)
		r = -errno;
	return r;
}

enum cli_exit cli_signal_keys(const struct cli_call *call) {
	const char *path = call->operands[0];
	uint64_t weeks;
	enum cli_exit result = cli_number(call, "weeks", 1, WEEKS_LIMIT, WEEKS_LIMIT, &weeks);
	if (result != CLI_DONE)
		return result;
	if (crypto_start() < 0)
		return output_reason(REASON_INTERNAL);
	uint32_t week = (uint32_t)((uint64_t)time(NULL) / WEEK_SECONDS);
	int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = file < 0 ? -errno : write_keys(file, week, (unsigned)weeks);
	if (file >= 0)
		close(file);
	if (r < 0) {
		if (file >= 0)
			unlink(path);
		output_failure("store-failed", "%s: %s", path,
		               r == -EEXIST ? "is there already, and keys are never overwritten" : strerror(-r));
		return CLI_FAILED;
	}
	if (call->json)
		output_json(
		        json_pack("{s:s, s:I, s:I}", "file", path, "first_week", (json_int_t)week, "weeks", (json_int_t)weeks));
	else
		printf("%s: new keys for %" PRIu64
		       " weeks. Copy it to every camera and sender of the agency, and to nobody else.\n",
		       path, weeks);
	return CLI_DONE;
}
