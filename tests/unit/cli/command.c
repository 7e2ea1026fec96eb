/* The parser, with a table of this test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "cli/command.h"

static unsigned calls;
static char heard[256];

/* Writes down what arrived: "name value=V flag=yes json: operand operand". */
static enum cli_exit note(const struct cli_call *call) {
	calls++;
	const char *value = cli_value(call, "value"), *flag = cli_value(call, "flag");
	int length = snprintf(heard, sizeof(heard), "%s value=%s flag=%s%s:", call->command->name, value ? value : "-",
	                      flag ? "yes" : "-", call->json ? " json" : "");
	for (int i = 0; i < call->operand_count; i++)
		length += snprintf(heard + length, sizeof(heard) - (size_t)length, " %s", call->operands[i]);
	return CLI_FAILED; /* to see that it is passed on */
}

const struct cli_command cli_commands[] = {
	{ .group = "a",
	  .name = "none",
	  .operands = "",
	  .summary = "s",
	  .options = { { "value", "V", "h" }, { "flag", NULL, "h" } },
	  .run = note },
	{ .group = "a",
	  .name = "one",
	  .operands = "X",
	  .summary = "s",
	  .options = { { "value", "V", "h" }, { "flag", NULL, "h" } },
	  .operands_least = 1,
	  .operands_most = 1,
	  .run = note },
	{ .group = "b",
	  .name = "maybe",
	  .operands = "[X]",
	  .summary = "s",
	  .options = { { "value", "V", "h" }, { "flag", NULL, "h" } },
	  .operands_most = 1,
	  .run = note },
};
const size_t cli_command_count = ELEMENTS(cli_commands);

struct row {
	const char *line;     /* words, apart by one space; "~" is an empty word */
	const char *expected; /* what the command notes; NULL: wrong usage, nothing is run */
};

static const struct row rows[] = {
	{ "a none", "none value=- flag=-:" },
	{ "a none --json", "none value=- flag=- json:" },
	{ "a none --value 7 --flag", "none value=7 flag=yes:" },
	{ "a none --value=7", "none value=7 flag=-:" },
	{ "a none --value=", "none value= flag=-:" },
	{ "a none --value ~", "none value= flag=-:" },
	{ "a none --value --flag", "none value=--flag flag=-:" }, /* a value is a value */
	{ "a none --value=a=b", "none value=a=b flag=-:" },
	{ "a none --value 1 --value 2", "none value=2 flag=-:" },
	{ "a none --", "none value=- flag=-:" },
	{ "a one x", "one value=- flag=-: x" },
	{ "a one --json x --flag", "one value=- flag=yes json: x" },
	{ "a one -- --flag", "one value=- flag=-: --flag" },
	{ "a one -", "one value=- flag=-: -" },
	{ "a one ~", "one value=- flag=-: " },
	{ "b maybe", "maybe value=- flag=-:" },
	{ "b maybe x", "maybe value=- flag=-: x" },
	{ "", NULL },
	{ "a", NULL },
	{ "c", NULL },
	{ "a maybe", NULL },
	{ "a none x", NULL },
	{ "a none -- x", NULL },
	{ "a none --value", NULL },
	{ "a none --valu 7", NULL },
	{ "a none --values 7", NULL },
	{ "a none --flag=yes", NULL },
	{ "a none --json=yes", NULL },
	{ "a none --unknown", NULL },
	{ "a one", NULL },
	{ "a one --flag", NULL },
	{ "a one x y", NULL },
	{ "b maybe x y", NULL },
};

static enum cli_exit run(const char *line) {
	char copy[128];
	char *words[16];
	int count = 0;
	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = copy; *word && count < 16;) {
		char *end = word + strcspn(word, " ");
		bool last = *end == '\0';
		*end = '\0';
		words[count++] = strcmp(word, "~") == 0 ? word + 1 : word;
		word = last ? end : end + 1;
	}
	return cli_run(count, words);
}

static void test_table(void **state) {
	(void)state;
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		calls = 0;
		heard[0] = '\0';
		enum cli_exit result = run(rows[i].line);
		if (rows[i].expected) {
			if (calls != 1 || strcmp(heard, rows[i].expected) != 0 || result != CLI_FAILED)
				fail_msg("\"%s\": %u calls, \"%s\", status %d", rows[i].line, calls, heard, (int)result);
		} else if (calls != 0 || result != CLI_USAGE) {
			fail_msg("\"%s\": %u calls, status %d", rows[i].line, calls, (int)result);
		}
	}
}

static void test_help_runs_nothing(void **state) {
	(void)state;
	static const char *const lines[] = { "--help",        "help",         "--version",      "a --help",
		                             "a none --help", "a one --help", "a one x --help", "--complete a one --flag --" };
	calls = 0;
	for (size_t i = 0; i < ELEMENTS(lines); i++)
		assert_int_equal(run(lines[i]), CLI_DONE);
	assert_int_equal(calls, 0);
}

int main(void) {
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_table), cmocka_unit_test(test_help_runs_nothing) };
	return cmocka_run_group_tests_name("cli-command", tests, NULL, NULL);
}
