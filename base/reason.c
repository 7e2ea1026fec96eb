#include "base/reason.h"

#include <string.h>

static const struct {
	enum reason reason;
	const char *code, *sentence;
} table[] = {
#define REASON_ROW(name, number, code, sentence) { REASON_##name, code, sentence },
	REASONS(REASON_ROW)
#undef REASON_ROW
};

static size_t reason_index(unsigned number) {
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if ((unsigned)table[i].reason == number)
			return i;
	return reason_index(REASON_INTERNAL);
}

const char *reason_code(enum reason reason) {
	return table[reason_index(reason)].code;
}

const char *reason_sentence(enum reason reason) {
	return table[reason_index(reason)].sentence;
}

enum reason reason_from_number(unsigned number) {
	return table[reason_index(number)].reason;
}

enum reason reason_from_code(const char *code) {
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].code, code) == 0)
			return table[i].reason;
	return REASON_INTERNAL;
}
