/*-------------------------------------------------------------------------
 *
 * collect.c
 *	  tally.collect(): the aggregate that puts rows into a panel.
 *
 * collect(specification bytea, at, VARIADIC columns)
 *
 * The specification says what becomes of the columns (collect_spec.c).  It is
 * read by the first row; every later one takes what that left in the panel.
 * Nothing is remembered in fn_extra: a distributed plan looks the function up
 * again for each row.
 *
 * A document of JSON is an argument once, however many paths lead into it, and
 * so it is taken out of its tuple once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

#include "json/member.h"
#include "measure/value.h"
#include "series/collect/collect_internal.h"
#include "series/collect/collect_scan.h"
#include "series/panel/panel_hot.h"

PG_FUNCTION_INFO_V1(tally_collect_row);
PG_FUNCTION_INFO_V1(tally_collect);

/* Arguments of the 0.1 function, tally_collect(). */
enum
{
	OLD_ARG_STATE,
	OLD_ARG_GRID,
	OLD_ARG_MEASURES,
	OLD_ARG_AT,
	OLD_ARG_FIRST
};

/* argument_types -- of the call, below any domain. */
static Oid *
argument_types(FunctionCallInfo fcinfo)
{
	Oid *types = palloc(PG_NARGS() * sizeof(Oid));

	for (int i = 0; i < PG_NARGS(); i++)
	{
		types[i] = get_fn_expr_argtype(fcinfo->flinfo, i);
		if (OidIsValid(types[i]))
			types[i] = getBaseType(types[i]);
	}
	return types;
}

static void
check_axis(Oid type)
{
	/* Anyone may make an aggregate of the transition function. */
	if (type != TIMESTAMPTZOID && type != TIMESTAMPOID && type != DATEOID)
		elog(ERROR, "tally.collect: no instant is of type %u", type);
}

/* start -- make the panel of the first row's arguments. */
static TallyPanel *
start(FunctionCallInfo fcinfo, MemoryContext aggcontext)
{
	Oid *types = argument_types(fcinfo);
	TallyPanel *panel;

	if (PG_ARGISNULL(ARG_SPEC) || PG_NARGS() <= ARG_AT)
		elog(ERROR, "tally.collect: the specification must not be null");
	check_axis(types[ARG_AT]);
	panel = collect_spec_read(aggcontext,
							  PG_GETARG_BYTEA_PP(ARG_SPEC),
							  PG_NARGS(),
							  types);
	panel_allow_lending(panel, fcinfo);
	return panel;
}

/* value_at -- what stands at the path of a route; false: there is nothing. */
static bool
value_at(const Collector *c, CollectRoute *route, JsonbValue *v)
{
	JsonbContainer *root = c->documents[route->document].root;

	return root != NULL && tally_json_at(&route->path, root, v);
}

/* text_of -- as tally_json_text(), a short string in the route's own room. */
static inline Datum
text_of(const CollectRoute *route, const JsonbValue *v)
{
	if (v->type != jbvString || v->val.string.len > SHORT_BYTES)
		return PointerGetDatum(tally_json_text(v));
	SET_VARSIZE_SHORT(route->text, v->val.string.len + VARHDRSZ_SHORT);
	memcpy(VARDATA_SHORT(route->text), v->val.string.val, v->val.string.len);
	return PointerGetDatum(route->text);
}

/*
 * route_value -- the value that a route leads to; false: it is null.
 * *is_rejected when something stands there that is no number.
 */
static inline bool
route_value(const Collector *c, CollectRoute *route, FunctionCallInfo fcinfo,
			Datum *value, bool *is_rejected)
{
	JsonbValue v;
	text *found;
	bool isnull;
	bool is_number;

	switch (route->how)
	{
		case HOW_ROW:
			return true;
		case HOW_COLUMN:
			*value = PG_GETARG_DATUM(route->arg);
			return !PG_ARGISNULL(route->arg);
		case HOW_JSONB_THERE:
			return value_at(c, route, &v);
		case HOW_JSONB_TEXT:
			if (!value_at(c, route, &v))
				return false;
			*value = text_of(route, &v);
			return true;
		case HOW_JSONB_NUMBER:
			if (!value_at(c, route, &v))
				return false;
			*is_rejected = v.type != jbvNumeric;
			*value = NumericGetDatum(v.val.numeric);
			return !*is_rejected;
		case HOW_JSON_TEXT:
			if (PG_ARGISNULL(route->arg))
				return false;
			found =
				tally_json_text_at(&route->path, PG_GETARG_DATUM(route->arg));
			*value = PointerGetDatum(found);
			return found != NULL;
		case HOW_JSON_NUMBER:
			if (PG_ARGISNULL(route->arg))
				return false;
			*value = tally_json_number_at(&route->path,
										  PG_GETARG_DATUM(route->arg),
										  &isnull,
										  &is_number);
			*is_rejected = !isnull && !is_number;
			return is_number;
	}
	return false;
}

/*
 * sign_keys -- the words of a row's key for the cache of groups; false when it
 * has none.  A short string of JSON is signed where it stands, and no text is
 * made of it.
 */
static inline bool
sign_keys(const TallyPanel *panel, const Collector *c, FunctionCallInfo fcinfo,
		  const JsonbValue *found, const bool *nulls, uint64 *words)
{
	for (int i = 0; i < c->nkeys; i++, words += 2)
	{
		const CollectRoute *route = &c->keys[i];

		if (route->how == HOW_COLUMN || nulls[i])
		{
			if (!panel_sign(panel->keys[i].mode,
							PG_GETARG_DATUM(route->arg),
							nulls[i],
							words))
				return false;
		}
		else if (route->how != HOW_JSONB_TEXT ||
				 panel->keys[i].mode != KEY_VARLENA ||
				 found[i].type != jbvString ||
				 found[i].val.string.len > PANEL_CACHE_TEXT)
			return false;
		else
			panel_sign_text(found[i].val.string.val,
							found[i].val.string.len,
							words);
	}
	return true;
}

/* find_group -- the group of the row, negative when its rows are left out. */
static int32
find_group(TallyPanel *panel, const Collector *c, FunctionCallInfo fcinfo)
{
	JsonbValue found[FUNC_MAX_ARGS];
	Datum keys[FUNC_MAX_ARGS];
	bool nulls[FUNC_MAX_ARGS];
	uint64 words[PANEL_CACHE_WORDS];
	bool add = c->others == COLLECT_OTHERS_NEW;
	bool is_signed;
	bool is_rejected;
	int32 group = -1;

	if (c->nkeys == 0)
		return 0;
	for (int i = 0; i < c->nkeys; i++)
		nulls[i] =
			c->keys[i].how == HOW_JSONB_TEXT
				? !value_at(c, &c->keys[i], &found[i])
				: !route_value(c, &c->keys[i], fcinfo, &keys[i], &is_rejected);
	is_signed =
		panel->has_cache && sign_keys(panel, c, fcinfo, found, nulls, words);
	if (is_signed)
		group = panel_cached_group(panel, words);
	if (unlikely(group < 0 && (group != PANEL_ABSENT || add)))
	{
		for (int i = 0; i < c->nkeys; i++)
			if (c->keys[i].how == HOW_JSONB_TEXT && !nulls[i])
				keys[i] = text_of(&c->keys[i], &found[i]);
		group = panel_find_group(panel, keys, nulls, add);
		if (is_signed)
			panel_cache_put(panel, words, group >= 0 ? group : PANEL_ABSENT);
	}
	if (group < 0 && c->others == COLLECT_OTHERS_ONE)
		group = tally_panel_other_group(panel, true);
	return group;
}

/* release_row -- add the values that are held. */
static void
release_row(TallyPanel *panel)
{
	const Collector *c = panel->user;
	const CollectHeld *held = &c->held;
	char *cell = panel_cell_inline(panel, held->bucket, held->group);

	panel->release = NULL;
	for (int i = 0; i < c->nmeasures; i++)
		if (held->is_there[i])
			tally_measure_add_held(&panel->measures[i],
								   cell + panel->measures[i].offset,
								   &held->values[i],
								   panel->cxt);
}

/*
 * hold_values -- take in the values of a row, and add those of the row before.
 * What cannot be held is added at once, after that row's.
 */
static void
hold_values(TallyPanel *panel, Collector *c, FunctionCallInfo fcinfo,
			int32 bucket, int32 group, TimestampTz at)
{
	CollectHeld now = c->next;
	bool any = false;

	__builtin_prefetch(panel_cell_inline(panel, bucket, group), 1);
	for (int i = 0; i < c->nmeasures; i++)
	{
		Datum value = (Datum) 0;
		bool is_rejected = false;

		now.is_there[i] = false;
		if (!route_value(c, &c->measures[i], fcinfo, &value, &is_rejected))
		{
			if (is_rejected)
				tally_panel_reject(panel, i);
			continue;
		}
		now.is_there[i] =
			tally_measure_hold(&panel->measures[i], value, &now.values[i]);
		any |= now.is_there[i];
		if (unlikely(!now.is_there[i]))
		{
			panel_settle(panel);
			panel_add_value(panel,
							&panel->measures[i],
							panel_cell_inline(panel, bucket, group),
							value,
							at);
		}
	}
	panel_settle(panel);
	if (!any)
		return;
	now.bucket = bucket;
	now.group = group;
	c->next = c->held;
	c->held = now;
	panel->release = release_row;
}

/* add_values -- of all measures of a row to its cell. */
static inline void
add_values(TallyPanel *panel, const Collector *c, FunctionCallInfo fcinfo,
		   int32 bucket, int32 group, TimestampTz at)
{
	char *cell = panel_cell_inline(panel, bucket, group);

	/* Cells of rows in no order of time are far away: ask for them now. */
	__builtin_prefetch(cell, 1);
	for (int i = 0; i < c->nmeasures; i++)
	{
		Datum value = (Datum) 0;
		bool is_rejected = false;

		if (route_value(c, &c->measures[i], fcinfo, &value, &is_rejected))
			panel_add_value(panel, &panel->measures[i], cell, value, at);
		else if (is_rejected)
			tally_panel_reject(panel, i);
	}
}

/*
 * add_row -- put a row in.
 *
 * A row whose value is null still makes its group, so that the group is shown
 * with all its buckets; one outside of the range makes nothing.
 */
static void
add_row(TallyPanel *panel, Collector *c, FunctionCallInfo fcinfo, int arg_at)
{
	TimestampTz at;
	int32 bucket;
	int32 group;

	if (PG_ARGISNULL(arg_at))
		return;
	if (c->at_is_date)
		at = tally_date_instant(PG_GETARG_DATEADT(arg_at));
	else
		at = PG_GETARG_TIMESTAMPTZ(arg_at);
	bucket = panel_bucket(panel, at);
	if (bucket < 0)
		return;

	panel->changed = true;
	for (int i = 0; i < c->ndocuments; i++)
	{
		CollectDocument *d = &c->documents[i];

		d->root = PG_ARGISNULL(d->arg)
					  ? NULL
					  : json_root(PG_GETARG_DATUM(d->arg), d->room);
	}
	group = find_group(panel, c, fcinfo);
	if (group < 0)
		return;
	if (c->holds)
		hold_values(panel, c, fcinfo, bucket, group, at);
	else
		add_values(panel, c, fcinfo, bucket, group, at);
}

/*
 * add_counted_row -- the same where all there is to do is to count the rows
 * of one column's groups, by instants.
 */
static inline void
add_counted_row(TallyPanel *panel, const Collector *c, FunctionCallInfo fcinfo)
{
	int arg = c->keys[0].arg;
	int32 bucket;
	int32 group;

	if (PG_ARGISNULL(ARG_AT))
		return;
	bucket = panel_bucket(panel, PG_GETARG_TIMESTAMPTZ(ARG_AT));
	if (bucket < 0)
		return;
	panel->changed = true;
	group = panel_look_up(panel,
						  &fcinfo->args[arg].value,
						  &fcinfo->args[arg].isnull,
						  true);
	((MeasureCount *) panel_cell_inline(panel, bucket, group))->n++;
}

/* collector_of -- of the panel; it must be of a call like this one. */
static inline Collector *
collector_of(TallyPanel *panel, FunctionCallInfo fcinfo)
{
	Collector *c = panel->user;

	if (unlikely(c == NULL))
		elog(ERROR, "tally.collect: the panel was not made by it");
	if (unlikely(c->nargs != PG_NARGS()))
		elog(ERROR, "tally.collect: the panel is of other arguments");
	return c;
}

/*
 * panel_of -- the panel that the state is.  After the first row the state is
 * the panel itself, and that is what an executor's own aggregate says at once.
 */
static inline TallyPanel *
panel_of(FunctionCallInfo fcinfo,
		 TallyPanel *(*begin)(FunctionCallInfo fcinfo, MemoryContext cxt))
{
	MemoryContext aggcontext;

	if (likely(fcinfo->context != NULL && IsA(fcinfo->context, AggState) &&
			   !PG_ARGISNULL(ARG_STATE) &&
			   VARATT_IS_EXTERNAL_EXPANDED_RW(
				   DatumGetPointer(PG_GETARG_DATUM(ARG_STATE)))))
		return panel_expanded(PG_GETARG_DATUM(ARG_STATE));

	/* Otherwise the panel may be of a call with other arguments. */
	if (!AggCheckCallContext(fcinfo, &aggcontext))
		elog(ERROR, "tally.collect called outside an aggregate");
	if (PG_ARGISNULL(ARG_STATE))
		return begin(fcinfo, aggcontext);
	return tally_panel_from_datum(PG_GETARG_DATUM(ARG_STATE), aggcontext);
}

/* take_scan -- the other rows of the scan that the first one came from. */
static void
take_scan(TallyPanel *panel, Collector *c, FunctionCallInfo fcinfo)
{
	CollectScan scan;

	if (!collect_scan_begin(&scan, fcinfo, ARG_AT))
	{
		c->one_by_one = true;
		return;
	}
	while (collect_scan_next(&scan, fcinfo))
	{
		if (c->counts_rows)
			add_counted_row(panel, c, fcinfo);
		else
			add_row(panel, c, fcinfo, ARG_AT);
	}
	collect_scan_end(&scan);
}

/* tally.collect_row(panel, specification, at, columns ...) */
Datum
tally_collect_row(PG_FUNCTION_ARGS)
{
	TallyPanel *panel = panel_of(fcinfo, start);
	Collector *c = collector_of(panel, fcinfo);

	if (c->counts_rows)
		add_counted_row(panel, c, fcinfo);
	else
		add_row(panel, c, fcinfo, ARG_AT);
	if (unlikely(!c->one_by_one))
		take_scan(panel, c, fcinfo);
	PG_RETURN_DATUM(EOHPGetRWDatum(&panel->hdr));
}

/* old_measure -- what a character of 0.1's text stands for. */
static TallyMeasureKind
old_measure(char c)
{
	switch (c)
	{
		case '*':
		case 'n':
			return TALLY_COUNT;
		case 's':
			return TALLY_SUM;
		case 'a':
			return TALLY_AVG;
		case 'l':
			return TALLY_MIN;
		case 'g':
			return TALLY_MAX;
		default:
			elog(ERROR, "tally.collect: unknown measure '%c'", c);
			return TALLY_COUNT;
	}
}

/* old_start -- the same as start(), of 0.1's arguments. */
static TallyPanel *
old_start(FunctionCallInfo fcinfo, MemoryContext aggcontext)
{
	Oid *types = argument_types(fcinfo);
	TallyMeasure measures[FUNC_MAX_ARGS];
	TallyKey keys[FUNC_MAX_ARGS];
	CollectRoute routes[FUNC_MAX_ARGS];
	char *chars;
	Collector *c;
	TallyPanel *panel;
	int next = OLD_ARG_FIRST;
	int n = 0;

	if (PG_ARGISNULL(OLD_ARG_GRID) || PG_ARGISNULL(OLD_ARG_MEASURES))
		elog(ERROR, "tally.collect: grid and measures must not be null");
	check_axis(types[OLD_ARG_AT]);
	chars = text_to_cstring(PG_GETARG_TEXT_PP(OLD_ARG_MEASURES));
	if (strlen(chars) > FUNC_MAX_ARGS)
		elog(ERROR, "tally.collect: too many measures");
	memset(measures, 0, sizeof(measures));
	memset(keys, 0, sizeof(keys));
	memset(routes, 0, sizeof(routes));
	for (; chars[n] != '\0'; n++)
	{
		measures[n].kind = old_measure(chars[n]);
		if (chars[n] == '*')
			continue;
		if (next >= PG_NARGS())
			elog(ERROR, "tally.collect: fewer arguments than measures");
		measures[n].type = types[next];
		measures[n].collation =
			tally_collation_of(types[next], PG_GET_COLLATION());
		routes[n].how = HOW_COLUMN;
		routes[n].arg = next++;
	}
	for (int i = next; i < PG_NARGS(); i++)
	{
		keys[i - next].type = types[i];
		keys[i - next].collation =
			tally_collation_of(types[i], PG_GET_COLLATION());
	}
	panel = tally_panel_create(aggcontext,
							   PG_GETARG_TALLY_GRID(OLD_ARG_GRID),
							   n,
							   measures,
							   PG_NARGS() - next,
							   keys);

	c = MemoryContextAllocZero(tally_panel_context(panel), sizeof(Collector));
	c->at_is_date = types[OLD_ARG_AT] == DATEOID;
	c->nargs = PG_NARGS();
	c->nmeasures = n;
	c->nkeys = PG_NARGS() - next;
	c->measures =
		MemoryContextAllocZero(tally_panel_context(panel),
							   (n + c->nkeys + 1) * sizeof(CollectRoute));
	memcpy(c->measures, routes, n * sizeof(CollectRoute));
	c->keys = c->measures + n;
	for (int i = 0; i < c->nkeys; i++)
	{
		c->keys[i].how = HOW_COLUMN;
		c->keys[i].arg = next + i;
	}
	tally_panel_set_user(panel, c);
	return panel;
}

/*
 * The transition function of version 0.1, for a database whose extension has
 * not been updated yet: (panel, grid, measures text, at, columns ...).
 */
Datum
tally_collect(PG_FUNCTION_ARGS)
{
	TallyPanel *panel = panel_of(fcinfo, old_start);

	add_row(panel, collector_of(panel, fcinfo), fcinfo, OLD_ARG_AT);
	PG_RETURN_DATUM(tally_panel_datum(panel));
}
