/* /api/recordings/{id}/media and /api/live: a Range request becomes a reader of the media channel becomes a streamed answer. */
#pragma once

#include "companion/http/server.h"
#include "companion/media.h"

/* Answers the request, now or later. recording: "" for live preview. */
void media_answer(struct http_request *request, struct media *media, const char *recording);
