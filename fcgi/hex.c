/*
 * hex.c
 *	  Bytes as hexadecimals, and back.
 */
#include "hex.h"

#include <string.h>

bool
hex_parse(const char *text, uint8_t *out, size_t nbytes)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	size_t i;

	for (i = 0; i < nbytes * 2; i++)
	{
		const char *p = text[i] != '\0' ? strchr(digits, text[i]) : NULL;
		size_t value;

		if (p == NULL)
			return false;
		value = (size_t) (p - digits);
		if (value > 15)
			value -= 6;
		out[i / 2] = (uint8_t) (i % 2 == 0 ? value << 4 : out[i / 2] | value);
	}
	return true;
}

void
hex_text(const uint8_t *data, size_t nbytes, char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < nbytes; i++)
	{
		*out++ = digits[data[i] >> 4];
		*out++ = digits[data[i] & 15];
	}
	*out = '\0';
}

void
hex_append(struct buf *buf, const uint8_t *data, size_t nbytes)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < nbytes; i++)
	{
		buf_char(buf, digits[data[i] >> 4]);
		buf_char(buf, digits[data[i] & 15]);
	}
}
