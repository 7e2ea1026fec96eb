/* The figures that need no radio. `./run bench` calls it: bench-native [GROUP]... */
#include "tests/bench/native.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "crypto/crypto.h"
#include "tests/bench/compare.h"

static const struct {
	const char *name;
	void (*run)(void);
} groups[] = {
	{ "handshakes", bench_handshakes }, { "cipher", bench_cipher },
	{ "records", bench_records },       { "bluetooth-record", bench_bluetooth_record },
	{ "footage", bench_footage },       { "adverts", bench_adverts },
};

static bool is_known(const char *word) {
	for (size_t j = 0; j < ELEMENTS(groups); j++)
		if (strcmp(word, groups[j].name) == 0)
			return true;
	return false;
}

int main(int count, char **words) {
	REQUIRE(crypto_start() == 0);
	for (int i = 1; i < count; i++)
		if (!is_known(words[i])) {
			fprintf(stderr, "bench-native: no group \"%s\"; there are:", words[i]);
			for (size_t j = 0; j < ELEMENTS(groups); j++)
				fprintf(stderr, " %s", groups[j].name);
			fputc('\n', stderr);
			return 2;
		}
	for (size_t j = 0; j < ELEMENTS(groups); j++) {
		bool wanted = count == 1;
		for (int i = 1; i < count; i++)
			wanted = wanted || strcmp(words[i], groups[j].name) == 0;
		if (wanted)
			groups[j].run();
	}
	return 0;
}
