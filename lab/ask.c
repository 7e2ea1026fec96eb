/* lab-ask: asks the daemons for scripts of the lab. Starting busctl, curl and jq costs half a second of an emulated processor
 * each time, and scripts ask again and again while they wait; this program stays, keeps its connection to the bus and its
 * compiled filters.
 *
 * Reads one request a line from standard input, fields separated by tabs, and writes to standard output for each: "0" (it worked)
 * or "1", the answer, a zero byte.
 *
 *   owner NAME                                        whether a name on the system bus has an owner
 *   property SERVICE PATH INTERFACE NAME [KEY]        a property as text, or the entry KEY of one that is a dictionary ("" if
 * there is none) http SOCKET METHOD PATH SECONDS [FILTER [JSON]]   a request over a Unix socket: the body, or with FILTER what jq
 * -r makes of it; works when the status is 2xx, or whenever there is an answer if FILTER is given
 *
 * Ends with its input. */
#include <curl/curl.h>
#include <jq.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

enum {
	FIELDS_MAX = 8,
	FILTERS_MAX = 128,
	BUS_TIMEOUT_US = 5000000,
};

/* Grows; what is written to it is the answer to the request at hand. */
struct text {
	char *data;
	size_t size;
	FILE *file;
};

static void text_begin(struct text *text) {
	text->file = open_memstream(&text->data, &text->size);
	if (!text->file)
		abort();
}

static void text_end(struct text *text) {
	if (fclose(text->file) != 0)
		abort();
}

/* --- the bus ----------------------------------------------------------------------------------------------------------- */

static sd_bus *bus;

/* A system bus that was stopped and started again is a new connection. */
static sd_bus *the_bus(void) {
	if (bus && sd_bus_is_open(bus) <= 0)
		bus = sd_bus_close_unref(bus);
	if (!bus && sd_bus_open_system(&bus) >= 0)
		(void)sd_bus_set_method_call_timeout(bus, BUS_TIMEOUT_US);
	return bus;
}

static bool print_basic(sd_bus_message *message, char type, FILE *out) {
	union {
		uint8_t byte;
		int boolean;
		int16_t i16;
		uint16_t u16;
		int32_t i32;
		uint32_t u32;
		int64_t i64;
		uint64_t u64;
		double real;
		const char *string;
	} value;

	if (sd_bus_message_read_basic(message, type, &value) < 0)
		return false;
	switch (type) {
	case 'y':
		return fprintf(out, "%u", value.byte) > 0;
	case 'b':
		return fputs(value.boolean ? "true" : "false", out) >= 0;
	case 'n':
		return fprintf(out, "%d", value.i16) > 0;
	case 'q':
		return fprintf(out, "%u", value.u16) > 0;
	case 'i':
		return fprintf(out, "%d", value.i32) > 0;
	case 'u':
		return fprintf(out, "%u", value.u32) > 0;
	case 'x':
		return fprintf(out, "%lld", (long long)value.i64) > 0;
	case 't':
		return fprintf(out, "%llu", (unsigned long long)value.u64) > 0;
	case 'd':
		return fprintf(out, "%g", value.real) > 0;
	case 's':
	case 'o':
	case 'g':
		return fputs(value.string, out) >= 0;
	default:
		return false;
	}
}

/* A dictionary from strings to basic values: the entry KEY, or all of them, one a line, "KEY VALUE". */
static bool print_dictionary(sd_bus_message *message, const char *entry, const char *key, FILE *out) {
	const char *name;
	int r;

	if (sd_bus_message_enter_container(message, 'a', entry) < 0)
		return false;
	while ((r = sd_bus_message_enter_container(message, 'e', (char[]){ entry[1], entry[2], 0 })) > 0) {
		if (sd_bus_message_read(message, "s", &name) < 0)
			return false;
		if (key && strcmp(name, key) != 0) {
			if (sd_bus_message_skip(message, (char[]){ entry[2], 0 }) < 0)
				return false;
		} else {
			if (!key)
				fprintf(out, "%s ", name);
			if (!print_basic(message, entry[2], out))
				return false;
			if (!key)
				fputc('\n', out);
		}
		if (sd_bus_message_exit_container(message) < 0)
			return false;
	}
	return r == 0;
}

static bool answer_property(char *fields[], size_t count, FILE *out) {
	sd_bus_message *request = NULL, *reply = NULL;
	const char *contents = NULL;
	bool worked = false;
	char type;

	if (!the_bus() || count < 5)
		return false;
	if (sd_bus_message_new_method_call(bus, &request, fields[1], fields[2], "org.freedesktop.DBus.Properties", "Get") < 0)
		goto end;
	/* Asking after a service that was stopped must not start it. */
	(void)sd_bus_message_set_auto_start(request, false);
	if (sd_bus_message_append(request, "ss", fields[3], fields[4]) < 0 ||
	    sd_bus_call(bus, request, BUS_TIMEOUT_US, NULL, &reply) < 0)
		goto end;
	if (sd_bus_message_peek_type(reply, &type, &contents) < 0 || type != 'v' ||
	    sd_bus_message_enter_container(reply, 'v', contents) < 0)
		goto end;
	if (contents[0] == 'a' && contents[1] == '{' && contents[2] == 's' && strlen(contents) == 5)
		worked = print_dictionary(reply, (char[]){ '{', contents[2], contents[3], '}', 0 }, count > 5 ? fields[5] : NULL,
		                          out);
	else
		worked = strlen(contents) == 1 && print_basic(reply, contents[0], out);
end:
	sd_bus_message_unref(request);
	sd_bus_message_unref(reply);
	return worked;
}

static bool answer_owner(char *fields[], size_t count) {
	sd_bus_message *reply = NULL;
	int owned = false;

	if (!the_bus() || count < 2)
		return false;
	if (sd_bus_call_method(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner", NULL,
	                       &reply, "s", fields[1]) >= 0)
		(void)sd_bus_message_read(reply, "b", &owned);
	sd_bus_message_unref(reply);
	return owned;
}

/* --- HTTP and jq ------------------------------------------------------------------------------------------------------- */

static struct {
	char *text;
	jq_state *compiled;
} filters[FILTERS_MAX];

static void say_nothing(void *unused, jv message) {
	(void)unused;
	jv_free(message);
}

/* NULL: no such filter. */
static jq_state *filter_for(const char *text) {
	size_t i = 0;

	while (i < FILTERS_MAX - 1 && filters[i].text && strcmp(filters[i].text, text) != 0)
		i++;
	if (filters[i].text && strcmp(filters[i].text, text) == 0)
		return filters[i].compiled;
	if (filters[i].compiled)
		jq_teardown(&filters[i].compiled);
	free(filters[i].text);
	filters[i].text = strdup(text);
	filters[i].compiled = jq_init();
	if (!filters[i].text || !filters[i].compiled)
		abort();
	if (!jq_compile(filters[i].compiled, text))
		jq_teardown(&filters[i].compiled);
	else
		jq_set_error_cb(filters[i].compiled, say_nothing, NULL);
	return filters[i].compiled;
}

/* As jq -r: a string as it is, everything else as JSON, one a line. */
static bool print_filtered(const char *body, size_t size, const char *filter, FILE *out) {
	jq_state *jq = filter_for(filter);
	jv value, result;

	if (!jq)
		return false;
	value = jv_parse_sized(body, (int)size);
	if (!jv_is_valid(value)) {
		jv_free(value);
		return false;
	}
	jq_start(jq, value, 0);
	while (jv_is_valid(result = jq_next(jq))) {
		if (jv_get_kind(result) == JV_KIND_STRING) {
			fputs(jv_string_value(result), out);
			jv_free(result);
		} else {
			jv_dumpf(result, out, 0);
		}
		fputc('\n', out);
	}
	if (jv_invalid_has_msg(result)) {
		jv_free(jv_invalid_get_msg(result));
		return false;
	}
	jv_free(result);
	return true;
}

static bool answer_http(char *fields[], size_t count, FILE *out) {
	struct curl_slist *headers = NULL;
	struct text body;
	CURL *curl;
	char url[1024];
	long status = 0;
	bool worked;

	if (count < 5 || snprintf(url, sizeof(url), "http://localhost%s", fields[3]) >= (int)sizeof(url))
		return false;
	curl = curl_easy_init();
	if (!curl)
		abort();
	text_begin(&body);
	headers = curl_slist_append(NULL, "Content-Type: application/json");
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, fields[1]);
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, fields[2]);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, strtol(fields[4], NULL, 10));
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, body.file); /* the default writes to a FILE */
	if (count > 6)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, fields[6]);
	worked = curl_easy_perform(curl) == CURLE_OK;
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	text_end(&body);
	if (!worked) {
		/* nothing to print */
	} else if (count > 5 && fields[5][0]) {
		worked = print_filtered(body.data, body.size, fields[5], out);
	} else {
		fwrite(body.data, 1, body.size, out);
		worked = status >= 200 && status < 300;
	}
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	free(body.data);
	return worked;
}

/* --- requests ---------------------------------------------------------------------------------------------------------- */

static bool answer(char *line, FILE *out) {
	char *fields[FIELDS_MAX], *rest = line;
	size_t count = 0;

	while (count < FIELDS_MAX && rest)
		fields[count++] = strsep(&rest, "\t");
	if (strcmp(fields[0], "owner") == 0)
		return answer_owner(fields, count);
	if (strcmp(fields[0], "property") == 0)
		return answer_property(fields, count, out);
	if (strcmp(fields[0], "http") == 0)
		return answer_http(fields, count, out);
	return false;
}

int main(void) {
	char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0) {
		struct text text;
		bool worked;

		line[strcspn(line, "\n")] = 0;
		text_begin(&text);
		worked = answer(line, text.file);
		text_end(&text);
		putchar(worked ? '0' : '1');
		fwrite(text.data, 1, text.size, stdout);
		putchar(0);
		free(text.data);
		if (fflush(stdout) != 0)
			return EXIT_FAILURE;
	}
	free(line);
	return EXIT_SUCCESS;
}
