/*
 * hex.h
 *	  Bytes as hexadecimals, and back.
 */
#ifndef TALLY_HEX_H
#define TALLY_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"

/* The first 2 * nbytes hexadecimals of "text", of either case, as bytes;
 * false when there are fewer. */
bool hex_parse(const char *text, uint8_t *out, size_t nbytes);

/* In lower case. */
void hex_append(struct buf *buf, const uint8_t *data, size_t nbytes);

/* As a string: room for 2 * nbytes + 1. */
void hex_text(const uint8_t *data, size_t nbytes, char *out);

#endif
