/* verb_lint.h - `sluice lint`: checks pipeline files and says what to mend. */
#pragma once

/* argv[0] is "lint". Exit status: 0 clean or warnings only, 1 errors, 2 wrong usage or a
 * file that cannot be read. Findings go to stdout, what hinders the check to stderr. */
int verb_lint(int argc, char **argv);
