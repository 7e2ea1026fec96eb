/* NFC readers through PC/SC: waits for a tag on one of them and speaks with it. */
#pragma once

#include <signal.h>
#include <stdbool.h>

#include "base/reason.h"
#include "nfc/card.h"

struct pcsc;

/* reader: a part of the reader's name, or NULL for any. REASON_OK; REASON_READER_GONE or REASON_NOT_PERMITTED after a message on
 * standard error that says what to do. */
enum reason pcsc_open(struct pcsc **ret, const char *reader);
void pcsc_free(struct pcsc *pcsc);
/* Waits until a tag lies on a reader, and takes it: nobody else may speak with it until pcsc_release. *stop (NULL: none) becoming
 * non-zero ends the wait. *ret lives as long as `pcsc`. REASON_OK, REASON_TAG_GONE (nothing came in time), REASON_CANCELLED,
 * REASON_READER_GONE; REASON_TAG_UNREADABLE: it lies there and does not answer, or somebody else speaks with it. */
enum reason pcsc_wait(struct pcsc *pcsc, unsigned timeout_ms, const volatile sig_atomic_t *stop, struct card_port *ret);
/* Lets the tag go. */
void pcsc_release(struct pcsc *pcsc);
/* Waits until the tag that was there is taken away. REASON_OK, REASON_CANCELLED, REASON_READER_GONE. */
enum reason pcsc_wait_removed(struct pcsc *pcsc, const volatile sig_atomic_t *stop);
