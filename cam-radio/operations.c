#include "cam-radio/operations.h"

#include <assert.h>
#include <string.h>

void operations_remember(struct operations *operations, const uint8_t operation[OPERATION_SIZE], pb_size_t kind,
                         const lanyard_Response *response) {
	struct operation_result result = { .kind = kind };
	memcpy(result.operation, operation, OPERATION_SIZE);
	if (response) {
		result.response = response->which_body;
		if (response->which_body == lanyard_Response_tag_tag)
			result.body.tag = response->body.tag;
		else if (response->which_body == lanyard_Response_config_tag)
			result.body.config = response->body.config;
		else
			assert(response->which_body == 0); /* no other kind that changes something has a body */
	}
	operations->result[operations->next] = result;
	operations->next = (operations->next + 1) % OPERATIONS_REMEMBERED;
}

const struct operation_result *operations_find(const struct operations *operations, const uint8_t operation[OPERATION_SIZE]) {
	for (size_t i = 0; i < OPERATIONS_REMEMBERED; i++) {
		const struct operation_result *result = &operations->result[i];
		if (result->kind != 0 && memcmp(result->operation, operation, OPERATION_SIZE) == 0)
			return result;
	}
	return NULL;
}

void operation_result_fill(const struct operation_result *result, lanyard_Response *ret) {
	ret->which_body = result->response;
	if (result->response == lanyard_Response_tag_tag)
		ret->body.tag = result->body.tag;
	else if (result->response == lanyard_Response_config_tag)
		ret->body.config = result->body.config;
}
