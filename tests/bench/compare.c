#include "tests/bench/compare.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH_SECONDS 0.003
#define ROUNDS_LIMIT 101u
#define CONTENDERS_LIMIT 5u

static double now(clockid_t clock) {
	struct timespec time;
	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double batch(clockid_t clock, const struct contender *contender, unsigned units) {
	double began = now(clock);
	for (unsigned i = 0; i < units; i++)
		contender->work(contender->context);
	return (now(clock) - began) / units;
}

static int ascending(const void *a, const void *b) {
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *values, unsigned count) {
	qsort(values, count, sizeof(double), ascending);
	return values[count / 2];
}

void compare(clockid_t clock, const struct contender *contenders, size_t count, unsigned rounds, double *seconds) {
	static double all[CONTENDERS_LIMIT][ROUNDS_LIMIT];
	unsigned units[CONTENDERS_LIMIT];
	REQUIRE(count <= CONTENDERS_LIMIT && rounds <= ROUNDS_LIMIT && rounds > 0);
	for (size_t i = 0; i < count; i++) {
		double once = batch(clock, &contenders[i], 1); /* also warms the caches */
		double fit = BATCH_SECONDS / (once > 1e-9 ? once : 1e-9);
		units[i] = fit < 1 ? 1 : fit > 1e6 ? 1000000 : (unsigned)fit;
	}
	for (unsigned round = 0; round < rounds; round++)
		for (size_t i = 0; i < count; i++) {
			/* Nobody is always the first, nor the one who finds the caches as one and the same has left them. */
			size_t turn = (round + (round % 2 == 0 ? i : count - i)) % count;
			all[turn][round] = batch(clock, &contenders[turn], units[turn]);
		}
	/* The machine's speed changes from round to round: what is compared is what ran in the same round. */
	double ratios[CONTENDERS_LIMIT] = { 0 };
	for (size_t i = 1; i < count; i++) {
		double ratio[ROUNDS_LIMIT];
		for (unsigned round = 0; round < rounds; round++)
			ratio[round] = all[i][round] / all[0][round];
		ratios[i] = median(ratio, rounds);
	}
	seconds[0] = median(all[0], rounds);
	for (size_t i = 1; i < count; i++)
		seconds[i] = seconds[0] * ratios[i];
}

void figure_print(const struct figure *figure) {
	printf("{\"name\":\"%s\",\"unit\":\"%s\",\"ours\":%.6g,", figure->name, figure->unit, figure->ours);
	if (figure->peer_name)
		printf("\"peer\":%.6g,\"peer_name\":\"%s\",", figure->peer, figure->peer_name);
	if (figure->budget > 0)
		printf("\"budget\":%.6g,", figure->budget);
	printf("\"more_is_better\":%s}\n", figure->more_is_better ? "true" : "false");
	fflush(stdout);
}

void require(bool holds, const char *what, const char *file, int line) {
	if (holds)
		return;
	fprintf(stderr, "bench: %s:%d: %s does not hold\n", file, line, what);
	exit(1);
}
