#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "companion/requests.h"
#include "pairing/limits.h"

#define NOW (1000 * SECOND_US)

static void fill(void *context, uint8_t *out, size_t length) {
	uint8_t *next = context;
	memset(out, ++*next, length);
}

static uint8_t next_fill;
static const struct random_source counting = { .fill = fill, .context = &next_fill };

struct outcome {
	struct requests *requests;
	unsigned calls;
	enum reason reason;
	bool had_response;
	enum { PLAIN, FREE_QUEUE, ASK_AGAIN, CANCEL_OTHER } then;
	uint32_t other;
};

static void on_answer(void *context, enum reason reason, const lanyard_Response *response) {
	struct outcome *outcome = context;
	outcome->calls++;
	outcome->reason = reason;
	outcome->had_response = response != NULL;
	if (outcome->then == FREE_QUEUE) {
		requests_free(outcome->requests);
	} else if (outcome->then == CANCEL_OTHER) {
		requests_cancel(outcome->requests, outcome->other);
	} else if (outcome->then == ASK_AGAIN) {
		lanyard_Request request = { .which_body = lanyard_Request_status_tag };
		assert_int_equal(
		        requests_add(outcome->requests, &request, REQUESTS_FAIL, NOW, SECOND_US, on_answer, outcome, NULL), 0);
	}
}

static struct requests *requests;

static int set_up(void **state) {
	(void)state;
	next_fill = 0;
	requests = requests_new(&counting);
	return requests ? 0 : -1;
}

static int tear_down(void **state) {
	(void)state;
	requests_free(requests);
	return 0;
}

static uint32_t add(pb_size_t kind, enum requests_loss loss, uint64_t timeout_us, struct outcome *outcome) {
	lanyard_Request request = { .which_body = kind };
	uint32_t id = 0;
	outcome->requests = requests;
	assert_int_equal(requests_add(requests, &request, loss, NOW, timeout_us, on_answer, outcome, &id), 0);
	assert_int_not_equal(id, 0);
	return id;
}

/* Sends the next one and returns what went over the wire. */
static lanyard_Request send_next(void) {
	size_t length;
	const uint8_t *bytes = requests_next(requests, &length);
	assert_non_null(bytes);
	lanyard_Message message;
	assert_int_equal(codec_decode(bytes, length, &message), 0);
	assert_int_equal(message.which_kind, lanyard_Message_request_tag);
	return message.kind.request;
}

static void answer(uint32_t id, enum reason reason, pb_size_t body) {
	lanyard_Response response = { .id = id, .reason = (uint32_t)reason, .which_body = body };
	requests_take_answer(requests, &response);
}

static void one_answer_for_each(void **state) {
	(void)state;
	struct outcome status = { 0 }, tag = { 0 };
	uint32_t status_id = add(lanyard_Request_status_tag, REQUESTS_REPEAT, SECOND_US, &status);
	uint32_t tag_id = add(lanyard_Request_tag_tag, REQUESTS_REPEAT, 2 * SECOND_US, &tag);
	lanyard_Request first = send_next(), second = send_next();
	assert_int_equal(first.id, status_id);
	assert_int_equal(first.deadline_ms, 1000);
	assert_int_equal(first.operation.size, 0); /* it changes nothing */
	assert_int_equal(second.id, tag_id);
	assert_int_equal(second.operation.size, 16);
	size_t length;
	assert_null(requests_next(requests, &length));
	/* Answers in any order, and each counts once. */
	answer(tag_id, REASON_DISK_FULL, 0);
	assert_int_equal(tag.calls, 1);
	assert_int_equal(tag.reason, REASON_DISK_FULL);
	assert_false(tag.had_response);
	answer(tag_id, REASON_OK, lanyard_Response_tag_tag);
	assert_int_equal(tag.calls, 1);
	answer(status_id, REASON_OK, lanyard_Response_status_tag);
	assert_int_equal(status.calls, 1);
	assert_int_equal(status.reason, REASON_OK);
	assert_true(status.had_response);
	assert_true(requests_deadline_us(requests) == UINT64_MAX);
}

static void wrong_answers(void **state) {
	(void)state;
	struct outcome outcome = { 0 };
	uint32_t id = add(lanyard_Request_list_tag, REQUESTS_REPEAT, SECOND_US, &outcome);
	answer(id, REASON_OK, lanyard_Response_list_tag); /* before it was sent: not an answer to it */
	assert_int_equal(outcome.calls, 0);
	send_next();
	answer(id + 1, REASON_OK, lanyard_Response_list_tag);
	assert_int_equal(outcome.calls, 0);
	answer(id, REASON_OK, lanyard_Response_thumbnail_tag);
	assert_int_equal(outcome.calls, 1);
	assert_int_equal(outcome.reason, REASON_MESSAGE_MALFORMED);
	assert_false(outcome.had_response);
	id = add(lanyard_Request_list_tag, REQUESTS_REPEAT, SECOND_US, &outcome);
	send_next();
	answer(id, REASON_OK, 0);
	assert_int_equal(outcome.calls, 2);
	assert_int_equal(outcome.reason, REASON_MESSAGE_MALFORMED);
	/* A number that no table knows is still a failure. */
	id = add(lanyard_Request_record_tag, REQUESTS_REPEAT, SECOND_US, &outcome);
	send_next();
	answer(id, (enum reason)4000, 0);
	assert_int_equal(outcome.reason, REASON_INTERNAL);
}

static void deadlines(void **state) {
	(void)state;
	struct outcome early = { 0 }, late = { 0 };
	add(lanyard_Request_list_tag, REQUESTS_REPEAT, 2 * SECOND_US, &late);
	uint32_t early_id = add(lanyard_Request_list_tag, REQUESTS_REPEAT, SECOND_US, &early);
	assert_true(requests_deadline_us(requests) == NOW + SECOND_US);
	send_next();
	send_next();
	requests_tick(requests, NOW + SECOND_US - 1);
	assert_int_equal(early.calls, 0);
	requests_tick(requests, NOW + SECOND_US);
	assert_int_equal(early.calls, 1);
	assert_int_equal(early.reason, REASON_TIMEOUT);
	assert_int_equal(late.calls, 0);
	answer(early_id, REASON_OK, lanyard_Response_list_tag); /* too late */
	assert_int_equal(early.calls, 1);
	/* No deadline is longer than the protocol's. */
	add(lanyard_Request_list_tag, REQUESTS_REPEAT, 3600 * SECOND_US, &early);
	assert_int_equal(send_next().deadline_ms, 60000);
}

static void loss_of_the_link(void **state) {
	(void)state;
	struct outcome repeated = { 0 }, bound = { 0 }, waiting = { 0 };
	uint32_t tag_id = add(lanyard_Request_tag_tag, REQUESTS_REPEAT, 9 * SECOND_US, &repeated);
	add(lanyard_Request_access_point_start_tag, REQUESTS_FAIL, 9 * SECOND_US, &bound);
	lanyard_Request first = send_next();
	assert_false(requests_bound(requests));
	send_next();
	assert_true(requests_bound(requests));
	add(lanyard_Request_wifi_stop_tag, REQUESTS_FAIL, 9 * SECOND_US, &waiting);
	requests_link_lost(requests);
	assert_int_equal(repeated.calls, 0);
	assert_int_equal(bound.calls, 1);
	assert_int_equal(bound.reason, REASON_SESSION_LOST);
	assert_int_equal(waiting.calls, 0); /* it was never sent */
	/* The same request again, with the same operation id: the camera does it once. */
	lanyard_Request again = send_next();
	assert_int_equal(again.id, tag_id);
	assert_memory_equal(again.operation.bytes, first.operation.bytes, 16);
	answer(tag_id, REASON_OK, lanyard_Response_tag_tag);
	assert_int_equal(repeated.calls, 1);
	assert_int_equal(repeated.reason, REASON_OK);
}

static void operations_differ(void **state) {
	(void)state;
	struct outcome outcome = { 0 };
	add(lanyard_Request_tag_tag, REQUESTS_REPEAT, SECOND_US, &outcome);
	add(lanyard_Request_tag_tag, REQUESTS_REPEAT, SECOND_US, &outcome);
	lanyard_Request first = send_next(), second = send_next();
	assert_memory_not_equal(first.operation.bytes, second.operation.bytes, 16);
}

static void limits(void **state) {
	(void)state;
	struct outcome outcome = { 0 };
	for (int i = 0; i < REQUESTS_LIMIT; i++)
		add(lanyard_Request_status_tag, REQUESTS_REPEAT, SECOND_US, &outcome);
	lanyard_Request request = { .which_body = lanyard_Request_status_tag };
	assert_int_equal(requests_add(requests, &request, REQUESTS_REPEAT, NOW, SECOND_US, on_answer, &outcome, NULL), -EAGAIN);
	uint32_t last = 0;
	for (int i = 0; i < REQUESTS_IN_FLIGHT; i++)
		last = send_next().id;
	size_t length;
	assert_null(requests_next(requests, &length));
	answer(last, REASON_OK, lanyard_Response_status_tag);
	send_next();
	assert_null(requests_next(requests, &length));
	requests_fail_all(requests, REASON_NOT_CONNECTED);
	assert_int_equal(outcome.calls, REQUESTS_LIMIT);
	assert_int_equal(outcome.reason, REASON_NOT_CONNECTED);
}

static void cancelled(void **state) {
	(void)state;
	struct outcome outcome = { 0 };
	uint32_t id = add(lanyard_Request_status_tag, REQUESTS_REPEAT, SECOND_US, &outcome);
	requests_cancel(requests, 0);
	requests_cancel(requests, id + 1);
	send_next();
	requests_cancel(requests, id);
	answer(id, REASON_OK, lanyard_Response_status_tag);
	requests_tick(requests, NOW + 2 * SECOND_US);
	assert_int_equal(outcome.calls, 0);
}

static void callbacks_may_do_anything(void **state) {
	(void)state;
	/* One that cancels the next one that would be failed. */
	struct outcome first = { .then = CANCEL_OTHER }, second = { 0 };
	add(lanyard_Request_status_tag, REQUESTS_REPEAT, SECOND_US, &first);
	first.other = add(lanyard_Request_status_tag, REQUESTS_REPEAT, SECOND_US, &second);
	requests_fail_all(requests, REASON_CANCELLED);
	assert_int_equal(first.calls, 1);
	assert_int_equal(second.calls, 0);
	/* One that asks again and again: what it adds is not failed in the same go. */
	struct outcome again = { .then = ASK_AGAIN };
	add(lanyard_Request_status_tag, REQUESTS_FAIL, SECOND_US, &again);
	send_next();
	requests_link_lost(requests);
	assert_int_equal(again.calls, 1);
	requests_fail_all(requests, REASON_CANCELLED);
	assert_int_equal(again.calls, 2);
	/* One that frees the queue, with others still waiting. */
	struct outcome freeing = { .then = FREE_QUEUE };
	again.then = PLAIN;
	requests_fail_all(requests, REASON_CANCELLED);
	add(lanyard_Request_status_tag, REQUESTS_REPEAT, SECOND_US, &freeing);
	add(lanyard_Request_status_tag, REQUESTS_REPEAT, SECOND_US, &second);
	requests_tick(requests, NOW + SECOND_US);
	assert_int_equal(freeing.calls, 1);
	assert_int_equal(second.calls, 0);
	requests = NULL;
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(one_answer_for_each), TEST(wrong_answers), TEST(deadlines), TEST(loss_of_the_link),
		TEST(operations_differ),   TEST(limits),        TEST(cancelled), TEST(callbacks_may_do_anything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
