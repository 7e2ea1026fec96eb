/* Results of the last operations, so that a repeated one has no second effect (docs/protocol.md, "Requests"). Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cam-radio/request.h"
#include "proto/lanyard.pb.h"

/* More than a companion has under way at once, several times over. */
#define OPERATIONS_REMEMBERED 64

/* Only successes are kept: what failed had no effect, and may be tried again under the same id. */
struct operation_result {
	uint8_t operation[OPERATION_SIZE];
	pb_size_t kind;     /* lanyard_Request_*_tag; 0: no result */
	pb_size_t response; /* lanyard_Response_*_tag, 0 for a bare success */
	union {
		lanyard_TagReceipt tag;
		lanyard_ConfigResponse config;
	} body;
};

struct operations {
	size_t next;
	struct operation_result result[OPERATIONS_REMEMBERED];
};

/* Forgets the oldest when it is full. response: NULL for a bare success. */
void operations_remember(struct operations *operations, const uint8_t operation[OPERATION_SIZE], pb_size_t kind,
                         const lanyard_Response *response);
/* NULL when it is not known. */
const struct operation_result *operations_find(const struct operations *operations, const uint8_t operation[OPERATION_SIZE]);
/* As the answer that was given first. */
void operation_result_fill(const struct operation_result *result, lanyard_Response *ret);
