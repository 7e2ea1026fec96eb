/* Requests to companiond over its Unix socket. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "cli/command.h"

#define COMPANION_SOCKET "/run/lanyard/companiond/http.socket"

struct http_answer {
	long status;  /* HTTP status; 0: no answer */
	json_t *body; /* NULL when it is empty or no JSON */
};

/* method: "GET", "POST", "PUT", "DELETE". body may be NULL (borrowed). 0, or CLI_FAILED after a message when companiond does not
 * answer or refuses (any status of 400 and above, with the reason it gave). Free the body with json_decref. */
enum cli_exit http_request(const char *socket, const char *method, const char *path, json_t *body, struct http_answer *ret);
/* Streams a GET into `out`. The same errors. */
enum cli_exit http_download(const char *socket, const char *path, FILE *out);
