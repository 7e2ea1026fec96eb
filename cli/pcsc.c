#include "cli/pcsc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <winscard.h>

#include "base/bytes.h"
#include "cli/output.h"
#include "nfc/card_commands.h"

#define READERS_LIMIT 16 /* as many as pcscd has */
#define NAMES_SIZE (16 * 128 + 1)
#define EVENT_COUNT_SHIFT 16
#define SLICE_MS 200 /* how often a wait looks whether it is to end */

struct pcsc {
	SCARDCONTEXT context;
	SCARDHANDLE card;
	bool connected;
	DWORD protocol;
	char names[NAMES_SIZE]; /* one after another, each with its end; an empty one ends them */
	SCARD_READERSTATE readers[READERS_LIMIT];
	DWORD reader_count;
	size_t at; /* the reader of the last tag */
};

static enum reason explain(LONG result) {
	if (result == SCARD_E_NO_SERVICE)
		output_failure("reader-gone", "pcscd, the service for readers, does not run: systemctl start pcscd.socket");
	else if (result == SCARD_W_SECURITY_VIOLATION)
		output_failure("not-permitted", "pcscd does not let you use readers: be root, or ask polkit for "
		                                "org.debian.pcsc-lite.access_pcsc");
	else
		output_failure("reader-gone", "readers cannot be used: %s", pcsc_stringify_error(result));
	return result == SCARD_W_SECURITY_VIOLATION ? REASON_NOT_PERMITTED : REASON_READER_GONE;
}

static enum reason find_readers(struct pcsc *pcsc, const char *wanted) {
	DWORD length = sizeof(pcsc->names);
	LONG result = SCardListReaders(pcsc->context, NULL, pcsc->names, &length);
	if (result == SCARD_E_NO_READERS_AVAILABLE || (result == SCARD_S_SUCCESS && pcsc->names[0] == '\0')) {
		output_reason(REASON_READER_GONE);
		return REASON_READER_GONE;
	}
	if (result != SCARD_S_SUCCESS)
		return explain(result);
	for (const char *name = pcsc->names; *name && pcsc->reader_count < READERS_LIMIT; name += strlen(name) + 1)
		if (!wanted || strstr(name, wanted))
			pcsc->readers[pcsc->reader_count++] = (SCARD_READERSTATE){ .szReader = name };
	if (pcsc->reader_count > 0)
		return REASON_OK;
	output_failure("reader-gone", "no reader's name has \"%.64s\" in it; the first one here is \"%.64s\"", wanted,
	               pcsc->names);
	return REASON_READER_GONE;
}

enum reason pcsc_open(struct pcsc **ret, const char *reader) {
	struct pcsc *pcsc = calloc(1, sizeof(*pcsc));
	if (!pcsc)
		return REASON_INTERNAL;
	LONG result = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &pcsc->context);
	if (result != SCARD_S_SUCCESS) {
		free(pcsc);
		return explain(result);
	}
	enum reason reason = find_readers(pcsc, reader);
	if (reason != REASON_OK) {
		pcsc_free(pcsc);
		return reason;
	}
	*ret = pcsc;
	return REASON_OK;
}

void pcsc_free(struct pcsc *pcsc) {
	if (!pcsc)
		return;
	pcsc_release(pcsc);
	SCardReleaseContext(pcsc->context);
	free(pcsc);
}

/* -------------------------------------------------------------------------------------------------------------------- a tag */

static int on_transmit(void *context, const uint8_t *command, size_t length, uint8_t response[CARD_RESPONSE_LIMIT],
                       size_t *ret_length) {
	struct pcsc *pcsc = context;
	const SCARD_IO_REQUEST *protocol = pcsc->protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
	DWORD answer = CARD_RESPONSE_LIMIT;
	LONG result = SCardTransmit(pcsc->card, protocol, command, length, NULL, response, &answer);
	if (result != SCARD_S_SUCCESS || answer < 2)
		return -ENODEV;
	*ret_length = answer;
	return 0;
}

static int on_reset(void *context) {
	struct pcsc *pcsc = context;
	LONG result = SCardReconnect(pcsc->card, SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, SCARD_UNPOWER_CARD,
	                             &pcsc->protocol);
	return result == SCARD_S_SUCCESS ? 0 : -ENODEV;
}

static enum reason take(struct pcsc *pcsc, struct card_port *ret) {
	LONG result = SCardConnect(pcsc->context, pcsc->readers[pcsc->at].szReader, SCARD_SHARE_EXCLUSIVE,
	                           SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &pcsc->card, &pcsc->protocol);
	if (result == SCARD_E_NO_SMARTCARD || result == SCARD_W_REMOVED_CARD)
		return REASON_TAG_GONE;
	if (result == SCARD_E_UNKNOWN_READER || result == SCARD_E_READER_UNAVAILABLE || result == SCARD_E_NO_SERVICE)
		return REASON_READER_GONE;
	if (result != SCARD_S_SUCCESS)
		return REASON_TAG_UNREADABLE;
	pcsc->connected = true;
	struct card_port port = { .transmit = on_transmit, .reset = on_reset, .context = pcsc };
	DWORD length = sizeof(port.atr);
	if (SCardStatus(pcsc->card, NULL, NULL, NULL, NULL, port.atr, &length) != SCARD_S_SUCCESS) {
		pcsc_release(pcsc);
		return REASON_TAG_GONE;
	}
	port.atr_length = length;
	/* A tag that has just come, or comes back, may answer the first command with silence. It is not taken before it speaks.
	 */
	uint8_t uid[CARD_UID_LIMIT];
	size_t uid_length;
	if (card_get_uid(&port, uid, &uid_length) != REASON_OK) {
		pcsc_release(pcsc);
		return REASON_TAG_GONE;
	}
	*ret = port;
	return REASON_OK;
}

void pcsc_release(struct pcsc *pcsc) {
	if (pcsc->connected)
		SCardDisconnect(pcsc->card, SCARD_UNPOWER_CARD);
	pcsc->connected = false;
}

static uint64_t now_ms(void) {
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* One slice of waiting for any change. */
static enum reason watch(struct pcsc *pcsc, const volatile sig_atomic_t *stop) {
	if (stop && *stop)
		return REASON_CANCELLED;
	LONG result = SCardGetStatusChange(pcsc->context, SLICE_MS, pcsc->readers, pcsc->reader_count);
	if (stop && *stop)
		return REASON_CANCELLED;
	if (result != SCARD_S_SUCCESS && result != SCARD_E_TIMEOUT)
		return REASON_READER_GONE;
	for (DWORD i = 0; i < pcsc->reader_count; i++)
		pcsc->readers[i].dwCurrentState = pcsc->readers[i].dwEventState;
	return REASON_OK;
}

enum reason pcsc_wait(struct pcsc *pcsc, unsigned timeout_ms, const volatile sig_atomic_t *stop, struct card_port *ret) {
	uint64_t end = now_ms() + timeout_ms;
	for (DWORD i = 0; i < pcsc->reader_count; i++)
		pcsc->readers[i].dwCurrentState = SCARD_STATE_UNAWARE; /* the first look tells what is there */
	do {
		enum reason reason = watch(pcsc, stop);
		if (reason != REASON_OK)
			return reason;
		for (pcsc->at = 0; pcsc->at < pcsc->reader_count; pcsc->at++)
			if (pcsc->readers[pcsc->at].dwEventState & SCARD_STATE_PRESENT) {
				reason = take(pcsc, ret);
				if (reason != REASON_TAG_GONE)
					return reason;
			}
	} while (now_ms() < end);
	return REASON_TAG_GONE;
}

enum reason pcsc_wait_removed(struct pcsc *pcsc, const volatile sig_atomic_t *stop) {
	SCARD_READERSTATE *reader = &pcsc->readers[pcsc->at];
	reader->dwCurrentState = SCARD_STATE_UNAWARE;
	enum reason reason = watch(pcsc, stop);
	/* Whoever is quick lays the next one before this one was seen to leave: pcscd counts what comes and goes. */
	DWORD count = reader->dwEventState >> EVENT_COUNT_SHIFT;
	while (reason == REASON_OK && reader->dwEventState & SCARD_STATE_PRESENT &&
	       reader->dwEventState >> EVENT_COUNT_SHIFT == count)
		reason = watch(pcsc, stop);
	return reason;
}
