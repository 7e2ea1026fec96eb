/* The table of subcommands behind `lanyard`. Each row is everything there is to know about one: its words, what it does in one
 * line, its options, and its function; help texts, bash completion and the man page's check come from the same table. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_exit {
	CLI_DONE = 0,
	CLI_FAILED = 1, /* the message ends with the reason's code in brackets */
	CLI_USAGE = 2,
};

#define CLI_OPTIONS_LIMIT 12

struct cli_option {
	const char *name;     /* without the dashes */
	const char *argument; /* what the value is, in capitals; NULL: a flag */
	const char *help;
};

/* What was given on the command line for one subcommand. */
struct cli_call {
	const struct cli_command *command;
	const char *
	        values[CLI_OPTIONS_LIMIT]; /* by the option's place in the table; "" for a flag that was given; NULL: not given */
	char **operands;
	int operand_count;
	bool json;
};

struct cli_command {
	const char *group, *name;                     /* "camera", "status" */
	const char *operands;                         /* "CAMERA", "[CAMERA]", or "" */
	const char *summary;                          /* one line */
	const char *details;                          /* more, for --help; may be NULL */
	struct cli_option options[CLI_OPTIONS_LIMIT]; /* ends with a NULL name; --json and --help are always there */
	int operands_least, operands_most;
	enum cli_exit (*run)(const struct cli_call *call);
};

extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;

/* Value of an option, or NULL when it was not given (asserts that the table has it). */
const char *cli_value(const struct cli_call *call, const char *option);

/* The number that an option gives (decimal, or hexadecimal with 0x), or `otherwise`. CLI_USAGE after a message when it is none or
 * out of range. */
enum cli_exit cli_number(const struct cli_call *call, const char *option, uint64_t least, uint64_t most, uint64_t otherwise,
                         uint64_t *ret);

/* Parses the words after "lanyard" and runs what they name. */
enum cli_exit cli_run(int argument_count, char **arguments);
