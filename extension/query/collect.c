/*-------------------------------------------------------------------------
 *
 * collect.c
 *	  Puts events into the panel that answers a request.
 *
 * An event is in its group even when it has no number to measure: a group
 * whose every value is missing is in the answer, with 0 or null.  Values that
 * are no numbers are skipped (KEEN_API section 9).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "contract.h"
#include "query/collect.h"

/* What is kept with a panel while it is filled. */
typedef struct Collector
{
	TallyMeasureSpec what;
	/* Of the event at hand. */
	JsonbValue value[TALLY_MAX_GROUP_BY];
	Datum key[TALLY_MAX_GROUP_BY];
	bool key_null[TALLY_MAX_GROUP_BY];
} Collector;

/*
 * new_collector -- compile the request, into the panel's own context.
 *
 * The arguments of an aggregate live only as long as its row: hence the copy
 * of the request, which the compiled form points into.
 */
static Collector *
new_collector(MemoryContext context, const text *analysis,
			  const Jsonb *request)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Collector *collector = palloc(sizeof(Collector));
	Jsonb *copy = palloc(VARSIZE(request));

	memcpy(copy, request, VARSIZE(request));
	tally_measure_spec_parse(analysis, copy, &collector->what);
	for (int i = 0; i < TALLY_MAX_GROUP_BY; i++)
		collector->key[i] = PointerGetDatum(&collector->value[i]);
	MemoryContextSwitchTo(old);
	return collector;
}

TallyPanel *
tally_collect_begin(MemoryContext parent, const text *analysis, Jsonb *request,
					const TallyGrid *grid)
{
	TallyMeasureSpec what;
	TallyMeasure measures[TALLY_SPEC_MEASURES];
	TallyKey keys[TALLY_MAX_GROUP_BY];
	TallyPanel *panel;
	int nmeasures;

	tally_measure_spec_parse(analysis, request, &what);
	tally_spec_shape(&what, &nmeasures, measures, keys);
	panel = tally_panel_create(
		parent, grid, nmeasures, measures, what.ngroup_by, keys);
	tally_collect_resume(panel, analysis, request);
	return panel;
}

void
tally_collect_resume(TallyPanel *panel, const text *analysis, Jsonb *request)
{
	TallyMeasure measures[TALLY_SPEC_MEASURES];
	TallyKey keys[TALLY_MAX_GROUP_BY];
	Collector *collector;
	int nmeasures;

	if (tally_panel_user(panel) != NULL)
		return;
	collector = new_collector(tally_panel_context(panel), analysis, request);
	tally_spec_shape(&collector->what, &nmeasures, measures, keys);
	tally_panel_require(
		panel, nmeasures, measures, collector->what.ngroup_by, keys);
	tally_panel_set_user(panel, collector);
}

/* find_group -- the group of the event, 0 when there is no group_by. */
static int32
find_group(TallyPanel *panel, Collector *collector, TallyEvent *event)
{
	int n = collector->what.ngroup_by;

	if (n == 0)
		return 0;
	for (int i = 0; i < n; i++)
		collector->key_null[i] =
			!tally_path_lookup(collector->what.group_by[i],
							   event,
							   &collector->value[i]) ||
			collector->value[i].type == jbvNull;
	return tally_panel_group(panel, collector->key, collector->key_null);
}

void
tally_collect_event(TallyPanel *panel, TallyEvent *event)
{
	Collector *collector = tally_panel_user(panel);
	int32 bucket = tally_panel_bucket(panel, event->at);
	int32 group;
	int nmeasures = tally_panel_nmeasures(panel);
	JsonbValue value;

	if (bucket < 0 || !tally_filter_match(collector->what.filter, event))
		return;

	group = find_group(panel, collector, event);
	if (collector->what.target == NULL)
		tally_panel_add(panel, bucket, group, 0, (Datum) 0, event->at);
	else if (tally_path_lookup(collector->what.target, event, &value) &&
			 value.type == jbvNumeric)
		for (int i = 0; i < nmeasures; i++)
			tally_panel_add(panel,
							bucket,
							group,
							i,
							NumericGetDatum(value.val.numeric),
							event->at);
}
