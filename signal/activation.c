#include "signal/activation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/crypto.h"

#define EPOCHS_AROUND 3 /* the one before, now, the one after */
#define EPOCHS_PER_WEEK (WEEK_SECONDS / ADVERT_EPOCH_SECONDS)

static const char memory_magic[8] = "LYsigseq";
#define MEMORY_VERSION 1

struct sender {
	uint32_t id, sequence;
	uint64_t heard_s;
};

struct activation {
	struct activation_policy policy;
	struct advert_keys near[EPOCHS_AROUND];
	size_t near_count;
	uint64_t near_epoch; /* the middle one */
	bool near_valid;
	uint64_t shift; /* added to the epoch of an untrusted clock: what the last authentic call has taught */
	struct sender senders[SIGNAL_SENDERS_LIMIT];
	size_t sender_count;
	bool dirty;
	struct legacy_gate gate;
	uint64_t counts[ACTIVATION_VERDICTS];
};

int activation_new(struct activation **ret) {
	struct activation *activation = calloc(1, sizeof(*activation));
	if (!activation)
		return -ENOMEM;
	*ret = activation;
	return 0;
}

void activation_free(struct activation *activation) {
	if (!activation)
		return;
	wipe(activation, sizeof(*activation));
	free(activation);
}

void activation_set_policy(struct activation *activation, const struct activation_policy *policy) {
	activation->policy = *policy;
	activation->near_valid = false;
}

static const struct group_key *key_of_epoch(const struct activation *activation, uint64_t epoch) {
	for (size_t i = 0; i < activation->policy.key_count; i++)
		if (activation->policy.keys[i].week == epoch / EPOCHS_PER_WEEK)
			return &activation->policy.keys[i];
	return NULL;
}

/* Keys are derived once an epoch, so that junk costs one HMAC for each of three epochs and nothing else. */
static void near_refresh(struct activation *activation, uint64_t epoch) {
	if (activation->near_valid && activation->near_epoch == epoch)
		return;
	wipe(activation->near, sizeof(activation->near));
	activation->near_count = 0;
	static const int64_t order[EPOCHS_AROUND] = { 0, -1, 1 };
	for (size_t i = 0; i < EPOCHS_AROUND; i++) {
		uint64_t candidate = epoch + (uint64_t)order[i];
		const struct group_key *key = key_of_epoch(activation, candidate);
		if (key)
			advert_keys_derive(&activation->near[activation->near_count++], key->key, candidate);
	}
	activation->near_epoch = epoch;
	activation->near_valid = true;
}

bool activation_keys(const struct activation *activation, uint64_t epoch, struct advert_keys *ret) {
	const struct group_key *key = key_of_epoch(activation, epoch);
	if (key)
		advert_keys_derive(ret, key->key, epoch);
	return key;
}

static bool open_near(struct activation *activation, const uint8_t *bytes, const struct activation_situation *situation,
                      struct advert_call *call) {
	near_refresh(activation, situation->now_s / ADVERT_EPOCH_SECONDS + (situation->clock_trusted ? 0 : activation->shift));
	for (size_t i = 0; i < activation->near_count; i++)
		if (advert_decode(&activation->near[i], bytes, call))
			return true;
	return false;
}

/* With a clock that is not to be trusted every epoch of every week we hold a key for is tried: slow, and a true Signal is never
 * missed. Once one was found, the next are near it. */
static bool open_any(struct activation *activation, const uint8_t *bytes, uint64_t now_s, struct advert_call *call) {
	struct advert_keys keys;
	bool opened = false;
	for (size_t i = 0; i < activation->policy.key_count && !opened; i++) {
		uint64_t first = (uint64_t)activation->policy.keys[i].week * EPOCHS_PER_WEEK;
		for (uint64_t epoch = first; epoch < first + EPOCHS_PER_WEEK && !opened; epoch++) {
			advert_keys_derive(&keys, activation->policy.keys[i].key, epoch);
			opened = advert_decode(&keys, bytes, call);
			if (opened)
				activation->shift = epoch - now_s / ADVERT_EPOCH_SECONDS;
		}
	}
	wipe(&keys, sizeof(keys));
	return opened;
}

static bool listed(const uint32_t *list, size_t count, uint32_t id) {
	for (size_t i = 0; i < count; i++)
		if (list[i] == id)
			return true;
	return false;
}

enum sequence { SEQUENCE_NEW, SEQUENCE_REPEATED, SEQUENCE_OLD };

/* Remembers a new one. */
static enum sequence take_sequence(struct activation *activation, const struct signal_call *call, uint64_t now_s) {
	struct sender *oldest = NULL;
	for (size_t i = 0; i < activation->sender_count; i++) {
		struct sender *sender = &activation->senders[i];
		if (sender->id == call->sender) {
			if (call->sequence == sender->sequence && now_s - sender->heard_s <= SIGNAL_REPEAT_S)
				return SEQUENCE_REPEATED;
			if (call->sequence <= sender->sequence)
				return SEQUENCE_OLD;
			sender->sequence = call->sequence;
			sender->heard_s = now_s;
			activation->dirty = true;
			return SEQUENCE_NEW;
		}
		if (!oldest || sender->heard_s < oldest->heard_s)
			oldest = sender;
	}
	struct sender *room =
	        activation->sender_count < SIGNAL_SENDERS_LIMIT ? &activation->senders[activation->sender_count++] : oldest;
	*room = (struct sender){ .id = call->sender, .sequence = call->sequence, .heard_s = now_s };
	activation->dirty = true;
	return SEQUENCE_NEW;
}

/* What policy and state say about a call that is what it claims to be. */
static enum activation_verdict judge_policy(const struct activation_policy *policy, const struct activation_situation *situation,
                                            uint32_t sender, enum signal_kind kind) {
	if (!policy->enabled || !(policy->kinds & 1u << (unsigned)kind))
		return ACTIVATION_DISABLED;
	if (policy->assigned_only && !listed(policy->assigned, policy->assigned_count, sender))
		return ACTIVATION_UNASSIGNED;
	if (situation->muted || listed(policy->muted, policy->muted_count, sender))
		return ACTIVATION_MUTED;
	if (!situation->bluetooth_enabled || !situation->buffering)
		return ACTIVATION_NOT_BUFFERING;
	return ACTIVATION_START;
}

static enum activation_verdict judge(struct activation *activation, const struct activation_situation *situation,
                                     const uint8_t *bytes, struct advert_call *call) {
	bool opened = open_near(activation, bytes, situation, call);
	if (!opened && !situation->clock_trusted && !situation->hurried)
		opened = open_any(activation, bytes, situation->now_s, call);
	if (!opened)
		return ACTIVATION_FORGED;
	if (call->type == ADVERT_SLATE)
		return ACTIVATION_SLATE;
	const struct signal_call *signal = &call->signal;
	enum sequence sequence = take_sequence(activation, signal, situation->now_s);
	if (sequence != SEQUENCE_NEW)
		return sequence == SEQUENCE_REPEATED ? ACTIVATION_REPEATED : ACTIVATION_REPLAYED;
	uint64_t apart =
	        signal->time_s > situation->now_s ? signal->time_s - situation->now_s : situation->now_s - signal->time_s;
	if (situation->clock_trusted && apart > SIGNAL_CLOCK_SLACK_S)
		return ACTIVATION_STALE;
	enum activation_verdict verdict = judge_policy(&activation->policy, situation, signal->sender, signal->kind);
	if (verdict == ACTIVATION_START && !situation->clock_trusted)
		return ACTIVATION_START_TIME_UNVERIFIED;
	return verdict;
}

enum activation_verdict activation_judge(struct activation *activation, const struct activation_situation *situation,
                                         const uint8_t bytes[ADVERT_SIZE], struct advert_call *ret_call) {
	struct advert_call call;
	enum activation_verdict verdict = judge(activation, situation, bytes, &call);
	activation->counts[verdict]++;
	if (ret_call && verdict != ACTIVATION_FORGED)
		*ret_call = call;
	return verdict;
}

static enum activation_verdict judge_legacy(struct activation *activation, const struct activation_situation *situation,
                                            uint64_t now_us, const uint8_t *address, const struct legacy_call *call) {
	if (!activation->policy.legacy)
		return ACTIVATION_UNSIGNED;
	enum activation_verdict verdict = judge_policy(&activation->policy, situation, call->activator, call->kind);
	if (verdict != ACTIVATION_START)
		return verdict;
	/* Last: what starts nothing uses nothing up. */
	return legacy_gate_admit(&activation->gate, now_us, address, call->activator) ? ACTIVATION_START_UNVERIFIED
	                                                                              : ACTIVATION_LIMITED;
}

enum activation_verdict activation_judge_legacy(struct activation *activation, const struct activation_situation *situation,
                                                uint64_t now_us, const uint8_t address[6], const uint8_t *bytes, size_t length,
                                                struct legacy_call *ret_call) {
	struct legacy_call call;
	enum activation_verdict verdict = ACTIVATION_MALFORMED;
	if (legacy_decode(bytes, length, &call))
		verdict = judge_legacy(activation, situation, now_us, address, &call);
	activation->counts[verdict]++;
	if (ret_call && verdict != ACTIVATION_MALFORMED)
		*ret_call = call;
	return verdict;
}

uint64_t activation_count(const struct activation *activation, enum activation_verdict verdict) {
	return activation->counts[verdict];
}

const char *activation_verdict_name(enum activation_verdict verdict) {
	static const char *const names[ACTIVATION_VERDICTS] = {
		[ACTIVATION_START] = "start",
		[ACTIVATION_START_TIME_UNVERIFIED] = "start-time-unverified",
		[ACTIVATION_START_UNVERIFIED] = "start-unverified",
		[ACTIVATION_SLATE] = "slate",
		[ACTIVATION_FORGED] = "forged",
		[ACTIVATION_MALFORMED] = "malformed",
		[ACTIVATION_REPEATED] = "repeated",
		[ACTIVATION_REPLAYED] = "replayed",
		[ACTIVATION_STALE] = "stale",
		[ACTIVATION_DISABLED] = "disabled",
		[ACTIVATION_UNASSIGNED] = "unassigned",
		[ACTIVATION_MUTED] = "muted",
		[ACTIVATION_UNSIGNED] = "unsigned",
		[ACTIVATION_LIMITED] = "limited",
		[ACTIVATION_NOT_BUFFERING] = "not-buffering",
	};
	return (unsigned)verdict < ACTIVATION_VERDICTS ? names[verdict] : "unknown";
}

bool activation_is_dirty(const struct activation *activation) {
	return activation->dirty;
}

size_t activation_save(struct activation *activation, uint8_t out[ACTIVATION_MEMORY_SIZE]) {
	struct writer w = writer_over(out, ACTIVATION_MEMORY_SIZE);
	writer_copy(&w, memory_magic, sizeof(memory_magic));
	writer_u32(&w, MEMORY_VERSION);
	writer_u32(&w, (uint32_t)activation->sender_count);
	for (size_t i = 0; i < activation->sender_count; i++) {
		writer_u32(&w, activation->senders[i].id);
		writer_u32(&w, activation->senders[i].sequence);
		writer_u64(&w, activation->senders[i].heard_s);
	}
	uint8_t hash[SHA256_SIZE];
	sha256(out, writer_length(&w), hash);
	writer_copy(&w, hash, sizeof(hash));
	activation->dirty = false;
	return writer_length(&w);
}

int activation_load(struct activation *activation, const uint8_t *bytes, size_t length) {
	if (length < SHA256_SIZE)
		return -EBADMSG;
	uint8_t hash[SHA256_SIZE], magic[sizeof(memory_magic)];
	sha256(bytes, length - SHA256_SIZE, hash);
	if (memcmp(hash, bytes + length - SHA256_SIZE, SHA256_SIZE) != 0)
		return -EBADMSG;
	struct reader r = reader_over(bytes, length - SHA256_SIZE);
	reader_copy(&r, magic, sizeof(magic));
	uint32_t version = reader_u32(&r), count = reader_u32(&r);
	if (memcmp(magic, memory_magic, sizeof(magic)) != 0 || version != MEMORY_VERSION || count > SIGNAL_SENDERS_LIMIT)
		return -EBADMSG;
	struct sender senders[SIGNAL_SENDERS_LIMIT];
	for (uint32_t i = 0; i < count; i++) {
		senders[i].id = reader_u32(&r);
		senders[i].sequence = reader_u32(&r);
		senders[i].heard_s = reader_u64(&r);
	}
	if (!reader_done(&r))
		return -EBADMSG;
	memcpy(activation->senders, senders, count * sizeof(senders[0]));
	activation->sender_count = count;
	activation->dirty = false;
	return 0;
}
