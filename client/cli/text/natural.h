/* natural.h - the order in which a person expects values of a column. Pure. */
#pragma once

#include "codecs/value/value.h"

/* By sign: numbers (also those written as text) by their size, before text, in which runs
 * of digits count as numbers, before lists and maps, which are all equal. */
int natural_order(const struct value *a, const struct value *b);
/* Absent, null, and what is not a number although it should be one: sorted last, whatever
 * the direction. */
bool natural_is_missing(const struct value *value);
