#include "cli/command.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"

#define OVERVIEW_WIDTH 25 /* of "companion pair [CAMERA]" */

const char *cli_value(const struct cli_call *call, const char *option) {
	for (size_t i = 0; i < CLI_OPTIONS_LIMIT && call->command->options[i].name; i++)
		if (strcmp(call->command->options[i].name, option) == 0)
			return call->values[i];
	assert(false && "the command's table has no such option");
	return NULL;
}

enum cli_exit cli_number(const struct cli_call *call, const char *option, uint64_t least, uint64_t most, uint64_t otherwise,
                         uint64_t *ret) {
	const char *text = cli_value(call, option);
	char *end;
	if (!text) {
		*ret = otherwise;
		return CLI_DONE;
	}
	errno = 0;
	unsigned long long value = strtoull(text, &end, 0);
	if (errno || end == text || *end || *text == '-' || value < least || value > most) {
		output_error("--%s must be a number from %" PRIu64 " to %" PRIu64, option, least, most);
		return CLI_USAGE;
	}
	*ret = value;
	return CLI_DONE;
}

static const char *group_summary(const char *group) {
	static const char *const summaries[][2] = {
		{ "camera", "this camera: state, buttons, its companion" },
		{ "companion", "cameras near, the paired camera, its recordings" },
		{ "footage", "the recordings stored on this camera" },
		{ "nfc", "the camera's NFC tag" },
		{ "signal", "calling cameras near to start" },
		{ "slate", "who was near: the cameras' logs of each other" },
		{ "air", "what strangers hear of a camera" },
	};
	for (size_t i = 0; i < sizeof(summaries) / sizeof(summaries[0]); i++)
		if (strcmp(summaries[i][0], group) == 0)
			return summaries[i][1];
	return "";
}

/* only: the one group that is asked for, or NULL. */
static void print_overview(FILE *out, const char *only) {
	fprintf(out, "Usage: lanyard %s COMMAND [OPTION...]\n", only ? only : "GROUP");
	const char *group = "";
	for (size_t i = 0; i < cli_command_count; i++) {
		if (only && strcmp(cli_commands[i].group, only) != 0)
			continue;
		if (strcmp(cli_commands[i].group, group) != 0) {
			group = cli_commands[i].group;
			fprintf(out, "\n%s: %s\n", group, group_summary(group));
		}
		char words[64];
		snprintf(words, sizeof(words), "%s %s %s", group, cli_commands[i].name, cli_commands[i].operands);
		fprintf(out, "  lanyard %-*s %s\n", OVERVIEW_WIDTH, words, cli_commands[i].summary);
	}
	fputs("\nEach command has --help and --json. Exit status: 0 done, 1 failed (the message ends with a reason code), 2 "
	      "wrong usage.\nlanyard(1) says more.\n",
	      out);
}

static void print_help(const struct cli_command *command) {
	printf("Usage: lanyard %s %s%s%s [OPTION...]\n\n%s\n", command->group, command->name, *command->operands ? " " : "",
	       command->operands, command->summary);
	if (command->details)
		printf("\n%s\n", command->details);
	puts("\nOptions:");
	for (size_t i = 0; i < CLI_OPTIONS_LIMIT && command->options[i].name; i++) {
		char text[64];
		snprintf(text, sizeof(text), "--%s%s%s", command->options[i].name, command->options[i].argument ? " " : "",
		         command->options[i].argument ? command->options[i].argument : "");
		printf("  %-22s %s\n", text, command->options[i].help);
	}
	printf("  %-22s %s\n  %-22s %s\n", "--json", "machine-readable output", "--help", "this text");
}

static bool group_exists(const char *group) {
	for (size_t i = 0; i < cli_command_count; i++)
		if (strcmp(cli_commands[i].group, group) == 0)
			return true;
	return false;
}

static const struct cli_command *find(const char *group, const char *name) {
	for (size_t i = 0; i < cli_command_count; i++)
		if (strcmp(cli_commands[i].group, group) == 0 && strcmp(cli_commands[i].name, name) == 0)
			return &cli_commands[i];
	return NULL;
}

/* Takes "--name value" or "--name=value". Returns how many words it used, or 0 after a message. */
static int take_option(struct cli_call *call, int count, char **words) {
	const char *name = words[0] + 2, *equals = strchr(name, '=');
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	if (!equals && strcmp(name, "json") == 0) {
		call->json = true;
		return 1;
	}
	for (size_t i = 0; i < CLI_OPTIONS_LIMIT && call->command->options[i].name; i++) {
		const struct cli_option *option = &call->command->options[i];
		if (strlen(option->name) != length || memcmp(option->name, name, length) != 0)
			continue;
		if (!option->argument && equals)
			break;
		if (!option->argument || equals) {
			call->values[i] = equals ? equals + 1 : "";
			return 1;
		}
		if (count < 2) {
			output_error("--%s needs a value: %s", option->name, option->argument);
			return 0;
		}
		call->values[i] = words[1];
		return 2;
	}
	output_error("there is no option %s here; see lanyard %s %s --help", words[0], call->command->group, call->command->name);
	return 0;
}

static enum cli_exit run_command(const struct cli_command *command, int count, char **words) {
	struct cli_call call = { .command = command };
	char *operands[8];
	bool only_operands = false;
	for (int i = 0; i < count;) {
		if (!only_operands && strcmp(words[i], "--") == 0) {
			only_operands = true;
			i++;
		} else if (!only_operands && strcmp(words[i], "--help") == 0) {
			print_help(command);
			return CLI_DONE;
		} else if (!only_operands && strncmp(words[i], "--", 2) == 0) {
			int used = take_option(&call, count - i, words + i);
			if (used == 0)
				return CLI_USAGE;
			i += used;
		} else {
			if (call.operand_count == command->operands_most) {
				output_error("\"%s\" is one word too many; see lanyard %s %s --help", words[i], command->group,
				             command->name);
				return CLI_USAGE;
			}
			operands[call.operand_count++] = words[i++];
		}
	}
	if (call.operand_count < command->operands_least) {
		output_error("%s is missing; see lanyard %s %s --help", command->operands, command->group, command->name);
		return CLI_USAGE;
	}
	call.operands = operands;
	output_failures_as_json(call.json);
	return command->run(&call);
}

/* --------------------------------------------------------------------------------------------------------------- completion */

static void offer(const char *prefix, const char *word, const char *begun) {
	char whole[64];
	snprintf(whole, sizeof(whole), "%s%s", prefix, word);
	if (strncmp(whole, begun, strlen(begun)) == 0)
		puts(whole);
}

static void complete_option(const struct cli_command *command, const char *begun) {
	for (size_t i = 0; i < CLI_OPTIONS_LIMIT && command->options[i].name; i++)
		offer("--", command->options[i].name, begun);
	offer("--", "json", begun);
	offer("--", "help", begun);
}

/* What may follow, one word a line: for shells (packaging/bash-completion). words: those after "lanyard", the last one begun,
 * maybe empty. Where a value or an operand is due nothing is offered, and the shell offers files. */
static void complete(int count, char **words) {
	const char *begun = count > 0 ? words[count - 1] : "", *group = "";
	if (count <= 1) {
		for (size_t i = 0; i < cli_command_count; i++) {
			if (strcmp(cli_commands[i].group, group) != 0)
				offer("", cli_commands[i].group, begun);
			group = cli_commands[i].group;
		}
		offer("--", "help", begun);
		offer("--", "version", begun);
		return;
	}
	if (count == 2) {
		for (size_t i = 0; i < cli_command_count; i++)
			if (strcmp(cli_commands[i].group, words[0]) == 0)
				offer("", cli_commands[i].name, begun);
		return;
	}
	const struct cli_command *command = find(words[0], words[1]);
	const char *before = count > 3 ? words[count - 2] : "";
	if (!command)
		return;
	for (size_t i = 0; strncmp(before, "--", 2) == 0 && i < CLI_OPTIONS_LIMIT && command->options[i].name; i++)
		if (command->options[i].argument && strcmp(before + 2, command->options[i].name) == 0)
			return;
	if (*begun == '-' || command->operands_most == 0)
		complete_option(command, begun);
}

enum cli_exit cli_run(int argument_count, char **arguments) {
	if (argument_count > 0 && strcmp(arguments[0], "--complete") == 0) {
		complete(argument_count - 1, arguments + 1);
		return CLI_DONE;
	}
	if (argument_count < 1) {
		print_overview(stderr, NULL);
		return CLI_USAGE;
	}
	if (strcmp(arguments[0], "--help") == 0 || strcmp(arguments[0], "help") == 0) {
		print_overview(stdout, NULL);
		return CLI_DONE;
	}
	if (strcmp(arguments[0], "--version") == 0) {
		puts("lanyard " LANYARD_VERSION);
		return CLI_DONE;
	}
	if (!group_exists(arguments[0])) {
		output_error("there is no \"%s\"; see lanyard --help", arguments[0]);
		return CLI_USAGE;
	}
	if (argument_count < 2 || strcmp(arguments[1], "--help") == 0) {
		print_overview(argument_count < 2 ? stderr : stdout, arguments[0]);
		return argument_count < 2 ? CLI_USAGE : CLI_DONE;
	}
	const struct cli_command *command = find(arguments[0], arguments[1]);
	if (!command) {
		output_error("there is no \"lanyard %s %s\"; see lanyard --help", arguments[0], arguments[1]);
		return CLI_USAGE;
	}
	return run_command(command, argument_count - 2, arguments + 2);
}
