/*
 * base64.h
 *	  Reads base64 as browsers and their libraries write it.
 */
#ifndef TALLY_BASE64_H
#define TALLY_BASE64_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes that "len" characters may decode to, at most. */
#define BASE64_DECODED_BYTES(len) ((len) / 4 * 3 + 3)

/*
 * Decodes into "out", which has room for BASE64_DECODED_BYTES(len).  Takes
 * both alphabets (+/ and -_), a blank for the + that a form decoder made one
 * of, and padding or none.  False on anything else.
 */
bool base64_decode(const char *text, size_t len, char *out, size_t *out_len);

#endif
