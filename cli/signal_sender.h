/* Calls cameras near, as one of the agency's senders: keys, sequences, adverts. Between calls nothing is on the air. What goes
 * wrong is said through output.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "cli/command.h"
#include "signal/advert.h"

#define SIGNAL_SENDER_COMPANY 0xffff
#define SIGNAL_SENDER_SECONDS_LIMIT 300
#define SIGNAL_SENDER_STATE "/var/lib/lanyard/signal"

struct signal_sender;

struct signal_sender_config {
	const char *adapter, *keys, *state; /* NULL: hci0, /etc/lanyard/signal.keys, SIGNAL_SENDER_STATE */
	uint32_t sender;                    /* its number in the agency */
	uint16_t company;                   /* company identifier of the adverts */
	bool legacy;                        /* the advert of old activators (signal/legacy.h): no keys, no sequence */
	bool patient;                       /* waits for an adapter as long as it takes */
	bool fresh_addresses;               /* each sequence from an address of its own; needs CAP_NET_RAW */
};

/* Opens the system bus. What config points at outlives it. ended: from the loop, when a call is over (CLI_DONE: it was made to
 * its end) or cannot be made; the sender must not be freed inside. 0 or a negative errno: no bus. */
int signal_sender_new(struct signal_sender **ret, sd_event *event, const struct signal_sender_config *config,
                      void (*ended)(void *context, enum cli_exit result), void *context);
/* NULL is allowed. */
void signal_sender_free(struct signal_sender *sender);
/* Begins a call; one that goes on is replaced and not told as ended. The sequences are stored before this returns. CLI_FAILED
 * after a message, muted senders included (signal/mute.h); a call that goes on goes on then. */
enum cli_exit signal_sender_call(struct signal_sender *sender, enum signal_kind kind, unsigned seconds);
/* Of the latest call: its first sequence, and how many were said. */
uint32_t signal_sender_first(const struct signal_sender *sender);
unsigned signal_sender_calls(const struct signal_sender *sender);
