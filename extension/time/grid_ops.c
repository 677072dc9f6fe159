/*-------------------------------------------------------------------------
 *
 * grid_ops.c
 *	  What can be told of a grid from its header: its range, its zone, and
 *	  whether and how it differs from another.
 *
 * Grids are stored EXTERNAL, so of a large one that was moved out of its row
 * only the header is fetched.
 *
 * The order of grids means nothing but that there is one: it is by range,
 * then by number of buckets, then arbitrary.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "compat.h"
#include "time/grid.h"

/* grid_header -- argument "n", of which no boundary may be read. */
static const TallyGrid *
grid_header(FunctionCallInfo fcinfo, int n)
{
	struct varlena *value = (struct varlena *) PG_GETARG_POINTER(n);

	if (!VARATT_IS_EXTENDED(value))
		return (const TallyGrid *) value;
	return (const TallyGrid *) PG_DETOAST_DATUM_SLICE(
		PointerGetDatum(value), 0, offsetof(TallyGrid, bound) - VARHDRSZ);
}

PG_FUNCTION_INFO_V1(tally_grid_lower);

Datum
tally_grid_lower(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(grid_header(fcinfo, 0)->lower);
}

PG_FUNCTION_INFO_V1(tally_grid_upper);

Datum
tally_grid_upper(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(grid_header(fcinfo, 0)->upper);
}

PG_FUNCTION_INFO_V1(tally_grid_zone_sql);

/* tally.zone(grid): the name, which ends the value and so needs all of it. */
Datum
tally_grid_zone_sql(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(
		cstring_to_text(tally_grid_zone(PG_GETARG_TALLY_GRID(0))));
}

static int
compare_int64(int64 a, int64 b)
{
	return (a > b) - (a < b);
}

/*
 * compare -- less than, equal to or greater than 0.  Equal is what
 * tally_grid_equal() says.
 */
static int
compare(FunctionCallInfo fcinfo)
{
	const TallyGrid *a = grid_header(fcinfo, 0);
	const TallyGrid *b = grid_header(fcinfo, 1);
	int order;

	if (tally_grid_equal(a, b))
		return 0;
	order = compare_int64(a->lower, b->lower);
	if (order == 0)
		order = compare_int64(a->upper, b->upper);
	if (order == 0)
		order = compare_int64(a->nbuckets, b->nbuckets);
	if (order == 0)
		order = compare_int64(a->first, b->first);
	if (order == 0)
		order = compare_int64(a->last, b->last);
	if (order == 0)
		order = a->fingerprint < b->fingerprint ? -1 : 1;
	return order;
}

PG_FUNCTION_INFO_V1(tally_grid_cmp);
PG_FUNCTION_INFO_V1(tally_grid_eq);
PG_FUNCTION_INFO_V1(tally_grid_ne);
PG_FUNCTION_INFO_V1(tally_grid_lt);
PG_FUNCTION_INFO_V1(tally_grid_le);
PG_FUNCTION_INFO_V1(tally_grid_gt);
PG_FUNCTION_INFO_V1(tally_grid_ge);
PG_FUNCTION_INFO_V1(tally_grid_hash);
PG_FUNCTION_INFO_V1(tally_grid_hash_extended);

Datum
tally_grid_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare(fcinfo));
}

Datum
tally_grid_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) == 0);
}

Datum
tally_grid_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) != 0);
}

Datum
tally_grid_lt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) < 0);
}

Datum
tally_grid_le(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) <= 0);
}

Datum
tally_grid_gt(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) > 0);
}

Datum
tally_grid_ge(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(compare(fcinfo) >= 0);
}

/* The fingerprint is a hash already; seeds other than 0 need a new one. */
Datum
tally_grid_hash(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) grid_header(fcinfo, 0)->fingerprint);
}

Datum
tally_grid_hash_extended(PG_FUNCTION_ARGS)
{
	uint64 fingerprint = grid_header(fcinfo, 0)->fingerprint;
	uint64 seed = (uint64) PG_GETARG_INT64(1);

	if (seed == 0)
		PG_RETURN_UINT64(fingerprint);
	PG_RETURN_UINT64(hash_combine64(fingerprint, seed));
}
