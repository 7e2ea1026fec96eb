/* Pairing (docs/protocol.md, "Pairing"): a camera with a companion, its window and its store; two initiators, the old companion (0) and
 * another (1), who may try at the same time; persons at both ends who confirm or reject; power cuts of the camera and of either companion at any
 * moment; records that are lost with their link or arrive changed; stores that fail. Between pairings the companions open sessions.
 *
 * What holds: whenever nothing is being stored, the camera has the record that was committed last, whole; a record changes only in a
 * window that the buttons opened and after the persons at both ends have confirmed; a companion that is told "paired" is; and when all has come to
 * rest, exactly one of the two can open a session. It always comes to rest (pan -l).
 *
 * Assumed: what a companion has sent on a link arrives, or is lost, before the camera answers it on the next link. */
#ifndef ATTEMPTS
#define ATTEMPTS 2
#endif
#ifndef CUTS
#define CUTS 1
#endif
#ifndef WINDOWS
#define WINDOWS 1
#endif
#ifndef FAULTS
#define FAULTS 1
#endif
#define TRIES 3
#ifndef SLOTS
#define SLOTS 1
#endif
/* SLOTS: how many pairings whose end is not known a companion remembers beside the proven one (companion/keyring.h). With one, the last
 * property needs a session between two windows: see the check with WINDOWS=2 in tests/model/checks. */

mtype = { C_HELLO, C_PROOF, C_CODE, C_CONTRIBUTION, C_FINISH, C_LIVE, C_CLOSED };
mtype = { C_OFFER, C_OFFER_DENIED, C_PROVEN, C_CONFIRMED, C_REJECTED, C_CONTRIBUTED, C_FINISHED, C_FINISHED_NOT_STORED, C_WRONG,
	C_TIMEOUT, C_CLOSE };
mtype = { K_ANSWER, K_CODE, K_CONTRIBUTION, K_CONFIRM, K_DONE, K_LIVE, K_CLOSED };
mtype = { K_ANSWERED, K_CONFIRMED, K_CONFIRMED_NOT_STORED, K_REJECTED, K_CONTRIBUTED, K_CONTRIBUTED_NOT_STORED, K_REFUSED, K_DONE_SAID, K_WRONG, K_TIMEOUT };
mtype = { W_CLOSED, W_OPEN, W_HANDSHAKE, W_CONFIRMING, W_STORING, W_PAIRED };
mtype = { W_BUTTONS, W_BEGIN, W_BEGIN_DENIED, W_CODE, W_CLICK, W_STORED, W_ENDED, W_DEADLINE };
#define SAY_ANSWER 1
#define SAY_CONTRIBUTION 2
#define SAY_REFUSED 4
#define SAY_DONE 8
#define SAY_PROOF 16
#define SAY_FINISH 32
#define SAY_OFFER 64
#define NOBODY 2
#define TORN 99

mtype window = W_CLOSED, camera[2] = C_CLOSED, companion[2] = K_CLOSED;
byte tries, pairing = NOBODY; /* whose link the window has let in */
bool in_progress;
bool agreed[2];               /* the person has said at this companion that the codes are equal */
byte making[2];               /* the record that this try makes */
byte last = 1;                /* records are numbered; 1 is the old companion's */
byte disk = 1, maybe, memory = 1; /* maybe: renamed, not synced yet */
byte committed = 1;           /* what disk has to be */
bool storing, was_committed[8];
byte proven[2], newest[2], earlier[2]; /* the companions' stores; 0: empty */
byte attempts = ATTEMPTS, cuts = CUTS, windows = WINDOWS, faults = FAULTS;
chan up[2] = [3] of { byte };
chan down[2] = [3] of { byte };

byte i, says, word;
bool commits, aborts;
mtype to_c, to_k, to_w; /* the events of this step, for link i */

inline window_step() {
	aborts = false;
	if
#define ROW(from, guard, on, to, effects) :: window == from && (guard) && to_w == on -> window = to; effects
#include "window.table"
#undef ROW
	:: else -> assert(false)
	fi;
	to_w = 0
}

inline camera_step() {
	says = 0;
	commits = false;
	if
#define ROW(from, guard, on, to, effects) :: camera[i] == from && (guard) && to_c == on -> camera[i] = to; effects
#include "camera-pairing.table"
#undef ROW
	:: else -> assert(false)
	fi;
	assert(!commits || (pairing == i && window == W_STORING)); /* let in by the window, confirmed by the person */
	say(down[i])
}

inline companion_step() {
	says = 0;
	commits = false;
	if
#define ROW(from, guard, on, to, effects) :: companion[i] == from && (guard) && to_k == on -> companion[i] = to; effects
#include "companion-pairing.table"
#undef ROW
	:: else -> assert(false)
	fi;
	if
	:: commits && (to_k == K_CONTRIBUTED || to_k == K_CONFIRMED) -> assert(agreed[i]); remember()
	:: else
	fi;
	say(up[i])
}

/* companion/keyring.c, keyring_add: the earlier one is stored before the newest. */
inline remember() {
	if
	:: newest[i] != 0 && SLOTS == 2 -> earlier[i] = newest[i]
	:: else
	fi;
	newest[i] = making[i]
}

inline say(to) {
	if
	:: says & SAY_ANSWER -> to!SAY_ANSWER
	:: says & SAY_PROOF -> to!SAY_PROOF
	:: says & SAY_REFUSED -> to!SAY_REFUSED
	:: says & SAY_DONE -> to!SAY_DONE
	:: says & SAY_CONTRIBUTION -> to!SAY_CONTRIBUTION
	:: else
	fi;
	if
	:: says & SAY_FINISH -> to!SAY_FINISH
	:: else
	fi
}

inline drain(queue) {
	do
	:: len(queue) > 0 -> queue?_
	:: else -> break
	od
}

inline link_is_gone(n) {
	camera[n] = C_CLOSED;
	drain(up[n]);
	drain(down[n])
}

/* What follows a step of the camera's channel: window and channel tell each other. */
inline after_camera() {
	if
	:: to_c == C_PROVEN -> to_w = W_CODE; window_step()
	:: to_c == C_FINISHED -> to_w = W_STORED; window_step(); pairing = NOBODY
	:: camera[i] == C_CLOSED && pairing == i -> pairing = NOBODY; to_w = W_ENDED; window_step()
	:: else
	fi;
	if
	:: camera[i] == C_CLOSED -> drain(up[i])
	:: else
	fi;
	to_c = 0
}

inline after_window() {
	if
	:: aborts -> i = pairing; pairing = NOBODY; to_c = C_CLOSE; camera_step(); to_c = 0; drain(up[i])
	:: else
	fi
}

active proctype world() {
	proven[0] = 1;
	was_committed[1] = true;
end:
	do
	:: atomic {
	if
	/* --- the person --- */
	:: windows > 0 && !storing -> windows--; to_w = W_BUTTONS
	:: window == W_CONFIRMING && !storing -> to_w = W_CLICK; i = pairing; to_c = C_CONFIRMED
	:: window == W_CONFIRMING && !storing -> to_w = W_CLICK; i = pairing; to_c = C_REJECTED
	:: window != W_CLOSED && !storing -> to_w = W_DEADLINE
#define ASKED(n) (companion[n] == K_CODE || companion[n] == K_CONFIRM)
	:: ASKED(0) -> i = 0; agreed[0] = true; to_k = K_CONFIRMED
	:: ASKED(1) -> i = 1; agreed[1] = true; to_k = K_CONFIRMED
	:: ASKED(0) -> i = 0; to_k = K_REJECTED
	:: ASKED(1) -> i = 1; to_k = K_REJECTED
	:: companion[0] == K_CONFIRM && faults > 0 -> faults--; i = 0; to_k = K_CONFIRMED_NOT_STORED
	:: companion[1] == K_CONFIRM && faults > 0 -> faults--; i = 1; to_k = K_CONFIRMED_NOT_STORED

	/* --- a companion begins --- */
#define BEGINS(n) attempts > 0 && companion[n] == K_CLOSED && camera[n] == C_CLOSED -> i = n; attempts--; last++; making[i] = last; \
		drain(up[i]); drain(down[i]); agreed[i] = false; companion[i] = K_ANSWER; camera[i] = C_HELLO; up[i]!SAY_OFFER
	:: BEGINS(0)
	:: BEGINS(1)

	/* --- the camera reads --- */
	:: if
		:: !storing && len(up[0]) > 0 && camera[0] != C_CLOSED -> i = 0
		:: !storing && len(up[1]) > 0 && camera[1] != C_CLOSED -> i = 1
		fi;
		up[i]?word;
		if
		:: word == SAY_OFFER && camera[i] == C_HELLO && window == W_OPEN -> assert(pairing == NOBODY); pairing = i; to_w = W_BEGIN; to_c = C_OFFER
		:: word == SAY_OFFER && camera[i] == C_HELLO && window != W_OPEN -> to_w = W_BEGIN_DENIED; to_c = C_OFFER_DENIED
		:: word == SAY_PROOF && camera[i] == C_PROOF -> to_c = C_PROVEN
		:: word == SAY_CONTRIBUTION && camera[i] == C_CONTRIBUTION -> to_c = C_CONTRIBUTED
		:: word == SAY_FINISH && camera[i] == C_FINISH -> storing = true; maybe = making[i] /* renamed */
		:: faults > 0 -> faults--; to_c = C_WRONG
		fi
	:: storing -> /* synced */
		i = pairing; disk = making[i]; memory = disk; committed = disk; was_committed[disk] = true; storing = false; maybe = 0; to_c = C_FINISHED
	:: storing && faults > 0 -> /* not: the old record is put back */
		faults--; i = pairing; storing = false; maybe = 0; to_c = C_FINISHED_NOT_STORED
	:: !storing && camera[0] != C_CLOSED -> i = 0; to_c = C_TIMEOUT
	:: !storing && camera[1] != C_CLOSED -> i = 1; to_c = C_TIMEOUT

	/* --- a companion reads --- */
	:: if
		:: len(down[0]) > 0 && companion[0] != K_CLOSED && companion[0] != K_LIVE -> i = 0
		:: len(down[1]) > 0 && companion[1] != K_CLOSED && companion[1] != K_LIVE -> i = 1
		fi;
		down[i]?word;
		if
		:: word == SAY_ANSWER && companion[i] == K_ANSWER -> to_k = K_ANSWERED
		:: word == SAY_CONTRIBUTION && (companion[i] == K_CODE || companion[i] == K_CONTRIBUTION) -> to_k = K_CONTRIBUTED
		:: word == SAY_CONTRIBUTION && companion[i] == K_CONTRIBUTION && faults > 0 -> faults--; to_k = K_CONTRIBUTED_NOT_STORED
		:: word == SAY_REFUSED && companion[i] != K_ANSWER -> to_k = K_REFUSED
		:: word == SAY_DONE && companion[i] == K_DONE -> to_k = K_DONE_SAID
		:: faults > 0 -> faults--; to_k = K_WRONG
		fi
	:: companion[0] != K_CLOSED -> i = 0; to_k = K_TIMEOUT
	:: companion[1] != K_CLOSED -> i = 1; to_k = K_TIMEOUT

	/* --- power --- */
	:: cuts > 0 -> cuts--;
		if
		:: maybe != 0 && storing -> disk = maybe; committed = disk; was_committed[disk] = true
		:: true
		fi;
		memory = disk; maybe = 0; storing = false; window = W_CLOSED; tries = 0; in_progress = false; pairing = NOBODY;
		link_is_gone(0); link_is_gone(1)
	:: cuts > 0 && companion[0] != K_CLOSED -> cuts--; companion[0] = K_CLOSED
	:: cuts > 0 && companion[1] != K_CLOSED -> cuts--; companion[1] = K_CLOSED

	/* --- sessions: newest first; what is found to work settles the others (keyring_prove) --- */
#define RESTS(n) !storing && companion[n] == K_CLOSED && camera[n] == C_CLOSED && newest[n] + earlier[n] > 0
#define HOLDS(n) (newest[n] == memory || earlier[n] == memory || proven[n] == memory)
	:: RESTS(0) && HOLDS(0) -> proven[0] = memory; newest[0] = 0; earlier[0] = 0
	:: RESTS(1) && HOLDS(1) -> proven[1] = memory; newest[1] = 0; earlier[1] = 0
	fi;
	d_step {
		if
		:: to_w != 0 -> window_step(); after_window()
		:: else
		fi;
		if
		:: to_c != 0 -> camera_step(); after_camera()
		:: else
		fi;
		if
		:: to_k != 0 ->
			companion_step(); to_k = 0;
			assert(companion[i] != K_LIVE || was_committed[making[i]]) /* "paired" is true */
		:: else
		fi;
		says = 0; word = 0; commits = false; aborts = false; i = 0
	} }
	od
}

#define OPENS(n) (disk != 0 && (proven[n] == disk || newest[n] == disk || earlier[n] == disk))

active proctype watch() {
end:
	do
	:: atomic { !storing && disk != committed -> assert(false) } /* an old companion was evicted, or a record is not whole */
	:: atomic { disk != memory && !storing -> assert(false) }
	:: atomic { (pairing != NOBODY) != in_progress -> assert(false) }
#ifdef REACH
	:: atomic { companion[1] == K_LIVE && disk == making[1] -> assert(false) }
#endif
	:: atomic { timeout -> assert(OPENS(0) + OPENS(1) == 1 && window == W_CLOSED && pairing == NOBODY && camera[0] == C_CLOSED &&
	                              camera[1] == C_CLOSED && companion[0] == K_CLOSED && companion[1] == K_CLOSED); break }
	od
}
