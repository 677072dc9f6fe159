/*
 * test_crc32c.c
 *	  crc32c(): the published values, and both ways alike.
 */
#include "tap.h"

#include "crc32c.h"

int
main(void)
{
	static const uint8_t zeros[32];
	uint8_t bytes[300];
	size_t differ = 0;
	size_t in_parts = 0;

	/* RFC 3720, B.4 */
	tap_int(crc32c(0, "", 0), 0, "nothing");
	tap_int(crc32c(0, zeros, 32), 0x8a9136aa, "32 zeros");
	tap_int(crc32c(0, "123456789", 9), 0xe3069283, "the digits");
	for (int i = 0; i < 32; i++)
		bytes[i] = (uint8_t) i;
	tap_int(crc32c(0, bytes, 32), 0x46dd794e, "0 to 31");
	tap_int(crc32c_by_table(0, bytes, 32), 0x46dd794e, "likewise by table");

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t) (i * 197 + 13);
	for (size_t len = 0; len <= sizeof(bytes); len++)
	{
		uint32_t whole = crc32c(7, bytes, len);

		differ += whole != crc32c_by_table(7, bytes, len);
		in_parts +=
			whole ==
			crc32c(crc32c(7, bytes, len / 3), bytes + len / 3, len - len / 3);
	}
	tap_int((int64_t) differ, 0, "both ways agree, at every length");
	tap_int((int64_t) in_parts,
			sizeof(bytes) + 1,
			"in two parts it is what it is in one");
	return tap_done();
}
