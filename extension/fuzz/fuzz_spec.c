/*-------------------------------------------------------------------------
 *
 * fuzz_spec.c
 *	  What is asked for: a client's request, a measure of a series, and a column
 *	  by which it is grouped.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "contract.h"
#include "fuzz.h"
#include "query/spec.h"
#include "series/spec/series_spec.h"

bool
fuzz_request(const char *data, int size)
{
	static const char *const analyses[] = {
		"count", "sum", "minimum", "maximum", "average", "median"};
	/* In the hour that Berlin has twice. */
	const TimestampTz now = INT64CONST(783307800) * 1000000;
	Jsonb *request;
	TallyQuerySpec *spec;
	TallyMeasure measures[TALLY_SPEC_MEASURES];
	TallyKey keys[TALLY_MAX_GROUP_BY];
	int nmeasures;

	/* The first byte says which analysis. */
	if (size < 1 || (request = fuzz_jsonb(data + 1, size - 1)) == NULL)
		return false;
	spec = tally_query_spec_parse(
		cstring_to_text(analyses[(uint8) data[0] % lengthof(analyses)]),
		request,
		now);
	fuzz_check(spec->during.lower < spec->during.upper);
	fuzz_check(spec->what.ngroup_by <= TALLY_MAX_GROUP_BY);
	for (int i = 0; i < spec->norder; i++)
		fuzz_check(spec->order[i].group_by >= -1 &&
				   spec->order[i].group_by < spec->what.ngroup_by);
	tally_spec_shape(&spec->what, &nmeasures, measures, keys);
	fuzz_check(nmeasures <= TALLY_SPEC_MEASURES);
	return true;
}

bool
fuzz_measure(const char *data, int size)
{
	char *text = fuzz_text(data, size);
	SeriesMeasure measure;
	SeriesParams params = {0};
	StringInfoData sql;

	if (text == NULL)
		return false;
	series_measure_parse(series_source_table(fuzz_table()), text, &measure);
	if (measure.of_rows)
		return true;
	initStringInfo(&sql);
	series_column_sql(&sql, &measure.from, &params);
	fuzz_check(fuzz_is_expression(sql.data));
	return true;
}

bool
fuzz_column(const char *data, int size)
{
	char *text = fuzz_text(data, size);
	SeriesColumn column;
	SeriesParams params = {0};
	StringInfoData as_jsonb;
	StringInfoData as_text;

	if (text == NULL)
		return false;
	series_column_find(series_source_table(fuzz_table()), text, &column);
	fuzz_check(column.npath == 0 || series_column_is_json(&column));
	initStringInfo(&as_jsonb);
	series_column_sql(&as_jsonb, &column, &params);
	fuzz_check(fuzz_is_expression(as_jsonb.data));
	initStringInfo(&as_text);
	series_column_sql_text(&as_text, &column, &params);
	fuzz_check(fuzz_is_expression(as_text.data));
	return true;
}
