/*-------------------------------------------------------------------------
 *
 * json_at.c
 *	  What stands in a JSON document at a path that was taken apart before.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"

#include "compat.h"
#include "series/collect/json_at.h"

/*
 * A number of so many characters, and with an exponent of so many digits, is
 * within what a numeric takes: 131072 before the point and 16383 after it.
 */
#define MAX_NUMBER_SIZE 6000
#define MAX_EXPONENT_SIZE 4

/* is_plain_number -- is it a number, and one that numeric_in() takes? */
static bool
is_plain_number(const char *json)
{
	const char *exponent = strpbrk(json, "eE");

	if (*json != '-' && !(*json >= '0' && *json <= '9'))
		return false;
	if (exponent != NULL)
	{
		exponent += strspn(exponent, "eE+-0");
		if (strlen(exponent) > MAX_EXPONENT_SIZE)
			return false;
	}
	return strlen(json) <= MAX_NUMBER_SIZE;
}

/* index_of -- the place in an array that a step may mean, as #> reads it. */
static bool
index_of(const char *name, int32 *index)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(name, &end, 10);
	if (end == name || *end != '\0' || errno != 0 || value > PG_INT32_MAX ||
		value < PG_INT32_MIN)
		return false;
	*index = (int32) value;
	return true;
}

void
tally_json_path_make(TallyJsonPath *path, int nsteps, char *const *names)
{
	Datum *texts = palloc(Max(nsteps, 1) * sizeof(Datum));

	memset(path, 0, sizeof(*path));
	path->nsteps = nsteps;
	path->steps = palloc0(Max(nsteps, 1) * sizeof(TallyJsonStep));
	for (int i = 0; i < nsteps; i++)
	{
		TallyJsonStep *step = &path->steps[i];

		step->name = pstrdup(names[i]);
		step->len = (int) strlen(names[i]);
		step->is_index = index_of(names[i], &step->index);
		texts[i] = CStringGetTextDatum(names[i]);
	}
	path->names = PointerGetDatum(
		construct_array(texts, nsteps, TEXTOID, -1, false, TYPALIGN_INT));
}

/* entry_value -- the value of an entry that begins and ends there. */
static inline void
entry_value(JEntry entry, char *base, uint32 start, uint32 end, JsonbValue *v)
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
 * start_of -- where an entry's bytes begin.  An entry says how many it has, or
 * where they end: some of them do, so the way back to one is short.
 */
static inline uint32
start_of(const JsonbContainer *c, uint32 entry)
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

/* end_of -- and where they end. */
static inline uint32
end_of(const JsonbContainer *c, uint32 entry, uint32 start)
{
	uint32 end = start;

	JBE_ADVANCE_OFFSET(end, c->children[entry]);
	return end;
}

/* same_bytes -- a memcmp() of short names, without a call. */
static inline bool
same_bytes(const char *a, const char *b, uint32 len)
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

/* is_at -- is that member's name the step's? */
static inline bool
is_at(const TallyJsonStep *step, const JsonbContainer *object, uint32 place)
{
	const char *names =
		(const char *) (object->children + 2 * JsonContainerSize(object));
	uint32 start = start_of(object, place);

	return end_of(object, place, start) - start == (uint32) step->len &&
		   same_bytes(names + start, step->name, step->len);
}

/* look_for -- the place of a member, as the server does it: by halves. */
static bool
look_for(const TallyJsonStep *step, const JsonbContainer *object,
		 uint32 *place)
{
	uint32 n = JsonContainerSize(object);
	const char *names = (const char *) (object->children + 2 * n);
	uint32 low = 0;
	uint32 high = n;

	while (low < high)
	{
		uint32 middle = low + (high - low) / 2;
		uint32 start = start_of(object, middle);
		int64 order =
			(int64) (end_of(object, middle, start) - start) - step->len;

		if (order == 0)
			order = memcmp(names + start, step->name, step->len);
		if (order == 0)
		{
			*place = middle;
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/*
 * member -- one step into an object.
 *
 * Its entries are the names, shorter ones first, then their values in the same
 * order.
 */
static inline bool
member(TallyJsonStep *step, JsonbContainer *object, JsonbValue *v)
{
	uint32 n = JsonContainerSize(object);
	uint32 value;
	uint32 start;

	if (unlikely(step->place >= n || !is_at(step, object, step->place)) &&
		!look_for(step, object, &step->place))
		return false;
	value = n + step->place;
	start = start_of(object, value);
	entry_value(object->children[value],
				(char *) (object->children + 2 * n),
				start,
				end_of(object, value, start),
				v);
	return true;
}

/* array_item -- one step into an array. */
static bool
array_item(const TallyJsonStep *step, JsonbContainer *array, JsonbValue *v)
{
	int64 n = JsonContainerSize(array);
	int64 at = step->index < 0 ? n + step->index : step->index;
	JsonbValue *item;

	if (!step->is_index || at < 0 || at >= n)
		return false;
	item = getIthJsonbValueFromContainer(array, (uint32) at);
	if (item == NULL)
		return false;
	*v = *item;
	pfree(item);
	return true;
}

void
tally_json_path_share(TallyJsonPath *path, TallyJsonPath *earlier)
{
	if (path->nsteps < 2 || path->nsteps != earlier->nsteps)
		return;
	for (int i = 0; i < path->nsteps - 1; i++)
		if (strcmp(path->steps[i].name, earlier->steps[i].name) != 0)
			return;
	path->sibling = earlier;
}

bool
tally_json_at(TallyJsonPath *path, JsonbContainer *document, JsonbValue *v)
{
	JsonbContainer *here = document;
	int first = 0;

	path->parent = NULL;
	if (path->sibling != NULL)
	{
		here = path->sibling->parent;
		if (here == NULL)
			return false;
		first = path->nsteps - 1;
	}
	for (int i = first;; i++)
	{
		TallyJsonStep *step = &path->steps[i];

		if (i == path->nsteps - 1)
			path->parent = here;
		if (JsonContainerIsObject(here))
		{
			if (!member(step, here, v))
				return false;
		}
		else if (JsonContainerIsScalar(here) || !array_item(step, here, v))
			return false;
		if (i == path->nsteps - 1)
			return v->type != jbvNull;
		if (v->type != jbvBinary)
			return false;
		here = v->val.binary.data;
	}
}

text *
tally_json_text(const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvString:
			return cstring_to_text_with_len(v->val.string.val,
											v->val.string.len);
		case jbvBool:
			return cstring_to_text(v->val.boolean ? "true" : "false");
		case jbvNumeric:
			return cstring_to_text(DatumGetCString(
				DirectFunctionCall1(numeric_out,
									NumericGetDatum(v->val.numeric))));
		case jbvBinary:
			return cstring_to_text(
				JsonbToCString(NULL, v->val.binary.data, v->val.binary.len));
		default:
			elog(ERROR, "unexpected kind of JSON value: %d", v->type);
			return NULL;
	}
}

/* server_look_up -- json_extract_path() or its twin of text; may be null. */
static text *
server_look_up(PGFunction function, const TallyJsonPath *path, Datum json)
{
	LOCAL_FCINFO(fcinfo, 2);
	Datum found;

	InitFunctionCallInfoData(*fcinfo, NULL, 2, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = json;
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = path->names;
	fcinfo->args[1].isnull = false;
	found = function(fcinfo);
	return fcinfo->isnull ? NULL : DatumGetTextPP(found);
}

text *
tally_json_text_at(const TallyJsonPath *path, Datum json)
{
	return server_look_up(json_extract_path_text, path, json);
}

Datum
tally_json_number_at(const TallyJsonPath *path, Datum json, bool *isnull,
					 bool *is_number)
{
	text *found = server_look_up(json_extract_path, path, json);
	char *number;

	*is_number = false;
	*isnull = true;
	if (found == NULL)
		return (Datum) 0;
	number = text_to_cstring(found);
	if (strcmp(number, "null") == 0)
		return (Datum) 0;
	*isnull = false;
	if (!is_plain_number(number))
		return (Datum) 0;
	*is_number = true;
	return DirectFunctionCall3(numeric_in,
							   CStringGetDatum(number),
							   ObjectIdGetDatum(InvalidOid),
							   Int32GetDatum(-1));
}
