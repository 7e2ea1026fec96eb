/* Every limit, timer and wire size of the protocol, with its reason. Times are microseconds. */
#pragma once

#define SECOND_US 1000000ull
#define MILLISECOND_US 1000ull

/* --- button gate (docs/protocol.md, "Buttons") --- */
#define BUTTONS_TOGETHER_US (500 * MILLISECOND_US) /* both pressed within this: two thumbs in gloves */
#define BUTTONS_HELD_US (2 * SECOND_US)            /* a bump against a seat belt does not last this long */
#define BUTTON_BOUNCE_US (20 * MILLISECOND_US)     /* contact bounce of cheap switches is under 10 ms */
#define PAIRING_WINDOW_US (60 * SECOND_US)

/* --- records --- */
#define RECORD_HEADER_SIZE 2
#define RECORD_TAG_SIZE 16
#define RECORD_LIMIT_BLUETOOTH 4112     /* 4,096 bytes of plaintext: the tag costs 0.4 % and one buffer stays small */
#define RECORD_LIMIT_MEDIA 65535        /* the largest Noise message */
#define RECORD_STALL_US (5 * SECOND_US) /* without a byte inside a record; a slow link is no reason to end it */

/* --- handshakes --- */
#define PROTOCOL_VERSION_MINIMUM 1
#define PROTOCOL_VERSION_MAXIMUM 1
#define HANDSHAKE_US (5 * SECOND_US)    /* a stranger that says nothing is gone after this */
#define PAIRING_TRY_US (10 * SECOND_US) /* one try, without the time a person needs to compare codes */
#define PAIRING_TRIES 3                 /* per window */
#define UNAUTHENTICATED_LINKS 3         /* open at once: a silent stranger cannot hold the only slot */

/* --- sessions --- */
#define SESSION_LIFE_US (15 * 60 * SECOND_US)
#define SESSION_MESSAGES (1u << 20) /* each way; with the longest records 2^32 blocks, where AES-GCM's bound is still 2^-64 */
#define SESSION_IDLE_US (60 * SECOND_US)      /* nothing authentic for so long: the other end is gone */
#define SESSION_PING_US (SESSION_IDLE_US / 3) /* the companion says something this often, so that two may be lost */

#define KEY_SIZE 32
#define CODE_VALUES 1000000u         /* six decimal digits, all equally likely */
#define COMPANION_NAME_LIMIT 32      /* bytes, of either end's name */
#define HANDSHAKE_PAYLOAD_LIMIT 2048 /* room for a certificate and its signature */
