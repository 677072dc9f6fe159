/*
 * codec.h
 *	  Numbers and values as bytes: what panels and states are written with.
 *
 * Bytes are written in one of two forms: flat, to cross a process or to be
 * stored in a table of this database; portable, to be read by any server.
 *
 *	  varint	7 bits a byte, the lowest first, 0x80 where more follow
 *	  int64		8 bytes; flat as the machine has them, portable big-endian;
 *				an int128 is its upper and its lower half, a float its bits
 *	  bytes		varint length, then so many
 *	  value		of a type: passed by value and flat, an int64; otherwise
 *				bytes: as in memory (flat), or the type's binary form
 *
 * Portable bytes come from users: every length is checked, and every value
 * goes through its type's receive function.  Flat bytes were written by this
 * server, and only their lengths are checked.
 */
#ifndef TALLY_CODEC_H
#define TALLY_CODEC_H

#include "fmgr.h"
#include "lib/stringinfo.h"

#include "compat.h"

typedef struct TallyWriter
{
	StringInfo buf;
	bool portable;
	Oid send_type; /* "send" is the send function of this type */
	FmgrInfo send;
} TallyWriter;

typedef struct TallyReader
{
	const char *next;
	const char *end;
	bool portable;
	MemoryContext cxt; /* as long as the reading lasts */
	Oid recv_type;	   /* "recv" is the receive function of this type */
	Oid recv_param;
	FmgrInfo recv;
} TallyReader;

static inline void
tally_put_byte(TallyWriter *w, uint8 v)
{
	appendStringInfoCharMacro(w->buf, (char) v);
}

extern void tally_put_long_varint(TallyWriter *w, uint64 v);

static inline void
tally_put_varint(TallyWriter *w, uint64 v)
{
	if (likely(v < 0x80)) /* most counts and distances */
		tally_put_byte(w, (uint8) v);
	else
		tally_put_long_varint(w, v);
}

extern void tally_put_int64(TallyWriter *w, uint64 v);
extern void tally_put_int128(TallyWriter *w, int128 v);
extern void tally_put_float(TallyWriter *w, float8 v);
extern void tally_put_floats(TallyWriter *w, const float8 *v, int64 n);
extern void tally_put_bytes(TallyWriter *w, const void *data, Size len);
extern void tally_put_value(TallyWriter *w, Oid type, int16 typlen,
							bool typbyval, Datum value);

/* 22P03: the bytes are no panel; "what" of it cannot be read. */
pg_noreturn extern void tally_corrupt(const char *what);

/* "len" bytes where they stand. */
extern const char *tally_get_raw(TallyReader *r, uint64 len);

static inline uint8
tally_get_byte(TallyReader *r)
{
	return (uint8) *tally_get_raw(r, 1);
}

/* How many bytes there are still: more than there are of anything. */
static inline uint64
tally_get_left(const TallyReader *r)
{
	return (uint64) (r->end - r->next);
}

extern uint64 tally_get_long_varint(TallyReader *r);

static inline uint64
tally_get_varint(TallyReader *r)
{
	if (likely(r->next < r->end && (uint8) *r->next < 0x80))
		return (uint8) *r->next++;
	return tally_get_long_varint(r);
}

/* A varint that must be within bounds, of which the lower one is not < 0. */
static inline int32
tally_get_int(TallyReader *r, int32 min, int32 max, const char *what)
{
	uint64 v = tally_get_varint(r);

	if (unlikely(max < 0 || v > (uint64) max || (int64) v < min))
		tally_corrupt(what);
	return (int32) v;
}

extern uint64 tally_get_int64(TallyReader *r);
extern int128 tally_get_int128(TallyReader *r);
extern float8 tally_get_float(TallyReader *r);
extern void tally_get_floats(TallyReader *r, float8 *v, int64 n);

/* A value of a type, in the current context. */
extern Datum tally_get_value(TallyReader *r, Oid type, int16 typlen,
							 bool typbyval);

#endif
