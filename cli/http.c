#include "cli/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/output.h"

#define ANSWER_LIMIT (4u * 1024 * 1024)
#define CONNECT_TIMEOUT_MS 3000L
#define ANSWER_TIMEOUT_MS 70000L /* above the longest deadline of a request to the camera */

struct sink {
	char *bytes;
	size_t length;
	FILE *file; /* where a download goes, when the status is a success */
	CURL *curl;
};

static size_t sink_write(char *bytes, size_t size, size_t count, void *context) {
	struct sink *sink = context;
	size_t length = size * count;
	long status = 0;
	curl_easy_getinfo(sink->curl, CURLINFO_RESPONSE_CODE, &status);
	if (sink->file && status < 400)
		return fwrite(bytes, 1, length, sink->file);
	if (length > ANSWER_LIMIT - sink->length)
		return 0;
	char *grown = realloc(sink->bytes, sink->length + length);
	if (!grown)
		return 0;
	memcpy(grown + sink->length, bytes, length);
	sink->bytes = grown;
	sink->length += length;
	return length;
}

static enum cli_exit explain_refusal(long status, json_t *body) {
	const char *code = json_string_value(json_object_get(body, "reason"));
	const char *sentence = json_string_value(json_object_get(body, "message"));
	if (code && sentence)
		return output_failure(code, "%s", sentence);
	output_failure("internal", "the companion answered with HTTP status %ld", status);
	return CLI_FAILED;
}

static void explain_no_connection(const char *socket) {
	if (access(socket, W_OK) == 0)
		output_failure("link-failed",
		               "companiond does not answer on %s: it has ended; \"systemctl status companiond\" says more",
		               socket);
	else if (errno == EACCES)
		output_failure(
		        "not-permitted",
		        "you may not open companiond's socket %s: run this as the user that companiond runs as, or as root",
		        socket);
	else
		output_failure(
		        "link-failed",
		        "companiond does not answer on %s: there is no such socket; start it with \"systemctl start companiond\"",
		        socket);
}

static enum cli_exit explain_curl(CURLcode code, const char *socket) {
	if (code == CURLE_COULDNT_CONNECT)
		explain_no_connection(socket);
	else if (code == CURLE_WRITE_ERROR)
		output_failure("disk-full", "the output could not be written: is the disk full?");
	else if (code == CURLE_OPERATION_TIMEDOUT)
		return output_reason(REASON_TIMEOUT);
	else
		output_failure("link-failed", "talking to companiond failed: %s", curl_easy_strerror(code));
	return CLI_FAILED;
}

static enum cli_exit perform(const char *socket, const char *method, const char *path, json_t *body, FILE *out,
                             struct http_answer *ret) {
	char url[512];
	snprintf(url, sizeof(url), "http://localhost%s", path);
	CURL *curl = curl_easy_init();
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	struct sink sink = { .file = out, .curl = curl };
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	enum cli_exit result = CLI_FAILED;
	if (!curl || !headers || (body && !text)) {
		output_failure("internal", "out of memory");
		goto done;
	}
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	if (!out) /* a download takes as long as the recording is */
		curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ANSWER_TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, sink_write);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &sink);
	if (text || strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text ? text : "");
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	}
	CURLcode code = curl_easy_perform(curl);
	if (code != CURLE_OK) {
		result = explain_curl(code, socket);
		goto done;
	}
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret->status);
	ret->body = sink.length > 0 ? json_loadb(sink.bytes, sink.length, JSON_REJECT_DUPLICATES, NULL) : NULL;
	result = CLI_DONE;
	if (ret->status >= 400) {
		result = explain_refusal(ret->status, ret->body);
		json_decref(ret->body);
		ret->body = NULL;
	}
done:
	curl_slist_free_all(headers);
	curl_easy_cleanup(curl);
	free(text);
	free(sink.bytes);
	return result;
}

enum cli_exit http_request(const char *socket, const char *method, const char *path, json_t *body, struct http_answer *ret) {
	*ret = (struct http_answer){ 0 };
	return perform(socket, method, path, body, NULL, ret);
}

enum cli_exit http_download(const char *socket, const char *path, FILE *out) {
	struct http_answer answer = { 0 };
	enum cli_exit result = perform(socket, "GET", path, NULL, out, &answer);
	json_decref(answer.body);
	return result;
}
