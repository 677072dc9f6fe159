/*-------------------------------------------------------------------------
 *
 * codec.c
 *	  Numbers and values as bytes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "port/pg_bswap.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"

#include "compat.h"
#include "measure/codec.h"

void
tally_put_long_varint(TallyWriter *w, uint64 v)
{
	uint8 bytes[10];
	int n = 0;

	while (v >= 0x80)
	{
		bytes[n++] = (uint8) (v | 0x80);
		v >>= 7;
	}
	bytes[n++] = (uint8) v;
	appendBinaryStringInfo(w->buf, (const char *) bytes, n);
}

void
tally_put_int64(TallyWriter *w, uint64 v)
{
	if (w->portable)
		v = pg_hton64(v);
	appendBinaryStringInfo(w->buf, (const char *) &v, sizeof(v));
}

void
tally_put_int128(TallyWriter *w, int128 v)
{
	tally_put_int64(w, (uint64) ((uint128) v >> 64));
	tally_put_int64(w, (uint64) v);
}

void
tally_put_float(TallyWriter *w, float8 v)
{
	uint64 bits;

	memcpy(&bits, &v, sizeof(bits));
	tally_put_int64(w, bits);
}

void
tally_put_floats(TallyWriter *w, const float8 *v, int64 n)
{
	if (w->portable)
		for (int64 i = 0; i < n; i++)
			tally_put_float(w, v[i]);
	else
	{
		/* The buffer takes no more than an int of bytes at once. */
		for (int64 i = 0; i < n; i += 1 << 20)
			appendBinaryStringInfo(w->buf,
								   (const char *) (v + i),
								   (int) (Min(n - i, 1 << 20) *
										  sizeof(float8)));
	}
}

void
tally_put_bytes(TallyWriter *w, const void *data, Size len)
{
	tally_put_varint(w, len);
	appendBinaryStringInfo(w->buf, data, (int) len);
}

void
tally_put_value(TallyWriter *w, Oid type, int16 typlen, bool typbyval,
				Datum value)
{
	if (w->portable)
	{
		bytea *sent;
		bool varlena;

		if (w->send_type != type)
		{
			Oid send;

			getTypeBinaryOutputInfo(type, &send, &varlena);
			fmgr_info(send, &w->send);
			w->send_type = type;
		}
		sent = SendFunctionCall(&w->send, value);
		tally_put_bytes(w, VARDATA(sent), VARSIZE(sent) - VARHDRSZ);
		pfree(sent);
	}
	else if (typbyval)
		tally_put_int64(w, (uint64) value);
	else
		tally_put_bytes(w,
						DatumGetPointer(value),
						datumGetSize(value, false, typlen));
}

void
tally_corrupt(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
			 errmsg("value is not a panel"),
			 errdetail("Its %s cannot be read.", what)));
}

const char *
tally_get_raw(TallyReader *r, uint64 len)
{
	const char *data = r->next;

	if (len > tally_get_left(r))
		tally_corrupt("end");
	r->next += len;
	return data;
}

uint64
tally_get_long_varint(TallyReader *r)
{
	uint64 v = 0;

	for (int shift = 0; shift < 64; shift += 7)
	{
		uint8 byte = tally_get_byte(r);

		v |= (uint64) (byte & 0x7f) << shift;
		if (byte < 0x80)
			return v;
	}
	tally_corrupt("number");
}

uint64
tally_get_int64(TallyReader *r)
{
	uint64 v;

	memcpy(&v, tally_get_raw(r, sizeof(v)), sizeof(v));
	return r->portable ? pg_ntoh64(v) : v;
}

int128
tally_get_int128(TallyReader *r)
{
	uint128 v = (uint128) tally_get_int64(r) << 64;

	return (int128) (v | tally_get_int64(r));
}

float8
tally_get_float(TallyReader *r)
{
	uint64 bits = tally_get_int64(r);
	float8 v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

void
tally_get_floats(TallyReader *r, float8 *v, int64 n)
{
	if (r->portable)
		for (int64 i = 0; i < n; i++)
			v[i] = tally_get_float(r);
	else
		memcpy(v,
			   tally_get_raw(r, (uint64) n * sizeof(float8)),
			   (Size) n * sizeof(float8));
}

Datum
tally_get_value(TallyReader *r, Oid type, int16 typlen, bool typbyval)
{
	uint64 len;
	const char *data;
	StringInfoData buf;

	if (!r->portable && typbyval)
		return (Datum) tally_get_int64(r);
	len = tally_get_varint(r);
	data = tally_get_raw(r, len);
	if (!r->portable)
		return PointerGetDatum(memcpy(palloc(Max(len, 1)), data, len));

	if (r->recv_type != type)
	{
		Oid recv;

		getTypeBinaryInputInfo(type, &recv, &r->recv_param);
		fmgr_info_cxt(recv, &r->recv, r->cxt);
		r->recv_type = type;
	}
	initStringInfo(&buf);
	appendBinaryStringInfo(&buf, data, (int) len);
	return ReceiveFunctionCall(&r->recv, &buf, r->recv_param, -1);
}
