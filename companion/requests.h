/* The queue of requests to the camera. Pure: time comes in, bytes and callbacks go out. Each request has an id, a deadline and
 * exactly one callback. A request survives the loss of the link and is sent again over the next one: it carries an operation id,
 * so that a camera which had already done it answers with the same result and does nothing twice (docs/protocol.md, "Requests").
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "base/reason.h"
#include "proto/codec.h"

/* Waiting and sent together: a page that asks for everything at once stays well below; more is a fault of the caller. */
#define REQUESTS_LIMIT 64
/* Sent and unanswered: the camera serves them in order, and what waits here can still be cancelled. */
#define REQUESTS_IN_FLIGHT 8

struct requests;

enum requests_loss {
	REQUESTS_REPEAT, /* sent again over the next session */
	REQUESTS_FAIL,   /* bound to the session it was sent on: fails with SESSION_LOST */
};

/* The outcome. `response` is valid during the call, and NULL unless reason is REASON_OK; then it carries the body that belongs to
 * the request. Requests may be added and cancelled inside, and the queue freed. */
typedef void (*requests_answer)(void *context, enum reason reason, const lanyard_Response *response);

/* NULL when out of memory. */
struct requests *requests_new(const struct random_source *random);
/* Calls nothing. NULL is allowed. */
void requests_free(struct requests *requests);

/* Fills in id, deadline and operation id of `request`, and queues it. timeout_us: at most 60 s. 0 and *ret_id (may be NULL);
 * -EAGAIN when REQUESTS_LIMIT are waiting; or -ENOMEM. */
int requests_add(struct requests *requests, lanyard_Request *request, enum requests_loss loss, uint64_t now_us,
                 uint64_t timeout_us, requests_answer answer, void *context, uint32_t *ret_id);
/* Its callback is not called any more. An unknown id, or 0, is ignored. */
void requests_cancel(struct requests *requests, uint32_t id);

/* The next encoded Message to send, which counts as sent, or NULL when there is none or enough are in flight. Valid until the
 * next call. */
const uint8_t *requests_next(struct requests *requests, size_t *ret_length);
/* An answer arrived. One that belongs to no request (cancelled, timed out) is ignored. */
void requests_take_answer(struct requests *requests, const lanyard_Response *response);
/* The link is gone. */
void requests_link_lost(struct requests *requests);
/* Fails everything. */
void requests_fail_all(struct requests *requests, enum reason reason);
/* Fails what is past its deadline, with REASON_TIMEOUT. */
void requests_tick(struct requests *requests, uint64_t now_us);
/* Absolute time of the next tick, UINT64_MAX for none. */
uint64_t requests_deadline_us(const struct requests *requests);
/* True while a request that was sent is bound to its session. */
bool requests_bound(const struct requests *requests);
