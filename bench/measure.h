/* measure.h - what every workload needs: a clock, programs started and waited for,
 * and medians. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

double now_ms(void);   /* monotonic */
int64_t wall_us(void); /* Unix time, as tasks are told of */

/* Runs a program with its output thrown away; from its start to its end in ms. Ends the
 * benchmark when the program cannot be started or fails. directory NULL: this one. */
double run_ms(const char *directory, const char *const arguments[]);

/* The same, whatever becomes of it; waits for its end. */
void run_any(const char *const arguments[]);

/* Runs a program; what it prints goes into text, as far as there is room. Its wait
 * status.
 */
int run_said(const char *directory, const char *const arguments[], char *text,
             size_t size);
/* The same, and ends the benchmark when it fails. */
void run_text(const char *const arguments[], char *text, size_t size);

/* Fills and frees so many bytes of file cache, by a file in the folder. A virtual machine
 * may have to ask its host for memory that it has not used for a while; who is measured
 * first would pay for all. To be called before each part of a comparison alike. */
void memory_warm(const char *folder, size_t bytes);

void pause_ms(size_t ms); /* what is measured is the time itself */

double median(double *values, size_t count); /* sorts them */
/* The value that so many per cent of them do not exceed; sorts them. */
double percentile(double *values, size_t count, unsigned percent);

void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
