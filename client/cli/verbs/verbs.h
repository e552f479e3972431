/* verbs.h - every verb, and the table of their texts (help.c). */
#pragma once

#include <stdio.h>

int verb_run(int argc, char **argv);
int verb_lint(int argc, char **argv);
int verb_ls(int argc, char **argv);
int verb_show(int argc, char **argv);
int verb_logs(int argc, char **argv);
int verb_outputs(int argc, char **argv);
int verb_metadata(int argc, char **argv);
int verb_explain(int argc, char **argv);
int verb_record(int argc, char **argv);
int verb_verify(int argc, char **argv);
int verb_trace(int argc, char **argv);
int verb_du(int argc, char **argv);
int verb_gc(int argc, char **argv);
int verb_export(int argc, char **argv);
int verb_import(int argc, char **argv);
int verb_compare(int argc, char **argv);
int verb_diff(int argc, char **argv);
int verb_plot(int argc, char **argv);
int verb_reproduce(int argc, char **argv);
int verb_backup(int argc, char **argv);
int verb_check(int argc, char **argv);
int verb_cancel(int argc, char **argv);
int verb_approve(int argc, char **argv); /* also reject: argv[0] tells */
int verb_watch(int argc, char **argv);
int verb_nodes(int argc, char **argv);
int verb_status(int argc, char **argv);
int verb_stop(int argc, char **argv);
int verb_datum(int argc, char **argv);
int verb_alias(int argc, char **argv);
int verb_tag(int argc, char **argv);
int verb_dataset(int argc, char **argv);
int verb_help(int argc, char **argv);
int verb_version(int argc, char **argv);
int verb_complete(int argc, char **argv);

/* The first line of a verb's help, "sluice ls [-n N]"; "sluice help" if there is none. */
const char *help_usage(const char *verb);
/* Prints the help of a verb, or of the whole program for NULL. Exit code 0, or 2 if there
 * is no such verb. */
int help_print(const char *verb, FILE *to);
