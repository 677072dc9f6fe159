/*-------------------------------------------------------------------------
 *
 * fuzz_filter.c
 *	  Lists of filters: those of events, and those of a table's rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "filter/filter.h"
#include "fuzz.h"
#include "series/spec/series_spec.h"
#include "time/zone.h"

/* ask_events -- of the member "event", or of one with all kinds of values. */
static void
ask_events(const TallyFilter *filter)
{
	TallyEvent event = {
		.at = 0,
		.received_at = PG_INT64_MAX,
		.has_at = true,
		.has_received_at = true,
		.has_id = true,
	};
	static const char all_kinds[] =
		"{\"a\": 1.5, \"b\": \"text\", \"c\": [1, \"x\", null, {\"d\": 2}], "
		"\"n\": null, \"t\": true, \"o\": {\"p\": {\"q\": [], \"r\": -1e300}}}";
	bool answer;

	event.properties = &fuzz_jsonb(all_kinds, strlen(all_kinds))->root;
	answer = tally_filter_match(filter, &event);
	fuzz_check(tally_filter_match(filter, &event) == answer);
	event.properties = NULL;
	event.has_at = event.has_received_at = event.has_id = false;
	(void) tally_filter_match(filter, &event);
}

/* ask_table -- the condition for SQL is one, whatever was in the filters. */
static void
ask_table(Jsonb *filters)
{
	SeriesSpec spec = {.source = series_source_table(fuzz_table())};

	series_filter_parse(&spec, filters);
	if (spec.where != NULL)
		fuzz_check(fuzz_is_expression(spec.where));
}

bool
fuzz_filter(const char *data, int size)
{
	Jsonb *filters;
	JsonbValue list;
	bool of_table;

	/* The first byte says whose filters they are. */
	if (size < 1 || (filters = fuzz_jsonb(data + 1, size - 1)) == NULL)
		return false;
	of_table = data[0] & 1;
	if (of_table)
	{
		ask_table(filters);
		return true;
	}
	series_json_value(filters, &list);
	ask_events(tally_filter_compile(&list, tally_zone("Europe/Berlin")));
	return true;
}
