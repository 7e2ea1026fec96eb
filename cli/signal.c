#include "cli/signal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/random.h"
#include "bluetooth/adapter.h"
#include "bluetooth/advert.h"
#include "cli/output.h"
#include "crypto/crypto.h"
#include "signal/activation.h"
#include "signal/group_keys.h"

#define DEFAULT_STATE "/var/lib/lanyard/signal"
#define DEFAULT_KEYS "/etc/lanyard/signal.keys"
#define COMPANY_DEFAULT 0xffff
#define SECONDS_DEFAULT 30
#define SECONDS_LIMIT 300
#define WEEKS_LIMIT 5
/* A call is renewed so often, with a new sequence: a camera that begins to listen meanwhile hears one that is not old. */
#define RENEW_US 3000000u
#define RENEW_S (RENEW_US / 1000000u)
#define ADAPTER_US 10000000u
/* Sequences are stored before they are used, for a whole run at once: after a power cut some are skipped, and none comes twice.
 */
#define SEQUENCE_SIZE 12

struct sender {
	const struct cli_call *call;
	sd_event *event;
	sd_bus *bus;
	struct adapter *adapter;
	struct advert *advert;
	sd_event_source *renew, *patience;
	struct group_key keys[GROUP_KEYS_LIMIT];
	size_t key_count;
	struct signal_call signal;
	uint16_t company;
	uint64_t end_us;
	unsigned sent;
	enum cli_exit result;
};

/* --- options --- */

static enum cli_exit kind_of(const struct cli_call *call, enum signal_kind *ret) {
	const char *text = cli_value(call, "kind");
	if (text && signal_kind_from_name(text, ret))
		return CLI_DONE;
	output_error("--kind must be one of manual, light-bar, siren, vehicle-door, holster, energy-weapon, camera");
	return CLI_USAGE;
}

/* --- sequences --- */

/* Takes `count` sequences of this sender: *ret is the first. Stored before this returns. */
static int take_sequences(const char *path, uint32_t sender, uint32_t count, uint32_t *ret) {
	char name[32];
	uint8_t bytes[SEQUENCE_SIZE] = { 0 };
	size_t length;
	snprintf(name, sizeof(name), "sequence-%" PRIu32, sender);
	int folder = folder_open(path);
	if (folder < 0)
		return folder;
	uint32_t next = 1;
	int r = file_read(folder, name, bytes, sizeof(bytes), &length);
	if (r == 0) {
		struct reader reader = reader_over(bytes, length);
		next = reader_u32(&reader);
		uint64_t check = reader_u64(&reader);
		/* Beginning again at 1 would be refused by every camera near, without a word to anybody here. */
		if (!reader_done(&reader) || check != ~(uint64_t)next)
			r = -EBADMSG;
	}
	if (r == -ENOENT)
		r = 0;
	if (r == 0 && UINT32_MAX - next < count)
		r = -EOVERFLOW;
	if (r == 0) {
		struct writer writer = writer_over(bytes, sizeof(bytes));
		writer_u32(&writer, next + count);
		writer_u64(&writer, ~(uint64_t)(next + count));
		r = file_replace(file_layer_system(), folder, name, bytes, sizeof(bytes));
	}
	close(folder);
	if (r == 0)
		*ret = next;
	return r;
}

/* --- sending --- */

static const struct group_key *key_of(const struct sender *s, uint64_t now_s) {
	for (size_t i = 0; i < s->key_count; i++)
		if (s->keys[i].week == now_s / WEEK_SECONDS)
			return &s->keys[i];
	return NULL;
}

static void stop(struct sender *s, enum cli_exit result) {
	s->result = result;
	sd_event_exit(s->event, 0);
}

/* The next call goes on the air. */
static void send_next(struct sender *s) {
	uint64_t now_s = (uint64_t)time(NULL);
	const struct group_key *key = key_of(s, now_s);
	struct advert_content content = { .company = s->company, .manufacturer_data_length = ADVERT_SIZE };
	struct advert_keys keys;
	if (!key) {
		output_error("there is no key for this week in the file of keys [not-found]");
		stop(s, CLI_FAILED);
		return;
	}
	s->signal.time_s = (uint32_t)now_s;
	advert_keys_derive(&keys, key->key, now_s / ADVERT_EPOCH_SECONDS);
	advert_encode(&keys, &(struct advert_call){ ADVERT_SIGNAL, { .signal = s->signal } }, content.manufacturer_data);
	wipe(&keys, sizeof(keys));
	int r = s->advert ? advert_set(s->advert, &content) : advert_new(&s->advert, s->adapter, &content);
	if (r < 0) {
		output_error("cannot advertise: %s [advertising-refused]", strerror(-r));
		stop(s, CLI_FAILED);
		return;
	}
	s->signal.sequence++;
	s->sent++;
}

static int on_renew(sd_event_source *source, uint64_t now_us, void *context) {
	struct sender *s = context;
	if (now_us >= s->end_us) {
		stop(s, s->result);
		return 0;
	}
	send_next(s);
	sd_event_source_set_time(source, now_us + RENEW_US < s->end_us ? now_us + RENEW_US : s->end_us);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

static void on_ready(void *context) {
	struct sender *s = context;
	s->patience = sd_event_source_disable_unref(s->patience);
	if (s->advert)
		advert_refresh(s->advert);
	else
		sd_event_source_set_enabled(s->renew, SD_EVENT_ONESHOT);
}

static void on_lost(void *context, enum reason reason) {
	(void)context;
	output_error("%s [%s]", reason_sentence(reason), reason_code(reason));
}

static const struct adapter_callbacks adapter_handlers = { .ready = on_ready, .lost = on_lost };

static int on_impatient(sd_event_source *source, uint64_t now_us, void *context) {
	(void)source;
	(void)now_us;
	stop(context, CLI_FAILED);
	return 0;
}

static int run(struct sender *s, const char *adapter, uint64_t seconds) {
	uint64_t now_us;
	int r = sd_event_default(&s->event);
	if (r >= 0)
		r = sd_bus_open_system(&s->bus);
	if (r >= 0)
		r = sd_bus_attach_event(s->bus, s->event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = sd_event_now(s->event, CLOCK_BOOTTIME, &now_us);
	if (r < 0)
		return r;
	s->end_us = now_us + seconds * 1000000;
	r = sd_event_add_time(s->event, &s->renew, CLOCK_BOOTTIME, now_us, 1000, on_renew, s);
	if (r >= 0)
		r = sd_event_source_set_enabled(s->renew, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_add_time_relative(s->event, &s->patience, CLOCK_BOOTTIME, ADAPTER_US, 1000, on_impatient, s);
	if (r >= 0)
		r = adapter_new(&s->adapter, s->bus, adapter, &adapter_handlers, s);
	return r < 0 ? r : sd_event_loop(s->event);
}

static void sender_end(struct sender *s) {
	advert_free(s->advert);
	adapter_free(s->adapter);
	sd_event_source_disable_unref(s->renew);
	sd_event_source_disable_unref(s->patience);
	sd_bus_flush_close_unref(s->bus);
	sd_event_unref(s->event);
	wipe(s, sizeof(*s));
}

static enum cli_exit explain_sequences(const char *path, int result) {
	if (result == -EBADMSG)
		output_error(
		        "the sequence in %s is damaged: give this sender another number, cameras remember the old one [internal]",
		        path);
	else
		output_error("the sequence in %s cannot be stored: %s [store-failed]", path, strerror(-result));
	return CLI_FAILED;
}

enum cli_exit cli_signal_send(const struct cli_call *call) {
	struct sender s = { .call = call };
	const char *adapter = cli_value(call, "adapter"), *keys = cli_value(call, "keys"), *state = cli_value(call, "state");
	uint64_t number, seconds, company;
	uint32_t first = 0;
	if (!cli_value(call, "sender")) {
		output_error("--sender N is missing: the number that this sender has in the agency");
		return CLI_USAGE;
	}
	enum cli_exit result = kind_of(call, &s.signal.kind);
	if (result == CLI_DONE)
		result = cli_number(call, "sender", 0, UINT32_MAX, 0, &number);
	if (result == CLI_DONE)
		result = cli_number(call, "seconds", 1, SECONDS_LIMIT, SECONDS_DEFAULT, &seconds);
	if (result == CLI_DONE)
		result = cli_number(call, "company", 0, UINT16_MAX, COMPANY_DEFAULT, &company);
	if (result != CLI_DONE)
		return result;
	if (crypto_start() < 0)
		return output_reason(REASON_INTERNAL);
	keys = keys ? keys : DEFAULT_KEYS;
	if (group_keys_read(keys, (uint32_t)((uint64_t)time(NULL) / WEEK_SECONDS), s.keys, &s.key_count) < 0) {
		output_error("no key to call with [not-found]");
		return CLI_FAILED;
	}
	state = state ? state : DEFAULT_STATE;
	int r = take_sequences(state, (uint32_t)number, (uint32_t)(seconds / RENEW_S + 2), &first);
	if (r < 0) {
		sender_end(&s);
		return explain_sequences(state, r);
	}
	s.signal.sender = (uint32_t)number;
	s.signal.sequence = first;
	s.company = (uint16_t)company;
	if (!call->json)
		printf("Calling as sender %" PRIu32 " (%s) for %" PRIu64 " s. Ctrl-C ends it.\n", s.signal.sender,
		       signal_kind_name(s.signal.kind), seconds);
	fflush(stdout);
	r = run(&s, adapter ? adapter : "hci0", seconds);
	result = s.result;
	if (r < 0) {
		output_error("%s: is the system bus running? [bluetooth-gone]", strerror(-r));
		result = CLI_FAILED;
	} else if (s.sent > 0 && call->json) {
		output_json(json_pack("{s:I, s:s, s:I, s:i}", "sender", (json_int_t)s.signal.sender, "kind",
		                      signal_kind_name(s.signal.kind), "first_sequence", (json_int_t)first, "calls",
		                      (int)s.sent));
	}
	sender_end(&s);
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
		output_error("%s: %s [store-failed]", path,
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
