/*-------------------------------------------------------------------------
 *
 * series_lines.c
 *	  A result as JSON in pieces, a bucket at a time.
 *
 * For answers of any size: text is made once, straight from the cells in the
 * order in which they lie in memory, and nothing but one bucket of it is held.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include "series/show/series_document.h"
#include "series/show/series_key.h"

/* Room for any int8. */
#define INT8_BYTES 21

struct SeriesLines
{
	const SeriesResult *result;
	SeriesCells *cells;
	int ncolumns;
	char **names; /* of the columns, as JSON */
	int32 at;	  /* the present piece: 0 is the head, then the buckets */
	StringInfoData out;
	MemoryContext scratch; /* of one column of a bucket */
};

SeriesLines *
series_lines_begin(const SeriesResult *result)
{
	SeriesLines *lines = palloc0(sizeof(SeriesLines));

	lines->result = result;
	lines->cells = series_cells_make(result);
	lines->ncolumns = series_ncolumns(result->spec);
	lines->names = palloc(lines->ncolumns * sizeof(char *));
	for (int i = 0; i < lines->ncolumns; i++)
	{
		StringInfoData name;

		initStringInfo(&name);
		escape_json(&name, series_column_name(result->spec, i));
		lines->names[i] = name.data;
	}
	lines->at = -1;
	initStringInfo(&lines->out);
	lines->scratch = AllocSetContextCreate(CurrentMemoryContext,
										   "tally series line",
										   ALLOCSET_DEFAULT_SIZES);
	return lines;
}

/* append_json -- a document as text. */
static void
append_json(StringInfo out, Jsonb *document)
{
	(void) JsonbToCString(out, &document->root, VARSIZE(document));
}

/* append_float -- the shortest text that is the number, or a string. */
static void
append_float(StringInfo out, const char *text, bool is_number)
{
	appendStringInfo(out, is_number ? "%s" : "\"%s\"", text);
}

/* append_value -- a value that is not null. */
static void
append_value(StringInfo out, Oid type, Datum value, pg_tz *zone)
{
	char buf[DOUBLE_SHORTEST_DECIMAL_LEN];
	JsonbValue v;

	switch (type)
	{
		case INT8OID:
			enlargeStringInfo(out, INT8_BYTES);
			out->len += pg_lltoa(DatumGetInt64(value), out->data + out->len);
			return;
		case FLOAT4OID:
			float_to_shortest_decimal_buf(DatumGetFloat4(value), buf);
			append_float(out, buf, isfinite(DatumGetFloat4(value)));
			return;
		case FLOAT8OID:
			double_to_shortest_decimal_buf(DatumGetFloat8(value), buf);
			append_float(out, buf, isfinite(DatumGetFloat8(value)));
			return;
		default:
			break;
	}
	series_json_from(&v, type, value, zone);
	if (v.type == jbvNumeric)
		appendStringInfoString(out, series_json_text(&v));
	else
		append_json(out, JsonbValueToJsonb(&v));
}

/* write_column -- the list of one column, in the order of the groups. */
static void
write_column(SeriesLines *lines, int32 bucket, int column)
{
	StringInfo out = &lines->out;
	Oid type = series_column_measure(lines->result->spec, column)->result;

	appendStringInfo(out, "%s: [", lines->names[column]);
	for (int32 g = 0; g < lines->result->ngroups; g++)
	{
		bool isnull;
		Datum value;

		CHECK_FOR_INTERRUPTS();
		series_cells_expect(lines->cells, bucket, g);
		value =
			series_cells_value(lines->cells, bucket, g, column, &isnull, NULL);
		if (g > 0)
			appendBinaryStringInfo(out, ", ", 2);
		if (isnull)
			appendBinaryStringInfo(out, "null", 4);
		else
			append_value(out, type, value, lines->result->spec->zone);
	}
	appendStringInfoChar(out, ']');
}

static void
write_bucket(SeriesLines *lines, int32 bucket)
{
	const SeriesSpec *spec = lines->result->spec;
	StringInfo out = &lines->out;
	char start[SERIES_INSTANT_BYTES];
	char end[SERIES_INSTANT_BYTES];

	series_instant(spec, tally_grid_start(spec->grid, bucket), start);
	series_instant(spec, tally_grid_end(spec->grid, bucket), end);
	appendStringInfo(out, "{\"start\": \"%s\", \"end\": \"%s\", ", start, end);
	if (tally_grid_partial(spec->grid, bucket))
		appendStringInfoString(out, "\"partial\": true, ");
	appendStringInfoString(out, "\"values\": {");
	for (int i = 0; i < lines->ncolumns; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(lines->scratch);

		if (i > 0)
			appendStringInfoString(out, ", ");
		write_column(lines, bucket, i);
		MemoryContextSwitchTo(old);
		MemoryContextReset(lines->scratch);
	}
	appendStringInfoString(out, "}}");
}

/* write_head -- the keys, and what is known of the whole. */
static void
write_head(SeriesLines *lines)
{
	const SeriesResult *result = lines->result;
	StringInfo out = &lines->out;

	appendStringInfoString(out, "{\"keys\": [");
	for (int32 g = 0; g < result->ngroups; g++)
	{
		MemoryContext old = MemoryContextSwitchTo(lines->scratch);

		CHECK_FOR_INTERRUPTS();
		if (g > 0)
			appendStringInfoString(out, ", ");
		append_json(out, series_key_json(result, g));
		MemoryContextSwitchTo(old);
		MemoryContextReset(lines->scratch);
	}
	appendStringInfo(out,
					 "], \"meta\": {\"groups\": %d, \"others\": %d, "
					 "\"rejected\": ",
					 result->ngroups,
					 result->nothers);
	append_json(out, series_rejected(result));
	appendStringInfo(out,
					 ", \"rows_read\": %lld}}",
					 (long long) result->rows_read);
}

text *
series_lines_step(SeriesLines *lines, bool forward)
{
	int32 npieces = 1 + lines->result->spec->grid->nbuckets;

	lines->at = Max(Min(lines->at + (forward ? 1 : -1), npieces), -1);
	if (lines->at < 0 || lines->at == npieces)
		return NULL;
	resetStringInfo(&lines->out);
	if (lines->at == 0)
		write_head(lines);
	else
		write_bucket(lines, lines->at - 1);
	return cstring_to_text_with_len(lines->out.data, lines->out.len);
}

void
series_lines_rewind(SeriesLines *lines)
{
	lines->at = -1;
}
