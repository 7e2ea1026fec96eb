/* Details of recordings on their way to the store: gathered for some seconds, because a write for each position of a companion
 * would wear out a memory card for nothing. */
#pragma once

#include <systemd/sd-event.h>

#include "footage/store.h"

/* What a power cut may take. */
#define NOTES_DELAY_US 10000000

struct notes;

/* The store outlives the notes. 0 or a negative errno. */
int notes_new(struct notes **ret, sd_event *event, struct store *store);
/* Writes what is left. NULL is allowed. */
void notes_free(struct notes *notes);
/* As store_add_detail, at the present time. */
int notes_add(struct notes *notes, const char *id, const char *key, const char *value);
/* Writes now. A failure is logged, and tried again later. */
void notes_flush(struct notes *notes);
