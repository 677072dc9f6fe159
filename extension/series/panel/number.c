/*-------------------------------------------------------------------------
 *
 * number.c
 *	  Values of the types that a measure of numbers can give.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/numeric.h"

#include "series/panel/number.h"

bool
tally_type_is_number(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID ||
		   type == FLOAT4OID || type == FLOAT8OID || type == NUMERICOID;
}

float8
tally_number_float8(Oid type, Datum value)
{
	switch (type)
	{
		case INT2OID:
			return DatumGetInt16(value);
		case INT4OID:
			return DatumGetInt32(value);
		case INT8OID:
			return (float8) DatumGetInt64(value);
		case FLOAT4OID:
			return DatumGetFloat4(value);
		case FLOAT8OID:
			return DatumGetFloat8(value);
		case NUMERICOID:
			return DatumGetFloat8(DirectFunctionCall1(numeric_float8, value));
	}
	elog(ERROR, "type %u is not of numbers", type);
	return 0;
}

bool
tally_number_fits(Oid type, float8 number)
{
	float8 least = (float8) PG_INT64_MIN;

	switch (type)
	{
		case INT2OID:
			return rint(number) == number && number >= PG_INT16_MIN &&
				   number <= PG_INT16_MAX;
		case INT4OID:
			return rint(number) == number && number >= PG_INT32_MIN &&
				   number <= PG_INT32_MAX;
		case INT8OID:
			/* The largest is no double: it would be rounded up to 2^63. */
			return rint(number) == number && number >= least &&
				   number < -least;
		case FLOAT4OID:
			return !isinf((float4) number) || isinf(number);
		case FLOAT8OID:
		case NUMERICOID:
			return true;
	}
	return false;
}

Datum
tally_number_of(Oid type, float8 number)
{
	if (!tally_number_fits(type, number))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("fill value %s does not fit a measure of type %s",
						float8out_internal(number),
						format_type_be(type)),
				 errhint("Give a number of that type, or read the series "
						 "where values are double precision.")));
	switch (type)
	{
		case INT2OID:
			return Int16GetDatum((int16) number);
		case INT4OID:
			return Int32GetDatum((int32) number);
		case INT8OID:
			return Int64GetDatum((int64) number);
		case FLOAT4OID:
			return Float4GetDatum((float4) number);
		case FLOAT8OID:
			return Float8GetDatum(number);
		case NUMERICOID:
			return DirectFunctionCall1(float8_numeric, Float8GetDatum(number));
	}
	elog(ERROR, "type %u is not of numbers", type);
	return (Datum) 0;
}

float8
tally_number_line_float8(int64 part, int64 whole, float8 a, float8 b)
{
	float8 share = (float8) part / (float8) whole;
	float8 rise = (b - a) * (float8) part;

	/* Equal infinities have a line, though no difference. */
	if (a == b)
		return a;
	if (isfinite(rise))
		return a + rise / (float8) whole;
	return a * (1 - share) + b * share;
}

static int64
line_integer(int64 part, int64 whole, int64 a, int64 b)
{
	/* Both weights together are "whole": it fits, whatever a and b are. */
	int128 sum = (int128) a * (whole - part) + (int128) b * part;
	int128 half = whole / 2;

	return (int64) ((sum < 0 ? sum - half : sum + half) / whole);
}

static Datum
line_numeric(int64 part, int64 whole, Datum a, Datum b)
{
	Datum from = NumericGetDatum(int64_to_numeric(whole - part));
	Datum to = NumericGetDatum(int64_to_numeric(part));
	Datum sum;

	/* Zero times infinity is no number. */
	if (part == 0)
		return a;
	sum = DirectFunctionCall2(numeric_add,
							  DirectFunctionCall2(numeric_mul, a, from),
							  DirectFunctionCall2(numeric_mul, b, to));
	return DirectFunctionCall2(numeric_div,
							   sum,
							   NumericGetDatum(int64_to_numeric(whole)));
}

Datum
tally_number_line(Oid type, int64 part, int64 whole, Datum a, Datum b)
{
	switch (type)
	{
		case INT2OID:
			return Int16GetDatum((int16) line_integer(
				part, whole, DatumGetInt16(a), DatumGetInt16(b)));
		case INT4OID:
			return Int32GetDatum((int32) line_integer(
				part, whole, DatumGetInt32(a), DatumGetInt32(b)));
		case INT8OID:
			return Int64GetDatum(
				line_integer(part, whole, DatumGetInt64(a), DatumGetInt64(b)));
		case FLOAT4OID:
			return Float4GetDatum((float4) tally_number_line_float8(
				part, whole, DatumGetFloat4(a), DatumGetFloat4(b)));
		case FLOAT8OID:
			return Float8GetDatum(tally_number_line_float8(
				part, whole, DatumGetFloat8(a), DatumGetFloat8(b)));
		case NUMERICOID:
			return line_numeric(part, whole, a, b);
	}
	elog(ERROR, "type %u is not of numbers", type);
	return (Datum) 0;
}
