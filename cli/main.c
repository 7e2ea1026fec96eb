#include "cli/command.h"

int main(int argument_count, char **arguments) {
	return (int)cli_run(argument_count - 1, arguments + 1);
}
