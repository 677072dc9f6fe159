/*
 * base64.c
 *	  Reads base64 as browsers and their libraries write it.
 */
#include "base64.h"

#include <stdint.h>

static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-' || c == ' ')
		return 62;
	if (c == '/' || c == '_')
		return 63;
	return -1;
}

bool
base64_decode(const char *text, size_t len, char *out, size_t *out_len)
{
	uint32_t bits = 0;
	int nbits = 0;
	size_t n = 0;
	size_t padding = 0;

	while (len > 0 && text[len - 1] == '=' && padding < 2)
	{
		len--;
		padding++;
	}
	/* One character over is six bits of nothing. */
	if (len % 4 == 1 || (padding > 0 && (len + padding) % 4 != 0))
		return false;

	for (size_t i = 0; i < len; i++)
	{
		int value = value_of(text[i]);

		if (value < 0)
			return false;
		bits = (bits << 6 | (uint32_t) value) & 0xffffff;
		nbits += 6;
		if (nbits >= 8)
		{
			nbits -= 8;
			out[n++] = (char) (uint8_t) (bits >> nbits & 0xff);
		}
	}
	*out_len = n;
	return true;
}
