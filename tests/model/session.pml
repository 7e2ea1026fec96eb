/* Sessions (docs/protocol.md, "Session"): the camera's links, the companion that opens sessions and renews them, and strangers who connect,
 * say nothing, and play recorded first messages again. A stranger never has the keys of a handshake.
 *
 * What holds: a command is carried out only on a link that the companion has proven by a transport message of its own; a stranger neither
 * makes a session nor ends one; the rest of the camera is told of exactly one session, without a gap when it is renewed; and when the
 * strangers have gone, the companion's session is live. */
#ifndef STRANGERS
#define STRANGERS 2
#endif
#ifndef SESSIONS
#define SESSIONS 3
#endif
#ifndef LOSSES
#define LOSSES 2
#endif
#define NONE 3
#define TELLS_BEGAN 1
#define TELLS_RENEWED 2
#define TELLS_ENDED 4
#define TELLS_COMMAND 8

mtype = { L_FREE, L_NEW, L_ANSWERED, L_SESSION };
mtype = { L_ACCEPTED, L_FIRST, L_PROVEN, L_COMMAND, L_CLOSED, L_TOO_LATE };

mtype slot[3] = L_FREE;
byte live = NONE;
bool between;
bool companions[3], proven[3]; /* whose link it is; whether the companion has spoken with its keys */
bool told;                     /* what the rest of the camera believes: there is a session */
byte using = NONE, making = NONE; /* the companion's links: the session it uses, and the one it opens */
byte strangers = STRANGERS, sessions = SESSIONS, losses = LOSSES;
byte i, tells, was;
mtype event;

inline links_step() {
	was = live;
	if
#define ROW(guard, on, effects) :: (guard) && event == on -> effects
#include "links.table"
#undef ROW
	:: else -> assert(false)
	fi;
	if
	:: tells == TELLS_BEGAN -> assert(!told); told = true
	:: tells == TELLS_RENEWED -> assert(told)
	:: tells == TELLS_ENDED -> assert(told); told = false
	:: tells == TELLS_COMMAND -> assert(companions[i] && proven[i] && slot[i] == L_SESSION)
	:: else
	fi;
	/* Its own next session, which is under way, leaves no gap. */
	assert(!(tells == TELLS_ENDED && event == L_CLOSED && ((companions[0] && ANSWERED(0)) || (companions[1] && ANSWERED(1)) || (companions[2] && ANSWERED(2)))));
	/* Nobody but the companion's own doing ends or replaces a session. */
	assert(was == NONE || live == was || companions[i]);
	assert(live == NONE || (companions[live] && proven[live]))
}

active proctype world() {
end:
	do
	:: atomic {
	if
	/* --- strangers --- */
#define STRANGER(n) strangers > 0 && slot[n] == L_FREE -> strangers--; i = n; companions[i] = false; proven[i] = false; event = L_ACCEPTED
#define REPLAY(n) slot[n] == L_NEW && !companions[n] -> i = n; event = L_FIRST
#define GARBAGE(n) slot[n] != L_FREE && !companions[n] -> i = n; event = L_CLOSED /* a command, anything: it does not decrypt */
	:: STRANGER(0)
	:: STRANGER(1)
	:: STRANGER(2)
	:: REPLAY(0)
	:: REPLAY(1)
	:: REPLAY(2)
	:: GARBAGE(0)
	:: GARBAGE(1)
	:: GARBAGE(2)

	/* --- the companion: opens, is answered and proves itself, asks, renews, loses links --- */
#define OPEN(n) making == NONE && (using == NONE || sessions > 0) && slot[n] == L_FREE -> i = n; making = n; companions[i] = true; \
		proven[i] = false; sessions = sessions - (using != NONE); event = L_ACCEPTED
#define SPEAK(n) making == n && companions[n] && slot[n] == L_NEW -> i = n; event = L_FIRST
#define PROVE(n) making == n && companions[n] && slot[n] == L_ANSWERED -> i = n; proven[n] = true; event = L_PROVEN
#define COMMAND(n) using == n && companions[n] && slot[n] == L_SESSION && live == n -> i = n; event = L_COMMAND
#define LOSE(n) losses > 0 && companions[n] && slot[n] != L_FREE -> losses--; i = n; event = L_CLOSED
	:: OPEN(0)
	:: OPEN(1)
	:: OPEN(2)
	:: SPEAK(0)
	:: SPEAK(1)
	:: SPEAK(2)
	:: PROVE(0)
	:: PROVE(1)
	:: PROVE(2)
	:: COMMAND(0)
	:: COMMAND(1)
	:: COMMAND(2)
	:: LOSE(0)
	:: LOSE(1)
	:: LOSE(2)
	:: between -> event = L_TOO_LATE
	/* The companion notices that a link is gone, and that its new session has taken over. */
	:: making != NONE && (slot[making] == L_FREE || !companions[making]) -> making = NONE
	:: using != NONE && (slot[using] == L_FREE || !companions[using]) -> using = NONE
	:: making != NONE && slot[making] == L_SESSION -> using = making; making = NONE
	fi;
	d_step {
		if
		:: event != 0 -> links_step()
		:: else
		fi;
		event = 0; tells = 0; i = 0; was = 0
	} }
	od
}

active proctype watch() {
end:
	do
	:: atomic { told != (live != NONE || between) -> assert(false) }
	:: atomic { (slot[0] == L_SESSION) + (slot[1] == L_SESSION) + (slot[2] == L_SESSION) != (live != NONE) -> assert(false) }
#ifdef REACH
	:: atomic { sessions == 0 && strangers == 0 && losses == 0 && using != NONE && live == using -> assert(false) }
#endif
	od
}

/* When strangers and bad luck have run out, the companion gets its session. */
#ifdef PROGRESS
ltl progress { <>[] (using != NONE && live == using) }
#endif
