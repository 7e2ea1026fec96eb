/* Only in sanitized builds: what libraries keep until the process ends is not the recorder's leak. What the recorder allocates
 * itself is still looked for. */
const char *__lsan_default_suppressions(void); /* NOLINT(bugprone-reserved-identifier): the sanitizer asks for this name */

const char *__lsan_default_suppressions(void) {
	return "leak:libfontconfig.so\nleak:libglib-2.0.so\nleak:libpango\n";
}
