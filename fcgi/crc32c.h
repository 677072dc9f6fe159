/*
 * crc32c.h
 *	  CRC-32C (Castagnoli): was this written as it is read?
 */
#ifndef TALLY_CRC32C_H
#define TALLY_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of what had the checksum "crc" (0 for nothing) and then "len"
 * bytes of "data".  Any thread. */
uint32_t crc32c(uint32_t crc, const void *data, size_t len);

/* The same without the processor's own instruction, for the test. */
uint32_t crc32c_by_table(uint32_t crc, const void *data, size_t len);

#endif
