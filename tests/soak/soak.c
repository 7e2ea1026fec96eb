/* Pairings, sessions and access-point cycles of the camera's own links, keyring and handover, thousands of times in one process:
 * heap, private memory and descriptors stay flat.
 *
 *   soak [--pairings N] [--sessions N] [--handovers N] [--json FILE] */
#include <dirent.h>
#include <malloc.h>
#include <string.h>

#include "base/log.h"
#include "crypto/crypto.h"
#include "tests/faults/scene.h"

#define SAMPLES 100
/* After a tenth of each kind of work everything that is made once has been made. */
#define WARM_UP 10
/* malloc's own bookkeeping; a leak of 16 bytes in each session would be 160,000. */
#define HEAP_SLACK 16384
#define PRIVATE_SLACK_KB 512

struct sample {
	const char *work;
	unsigned done;
	size_t heap_bytes, private_kb;
	unsigned files;
};

static struct sample samples[3 * (SAMPLES + 1)];
static size_t sample_count;

void must_broken(const char *file, int line, const char *what) {
	fprintf(stderr, "soak: %s:%d: broken: %s\n", file, line, what);
	abort();
}

static unsigned open_files(void) {
	unsigned count = 0;
	DIR *entries = opendir("/proc/self/fd");
	MUST(entries != NULL);
	while (readdir(entries))
		count++;
	closedir(entries);
	return count;
}

static size_t private_kb(void) {
	FILE *file = fopen("/proc/self/smaps_rollup", "re");
	MUST(file != NULL);
	char line[128];
	size_t sum = 0;
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, "Private_", 8) == 0)
			sum += strtoul(strchr(line, ':') + 1, NULL, 10);
	fclose(file);
	return sum;
}

static void take_sample(const char *work, unsigned done) {
	MUST(sample_count < sizeof(samples) / sizeof(*samples));
	samples[sample_count++] = (struct sample){ work, done, mallinfo2().uordblks, private_kb(), open_files() };
}

static struct scene scene;
static struct scene_companion companions[2];

static bool pair_once(unsigned number) {
	return scene_pair(&scene, &companions[number % 2]) == REASON_OK; /* they take the camera from each other */
}

static bool open_session(unsigned number) {
	(void)number;
	return scene_session(&scene, &companions[0]) == REASON_OK;
}

static bool hand_over(unsigned number) {
	(void)number;
	return scene_handover(&scene, &companions[0]) == REASON_OK;
}

/* Returns whether it stayed flat. */
static bool soak(const char *work, unsigned times, bool (*once)(unsigned number)) {
	size_t first = sample_count;
	unsigned every = times / SAMPLES > 0 ? times / SAMPLES : 1;
	for (unsigned done = 0; done < times; done++) {
		if (!once(done)) {
			fprintf(stderr, "soak: %s %u failed\n", work, done);
			return false;
		}
		if ((done + 1) % every == 0 && sample_count - first < SAMPLES)
			take_sample(work, done + 1);
	}
	const struct sample *warm = &samples[first + (sample_count - first) / WARM_UP], *last = &samples[sample_count - 1];
	bool flat = last->heap_bytes <= warm->heap_bytes + HEAP_SLACK &&
	            last->private_kb <= warm->private_kb + PRIVATE_SLACK_KB && last->files == warm->files;
	printf("%s: %u; heap %zu -> %zu bytes, private memory %zu -> %zu kB, descriptors %u -> %u: %s\n", work, times,
	       warm->heap_bytes, last->heap_bytes, warm->private_kb, last->private_kb, warm->files, last->files,
	       flat ? "flat" : "NOT FLAT");
	return flat;
}

static void write_json(const char *path) {
	FILE *file = fopen(path, "we");
	MUST(file != NULL);
	fprintf(file, "{\"samples\": [\n");
	for (size_t i = 0; i < sample_count; i++)
		fprintf(file,
		        "  {\"work\": \"%s\", \"done\": %u, \"heap_bytes\": %zu, \"private_kb\": %zu, \"descriptors\": %u}%s\n",
		        samples[i].work, samples[i].done, samples[i].heap_bytes, samples[i].private_kb, samples[i].files,
		        i + 1 < sample_count ? "," : "");
	fprintf(file, "]}\n");
	MUST(fclose(file) == 0);
}

int main(int count, char **arguments) {
	unsigned pairings = 1000, sessions = 10000, handovers = 300;
	const char *json = NULL;
	for (int i = 1; i + 1 < count; i += 2) {
		unsigned number = (unsigned)strtoul(arguments[i + 1], NULL, 10);
		if (strcmp(arguments[i], "--pairings") == 0)
			pairings = number;
		else if (strcmp(arguments[i], "--sessions") == 0)
			sessions = number;
		else if (strcmp(arguments[i], "--handovers") == 0)
			handovers = number;
		else if (strcmp(arguments[i], "--json") == 0)
			json = arguments[i + 1];
		else
			return 2;
	}
	log_set_level(LOG_LEVEL_ERROR);
	if (crypto_start() < 0 || pairings < 20 || sessions < 20 || handovers < 20)
		return 2;
	scene_folder(&scene, "soak");
	scene_companion_make(&companions[0]);
	scene_companion_make(&companions[1]);
	MUST(scene_open(&scene) == 0);
	bool flat = soak("pairings", pairings, pair_once);
	flat = flat && scene_pair(&scene, &companions[0]) == REASON_OK;
	flat = flat && soak("sessions", sessions, open_session);
	flat = flat && soak("handovers", handovers, hand_over);
	scene_close(&scene);
	scene_folder_remove(&scene);
	if (json)
		write_json(json);
	return flat ? 0 : 1;
}
