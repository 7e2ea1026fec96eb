#include "cli/slate_page.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"

/* Pixels. */
#define LEFT 190
#define WIDTH 1000
#define RIGHT 30
#define TOP 46
#define ROW 56
#define BAR 22
#define TICKS 6
#define MEETING_ROW 44

static const char style[] =
        "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1240px;padding:0 1rem;color:#1c2430;background:#fff}"
        "h1{font-size:1.4rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}"
        ".lead{color:#51607a;margin:.2rem 0 1.2rem}svg{width:100%;height:auto}"
        "text{font:13px system-ui,sans-serif;fill:#1c2430}text.dim{fill:#51607a}text.on{fill:#fff;font-weight:600}"
        ".rec{fill:#c0392b}.high{fill:#1e7e4f}.medium{fill:#b7791f}.low{fill:#8a94a6}.grid{stroke:#dfe4ec}"
        "table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #dfe4ec}"
        "th{color:#51607a;font-weight:600}td.n{font-variant-numeric:tabular-nums;white-space:nowrap}"
        ".tag{color:#fff;border-radius:3px;padding:.05rem .45rem;font-size:.85em}.tag.high{background:#1e7e4f}"
        ".tag.medium{background:#b7791f}.tag.low{background:#6b7588}";

struct page {
	FILE *out;
	const struct resolve *resolve;
	uint64_t from_us, to_us; /* of the common clock */
};

/* Serials are ours to print, not to obey. */
static void put_text(FILE *out, const char *text) {
	for (; *text; text++)
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		case '\'':
			fputs("&#39;", out);
			break;
		default:
			fputc(*text, out);
		}
}

static uint64_t common_us(const struct resolve *resolve, size_t camera, uint64_t time_us) {
	return time_us + (uint64_t)resolve_camera_at(resolve, camera)->shift_us;
}

static void widen(struct page *page, size_t camera, uint64_t time_us) {
	if (time_us == 0)
		return;
	uint64_t at_us = common_us(page->resolve, camera, time_us);
	if (page->from_us == 0 || at_us < page->from_us)
		page->from_us = at_us;
	if (at_us > page->to_us)
		page->to_us = at_us;
}

static void find_range(struct page *page) {
	const struct resolve *resolve = page->resolve;
	for (size_t i = 0; i < resolve_recording_count(resolve); i++) {
		const struct resolve_recording *recording = resolve_recording_at(resolve, i);
		widen(page, recording->camera, recording->began_us);
		widen(page, recording->camera, recording->ended_us);
	}
	for (size_t i = 0; i < resolve_meeting_count(resolve); i++) {
		const struct resolve_meeting *meeting = resolve_meeting_at(resolve, i);
		for (size_t j = 0; j < meeting->stretch_count; j++) {
			widen(page, meeting->stretches[j].camera, meeting->stretches[j].from_us);
			widen(page, meeting->stretches[j].camera, meeting->stretches[j].to_us);
		}
	}
	if (page->to_us <= page->from_us)
		page->to_us = page->from_us + 1000000;
}

static double x_of(const struct page *page, uint64_t at_us) {
	if (at_us < page->from_us)
		at_us = page->from_us;
	if (at_us > page->to_us)
		at_us = page->to_us;
	return LEFT + (double)WIDTH * (double)(at_us - page->from_us) / (double)(page->to_us - page->from_us);
}

static void put_time(FILE *out, uint64_t at_us) {
	time_t seconds = (time_t)(at_us / 1000000);
	struct tm parts;
	char text[32];
	gmtime_r(&seconds, &parts);
	strftime(text, sizeof(text), "%H:%M:%S", &parts);
	fputs(text, out);
}

static void put_day(FILE *out, uint64_t at_us) {
	time_t seconds = (time_t)(at_us / 1000000);
	struct tm parts;
	char text[32];
	gmtime_r(&seconds, &parts);
	strftime(text, sizeof(text), "%Y-%m-%d", &parts);
	fputs(text, out);
}

static void put_bar(const struct page *page, const char *class, double y, double height, uint64_t from_us, uint64_t to_us) {
	double x = x_of(page, from_us), width = x_of(page, to_us) - x;
	fprintf(page->out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"3\"><title>", class, x,
	        y, width < 2 ? 2 : width, height);
	put_time(page->out, from_us);
	fputs(" to ", page->out);
	put_time(page->out, to_us);
	fputs("</title></rect>\n", page->out);
}

static void put_label(const struct page *page, double y, const char *text) {
	fprintf(page->out, "<text x=\"0\" y=\"%.1f\">", y);
	put_text(page->out, text);
	fputs("</text>\n", page->out);
}

static void put_axis(const struct page *page, double height) {
	for (unsigned i = 0; i <= TICKS; i++) {
		uint64_t at_us = page->from_us + (page->to_us - page->from_us) * i / TICKS;
		fprintf(page->out,
		        "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"24\" y2=\"%.1f\"/><text class=\"dim\" "
		        "text-anchor=\"middle\" "
		        "x=\"%.1f\" y=\"16\">",
		        x_of(page, at_us), x_of(page, at_us), height, x_of(page, at_us));
		put_time(page->out, at_us);
		fputs("</text>\n", page->out);
	}
}

static void put_camera(const struct page *page, size_t camera, double y) {
	const struct resolve_camera *c = resolve_camera_at(page->resolve, camera);
	put_label(page, y + 15, c->serial);
	fprintf(page->out, "<text class=\"dim\" x=\"0\" y=\"%.1f\">", y + 32);
	if (c->group == camera)
		fputs("its own clock</text>\n", page->out);
	else
		fprintf(page->out, "clock %+.1f s ± %.1f</text>\n", (double)-c->shift_us / 1e6, (double)c->slack_us / 1e6);
	for (size_t i = 0; i < resolve_recording_count(page->resolve); i++) {
		const struct resolve_recording *r = resolve_recording_at(page->resolve, i);
		char id[9];
		if (r->camera != camera)
			continue;
		uint64_t from_us = r->began_us ? common_us(page->resolve, camera, r->began_us) : page->from_us,
		         to_us = r->ended_us ? common_us(page->resolve, camera, r->ended_us) : page->to_us;
		put_bar(page, "rec", y, BAR, from_us, to_us);
		hex_encode(id, r->id, 4);
		if (x_of(page, to_us) - x_of(page, from_us) > 90)
			fprintf(page->out, "<text class=\"on\" x=\"%.1f\" y=\"%.1f\">%s</text>\n", x_of(page, from_us) + 8,
			        y + 16, id);
	}
}

static void put_meeting(const struct page *page, const struct resolve_meeting *m, double y) {
	char pair[2 * SLATE_SERIAL_LIMIT + 8];
	snprintf(pair, sizeof(pair), "%s + %s", resolve_camera_at(page->resolve, m->camera[0])->serial,
	         resolve_camera_at(page->resolve, m->camera[1])->serial);
	put_label(page, y + 15, pair);
	for (size_t i = 0; i < m->stretch_count; i++) {
		const struct resolve_stretch *s = &m->stretches[i];
		/* What the first of the pair heard above, the second below. */
		put_bar(page, resolve_confidence_name(m->confidence), y + (s->camera == m->camera[0] ? 0 : BAR / 2.0 + 1),
		        BAR / 2.0, common_us(page->resolve, s->camera, s->from_us),
		        common_us(page->resolve, s->camera, s->to_us));
	}
}

static void put_heard(FILE *out, const struct resolve_side *side) {
	if (side->count == 0)
		fputs("not heard", out);
	else if (side->rssi == SLATE_RSSI_UNKNOWN)
		fprintf(out, "%" PRIu64 " times", side->count);
	else
		fprintf(out, "%" PRIu64 " times, %d dBm", side->count, side->rssi);
}

static void put_difference(FILE *out, const struct resolve_meeting *m) {
	if (m->contradicts)
		fputs("contradictory: a clock was set, or adverts were repeated elsewhere", out);
	else if (m->has_least && m->has_most)
		fprintf(out, "%+.2f s to %+.2f s", (double)m->least_us / 1e6, (double)m->most_us / 1e6);
	else
		fprintf(out, "at %s %+.2f s", m->has_most ? "most" : "least",
		        (double)(m->has_most ? m->most_us : m->least_us) / 1e6);
}

static void put_table(const struct page *page) {
	fputs("<h2>Meetings</h2>\n<table><tr><th>Cameras</th><th>Confidence</th><th>The first heard the second</th><th>The "
	      "second "
	      "heard the first</th><th>First clock minus second</th></tr>\n",
	      page->out);
	for (size_t i = 0; i < resolve_meeting_count(page->resolve); i++) {
		const struct resolve_meeting *m = resolve_meeting_at(page->resolve, i);
		const char *confidence = resolve_confidence_name(m->confidence);
		fputs("<tr><td>", page->out);
		put_text(page->out, resolve_camera_at(page->resolve, m->camera[0])->serial);
		fputs(" + ", page->out);
		put_text(page->out, resolve_camera_at(page->resolve, m->camera[1])->serial);
		fprintf(page->out, "</td><td><span class=\"tag %s\">%s</span></td><td class=\"n\">", confidence, confidence);
		put_heard(page->out, &m->heard[0]);
		fputs("</td><td class=\"n\">", page->out);
		put_heard(page->out, &m->heard[1]);
		fputs("</td><td class=\"n\">", page->out);
		put_difference(page->out, m);
		fputs("</td></tr>\n", page->out);
	}
	fputs("</table>\n", page->out);
}

int slate_page_write(FILE *out, const struct resolve *resolve) {
	struct page page = { .out = out, .resolve = resolve };
	size_t cameras = resolve_camera_count(resolve), meetings = resolve_meeting_count(resolve);
	double height = TOP + (double)cameras * ROW + (double)meetings * MEETING_ROW;
	find_range(&page);
	fprintf(out,
	        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
	        "content=\"width=device-width\"><title>Slate: who was with whom</title><style>%s</style></head><body>\n<h1>Who "
	        "was with "
	        "whom</h1>\n<p class=\"lead\">",
	        style);
	put_day(out, page.from_us);
	fprintf(out, " UTC, %zu camera%s, %zu meeting%s. All times are on the clock of the first camera of its group.</p>\n",
	        cameras, cameras == 1 ? "" : "s", meetings, meetings == 1 ? "" : "s");
	fprintf(out, "<svg viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"Timeline of recordings and meetings\">\n",
	        LEFT + WIDTH + RIGHT, height);
	put_axis(&page, height);
	for (size_t i = 0; i < cameras; i++)
		put_camera(&page, i, TOP + (double)i * ROW);
	for (size_t i = 0; i < meetings; i++)
		put_meeting(&page, resolve_meeting_at(resolve, i), TOP + (double)cameras * ROW + (double)i * MEETING_ROW);
	fputs("</svg>\n<p class=\"lead\">Red: recordings. Below them, when two cameras heard each other: the first one's ears in "
	      "the upper "
	      "half, the second one's in the lower; green is high confidence, amber medium, grey low.</p>\n",
	      out);
	put_table(&page);
	fputs("</body></html>\n", out);
	return fflush(out) != 0 || ferror(out) ? -EIO : 0;
}
