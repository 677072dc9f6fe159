/*
 * member.h
 *	  A member of a JSON object, and the documents of rows that are read in
 *	  great numbers.
 *
 * What is here is for loops over millions of documents, so it is inline, and
 * nothing is allocated or copied that need not be.
 */
#ifndef TALLY_JSON_MEMBER_H
#define TALLY_JSON_MEMBER_H

#include "fmgr.h"
#include "utils/jsonb.h"

/* Room for a document with a short header, which is not aligned. */
#define JSON_ROOM_BYTES (VARATT_SHORT_MAX - VARHDRSZ_SHORT)

/* Of a document no more is asked for ahead: a processor waits for no more. */
#define JSON_AHEAD_BYTES 1024
#define JSON_CACHE_LINE_BYTES 64

/*
 * json_root -- of a document that is not null; it points into it, or into
 * "room", of JSON_ROOM_BYTES and aligned, or is in the current memory context.
 *
 * While it is looked at, the processor is asked to bring the next row's.  A page
 * of a heap is filled from its end, so that one stands just before this one, and
 * is about as long.  Where that is not so nothing is lost but the asking.
 */
static inline JsonbContainer *
json_root(Datum document, char *room)
{
	const struct varlena *v = (struct varlena *) DatumGetPointer(document);
	const Size ahead = Min(VARSIZE_ANY(v), JSON_AHEAD_BYTES);

	for (Size i = 0; i < ahead; i += JSON_CACHE_LINE_BYTES)
		__builtin_prefetch((const char *) v - JSON_CACHE_LINE_BYTES - i);
	/* what is stored apart has a header of one byte, too */
	if (VARATT_IS_SHORT(v) && !VARATT_IS_EXTERNAL(v))
		return memcpy(room,
					  VARDATA_SHORT(v),
					  VARSIZE_SHORT(v) - VARHDRSZ_SHORT);
	return &DatumGetJsonbP(document)->root;
}

/* json_entry_value -- the value of an entry that begins and ends there. */
static inline void
json_entry_value(JEntry entry, char *base, uint32 start, uint32 end,
				 JsonbValue *v)
{
	uint32 aligned = INTALIGN(start); /* of what is more than bytes */

	if (JBE_ISSTRING(entry))
	{
		v->type = jbvString;
		v->val.string.val = base + start;
		v->val.string.len = (int) (end - start);
	}
	else if (JBE_ISNUMERIC(entry))
	{
		v->type = jbvNumeric;
		v->val.numeric = (Numeric) (base + aligned);
	}
	else if (JBE_ISCONTAINER(entry))
	{
		v->type = jbvBinary;
		v->val.binary.data = (JsonbContainer *) (base + aligned);
		v->val.binary.len = (int) (end - aligned);
	}
	else if (JBE_ISBOOL(entry))
	{
		v->type = jbvBool;
		v->val.boolean = JBE_ISBOOL_TRUE(entry);
	}
	else
		v->type = jbvNull;
}

/*
 * json_start_of -- where an entry's bytes begin.  An entry says how many it has,
 * or where they end: some of them do, so the way back to one is short.
 */
static inline uint32
json_start_of(const JsonbContainer *c, uint32 entry)
{
	uint32 start = 0;

	while (entry-- > 0)
	{
		start += JBE_OFFLENFLD(c->children[entry]);
		if (JBE_HAS_OFF(c->children[entry]))
			break;
	}
	return start;
}

/* json_end_of -- and where they end. */
static inline uint32
json_end_of(const JsonbContainer *c, uint32 entry, uint32 start)
{
	uint32 end = start;

	JBE_ADVANCE_OFFSET(end, c->children[entry]);
	return end;
}

/* json_same_bytes -- a memcmp() of short names, without a call. */
static inline bool
json_same_bytes(const char *a, const char *b, uint32 len)
{
	uint64 x;
	uint64 y;
	uint32 p;
	uint32 q;

	if (len >= sizeof(x))
	{
		for (uint32 i = 0; i < len - sizeof(x); i += sizeof(x))
		{
			memcpy(&x, a + i, sizeof(x));
			memcpy(&y, b + i, sizeof(y));
			if (x != y)
				return false;
		}
		/* the last ones, some of them once more */
		memcpy(&x, a + len - sizeof(x), sizeof(x));
		memcpy(&y, b + len - sizeof(y), sizeof(y));
		return x == y;
	}
	if (len >= sizeof(p))
	{
		memcpy(&p, a, sizeof(p));
		memcpy(&q, b, sizeof(q));
		if (p != q)
			return false;
		memcpy(&p, a + len - sizeof(p), sizeof(p));
		memcpy(&q, b + len - sizeof(q), sizeof(q));
		return p == q;
	}
	return len == 0 || (a[0] == b[0] && a[len / 2] == b[len / 2] &&
						a[len - 1] == b[len - 1]);
}

/* json_is_at -- is that the name of the member at "place"? */
static inline bool
json_is_at(const JsonbContainer *object, const char *name, int len,
		   uint32 place)
{
	const char *names =
		(const char *) (object->children + 2 * JsonContainerSize(object));
	uint32 start = json_start_of(object, place);

	return json_end_of(object, place, start) - start == (uint32) len &&
		   json_same_bytes(names + start, name, (uint32) len);
}

/* json_look_for -- the place of a member, as the server does it: by halves. */
extern bool json_look_for(const JsonbContainer *object, const char *name,
						  int len, uint32 *place);

/*
 * json_member -- the member of that name: false when there is none.  *v points
 * into the object, and is a scalar or jbvBinary.
 *
 * Documents of one source mostly have the same members: *place is where the name
 * was in the last one, to look there first; 0 to begin with.
 *
 * The entries of an object are the names, shorter ones first, then their values
 * in the same order.
 */
static inline bool
json_member(JsonbContainer *object, const char *name, int len, uint32 *place,
			JsonbValue *v)
{
	uint32 n = JsonContainerSize(object);
	uint32 value;
	uint32 start;

	if (unlikely(*place >= n || !json_is_at(object, name, len, *place)) &&
		!json_look_for(object, name, len, place))
		return false;
	value = n + *place;
	start = json_start_of(object, value);
	json_entry_value(object->children[value],
					 (char *) (object->children + 2 * n),
					 start,
					 json_end_of(object, value, start),
					 v);
	return true;
}

#endif
