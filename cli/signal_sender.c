#include "cli/signal_sender.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/loop.h"
#include "base/random.h"
#include "bluetooth/adapter.h"
#include "bluetooth/advert.h"
#include "bluetooth/fresh_address.h"
#include "cli/output.h"
#include "crypto/crypto.h"
#include "signal/activation.h"
#include "signal/group_keys.h"
#include "signal/legacy.h"
#include "signal/mute.h"

#define DEFAULT_KEYS "/etc/lanyard/signal.keys"
/* A call is renewed so often, with a new sequence: a camera that begins to listen meanwhile hears one that is not old. */
#define RENEW_US 3000000u
#define RENEW_S (RENEW_US / 1000000u)
#define ADAPTER_US 10000000u
/* Sequences are stored before they are used, for a whole call at once: after a power cut some are skipped, and none comes twice.
 */
#define SEQUENCE_SIZE 12

struct signal_sender {
	struct signal_sender_config config;
	sd_event *event;
	sd_bus *bus;
	struct adapter *adapter;
	struct advert *advert;
	struct fresh_address *fresh; /* under way: the call begins when it is done */
	sd_event_source *renew, *patience;
	struct group_key keys[GROUP_KEYS_LIMIT];
	size_t key_count;
	struct signal_call signal;
	uint32_t first;
	unsigned said;
	bool calling;
	uint64_t end_us;
	void (*ended)(void *context, enum cli_exit result);
	void *context;
};

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

/* --- the call on the air --- */

static const struct group_key *key_of(const struct signal_sender *s, uint64_t now_s) {
	for (size_t i = 0; i < s->key_count; i++)
		if (s->keys[i].week == now_s / WEEK_SECONDS)
			return &s->keys[i];
	return NULL;
}

static void withdraw(struct signal_sender *s) {
	advert_free(s->advert);
	s->advert = NULL;
	fresh_address_free(s->fresh);
	s->fresh = NULL;
	loop_timer_stop(s->renew);
	s->patience = sd_event_source_disable_unref(s->patience);
}

static void end(struct signal_sender *s, enum cli_exit result) {
	withdraw(s);
	s->calling = false;
	s->ended(s->context, result);
}

/* 0, or -ENOKEY. */
static int make(struct signal_sender *s, struct advert_content *content) {
	uint64_t now_s = (uint64_t)time(NULL);
	content->company = s->config.company;
	if (s->config.legacy) {
		content->manufacturer_data_length = LEGACY_SIZE;
		legacy_encode(&(struct legacy_call){ s->signal.kind, s->signal.sender }, content->manufacturer_data);
		return 0;
	}
	const struct group_key *key = key_of(s, now_s);
	struct advert_keys keys;
	if (!key)
		return -ENOKEY;
	content->manufacturer_data_length = ADVERT_SIZE;
	s->signal.time_s = (uint32_t)now_s;
	advert_keys_derive(&keys, key->key, now_s / ADVERT_EPOCH_SECONDS);
	advert_encode(&keys, &(struct advert_call){ ADVERT_SIGNAL, { .signal = s->signal } }, content->manufacturer_data);
	wipe(&keys, sizeof(keys));
	s->signal.sequence++;
	return 0;
}

/* False: the call has ended. */
static bool say_next(struct signal_sender *s) {
	struct advert_content content = { 0 };
	int r = make(s, &content);
	if (r < 0) {
		output_failure("not-found", "there is no key for this week in the file of keys");
	} else {
		r = s->advert ? advert_set(s->advert, &content) : advert_new(&s->advert, s->adapter, &content);
		if (r < 0)
			output_failure("advertising-refused", "cannot advertise: %s", strerror(-r));
	}
	if (r < 0) {
		end(s, CLI_FAILED);
		return false;
	}
	s->said++;
	return true;
}

static void begin_fresh(struct signal_sender *s);

static int on_renew(sd_event_source *source, uint64_t now_us, void *context) {
	struct signal_sender *s = context;
	if (now_us >= s->end_us) {
		end(s, s->said > 0 ? CLI_DONE : CLI_FAILED);
		return 0;
	}
	/* A sequence goes with an address: who listens does not learn that they are one sender's. */
	if (s->advert && advert_is_active(s->advert) && s->config.fresh_addresses) {
		advert_free(s->advert);
		s->advert = NULL;
		begin_fresh(s);
		return 0;
	}
	if (!say_next(s))
		return 0;
	sd_event_source_set_time(source, now_us + RENEW_US < s->end_us ? now_us + RENEW_US : s->end_us);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
	return 0;
}

static void begin(struct signal_sender *s) {
	uint64_t now_us;
	int r = sd_event_now(s->event, CLOCK_BOOTTIME, &now_us);
	if (r >= 0)
		r = sd_event_source_set_time(s->renew, now_us);
	if (r >= 0)
		r = sd_event_source_set_enabled(s->renew, SD_EVENT_ONESHOT);
	if (r < 0)
		end(s, CLI_FAILED);
}

static void on_fresh(void *context, int result) {
	struct signal_sender *s = context;
	fresh_address_free(s->fresh);
	s->fresh = NULL;
	if (result < 0 && s->said == 0) /* once a call, which matters more */
		output_error("the address is not a new one: %s", strerror(-result));
	begin(s);
}

/* The adapter is ready, and nothing of ours is on the air. */
static void begin_fresh(struct signal_sender *s) {
	s->patience = sd_event_source_disable_unref(s->patience);
	if (!s->config.fresh_addresses) {
		begin(s);
		return;
	}
	int r = adapter_number(s->adapter);
	if (r >= 0)
		r = fresh_address_new(&s->fresh, s->event, (unsigned)r, random_system(), on_fresh, s);
	if (r < 0)
		on_fresh(s, r);
}

static void on_ready(void *context) {
	struct signal_sender *s = context;
	if (!s->calling)
		return;
	if (s->advert)
		advert_refresh(s->advert);
	else if (!s->fresh)
		begin_fresh(s);
}

static void on_lost(void *context, enum reason reason) {
	struct signal_sender *s = context;
	fresh_address_free(s->fresh); /* with the adapter that it was for */
	s->fresh = NULL;
	output_reason(reason);
}

static const struct adapter_callbacks adapter_handlers = { .ready = on_ready, .lost = on_lost };

static int on_impatient(sd_event_source *source, uint64_t now_us, void *context) {
	(void)source, (void)now_us;
	end(context, CLI_FAILED);
	return 0;
}

/* --- calls --- */

static enum cli_exit explain_sequences(const char *path, int result) {
	if (result == -EBADMSG)
		output_failure("internal",
		               "the sequence in %s is damaged: give this sender another number, cameras remember the old one",
		               path);
	else
		output_failure("store-failed", "the sequence in %s cannot be stored: %s", path, strerror(-result));
	return CLI_FAILED;
}

/* Asked for each call: somebody may mute it, or end that, meanwhile. What cannot be read mutes nobody. */
static bool is_muted(const struct signal_sender *s) {
	struct mute mute = { 0 };
	char until[32];
	int folder = folder_open(s->config.state);
	int r = folder < 0 ? folder : mute_read(&mute, folder);
	if (folder >= 0)
		close(folder);
	if (r < 0)
		output_error("%s: whether this sender is muted cannot be read: %s", s->config.state, strerror(-r));
	if (!mute_is_on(&mute, (uint64_t)time(NULL)))
		return false;
	strftime(until, sizeof(until), "%Y-%m-%d %H:%M", localtime(&(time_t){ (time_t)mute.until_s }));
	output_failure("signal-muted", "muted by %s until %s, so nothing is called", mute.who, until);
	return true;
}

/* Keys are read for each call: weeks go by between them. */
static enum cli_exit prepare(struct signal_sender *s, unsigned seconds, uint32_t *ret_first) {
	struct group_key keys[GROUP_KEYS_LIMIT];
	size_t count;
	char problem[KEY_FILE_PROBLEM_SIZE];
	if (s->config.legacy)
		return CLI_DONE;
	uint32_t week = (uint32_t)((uint64_t)time(NULL) / WEEK_SECONDS);
	int read = group_keys_read(s->config.keys, week, keys, &count, problem);
	s->key_count = read < 0 ? 0 : count;
	memcpy(s->keys, keys, s->key_count * sizeof(*keys));
	wipe(keys, sizeof(keys));
	if (s->key_count == 0) {
		output_failure("not-found", "%s", problem);
		return CLI_FAILED;
	}
	int r = take_sequences(s->config.state, s->config.sender, seconds / RENEW_S + 2, ret_first);
	return r < 0 ? explain_sequences(s->config.state, r) : CLI_DONE;
}

enum cli_exit signal_sender_call(struct signal_sender *s, enum signal_kind kind, unsigned seconds) {
	uint32_t first = 0;
	uint64_t now_us;
	int r = sd_event_now(s->event, CLOCK_BOOTTIME, &now_us);
	if (r < 0 || is_muted(s) || prepare(s, seconds, &first) != CLI_DONE)
		return CLI_FAILED;
	withdraw(s);
	s->first = first;
	s->signal = (struct signal_call){ .sender = s->config.sender, .sequence = first, .kind = kind };
	s->said = 0;
	s->calling = true;
	s->end_us = now_us + seconds * 1000000ull;
	uint64_t patience_us = s->config.patient ? seconds * 1000000ull : ADAPTER_US;
	r = sd_event_add_time_relative(s->event, &s->patience, CLOCK_BOOTTIME, patience_us, 1000, on_impatient, s);
	if (r < 0) {
		s->calling = false;
		output_failure("internal", "%s", strerror(-r));
		return CLI_FAILED;
	}
	if (adapter_is_ready(s->adapter))
		begin_fresh(s);
	return CLI_DONE;
}

uint32_t signal_sender_first(const struct signal_sender *s) {
	return s->first;
}

unsigned signal_sender_calls(const struct signal_sender *s) {
	return s->said;
}

/* --- life --- */

int signal_sender_new(struct signal_sender **ret, sd_event *event, const struct signal_sender_config *config,
                      void (*ended)(void *context, enum cli_exit result), void *context) {
	struct signal_sender *s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct signal_sender){ .config = *config, .event = sd_event_ref(event), .ended = ended, .context = context };
	s->config.adapter = config->adapter ? config->adapter : "hci0";
	s->config.keys = config->keys ? config->keys : DEFAULT_KEYS;
	s->config.state = config->state ? config->state : SIGNAL_SENDER_STATE;
	int r = loop_timer_new(event, &s->renew, 1000, on_renew, s);
	if (r >= 0)
		r = sd_bus_open_system(&s->bus);
	if (r >= 0)
		r = sd_bus_attach_event(s->bus, event, SD_EVENT_PRIORITY_NORMAL);
	if (r >= 0)
		r = adapter_new(&s->adapter, s->bus, s->config.adapter, &adapter_handlers, s);
	if (r < 0) {
		signal_sender_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void signal_sender_free(struct signal_sender *s) {
	if (!s)
		return;
	if (s->renew)
		withdraw(s);
	adapter_free(s->adapter);
	sd_event_source_disable_unref(s->renew);
	sd_bus_flush_close_unref(s->bus);
	sd_event_unref(s->event);
	wipe(s, sizeof(*s));
	free(s);
}
