/* The Wi-Fi handover (docs/protocol.md, "Handover"): camera, companion, hostapd, station, the session between them. Both halves are the
 * tables that unit/model-* hold against the code. A deadline may pass at any moment; hostapd may refuse, die, or never answer; the
 * session may be lost at one end or at both, with all that was on its way; requests may go unanswered.
 *
 * What holds: the radio is on only while the camera works on a handover or still waits for hostapd to say that it is off; each request
 * is answered at most once; and whatever happens, everything comes to rest with the radio off, both halves idle and nobody waiting. There
 * is no cycle without the user (pan -l), so that it always comes to rest. OPENS: how often the user asks. LOSSES: how often a session is
 * lost. FORGOTTEN: how often hostapd does not answer in time. DEATHS: how often a network or a connection that works ends by itself. */
#ifndef OPENS
#define OPENS 1
#endif
#ifndef LOSSES
#define LOSSES 1
#endif
#ifndef FORGOTTEN
#define FORGOTTEN 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif

mtype = { C_IDLE, C_AP_STARTING, C_AP_UP, C_DIALLING, C_AUTHENTICATING, C_MEDIA_READY, C_STOPPING };
mtype = { C_START, C_START_REFUSED, C_UP, C_OFF, C_OFF_REFUSED, C_JOINED, C_JOINED_REFUSED, C_DIALLED, C_DIAL_FAILED, C_WIRE_LIVE,
	C_WIRE_ENDED, C_DEADLINE, C_STOP, C_SESSION_ENDED, C_CANCEL_START };
mtype = { K_OFF, K_STARTING, K_JOINING, K_ANNOUNCING, K_AUTHENTICATING, K_READY, K_RETRYING, K_CLOSING };
mtype = { K_OPEN, K_CLOSE, K_UP, K_UP_UNUSABLE, K_START_REFUSED, K_START_REFUSED_AGAIN, K_START_UNANSWERED_AGAIN, K_JOINED,
	K_STATION_OFF, K_STATION_OFF_AGAIN, K_JOINED_REFUSED_AGAIN, K_ACCEPTED, K_WIRE_LIVE, K_WIRE_ENDED, K_TIMER, K_STOP_ANSWERED, K_WIFI_OFF_AGAIN,
	K_SESSION_LOST };
mtype = { P_OFF, P_STARTING, P_UP, P_STOPPING };
mtype = { S_OFF, S_PREPARED, S_JOINING, S_JOINED, S_LEAVING };
mtype = { M_START, M_JOINED, M_STOP, M_OK, M_FAILED, M_WIFI_OFF, M_NONE };
#define PORT_START 1
#define PORT_STOP 2
#define PORT_DIAL 4
#define ASK_START 1
#define ASK_JOINED 2
#define ASK_STOP 4
#define STATION_JOIN 8
#define STATION_LEAVE 16
#define STATION_PREPARE 32

mtype cs = C_IDLE, ks = K_OFF, ps = P_OFF, ss = S_OFF;
bool network_on, next;                              /* camera */
bool camera_on, station_on, owed, retried, session = true; /* companion; session: what it believes */
byte start_waits, next_waits, joined_waits, stop_waits; /* camera: the request that waits, 0: none */
byte asked_id;                                      /* companion: the request under way */
mtype asked = M_NONE;
byte last_id;
bool camera_hears_loss, companion_hears_loss, late_up;
bool wire_c, wire_k, wire_pending;                  /* the media link: ends that exist, and one that is not accepted yet */
byte opens = OPENS, losses = LOSSES, forgotten = FORGOTTEN, deaths = DEATHS;
byte asks;
mtype ev, before;
chan to_camera = [3] of { mtype, byte };    /* request, id */
chan to_companion = [6] of { mtype, byte }; /* answer, id; or M_WIFI_OFF */

inline answer(kind, id) {
	if
	:: id != 0 && len(to_companion) < 6 -> to_companion!kind(id)
	:: else
	fi;
	id = 0
}

/* One step of the camera: the table, what the port is asked, who is answered. */
inline camera(event) {
	ev = event;
	before = cs;
	asks = 0;
	if
#define ROW(from, guard, on, to, effects) :: cs == from && (guard) && ev == on -> cs = to; effects
#include "camera-handover.table"
#undef ROW
	:: else -> assert(false) /* no such row: the surroundings did what they cannot do */
	fi;
	if
	:: asks & PORT_STOP -> /* of a start that is under way, or of one that was given up */
		late_up = (ps == P_STARTING);
		if
		:: ps == P_STARTING || ps == P_UP || ps == P_STOPPING -> ps = P_STOPPING
		:: else -> assert(false) /* nothing to stop */
		fi
	:: (asks & PORT_START) && cs == C_AP_STARTING -> assert(ps == P_OFF); ps = P_STARTING
	:: else
	fi;
	/* Who is told what: the mode first. */
	if
	:: cs == C_IDLE && before != C_IDLE && len(to_companion) < 6 && !camera_hears_loss -> to_companion!M_WIFI_OFF(0)
	:: else
	fi;
	if
	:: before == C_STOPPING && (ev == C_OFF || ev == C_OFF_REFUSED || ev == C_DEADLINE) -> answer(M_OK, stop_waits)
	:: else
	fi;
	if
	:: before == C_AP_STARTING && cs == C_AP_UP -> answer(M_OK, start_waits)
	:: before == C_AP_STARTING && cs != C_AP_UP && cs != C_AP_STARTING -> answer(M_FAILED, start_waits)
	:: before == C_DIALLING && cs == C_AUTHENTICATING -> answer(M_OK, joined_waits)
	:: before == C_DIALLING && cs != C_AUTHENTICATING && cs != C_DIALLING -> answer(M_FAILED, joined_waits)
	:: else
	fi;
	if
	:: cs != C_AUTHENTICATING && cs != C_MEDIA_READY -> wire_c = false
	:: else
	fi
}

/* What was `next` has begun, or has not. */
inline next_begins() {
	if
	:: next_waits != 0 && !next && cs == C_AP_STARTING -> start_waits = next_waits; next_waits = 0
	:: next_waits != 0 && !next && cs != C_AP_STARTING -> answer(M_FAILED, next_waits)
	:: else
	fi
}

inline companion(event) {
	ev = event;
	before = ks;
	asks = 0;
	if
#define ROW(from, guard, on, to, effects) :: ks == from && (guard) && ev == on -> ks = to; effects
#define AFTER(from, guard, to, effects)
#include "companion-handover.table"
#undef ROW
#undef AFTER
	:: else -> assert(false)
	fi;
	if
#define ROW(from, guard, on, to, effects)
#define AFTER(from, guard, to, effects) :: ks == from && (guard) -> ks = to; effects
#include "companion-handover.table"
#undef ROW
#undef AFTER
	:: else
	fi;
	if
	:: ks != before || (asks & ASK_STOP) -> /* what was asked before is not waited for any more */
		if
		:: ks == K_AUTHENTICATING || ks == K_READY
		:: else -> asked = M_NONE; asked_id = 0
		fi
	:: else
	fi;
	if
	:: ks != K_AUTHENTICATING && ks != K_READY -> wire_k = false
	:: else
	fi;
	if
	:: ks != K_ANNOUNCING && ks != K_AUTHENTICATING && ks != K_READY -> wire_pending = false
	:: else
	fi;
	if
	:: asks & STATION_LEAVE ->
		if
		:: ss == S_PREPARED || ss == S_JOINING || ss == S_JOINED -> ss = S_LEAVING
		:: else
		fi
	:: else
	fi;
	if
	:: (asks & STATION_PREPARE) && ss == S_OFF -> ss = S_PREPARED
	:: (asks & STATION_JOIN) && (ss == S_OFF || ss == S_PREPARED) -> ss = S_JOINING
	:: else /* refused: it still leaves */
	fi;
	if
	:: asks & ASK_STOP -> request(M_STOP)
	:: else
	fi;
	if
	:: asks & ASK_JOINED -> request(M_JOINED)
	:: (asks & ASK_START) && session -> request(M_START)
	:: else
	fi
}

inline request(kind) {
	if
	:: session && !companion_hears_loss && len(to_camera) < 3 -> last_id = 1 + last_id % 7; asked = kind; asked_id = last_id; to_camera!kind(last_id)
	:: session && !(!companion_hears_loss && len(to_camera) < 3) -> last_id = 1 + last_id % 7; asked = kind; asked_id = last_id /* lost on the way */
	:: else
	fi
}

byte id, refused, done;
mtype to_c, to_k; /* the events of this step */
inline all_on_its_way_is_lost() {
	do
	:: len(to_camera) > 0 -> to_camera?_, _
	:: len(to_companion) > 0 -> to_companion?_, _
	:: else -> break
	od
}

active proctype world() {
end:
	do
	:: atomic {
	if
	/* --- the user --- */
	:: opens > 0 && ks == K_OFF && session -> opens--; to_k = K_OPEN
	:: ks != K_OFF && ks != K_CLOSING -> to_k = K_CLOSE

	/* --- the camera takes a request --- */
	:: to_camera?[M_START, _] && cs == C_IDLE && ps == P_OFF -> to_camera?M_START, id; start_waits = id; to_c = C_START
	:: to_camera?[M_START, _] && cs == C_IDLE -> /* hostapd is not there, or still has the last one */
		to_camera?M_START, id; to_c = C_START_REFUSED; refused = id
	:: to_camera?[M_START, _] && cs != C_IDLE ->
		to_camera?M_START, id; answer(M_FAILED, next_waits); next_waits = id; to_c = C_START
	:: to_camera?[M_JOINED, _] && cs == C_AP_UP -> to_camera?M_JOINED, id; joined_waits = id; to_c = C_JOINED
	:: to_camera?[M_JOINED, _] && cs == C_AP_UP -> to_camera?M_JOINED, id; to_c = C_JOINED_REFUSED; refused = id
	:: to_camera?[M_JOINED, _] && cs != C_AP_UP -> to_camera?M_JOINED, id; to_c = C_JOINED; refused = id
	:: to_camera?[M_STOP, _] && cs == C_IDLE -> to_camera?M_STOP, id; to_c = C_STOP; done = id
	:: to_camera?[M_STOP, _] && cs != C_IDLE && stop_waits == 0 -> to_camera?M_STOP, id; stop_waits = id; to_c = C_STOP
	:: to_camera?[M_STOP, _] && cs != C_IDLE && stop_waits != 0 -> to_camera?M_STOP, id; to_c = C_STOP; refused = id

	/* --- hostapd --- */
	:: ps == P_STARTING -> ps = P_UP; to_c = C_UP
	:: ps == P_STARTING || (ps == P_UP && deaths > 0) || ps == P_STOPPING ->
		deaths = deaths - (ps == P_UP); ps = P_OFF; late_up = false; to_c = C_OFF
	:: ps == P_STOPPING && cs == C_STOPPING && next -> ps = P_OFF; late_up = false; to_c = C_OFF_REFUSED
	:: ps == P_STOPPING && late_up -> late_up = false; to_c = C_UP

	/* --- the camera's deadlines --- */
	:: cs != C_IDLE && cs != C_STOPPING -> to_c = C_DEADLINE
	:: cs == C_STOPPING && forgotten > 0 -> forgotten--; to_c = C_DEADLINE

	/* --- dialling and the media link --- */
	:: cs == C_DIALLING && ps == P_UP && ss == S_JOINED && ks == K_ANNOUNCING && !wire_pending ->
		wire_pending = true; wire_c = true; to_c = C_DIALLED
	:: cs == C_DIALLING -> to_c = C_DIAL_FAILED
	:: wire_pending && ks == K_ANNOUNCING -> wire_pending = false; wire_k = true; to_k = K_ACCEPTED
	:: ks == K_AUTHENTICATING && wire_c && wire_k -> to_k = K_WIRE_LIVE
	:: cs == C_AUTHENTICATING && wire_k && ks == K_READY -> to_c = C_WIRE_LIVE
	:: wire_c && !wire_k && !wire_pending -> to_c = C_WIRE_ENDED
	:: wire_c && deaths > 0 -> deaths--; to_c = C_WIRE_ENDED
	:: wire_k && !wire_c -> to_k = K_WIRE_ENDED
	:: wire_k && deaths > 0 -> deaths--; to_k = K_WIRE_ENDED

	/* --- the companion hears --- */
	:: to_companion?[M_WIFI_OFF, _] -> to_companion?M_WIFI_OFF, id; to_k = K_WIFI_OFF_AGAIN
	:: to_companion?[M_OK, _] -> to_companion?M_OK, id;
		if
		:: id == asked_id && asked == M_START -> asked = M_NONE; asked_id = 0; to_k = K_UP
		:: id == asked_id && asked == M_JOINED -> asked = M_NONE; asked_id = 0
		:: id == asked_id && asked == M_STOP -> asked = M_NONE; asked_id = 0; to_k = K_STOP_ANSWERED
		:: else
		fi
	:: to_companion?[M_FAILED, _] -> to_companion?M_FAILED, id;
		if
		:: id == asked_id && asked == M_START -> asked = M_NONE; asked_id = 0; to_k = K_START_REFUSED_AGAIN
		:: id == asked_id && asked == M_JOINED -> asked = M_NONE; asked_id = 0; to_k = K_JOINED_REFUSED_AGAIN
		:: id == asked_id && asked == M_STOP -> asked = M_NONE; asked_id = 0; to_k = K_STOP_ANSWERED
		:: else
		fi
	:: to_companion?[M_FAILED, _] && asked == M_START -> to_companion?M_FAILED, id; /* the same, with a reason that is final */
		if
		:: id == asked_id -> asked = M_NONE; asked_id = 0; to_k = K_START_REFUSED
		:: else
		fi
	:: to_companion?[M_OK, _] && asked == M_START -> to_companion?M_OK, id; /* nothing that can be joined */
		if
		:: id == asked_id -> asked = M_NONE; asked_id = 0; to_k = K_UP_UNUSABLE
		:: else
		fi

	/* --- requests that nobody answers, the companion's deadlines --- */
	:: asked == M_START -> asked = M_NONE; asked_id = 0; to_k = K_START_UNANSWERED_AGAIN
	:: asked == M_JOINED -> asked = M_NONE; asked_id = 0; to_k = K_JOINED_REFUSED_AGAIN
	:: asked == M_STOP -> asked = M_NONE; asked_id = 0; to_k = K_STOP_ANSWERED
	:: ks != K_OFF && ks != K_READY -> to_k = K_TIMER

	/* --- the station --- */
	:: ss == S_JOINING && ps == P_UP -> ss = S_JOINED; to_k = K_JOINED
	:: (ss == S_JOINING || ss == S_LEAVING || (ss == S_JOINED && (deaths > 0 || ps != P_UP))) && !(ks == K_STARTING && station_on) ->
		deaths = deaths - (ss == S_JOINED && ps == P_UP); ss = S_OFF; to_k = K_STATION_OFF_AGAIN
	:: (ss == S_PREPARED || ss == S_JOINING || ss == S_LEAVING || (ss == S_JOINED && deaths > 0)) && station_on -> /* its supplicant */
		deaths = deaths - (ss == S_JOINED); ss = S_OFF; to_k = K_STATION_OFF
	:: ss == S_PREPARED || ss == S_JOINING -> ss = S_LEAVING /* it cannot, and says so when it is off */

	/* --- the session --- */
	:: losses > 0 && session && !companion_hears_loss && !camera_hears_loss -> /* at both ends, each in its own time */
		all_on_its_way_is_lost(); losses--; companion_hears_loss = true; camera_hears_loss = true
	:: losses > 0 && session && !companion_hears_loss && !camera_hears_loss -> /* the camera does not notice: it is renewed */
		all_on_its_way_is_lost(); losses--; companion_hears_loss = true
	:: companion_hears_loss -> companion_hears_loss = false; session = false; asked = M_NONE; asked_id = 0; to_k = K_SESSION_LOST
	:: camera_hears_loss -> /* nobody waits any more, and the handover hears of it */
		start_waits = 0; next_waits = 0; joined_waits = 0; stop_waits = 0;
		camera_hears_loss = false; to_c = C_SESSION_ENDED
	:: !session && !companion_hears_loss && !camera_hears_loss -> session = true
	fi;
	d_step {
		if
		:: to_c != 0 -> camera(to_c); next_begins(); answer(M_FAILED, refused); answer(M_OK, done); to_c = 0
		:: else
		fi;
		if
		:: to_k != 0 -> companion(to_k); to_k = 0
		:: else
		fi;
		ev = 0; before = 0; asks = 0; id = 0
	} }
	od
}

#define ON_THE_AIR (ps == P_STARTING || ps == P_UP)

active proctype watch() {
end:
	do
	:: atomic { ON_THE_AIR && cs == C_IDLE -> assert(false) } /* on the air, and nobody works on it */
	:: atomic { ps == P_STOPPING && !network_on -> assert(false) }
	:: atomic { cs == C_IDLE && (start_waits != 0 || joined_waits != 0 || next_waits != 0 || next) -> assert(false) } /* a lost answer */
	:: atomic { ks == K_OFF && (asked != M_NONE || camera_on || station_on || wire_k) -> assert(false) }
	:: atomic { (ss != S_OFF) != (station_on || owed) -> assert(false) } /* a station that is on and that nobody waits for */
#ifdef REACH
	:: atomic { ks == K_READY && cs == C_MEDIA_READY -> assert(false) } /* the model is not empty */
#endif
	:: atomic { timeout -> assert(ps == P_OFF && ss == S_OFF && cs == C_IDLE && !network_on && ks == K_OFF &&
	                              stop_waits == 0 && session && !wire_c && !wire_k); break }
	od
}
